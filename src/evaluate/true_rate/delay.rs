//! Scale-downs that wait, so that a short dip causes no restart.

use std::collections::BTreeMap;

use super::input::VertexId;
use super::options::{Options, Profile};

/// A recommendation to shrink that was made while waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recommended {
    /// When, Unix ms.
    pub at_ms: i64,
    /// To what.
    pub parallelism: u32,
    /// Whether the vertex was outside its utilization band then.
    pub outside_bound: bool,
}

/// A waiting scale-down of one vertex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// When the vertex first should have shrunk, Unix ms.
    pub first_trigger_ms: i64,
    /// Recommendations since, falling in parallelism; release 1.10 keeps none.
    pub recommended: Vec<Recommended>,
}

/// Waiting scale-downs by vertex.
pub type DelayedScaleDowns = BTreeMap<VertexId, Waiting>;

/// What the delay makes of a recommendation to shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Shrink to this; `required` is false while release 1.10 only shrinks along with others.
    Shrink {
        /// To what.
        parallelism: u32,
        /// Whether the vertex was outside its band.
        outside_bound: bool,
        /// Whether it shrinks on its own.
        required: bool,
    },
    /// Wait.
    Wait,
}

/// Takes a recommendation to shrink into account.
pub fn delay(
    delayed: &mut DelayedScaleDowns,
    vertex: VertexId,
    recommended: Recommended,
    options: &Options,
) -> Verdict {
    let now = recommended.at_ms;
    let shrink = |recommended: Recommended, required| Verdict::Shrink {
        parallelism: recommended.parallelism,
        outside_bound: recommended.outside_bound,
        required,
    };
    if options.scale_down_interval_ms <= 0 {
        return shrink(recommended, true);
    }
    let waiting = delayed.entry(vertex).or_insert_with(|| Waiting {
        first_trigger_ms: now,
        recommended: Vec::new(),
    });
    let from = now.saturating_sub(options.scale_down_interval_ms);
    let elapsed = waiting.first_trigger_ms <= from;
    if options.profile == Profile::V1_10 {
        return shrink(recommended, elapsed);
    }
    let list = &mut waiting.recommended;
    // What is not larger than a newer recommendation can never be the largest of the window again.
    while list
        .last()
        .is_some_and(|last| last.parallelism <= recommended.parallelism)
    {
        list.pop();
    }
    list.push(recommended);
    if !elapsed {
        return Verdict::Wait;
    }
    let expired = list.iter().take_while(|entry| entry.at_ms < from).count();
    list.drain(..expired);
    // The one just pushed is not expired, so that there is a first.
    shrink(list.first().copied().unwrap_or(recommended), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn options(profile: Profile, interval: &str) -> Options {
        let pair = (
            "job.autoscaler.scale-down.interval".to_owned(),
            interval.to_owned(),
        );
        Options::read(&[pair].into(), profile).unwrap()
    }

    fn recommended(minute: i64, parallelism: u32) -> Recommended {
        Recommended {
            at_ms: minute * MINUTE,
            parallelism,
            outside_bound: true,
        }
    }

    fn shrink(parallelism: u32, required: bool) -> Verdict {
        Verdict::Shrink {
            parallelism,
            outside_bound: true,
            required,
        }
    }

    fn id() -> VertexId {
        format!("{:032x}", 7).parse().unwrap()
    }

    #[test]
    fn the_largest_of_the_window_wins() {
        let options = options(Profile::Next, "10 min");
        let mut delayed = DelayedScaleDowns::new();
        let table = [
            (recommended(0, 9), Verdict::Wait),
            (recommended(4, 5), Verdict::Wait),
            (recommended(6, 7), Verdict::Wait),
            (recommended(8, 3), Verdict::Wait),
            (recommended(10, 4), shrink(9, true)),
            (recommended(12, 2), shrink(7, true)),
            (recommended(19, 2), shrink(4, true)),
        ];
        for (recommended, verdict) in table {
            assert_eq!(
                delay(&mut delayed, id(), recommended, &options),
                verdict,
                "{recommended:?}"
            );
        }
    }

    #[test]
    fn the_old_profile_shrinks_to_the_newest_and_meanwhile_with_others() {
        let options = options(Profile::V1_10, "10 min");
        let mut delayed = DelayedScaleDowns::new();
        for (recommended, verdict) in [
            (recommended(0, 9), shrink(9, false)),
            (recommended(9, 8), shrink(8, false)),
            (recommended(10, 4), shrink(4, true)),
        ] {
            assert_eq!(delay(&mut delayed, id(), recommended, &options), verdict);
        }
        assert!(delayed[&id()].recommended.is_empty());
    }

    #[test]
    fn without_an_interval_nothing_waits() {
        let options = options(Profile::Next, "0 s");
        let mut delayed = DelayedScaleDowns::new();
        let verdict = delay(&mut delayed, id(), recommended(0, 9), &options);
        assert_eq!((verdict, delayed.len()), (shrink(9, true), 0));
    }
}
