//! Fitting a parallelism to the number of key groups or source partitions.
//!
//! Uneven division makes some subtasks carry one key group or partition more than others, so that the
//! next larger divisor costs little more and carries visibly more.

use super::decision::DecisionError;

/// How a parallelism is aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alignment {
    /// The next parallelism that lowers the load of a subtask; never blocks.
    Balanced,
    /// The next divisor; never blocks.
    EvenlySpread,
    /// No alignment.
    Off,
    /// As up to release 1.15: blocks where it would turn the direction round.
    Legacy(LegacyAdjust),
    /// As in release 1.10, where also an unchanged parallelism is aligned.
    V1_10,
}

/// What the retired option `scaling.key-group.partitions.adjust.mode` chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyAdjust {
    /// Accept divisors only.
    EvenlySpread,
    /// Accept also what lowers the load of a subtask.
    MaximizeUtilisation,
}

/// A parallelism to align, with its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// What the vertex has.
    pub current: i64,
    /// What it should get, limits applied.
    pub wanted: i64,
    /// The lower limit.
    pub lower: i64,
    /// The upper limit: the smaller of key groups and configured maximum.
    pub upper: i64,
    /// Key groups or partitions.
    pub units: i64,
}

/// An aligned parallelism, and whether alignment limited the scaling (which upstream reports).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aligned {
    /// The parallelism to use.
    pub parallelism: i64,
    /// Whether the event `ScalingLimited` is due.
    pub limited: bool,
}

/// Aligns. Errors where upstream divides by zero: a wanted parallelism of 0.
pub fn align(mode: Alignment, target: Target) -> Result<Aligned, DecisionError> {
    let keep = Aligned {
        parallelism: target.wanted,
        limited: false,
    };
    match mode {
        Alignment::Off => Ok(keep),
        Alignment::Balanced | Alignment::EvenlySpread => {
            let end = region_end(target);
            let found = first_aligned(target, end, mode == Alignment::Balanced)?;
            Ok(found.unwrap_or(keep))
        }
        Alignment::Legacy(adjust) => {
            let lenient = adjust == LegacyAdjust::MaximizeUtilisation;
            match first_aligned(target, region_end(target), lenient)? {
                Some(found) => Ok(found),
                None => Ok(blocking(target, walk_down(target)?)),
            }
        }
        Alignment::V1_10 => {
            let half = target.units / 2;
            let reach = if target.wanted > half {
                target.units
            } else {
                half
            };
            match first_aligned(target, reach.min(target.upper), false)? {
                Some(found) => Ok(found),
                None => Ok(Aligned {
                    parallelism: walk_down(target)?,
                    limited: true,
                }),
            }
        }
    }
}

/// Growth may search up to the limits, shrinking only up to where the vertex is.
fn region_end(target: Target) -> i64 {
    let end = target.units.min(target.upper);
    if target.wanted > target.current {
        end
    } else {
        end.min(target.current)
    }
}

fn first_aligned(
    target: Target,
    end: i64,
    accept_less_load: bool,
) -> Result<Option<Aligned>, DecisionError> {
    let Target { wanted, units, .. } = target;
    if wanted > end {
        return Ok(None);
    }
    if wanted <= 0 {
        return Err(DecisionError::ZeroParallelism);
    }
    let fits = |p: &i64| units % p == 0 || (accept_less_load && units / p < units / wanted);
    Ok((wanted..=end).find(fits).map(|parallelism| Aligned {
        parallelism,
        limited: false,
    }))
}

/// Down to where a subtask would carry one unit more, and one up again unless that divides evenly.
fn walk_down(target: Target) -> Result<i64, DecisionError> {
    let Target {
        wanted,
        units,
        lower,
        ..
    } = target;
    if wanted <= 0 {
        return Ok(wanted.max(lower));
    }
    let heavier = (1..=wanted).rev().find(|p| units / p > units / wanted);
    let found = match heavier {
        Some(p) if units % p == 0 => p,
        Some(p) => p + 1,
        None => 0,
    };
    Ok(found.max(lower))
}

fn blocking(target: Target, candidate: i64) -> Aligned {
    let grows = target.wanted > target.current;
    let turned = if grows {
        candidate <= target.current
    } else {
        candidate >= target.current
    };
    let parallelism = if turned { target.current } else { candidate };
    Aligned {
        parallelism,
        limited: turned || candidate != target.wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(current: i64, wanted: i64, units: i64) -> Target {
        Target {
            current,
            wanted,
            lower: 1,
            upper: 1000,
            units,
        }
    }

    #[test]
    fn each_mode_takes_its_own() {
        let legacy_even = Alignment::Legacy(LegacyAdjust::EvenlySpread);
        let legacy_max = Alignment::Legacy(LegacyAdjust::MaximizeUtilisation);
        let table = [
            // 128 units: 128/11 = 11, 128/12 = 10 is lighter, 16 divides.
            (Alignment::Balanced, target(8, 11, 128), 12, false),
            (Alignment::EvenlySpread, target(8, 11, 128), 16, false),
            (Alignment::Off, target(8, 11, 128), 11, false),
            (legacy_even, target(8, 11, 128), 16, false),
            (legacy_max, target(8, 11, 128), 12, false),
            // Growth beyond the partitions: nothing fits, the new modes keep the target.
            (Alignment::Balanced, target(100, 150, 128), 150, false),
            (legacy_even, target(100, 150, 128), 128, true),
            // A shrink whose next divisor is where it is.
            (Alignment::EvenlySpread, target(16, 15, 128), 16, false),
            // A shrink without a divisor up to the current parallelism: 9 keeps 14 units a subtask.
            (legacy_even, target(13, 10, 128), 10, false),
            (Alignment::V1_10, target(13, 13, 128), 16, false),
            (Alignment::V1_10, target(100, 150, 128), 128, true),
        ];
        for (mode, target, parallelism, limited) in table {
            let aligned = align(mode, target).unwrap();
            assert_eq!(
                aligned,
                Aligned {
                    parallelism,
                    limited
                },
                "{mode:?} {target:?}"
            );
        }
    }

    #[test]
    fn a_turned_direction_blocks_only_the_legacy_modes() {
        let stuck = Target {
            current: 129,
            wanted: 200,
            lower: 1,
            upper: 1000,
            units: 128,
        };
        let legacy = Alignment::Legacy(LegacyAdjust::EvenlySpread);
        assert_eq!(
            align(legacy, stuck).unwrap(),
            Aligned {
                parallelism: 129,
                limited: true
            }
        );
        assert_eq!(align(Alignment::Balanced, stuck).unwrap().parallelism, 200);
    }

    #[test]
    fn a_wanted_parallelism_of_zero_is_an_error_as_upstream() {
        let zero = Target {
            current: 4,
            wanted: 0,
            lower: 0,
            upper: 10,
            units: 8,
        };
        assert!(align(Alignment::Balanced, zero).is_err());
        assert_eq!(align(Alignment::Off, zero).unwrap().parallelism, 0);
    }
}
