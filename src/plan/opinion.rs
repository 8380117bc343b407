//! What people have said about a job's advice: pull requests that they closed, values that they set back. It is heeded until the advice,
//! the load or the time has moved far enough, and it is always named.

use super::item::{Item, PlannedChange, State, Until};
use super::reason::PlanReason;
use crate::recommend::{Direction, Risk};
use crate::record::{Dimension, Stance};
use std::collections::BTreeSet;

/// How far the load must move until an opinion about the old load no longer holds, a share.
const LOAD_MOVED_SHARE: f64 = 0.20;

/// How a person said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// By closing the pull request.
    Closed,
    /// By closing it with the label `plimsoll/wontfix`.
    WontFix,
    /// By closing it with the label `plimsoll/wrong-data`.
    WrongData,
    /// By the label `plimsoll/later`.
    Later,
    /// By setting the values back, or to others, in the manifest.
    ByHand,
}

/// A person's no about one job.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// How it was said.
    pub said: Said,
    /// One sentence: who did what and where. May hold foreign text.
    pub told: String,
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Until when it holds at the longest, Unix milliseconds; absent: until the advice moves.
    pub until_ms: Option<i64>,
    /// Whether it is about growing.
    pub grows: bool,
    /// What was advised then, where it is known.
    pub stance: Option<Stance>,
}

impl Opinion {
    /// Whether it speaks against advice that is given now.
    pub fn refuses(&self, advice: &Stance, now_ms: i64) -> bool {
        let over = self.until_ms.is_some_and(|until_ms| now_ms >= until_ms);
        if over || self.grows != advice.grows {
            return false;
        }
        match (self.said, &self.stance) {
            (Said::Closed, Some(then)) => advice.is_same_advice_as(then),
            // Nothing is known of what was advised: only the pull request itself can tell.
            (Said::Closed, None) => false,
            (Said::WontFix, then) => {
                !(advice.grows
                    && then
                        .as_ref()
                        .is_some_and(|then| advice.risk_rose_since(then)))
            }
            (Said::WrongData | Said::Later, _) => true,
            (Said::ByHand, then) => !then.as_ref().is_some_and(|then| load_moved(then, advice)),
        }
    }

    /// A stable code for the plan.
    pub fn reason(&self) -> PlanReason {
        match self.said {
            Said::Closed | Said::WontFix | Said::WrongData => PlanReason::Declined,
            Said::Later => PlanReason::Later,
            Said::ByHand => PlanReason::ChangedByHand,
        }
    }

    /// What could change it.
    fn until(&self) -> Until {
        match (self.until_ms, self.said) {
            (Some(until_ms), _) => Until::AtMs(until_ms),
            (None, Said::Later) => Until::Event("the label is taken off".to_string()),
            (None, _) => Until::Event(
                "the advice moves by more than ten points of saving, another dimension, or a higher risk"
                    .to_string(),
            ),
        }
    }
}

fn load_moved(then: &Stance, now: &Stance) -> bool {
    then.load_per_second > 0.0
        && (now.load_per_second - then.load_per_second).abs()
            > LOAD_MOVED_SHARE * then.load_per_second
}

/// What a planned change advises.
pub fn stance(change: &PlannedChange) -> Stance {
    let recommendation = &change.recommendation;
    let finite = |value: f64| if value.is_finite() { value } else { 0.0 };
    let size = &recommendation.proposed;
    let task_managers = u64::from(size.task_managers);
    Stance {
        grows: recommendation.direction == Direction::Grow,
        fields: change.fields.clone(),
        saving_percent: finite(recommendation.saving.share * 100.0),
        cost_per_month: finite(recommendation.cost_proposed.per_month),
        probability_short: finite(recommendation.probability_short),
        load_per_second: finite(recommendation.demand.load_per_second),
        slots: size.slots(),
        cpu_millis: size.cpu_millis.saturating_mul(task_managers),
        memory_bytes: size.memory_bytes,
        memory_total_bytes: size.memory_bytes.saturating_mul(task_managers),
        history_ms: recommendation.demand.history_ms,
        at_ms: change.evidence.at_ms,
    }
}

/// The item as people's opinions leave it: a change that one of them refuses is held, by name. One that comes in spite of an earlier
/// opinion says so.
pub fn heed(mut item: Item, opinions: &[Opinion], now_ms: i64) -> Item {
    let Some(change) = item.change.as_deref_mut() else {
        return item;
    };
    if !matches!(item.state, State::Propose | State::Report) {
        return item;
    }
    let advice = stance(change);
    let about = opinions
        .iter()
        .filter(|opinion| opinion.grows == advice.grows)
        .collect::<Vec<_>>();
    // The one that holds longest is named; without a date it holds longest of all.
    let refusing = about
        .iter()
        .filter(|opinion| opinion.refuses(&advice, now_ms))
        .max_by_key(|opinion| (opinion.until_ms.is_none(), opinion.until_ms, opinion.at_ms));
    if let Some(opinion) = refusing {
        item.state = State::Held;
        item.reason = opinion.reason().into();
        item.message.clone_from(&opinion.told);
        item.until = Some(opinion.until());
        return item;
    }
    if let Some(opinion) = about.iter().max_by_key(|opinion| opinion.at_ms) {
        let now: BTreeSet<&str> = advice
            .dimensions()
            .into_iter()
            .map(Dimension::as_str)
            .collect();
        change.recommendation.risks.push(Risk {
            code: "said-no".to_string(),
            message: format!(
                "{}; since then the advice on {} has moved",
                opinion.told,
                now.into_iter().collect::<Vec<_>>().join(", ")
            ),
        });
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    fn advice(grows: bool, saving_percent: f64, load_per_second: f64) -> Stance {
        Stance {
            grows,
            saving_percent,
            load_per_second,
            ..Stance::default()
        }
    }

    fn opinion(said: Said, until_ms: Option<i64>) -> Opinion {
        Opinion {
            said,
            told: "Ada said no".to_string(),
            at_ms: 0,
            until_ms,
            grows: false,
            stance: Some(advice(false, 30.0, 1000.0)),
        }
    }

    #[test]
    fn an_opinion_holds_until_time_advice_or_load_move() {
        for (said, until_ms, now, at_ms, refuses) in [
            (
                Said::Closed,
                None,
                advice(false, 31.0, 1000.0),
                DAY_MS,
                true,
            ),
            (
                Said::Closed,
                None,
                advice(false, 39.0, 1500.0),
                DAY_MS,
                true,
            ),
            (
                Said::Closed,
                None,
                advice(false, 41.0, 1000.0),
                DAY_MS,
                false,
            ),
            (
                Said::Closed,
                None,
                advice(true, -30.0, 1000.0),
                DAY_MS,
                false,
            ),
            (
                Said::WontFix,
                None,
                advice(false, 80.0, 100.0),
                900 * DAY_MS,
                true,
            ),
            (
                Said::WontFix,
                None,
                advice(true, -30.0, 1000.0),
                DAY_MS,
                false,
            ),
            (
                Said::WrongData,
                Some(7 * DAY_MS),
                advice(false, 80.0, 1.0),
                6 * DAY_MS,
                true,
            ),
            (
                Said::WrongData,
                Some(7 * DAY_MS),
                advice(false, 80.0, 1.0),
                7 * DAY_MS,
                false,
            ),
            (
                Said::Later,
                Some(7 * DAY_MS),
                advice(false, 80.0, 1.0),
                DAY_MS,
                true,
            ),
            (
                Said::ByHand,
                Some(9 * DAY_MS),
                advice(false, 80.0, 1100.0),
                DAY_MS,
                true,
            ),
            (
                Said::ByHand,
                Some(9 * DAY_MS),
                advice(false, 80.0, 790.0),
                DAY_MS,
                false,
            ),
            (
                Said::ByHand,
                Some(9 * DAY_MS),
                advice(false, 80.0, 1210.0),
                DAY_MS,
                false,
            ),
            (
                Said::ByHand,
                Some(9 * DAY_MS),
                advice(false, 30.0, 1000.0),
                9 * DAY_MS,
                false,
            ),
        ] {
            assert_eq!(
                opinion(said, until_ms).refuses(&now, at_ms),
                refuses,
                "{said:?} {until_ms:?} {now:?} at {at_ms}"
            );
        }
    }
}
