//! The order of runs: random inside blocks by a recorded seed, under the safety order.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// One run of an ordered plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedRun {
    /// Block.
    pub block: usize,
    /// Position of the candidate.
    pub candidate: usize,
}

/// Orders `chosen` candidates into blocks of `block_size`. Each block of four or more starts with
/// the baseline, which estimates block effects and drift and replicates for pure error. Within the
/// order a candidate waits until no candidate it lies below by more than one `depth` is untested:
/// depth is the number of steps under the baseline. Same seed, same order.
#[must_use]
pub fn ordered_blocks(
    chosen: &[usize],
    depth: impl Fn(usize) -> usize,
    baseline: usize,
    block_size: usize,
    seed: u64,
) -> Vec<PlannedRun> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut waiting: Vec<usize> = chosen.to_vec();
    waiting.sort_unstable();
    let (mut plan, mut shown, mut block, mut filled) = (Vec::new(), 0usize, 0usize, 0usize);
    let size = block_size.max(1);
    while !waiting.is_empty() {
        if filled == 0 && size >= 4 {
            plan.push(PlannedRun {
                block,
                candidate: baseline,
            });
            filled += 1;
        }
        // When nothing lies within one step, the shallowest candidates are the least daring.
        let shallowest = waiting.iter().map(|&i| depth(i)).min().unwrap_or(0);
        let reach = (shown + 1).max(shallowest);
        let mut allowed: Vec<usize> = (0..waiting.len())
            .filter(|&k| depth(waiting[k]) <= reach)
            .collect();
        allowed.shuffle(&mut rng);
        let candidate = waiting.remove(allowed[0]);
        shown = shown.max(depth(candidate));
        plan.push(PlannedRun { block, candidate });
        filled += 1;
        if filled >= size {
            (block, filled) = (block + 1, 0);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_start_with_the_baseline_and_depth_grows_by_one_step() {
        let chosen = [1, 2, 3, 4, 5, 6, 7];
        let plan = ordered_blocks(&chosen, |i| i, 0, 4, 11);
        assert_eq!(plan, ordered_blocks(&chosen, |i| i, 0, 4, 11));
        assert!(plan.iter().step_by(4).all(|r| r.candidate == 0));
        let mut deepest = 0;
        for run in plan.iter().filter(|r| r.candidate != 0) {
            assert!(run.candidate <= deepest + 1);
            deepest = deepest.max(run.candidate);
        }
        assert_eq!(plan.len(), 7 + 3);
    }
}
