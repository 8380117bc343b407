//! Making and pooling [`Stat`]s.

use super::Stat;

/// Values with which a block stands for its parts when blocks are pooled; more would not change what is read off.
const MOST_STAND_INS: u32 = 64;

impl Stat {
    /// A single value; `None` when it is not finite.
    pub fn one(value: f64) -> Option<Stat> {
        Stat::of(&[value])
    }

    /// Of several values of equal weight; those that are not finite are left out, `None` when none is left.
    pub fn of(values: &[f64]) -> Option<Stat> {
        let ones: Vec<Stat> = values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .map(|value| Stat {
                n: 1,
                mean: value,
                min: value,
                p50: value,
                p95: value,
                max: value,
            })
            .collect();
        Stat::pool(&ones)
    }

    /// Several as one: count, mean, smallest and largest are exact, quantiles are those of the values when each holds one
    /// (nearest rank), else of each block's quantile function, taken as straight between its known points. `None` when empty.
    pub fn pool(stats: &[Stat]) -> Option<Stat> {
        let n: u64 = stats.iter().map(|stat| u64::from(stat.n)).sum();
        if n == 0 {
            return None;
        }
        let mean = stats
            .iter()
            .map(|stat| stat.mean * (f64::from(stat.n) / n as f64))
            .sum();
        let mut values: Vec<(f64, f64)> = stats.iter().flat_map(stand_ins).collect();
        values.sort_by(|left, right| left.0.total_cmp(&right.0));
        Some(Stat {
            n: u32::try_from(n).unwrap_or(u32::MAX),
            mean,
            min: stats
                .iter()
                .map(|stat| stat.min)
                .fold(f64::INFINITY, f64::min),
            p50: nearest_rank(&values, 0.5),
            p95: nearest_rank(&values, 0.95),
            max: stats
                .iter()
                .map(|stat| stat.max)
                .fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

/// (value, weight) pairs that stand for a block.
fn stand_ins(stat: &Stat) -> Vec<(f64, f64)> {
    match stat.n {
        0 => Vec::new(),
        1 => vec![(stat.mean, 1.0)],
        n => {
            let count = n.min(MOST_STAND_INS);
            let weight = f64::from(n) / f64::from(count);
            (0..count)
                .map(|index| {
                    // The middle of each value's share of the ranks: 20 values stand at 2.5 %, 7.5 %, …
                    let rank = (f64::from(index) + 0.5) / f64::from(count);
                    (quantile_between(stat, rank), weight)
                })
                .collect()
        }
    }
}

/// A block's quantile at `rank` in 0..=1, straight between the smallest, the median, the 95 % quantile and the largest.
fn quantile_between(stat: &Stat, rank: f64) -> f64 {
    let line = |from: f64, to: f64, low: f64, high: f64| {
        low + (high - low) * ((rank - from) / (to - from)).clamp(0.0, 1.0)
    };
    if rank <= 0.5 {
        line(0.0, 0.5, stat.min, stat.p50)
    } else if rank <= 0.95 {
        line(0.5, 0.95, stat.p50, stat.p95)
    } else {
        line(0.95, 1.0, stat.p95, stat.max)
    }
}

/// The smallest value with at least a share `q` of the weight at or below it; `sorted` is not empty.
fn nearest_rank(sorted: &[(f64, f64)], q: f64) -> f64 {
    let total: f64 = sorted.iter().map(|(_, weight)| weight).sum();
    let wanted = q * total * (1.0 - 1e-12);
    let mut seen = 0.0;
    for (value, weight) in sorted {
        seen += weight;
        if seen >= wanted {
            return *value;
        }
    }
    sorted.last().map_or(f64::NAN, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_give_exact_quantiles() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        let stat = Stat::of(&values).expect("values");
        assert_eq!((stat.n, stat.min, stat.max), (20, 1.0, 20.0));
        assert_eq!((stat.p50, stat.p95), (10.0, 19.0));
        assert!((stat.mean - 10.5).abs() < 1e-9);
    }

    #[test]
    fn nothing_finite_is_nothing() {
        assert_eq!(Stat::of(&[f64::NAN, f64::INFINITY]), None);
        assert_eq!(Stat::pool(&[]), None);
    }

    #[test]
    fn blocks_of_blocks_stay_between_their_extremes() {
        let low = Stat::of(&(0..100).map(f64::from).collect::<Vec<_>>()).expect("low");
        let high = Stat::of(&(100..200).map(f64::from).collect::<Vec<_>>()).expect("high");
        let both = Stat::pool(&[low, high]).expect("both");
        assert_eq!((both.n, both.min, both.max), (200, 0.0, 199.0));
        assert!((both.p50 - 99.0).abs() < 3.0, "{both:?}");
        assert!((both.p95 - 189.0).abs() < 3.0, "{both:?}");
    }
}
