//! Memory that ran out, by kind → the pool that must get more.

use super::killed::killed_points;
use crate::flink::memory::{Needs, Pools, pools};
use crate::flink::options::{
    Configuration, FlinkOption, METASPACE, OVERHEAD_MAX, OVERHEAD_MIN, TASK_OFF_HEAP,
};
use crate::flink::version::FlinkVersion;
use crate::quantity::Memory;
use crate::snapshot::{History, OutOfMemory, Shape};
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;
/// By how much metaspace grows after it ran out: half as much again.
const METASPACE_FACTOR: f64 = 1.5;
/// Direct memory that is added after it ran out, a share of what there is, and at least this.
const DIRECT: (f64, u64) = (0.5, 128 * MIB);
/// Room outside of every pool that is added after the container was killed, a share of the process.
const NATIVE: f64 = 0.25;
/// Overhead above which Flink wants its own limit raised, where the configuration names none.
const USUAL_OVERHEAD_MAX: u64 = 1024 * MIB;

/// What tasks failed for want of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kinds {
    /// Heap, or a memory that was not told.
    pub(super) heap: bool,
    /// Metaspace.
    pub(super) metaspace: bool,
    /// Direct memory.
    pub(super) direct: bool,
    /// The container's limit.
    pub(super) container: bool,
}

impl Kinds {
    /// The kinds at a size.
    pub(super) fn at(history: &History, shape: &Shape) -> Kinds {
        let mut found = Kinds::default();
        for (point, ran) in killed_points(history) {
            if ran != shape {
                continue;
            }
            let told: u32 = point.memory_failures.values().sum();
            found.heap |= point.out_of_memory > told;
            for kind in point.memory_failures.keys() {
                match kind {
                    OutOfMemory::Heap | OutOfMemory::GcOverhead => found.heap = true,
                    OutOfMemory::Metaspace => found.metaspace = true,
                    OutOfMemory::Direct => found.direct = true,
                    OutOfMemory::Container => found.container = true,
                }
            }
        }
        found
    }

    /// Whether tasks failed for want of any memory.
    pub(super) fn any(self) -> bool {
        self.heap || self.metaspace || self.direct || self.container
    }

    /// What the pools that failed must hold; 0 for the others.
    pub(super) fn needs(self, pools: &Pools, process: u64) -> Needs {
        let when = |failed: bool, bytes: u64| if failed { bytes } else { 0 };
        let share = |bytes: u64, share: f64| (bytes as f64 * share) as u64;
        Needs {
            metaspace: when(self.metaspace, share(pools.metaspace, METASPACE_FACTOR)),
            off_heap: when(
                self.direct,
                pools.off_heap() + share(pools.off_heap(), DIRECT.0).max(DIRECT.1),
            ),
            overhead: when(self.container, pools.overhead + share(process, NATIVE)),
            ..Needs::default()
        }
    }
}

/// The options that give pools of a size of their own what they need.
pub(super) fn raising(
    configuration: &Configuration,
    process: u64,
    version: FlinkVersion,
    needs: &Needs,
) -> BTreeMap<String, String> {
    let mut options = BTreeMap::new();
    let mut set = |option: &FlinkOption, bytes: u64| {
        let key = option
            .written(configuration)
            .map_or(option.key, |(key, _)| key);
        let text = Memory::from_mib(bytes.div_ceil(MIB)).to_string();
        options.insert(key.to_owned(), text);
    };
    if needs.metaspace > 0 {
        set(&METASPACE, needs.metaspace);
    }
    if needs.off_heap > 0 {
        let framework = crate::flink::options::FRAMEWORK_OFF_HEAP
            .in_force(configuration, version)
            .and_then(|text| text.parse::<Memory>().ok())
            .map_or(0, |memory| memory.bytes());
        set(&TASK_OFF_HEAP, needs.off_heap.saturating_sub(framework));
    }
    let kept = pools(configuration, Some(process), version).map_or(0, |pools| pools.overhead);
    if needs.overhead > kept {
        set(&OVERHEAD_MIN, needs.overhead);
        let most = OVERHEAD_MAX
            .in_force(configuration, version)
            .and_then(|text| text.parse::<Memory>().ok())
            .map_or(USUAL_OVERHEAD_MAX, |memory| memory.bytes());
        if needs.overhead > most {
            set(&OVERHEAD_MAX, needs.overhead);
        }
    }
    options
}
