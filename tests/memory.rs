//! The TaskManager memory model against what Flink itself made of the same configurations, and its
//! inverse against the model.

use std::num::NonZeroU32;
use std::path::PathBuf;

use plimsoll::flink::memory::{
    MemoryError, MinimumError, Needs, Pool, Pools, minimum_process_size, pools,
};
use plimsoll::flink::options::Configuration;
use plimsoll::flink::version::FlinkVersion;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn fixture(name: &str) -> Vec<Vec<String>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/memory")
        .join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    rows.map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn configuration(text: &str) -> Configuration {
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn numbers(pools: &Pools) -> [u64; 8] {
    [
        pools.framework_heap,
        pools.task_heap,
        pools.framework_off_heap,
        pools.task_off_heap,
        pools.managed,
        pools.network,
        pools.metaspace,
        pools.overhead,
    ]
}

fn kind(error: &MemoryError) -> &'static str {
    match error {
        MemoryError::UnreadableSize { .. } => "unreadable-size",
        MemoryError::UnreadableNumber { .. } => "unreadable-number",
        MemoryError::NothingConfigured => "nothing-configured",
        MemoryError::FractionOutOfRange { .. } | MemoryError::MinAboveMax { .. } => "range",
        MemoryError::JvmExceedsProcess { .. } => "jvm-exceeds-process",
        MemoryError::PoolsExceedFlink { .. } => "pools-exceed-flink",
        MemoryError::NetworkBelowMin { .. } | MemoryError::NetworkAboveMax { .. } => {
            "network-out-of-range"
        }
        MemoryError::NetworkNotAsConfigured { .. } => "network-not-as-configured",
        MemoryError::SegmentSize { .. } => "segment-size",
        MemoryError::FlinkExceedsProcess { .. } => "flink-exceeds-process",
        MemoryError::OverheadBelowMin { .. } | MemoryError::OverheadAboveMax { .. } => {
            "overhead-out-of-range"
        }
        MemoryError::TooLarge => "too-large",
    }
}

fn answers(name: &str, version: FlinkVersion) {
    let mut started = 0;
    let mut wrong = Vec::new();
    let rows = fixture(name);
    for row in &rows {
        let said = match pools(&configuration(&row[0]), None, version) {
            Ok(pools) => {
                started += 1;
                numbers(&pools).map(|bytes| bytes.to_string()).join(" ")
            }
            Err(error) => format!("refused {}", kind(&error)),
        };
        if said != row[1] {
            wrong.push(format!("{}\n  Flink: {}\n  ours:  {said}", row[0], row[1]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
    assert!(
        started > 100 && rows.len() - started > 100,
        "the table must hold both answers"
    );
}

#[test]
fn memory_answers_as_flink_1_20_does() {
    answers("flink-1.20.5.tsv", FlinkVersion::V1_20);
}

#[test]
fn memory_answers_as_flink_2_2_does() {
    answers("flink-2.2.1.tsv", FlinkVersion::V2_2);
}

#[test]
fn memory_is_cut_as_running_task_managers_report() {
    let rows = fixture("recorded.tsv");
    assert!(rows.len() >= 5);
    for row in rows {
        let version = row[1].parse().unwrap();
        let pools = pools(&configuration(&row[3]), row[2].parse().ok(), version).unwrap();
        let mut found: Vec<u64> = numbers(&pools).to_vec();
        found.extend([pools.total_flink(), pools.total_process()]);
        let reported: Vec<u64> = row[4]
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(found, reported, "{}", row[0]);
    }
}

#[test]
fn memory_of_the_resource_counts_before_the_option() {
    let configuration = configuration("taskmanager.memory.process.size=nonsense");
    let given = pools(&configuration, Some(2048 * MIB), FlinkVersion::V2_2).unwrap();
    assert_eq!(given.total_process(), 2048 * MIB);
    let own = pools(&configuration, None, FlinkVersion::V2_2).unwrap_err();
    assert_eq!(
        own.to_string(),
        "`taskmanager.memory.process.size: nonsense` is not a size that Flink reads; write it like `512m` or `2g`"
    );
}

#[test]
fn memory_minimum_names_the_option_that_keeps_a_pool_small() {
    let needs = Needs {
        heap: 900 * MIB,
        managed: 700 * MIB,
        metaspace: 100 * MIB,
        ..Needs::default()
    };
    let table = [
        (
            "taskmanager.memory.jvm-metaspace.size=64m",
            Pool::Metaspace,
            "taskmanager.memory.jvm-metaspace.size",
        ),
        (
            "taskmanager.memory.managed.size=512m",
            Pool::Managed,
            "taskmanager.memory.managed.size",
        ),
        (
            "taskmanager.memory.task.heap.size=512m",
            Pool::Heap,
            "taskmanager.memory.task.heap.size",
        ),
        (
            "taskmanager.memory.managed.fraction=0.0",
            Pool::Managed,
            "taskmanager.memory.managed.fraction",
        ),
        (
            "taskmanager.memory.flink.size=1g",
            Pool::Heap,
            "taskmanager.memory.flink.size",
        ),
        (
            "taskmanager.memory.task.heap.size=512m;taskmanager.memory.managed.size=800m",
            Pool::Heap,
            "taskmanager.memory.task.heap.size",
        ),
    ];
    let step = NonZeroU32::new(64).unwrap();
    for (text, expected, key) in table {
        let error = minimum_process_size(&configuration(text), &needs, step, FlinkVersion::V1_20);
        let Err(MinimumError::PoolFixed { pool, option, .. }) = error else {
            panic!("{text}: {error:?}");
        };
        assert_eq!((pool, option), (expected, key), "{text}");
    }
    let broken = configuration("taskmanager.memory.managed.fraction=1.5");
    let error = minimum_process_size(&broken, &needs, step, FlinkVersion::V1_20).unwrap_err();
    let MinimumError::Refused { source, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        source,
        MemoryError::FractionOutOfRange {
            option: "taskmanager.memory.managed.fraction",
            value: 1.5
        }
    );
}

#[test]
fn memory_minimum_without_needs_is_flinks_own() {
    let one = NonZeroU32::MIN;
    let empty = Configuration::new();
    let least = minimum_process_size(&empty, &Needs::default(), one, FlinkVersion::V2_2).unwrap();
    let below = pools(&empty, Some(least.process - MIB), FlinkVersion::V2_2);
    assert!(
        matches!(below, Err(MemoryError::PoolsExceedFlink { .. })),
        "{below:?}"
    );
    assert_eq!(
        pools(&empty, Some(least.process), FlinkVersion::V2_2),
        Ok(least.pools)
    );
}

fn maybe(
    key: &'static str,
    text: impl Strategy<Value = String>,
) -> impl Strategy<Value = Option<(String, String)>> {
    prop::option::of(text.prop_map(move |text| (format!("taskmanager.memory.{key}"), text)))
}

fn mebibytes(range: std::ops::Range<u32>) -> impl Strategy<Value = String> {
    range.prop_map(|number| format!("{number}m"))
}

fn fraction(hundredths: std::ops::Range<u32>) -> impl Strategy<Value = String> {
    hundredths.prop_map(|number| format!("0.{number:02}"))
}

fn any_configuration() -> impl Strategy<Value = Configuration> {
    let options = (
        maybe("flink.size", mebibytes(300..4000)),
        maybe("task.heap.size", mebibytes(0..1500)),
        maybe("managed.size", mebibytes(0..900)),
        maybe("managed.fraction", fraction(0..90)),
        maybe("network.fraction", fraction(0..50)),
        maybe("network.max", mebibytes(64..600)),
        maybe("jvm-metaspace.size", mebibytes(50..600)),
        maybe("jvm-overhead.max", mebibytes(192..3000)),
        maybe("jvm-overhead.fraction", fraction(0..50)),
        maybe("task.off-heap.size", mebibytes(0..300)),
    );
    options.prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
        // Totals and explicit pools only now and then, else most processes could not grow.
        let explicit = a.filter(|_| b.is_some());
        [explicit, b, c, d, e, f, g, h, i, j]
            .into_iter()
            .flatten()
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn memory_pools_add_up(configuration in any_configuration(), process_mib in 300u64..20_000) {
        let process = process_mib * MIB;
        if let Ok(pools) = pools(&configuration, Some(process), FlinkVersion::V2_2) {
            prop_assert_eq!(pools.total_process(), process);
            prop_assert_eq!(numbers(&pools).iter().sum::<u64>(), process);
        }
    }

    #[test]
    fn memory_minimum_is_enough_and_minimal(
        configuration in any_configuration(),
        heap in 0u64..3000, managed in 0u64..3000, network in 0u64..500, off_heap in 0u64..400,
        metaspace in 0u64..300, step in 1u32..200, smaller in 0.0f64..1.0,
    ) {
        let needs = Needs {
            heap: heap * MIB, managed: managed * MIB, network: network * MIB, off_heap: off_heap * MIB,
            metaspace: metaspace * MIB, overhead: 0,
        };
        let met = |pools: &Pools| {
            pools.heap() >= needs.heap && pools.managed >= needs.managed && pools.network >= needs.network
                && pools.off_heap() >= needs.off_heap && pools.metaspace >= needs.metaspace
        };
        let works = |process| pools(&configuration, Some(process), FlinkVersion::V1_20).is_ok_and(|pools| met(&pools));
        let step_bytes = u64::from(step) * MIB;
        match minimum_process_size(&configuration, &needs, NonZeroU32::new(step).unwrap(), FlinkVersion::V1_20) {
            Ok(minimum) => {
                prop_assert!(met(&minimum.pools));
                prop_assert_eq!(minimum.pools.total_process(), minimum.process);
                prop_assert_eq!(minimum.process % step_bytes, 0);
                prop_assert!(!works(minimum.process - step_bytes));
                let steps = minimum.process / step_bytes;
                prop_assert!(!works((steps as f64 * smaller) as u64 * step_bytes));
            }
            Err(_) => {
                // No step works: neither near nor far.
                for process in (1..400u64).chain([1000, 5000, 100_000]).map(|steps| steps * step_bytes) {
                    prop_assert!(!works(process), "{} works", process / MIB);
                }
            }
        }
    }
}
