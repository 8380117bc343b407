//! What a parallelism does to things that cannot be divided: slots, key groups, partitions.

use crate::quantity::count;
use crate::recommend::Size;
use crate::snapshot::{History, Vertex};
use std::collections::BTreeMap;

fn vertices(history: &History) -> &[Vertex] {
    history
        .latest_running
        .as_ref()
        .map_or(&[], |seen| &seen.vertices)
}

fn own(size: &Size, vertex: &Vertex) -> u32 {
    let own = size.vertex_parallelism.get(&vertex.id).copied();
    own.unwrap_or(size.parallelism).max(1)
}

/// Slots of the size that hold no task; absent without a graph or a size.
pub(super) fn slots_left(history: &History, size: &Size) -> Option<u32> {
    let mut widest: BTreeMap<Option<&str>, u32> = BTreeMap::new();
    for vertex in vertices(history) {
        let group = widest
            .entry(vertex.slot_sharing_group.as_deref())
            .or_insert(0);
        *group = own(size, vertex).max(*group);
    }
    let taken: u32 = widest.values().fold(0, |sum, own| sum.saturating_add(*own));
    (taken > 0 && size.parallelism > 0)
        .then(|| size.slots().checked_sub(taken))
        .flatten()
}

/// How the key groups of the keyed vertices spread, one sentence on the least even one.
pub(super) fn key_groups(history: &History, size: &Size) -> Option<String> {
    let keyed = vertices(history).iter().filter(|vertex| {
        let mut inputs = vertex.inputs.iter();
        inputs.any(|input| input.ship_strategy.eq_ignore_ascii_case("HASH"))
    });
    let shares = keyed.filter_map(|vertex| Some((vertex.max_parallelism?, own(size, vertex))));
    let (groups, subtasks) =
        shares.max_by_key(|(groups, subtasks)| unevenness(*groups, *subtasks))?;
    let (fewest, most) = (groups / subtasks, groups.div_ceil(subtasks));
    Some(if fewest == most {
        format!("its maxParallelism {groups} spreads evenly over {subtasks}.")
    } else if fewest == 0 {
        format!(
            "its maxParallelism {groups} is less than {subtasks} subtasks: the operator cannot start it like that."
        )
    } else {
        format!(
            "its maxParallelism {groups} over {subtasks} subtasks: {fewest} to {most} key groups each."
        )
    })
}

/// How the partitions of the sources spread, one sentence on the least even one; absent where none is known.
pub(super) fn partitions(history: &History, size: &Size) -> Option<String> {
    let sources = vertices(history).iter().filter(|vertex| vertex.is_source());
    let shares = sources.filter_map(|vertex| Some((vertex.source_partitions?, own(size, vertex))));
    let shares = shares.filter(|(partitions, _)| *partitions > 0);
    let (all, subtasks) = shares.max_by_key(|(all, subtasks)| unevenness(*all, *subtasks))?;
    let (fewest, most) = (all / subtasks, all.div_ceil(subtasks));
    let (parts, readers) = (count(all, "partition"), count(subtasks, "reader"));
    Some(if fewest == most {
        format!("{parts} over {readers}: {most} each.")
    } else if fewest == 0 {
        format!(
            "{parts} over {readers}: {} of them read nothing.",
            subtasks - all
        )
    } else {
        format!("{parts} over {readers}: {fewest} to {most} each.")
    })
}

/// Load of the fullest subtask over an even one, in thousandths.
fn unevenness(units: u32, subtasks: u32) -> u64 {
    let most = u64::from(units.div_ceil(subtasks.max(1)));
    most * u64::from(subtasks) * 1000 / u64::from(units.max(1))
}
