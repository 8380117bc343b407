//! How many slots a job takes, and how many TaskManagers that makes.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::topology::Topology;

/// The group of the vertices that name none.
pub const DEFAULT_GROUP: &str = "default";

/// Slots by slot sharing group: one subtask of each of the group's vertices fits into a slot, so a group
/// takes as many as its widest vertex has subtasks.
pub fn slots_by_group(topology: &Topology) -> BTreeMap<&str, u32> {
    let mut slots = BTreeMap::new();
    for node in topology.nodes() {
        let group = node.slot_sharing_group.as_deref().unwrap_or(DEFAULT_GROUP);
        let widest = slots.entry(group).or_insert(0);
        *widest = node.parallelism.get().max(*widest);
    }
    slots
}

/// Slots of the job: the sum over its groups; 0 for a job without vertices.
pub fn slots_needed(topology: &Topology) -> u32 {
    slots_by_group(topology)
        .values()
        .fold(0, |sum, slots| sum.saturating_add(*slots))
}

/// TaskManagers that hold so many slots: `ceil(slots / slots per TaskManager)`.
pub fn task_managers(slots: u32, slots_per_task_manager: NonZeroU32) -> u32 {
    slots.div_ceil(slots_per_task_manager.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flink::topology::Node;
    use crate::quantity::Parallelism;

    fn node(id: &str, parallelism: u32, group: Option<&str>) -> Node {
        Node {
            id: id.to_owned(),
            name: id.to_owned(),
            parallelism: Parallelism::new(parallelism).unwrap(),
            max_parallelism: None,
            slot_sharing_group: group.map(str::to_owned),
            inputs: Vec::new(),
        }
    }

    #[test]
    fn groups_add_up_and_share_within() {
        let nodes = [
            node("a", 4, None),
            node("b", 6, None),
            node("c", 3, Some("heavy")),
            node("d", 1, Some("heavy")),
        ];
        let graph = Topology::new(nodes).unwrap();
        assert_eq!(
            slots_by_group(&graph),
            BTreeMap::from([("default", 6), ("heavy", 3)])
        );
        assert_eq!(slots_needed(&graph), 9);
        let four = NonZeroU32::new(4).unwrap();
        assert_eq!(task_managers(9, four), 3);
        assert_eq!(task_managers(8, four), 2);
        let narrower = BTreeMap::from([("b".to_owned(), Parallelism::ONE)]);
        assert_eq!(slots_needed(&graph.with_parallelism(&narrower)), 7);
        assert_eq!(slots_needed(&Topology::default()), 0);
        assert_eq!(task_managers(0, four), 0);
    }
}
