//! Key groups: how keyed state is dealt to subtasks.
//!
//! A keyed vertex has K key groups (its max parallelism); each of its p subtasks owns a contiguous range
//! of `floor(K/p)` or `ceil(K/p)` of them. The one with the most sets the pace.

use crate::quantity::Parallelism;

/// Key groups of the busiest subtask: `ceil(K/p)`; subtasks beyond K own none.
pub fn largest_share(key_groups: u32, parallelism: Parallelism) -> u32 {
    key_groups.div_ceil(parallelism.get())
}

/// Load of the busiest subtask over the mean of all, where every key group has the same load: at least
/// 1, exactly 1 where p divides K. None without key groups.
pub fn skew(key_groups: u32, parallelism: Parallelism) -> Option<f64> {
    let largest = f64::from(largest_share(key_groups, parallelism));
    (key_groups > 0).then(|| largest * f64::from(parallelism.get()) / f64::from(key_groups))
}

/// The smallest parallelism whose busiest subtask owns no more key groups than with `parallelism`:
/// `ceil(K / ceil(K/p))`. What lies between costs slots and gains nothing. None without key groups.
pub fn balanced(key_groups: u32, parallelism: Parallelism) -> Option<Parallelism> {
    if key_groups == 0 {
        return None;
    }
    Parallelism::new(key_groups.div_ceil(largest_share(key_groups, parallelism))).ok()
}

/// All balanced parallelisms up to `most`, ascending: `ceil(K/g)` for each number g of key groups a subtask can own.
pub fn balanced_parallelisms(key_groups: u32, most: u32) -> Vec<u32> {
    let mut all = Vec::new();
    // About 2 * sqrt(K) distinct values; each next g is the smallest that gives a smaller p.
    let mut owned = 1;
    while owned <= key_groups {
        let parallelism = key_groups.div_ceil(owned);
        if parallelism <= most && all.last() != Some(&parallelism) {
            all.push(parallelism);
        }
        if parallelism == 1 {
            break;
        }
        owned = key_groups.div_ceil(parallelism - 1).max(owned + 1);
    }
    all.reverse();
    all
}

/// Parallelism that counts, `K / ceil(K/p)`: that of subtasks which all own as many key groups as the busiest. Takes fractional
/// parallelisms, as they come up in fits.
pub fn effective_parallelism(key_groups: f64, parallelism: f64) -> f64 {
    key_groups / (key_groups / parallelism).ceil()
}

/// Key groups that Flink gives a vertex that names none: the next power of two of 1.5 times its parallelism, 128 to 32768.
pub fn by_default(parallelism: u32) -> u32 {
    let wanted = parallelism.saturating_add(parallelism / 2);
    wanted.clamp(128, 32_768).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn parallelism(subtasks: u32) -> Parallelism {
        Parallelism::new(subtasks).unwrap()
    }

    #[test]
    fn known_values() {
        assert_eq!(balanced_parallelisms(12, 12), [1, 2, 3, 4, 6, 12]);
        assert_eq!(balanced_parallelisms(12, 5), [1, 2, 3, 4]);
        assert_eq!(
            (by_default(1), by_default(100), by_default(30_000)),
            (128, 256, 32_768)
        );
        assert_eq!(effective_parallelism(128.0, 100.0), 64.0);
        assert_eq!(largest_share(128, parallelism(5)), 26);
        assert_eq!(skew(128, parallelism(4)), Some(1.0));
        assert_eq!(skew(128, parallelism(100)), Some(200.0 / 128.0));
        assert_eq!(balanced(128, parallelism(100)), Some(parallelism(64)));
        assert_eq!(balanced(128, parallelism(500)), Some(parallelism(128)));
        assert_eq!(balanced(0, parallelism(5)), None);
        assert_eq!(skew(0, parallelism(5)), None);
        assert!(balanced_parallelisms(0, 8).is_empty());
    }

    proptest! {
        #[test]
        fn balanced_is_all_and_only_the_smallest(key_groups in 1u32..3000, subtasks in 1u32..4000) {
            let listed = balanced_parallelisms(key_groups, key_groups);
            let expected: BTreeSet<u32> = (1..=key_groups).map(|g| key_groups.div_ceil(g)).collect();
            prop_assert_eq!(&listed, &expected.into_iter().collect::<Vec<_>>());
            let best = balanced(key_groups, parallelism(subtasks)).unwrap();
            prop_assert!(listed.contains(&best.get()));
            prop_assert_eq!(largest_share(key_groups, best), largest_share(key_groups, parallelism(subtasks)));
            if best.get() > 1 {
                let fewer = parallelism(best.get() - 1);
                prop_assert!(largest_share(key_groups, fewer) > largest_share(key_groups, best));
            }
        }
    }
}
