//! Steps that only now and then hold anything, at equal distances: the store keeps fewer samples than the step asks for.

use crate::quantity::FlinkDuration;
use crate::snapshot::Gap;

/// So many equal distances in a row are no accident.
const ENOUGH: usize = 4;

/// What is missing where every second, third … step is empty, as with data that Thanos, Mimir or a recording rule has downsampled: such
/// holes say nothing of the job, but they are holes, and what is judged by time covered stays undetermined for them.
///
/// `ends_ms` are the ends of the steps that hold something, in order.
pub fn sparse(ends_ms: &[i64], step_ms: i64) -> Option<Gap> {
    let step_ms = step_ms.max(1);
    let distances: Vec<i64> = ends_ms
        .windows(2)
        .map(|two| (two[1] - two[0]) / step_ms)
        .collect();
    let widest = distances
        .chunk_by(|left, right| left == right)
        .filter(|run| run.len() >= ENOUGH && run[0] >= 2)
        .map(|run| run[0])
        .max()?;
    let duration = |steps: i64| {
        FlinkDuration::from_millis(u64::try_from(steps.saturating_mul(step_ms)).unwrap_or(0))
    };
    Some(Gap::new(
        "history",
        format!(
            "for a time the store holds values every {} only, and a step is {} long: set history.prometheus.step to {} (twice as long as its data is apart), or keep undownsampled data for history.window",
            duration(widest),
            duration(1),
            duration(widest * 2),
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_at_equal_distances_are_told_from_others() {
        let table: [(&[i64], Option<&str>); 7] = [
            (&[], None),
            (&[5], None),
            (&[1, 2, 3, 4, 5, 6], None),
            // Scrapes that failed.
            (&[1, 2, 4, 5, 6, 9, 10], None),
            (&[1, 4, 7, 10], None),
            (&[1, 4, 7, 10, 13, 14, 15, 16], Some("every 30 min only")),
            (&[6, 12, 18, 24, 30, 36], Some("step to 2 h")),
        ];
        for (steps, said) in table {
            let ends: Vec<i64> = steps.iter().map(|step| step * 600_000).collect();
            let gap = sparse(&ends, 600_000);
            assert_eq!(gap.is_some(), said.is_some(), "{steps:?}: {gap:?}");
            if let (Some(gap), Some(said)) = (gap, said) {
                assert!(gap.reason.contains(said), "{}", gap.reason);
            }
        }
    }
}
