//! The configurations that could be run, in natural units, after every constraint.

use super::error::{ExperimentError, Result};
use super::procedure::Candidate;
use crate::flink::key_groups::balanced_parallelisms;

/// Ranges and limits of the candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateSpace {
    /// Key groups; they never change, since state would not fit.
    pub max_parallelism: u32,
    /// Least and most parallelism.
    pub parallelism: (u32, u32),
    /// Partitions of the source, when it has any: more subtasks would idle.
    pub source_partitions: Option<u32>,
    /// Memory of a TaskManager, GiB, ascending steps.
    pub memory_gib: Vec<f64>,
    /// Slots of a TaskManager.
    pub slots: Vec<u32>,
    /// CPU cores of a slot.
    pub cores_per_slot: f64,
    /// Least memory a slot may have, GiB: 1.2 times the peak seen.
    pub least_memory_per_slot_gib: f64,
    /// Whether a TaskManager must exceed what Flink itself needs (see [`fixed_memory_gib`]).
    pub fixed_memory: bool,
    /// Memory of a node that a pod can have, GiB.
    pub node_memory_gib: f64,
    /// Cores of a node that a pod can have.
    pub node_cores: f64,
    /// Quota: memory of all TaskManagers, GiB.
    pub quota_memory_gib: f64,
    /// Quota: cores of all TaskManagers.
    pub quota_cores: f64,
}

/// A constraint's name and what it keeps.
type Constraint<'a> = (&'a str, &'a dyn Fn(&Candidate) -> bool);

/// What Flink's memory model takes from a TaskManager of `total` GiB before any task gets some:
/// framework heap 128 MiB, framework off-heap 128 MiB, metaspace 256 MiB, and JVM overhead of 10 %
/// within [192 MiB, 1 GiB].
#[must_use]
pub fn fixed_memory_gib(total: f64) -> f64 {
    0.5 + (0.1 * total).clamp(0.1875, 1.0)
}

/// The candidates, sorted by parallelism, memory, slots.
///
/// # Errors
/// [`ExperimentError::NoCandidates`] naming the constraint that removed the last one;
/// [`ExperimentError::OutOfRange`] for a range that is empty or a limit that is not above zero.
pub fn candidates(space: &CandidateSpace) -> Result<Vec<Candidate>> {
    if space.parallelism.0 == 0 || space.parallelism.0 > space.parallelism.1 {
        let value = f64::from(space.parallelism.0);
        let range = "at least 1 and at most the greatest parallelism";
        return Err(ExperimentError::OutOfRange {
            what: "least parallelism",
            value,
            range,
        });
    }
    for &value in &space.memory_gib {
        if !(value.is_finite() && value > 0.0) {
            return Err(ExperimentError::OutOfRange {
                what: "memory",
                value,
                range: "above zero and finite",
            });
        }
    }
    let mut left: Vec<Candidate> = Vec::new();
    for p in balanced_parallelisms(space.max_parallelism, space.parallelism.1) {
        for &memory_gib in &space.memory_gib {
            for &slots in space.slots.iter().filter(|s| **s > 0) {
                left.push(Candidate {
                    parallelism: f64::from(p),
                    memory_gib,
                    slots: f64::from(slots),
                });
            }
        }
    }
    let partitions = space.source_partitions.map_or(f64::INFINITY, f64::from);
    let cores = |c: &Candidate| c.slots * space.cores_per_slot;
    let constraints: [Constraint<'_>; 7] = [
        ("parallelism range", &|c| {
            c.parallelism >= f64::from(space.parallelism.0)
        }),
        ("source partitions", &|c| c.parallelism <= partitions),
        ("memory guard per slot", &|c| {
            c.memory_per_slot() >= space.least_memory_per_slot_gib - 1e-9
        }),
        ("Flink's memory model", &|c| {
            !space.fixed_memory || c.memory_gib > fixed_memory_gib(c.memory_gib)
        }),
        ("node size", &|c| {
            c.memory_gib <= space.node_memory_gib && cores(c) <= space.node_cores
        }),
        ("memory quota", &|c| {
            c.task_managers() * c.memory_gib <= space.quota_memory_gib
        }),
        ("CPU quota", &|c| {
            c.task_managers() * cores(c) <= space.quota_cores
        }),
    ];
    for (name, keeps) in constraints {
        left.retain(keeps);
        if left.is_empty() {
            return Err(ExperimentError::NoCandidates {
                constraint: name.to_owned(),
            });
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> CandidateSpace {
        CandidateSpace {
            max_parallelism: 128,
            parallelism: (4, 32),
            source_partitions: Some(24),
            memory_gib: vec![2.0, 4.0, 8.0],
            slots: vec![1, 2, 4],
            cores_per_slot: 1.0,
            least_memory_per_slot_gib: 1.0,
            fixed_memory: true,
            node_memory_gib: 16.0,
            node_cores: 8.0,
            quota_memory_gib: 200.0,
            quota_cores: 64.0,
        }
    }

    #[test]
    fn every_constraint_holds_and_the_last_one_to_bite_is_named() {
        let found = candidates(&space()).unwrap();
        assert!(
            found
                .iter()
                .all(|c| c.parallelism <= 24.0 && c.memory_per_slot() >= 1.0)
        );
        let cases: [(&str, CandidateSpace); 3] = [
            (
                "source partitions",
                CandidateSpace {
                    source_partitions: Some(2),
                    ..space()
                },
            ),
            (
                "node size",
                CandidateSpace {
                    node_memory_gib: 1.0,
                    ..space()
                },
            ),
            (
                "memory quota",
                CandidateSpace {
                    quota_memory_gib: 1.0,
                    ..space()
                },
            ),
        ];
        for (name, space) in cases {
            let none = candidates(&space);
            assert_eq!(
                none,
                Err(ExperimentError::NoCandidates {
                    constraint: name.to_owned()
                })
            );
        }
        assert!(
            candidates(&CandidateSpace {
                parallelism: (9, 3),
                ..space()
            })
            .is_err()
        );
    }
}
