//! A change within the rules → its edit, the rules' decision, and the job's answer.

use super::bound::Bounded;
use super::change::Target;
use super::drift;
use super::item::{Answer, Findings, State, Until, signed_money};
use super::job::Question;
use super::reason::{PlanReason, Reason};
use super::size::Wanted;
use crate::flink::deployment::Deployment;
use crate::manifest::{Code, Located};
use crate::policy::{self, Decision, Mode, Ruling};
use crate::recommend::{Advice, AutoscalerAdvice, Direction, Recommendation, Risk};
use crate::watch::Assessment;

/// Decides about a change: what the rules say, whether its manifest can be edited, and whether the cluster runs what that says.
pub(super) fn decide(
    found: &mut Findings,
    wanted: Wanted,
    bounded: Bounded,
    asked: &Question<'_>,
) -> Result<Answer, Answer> {
    let Wanted {
        deployment,
        present,
        recommendation,
        ..
    } = wanted;
    let (allowed, limits) = (bounded.recommendation, bounded.limits);
    let decision = policy::decide(
        &Advice::Change(recommendation),
        &allowed,
        &bounded.standing,
        &asked.rooms.rules,
        asked.now_ms,
    );
    let (located, deployment) = manifest(deployment.as_ref(), asked)?;
    let drift = asked
        .facts
        .live()
        .and_then(|resource| drift::from_resource(&located.value, deployment, resource))
        .or_else(|| {
            drift::from_shape(
                &present,
                asked.facts.history,
                asked.facts.standing.autoscaler,
            )
        });
    // What the cluster does not run yet is no reason to leave a job short.
    let waits = matches!(asked.facts.watched, Some(Assessment::Waiting { .. }))
        && allowed.direction == Direction::Grow;
    if let Some(drift) = drift.filter(|_| !waits) {
        let event = "the cluster runs what the manifest says";
        return Err(Answer::new(State::Held, PlanReason::Drift, drift, event));
    }
    let target = Target {
        located,
        object: asked.whole.unwrap_or(&located.value),
        deployment,
        present: &present,
        asked,
    };
    let allowed = with_options(*allowed, found.autoscaler.as_ref());
    let planned = target
        .within_reach(allowed, &limits)
        .and_then(|allowed| target.planned(allowed, decision.clone()));
    match planned {
        Ok(Some(change)) => {
            let answer = answer(&change.recommendation, &decision, asked.facts.standing.mode);
            found.saving = Some(change.recommendation.saving.clone());
            found.decision = Some(decision);
            found.change = Some(change);
            Ok(answer)
        }
        Ok(None) => Err(Answer::new(
            State::Keep,
            PlanReason::Applied,
            "the manifest says so already",
            "its load or its size changes",
        )),
        Err(refusal) => {
            found.decision = Some(decision);
            Err(Answer::from(&refusal))
        }
    }
}

/// The manifest to edit; the answer where there is none that can be read.
fn manifest<'a>(
    deployment: Option<&'a Deployment>,
    asked: &Question<'a>,
) -> Result<(&'a Located, &'a Deployment), Answer> {
    let located = asked.manifest.map_err(Answer::from)?;
    let deployment = deployment.ok_or_else(|| {
        let place = format!("{}:{}", located.file, located.line);
        Answer::new(
            State::Refused,
            Code::ParseError,
            format!("{place}: the object cannot be read as a FlinkDeployment"),
            "the manifest is mended",
        )
    })?;
    Ok((located, deployment))
}

/// The change with the options that the operator's autoscaler should have for it. They ride along: alone they are advice, since
/// nothing about them saves money by itself.
fn with_options(change: Recommendation, autoscaler: Option<&AutoscalerAdvice>) -> Recommendation {
    let mut change = change;
    let own = autoscaler.filter(|advice| advice.on);
    for advice in own.into_iter().flat_map(|advice| &advice.options) {
        let (option, after) = (advice.option.clone(), advice.after.clone());
        change.proposed.options.insert(option, after);
        change
            .now
            .options
            .insert(advice.option.clone(), advice.before.clone());
        change.risks.push(Risk {
            code: "autoscaler-option".to_string(),
            message: format!(
                "`{}` {} → {}: {}",
                advice.option, advice.before, advice.after, advice.why
            ),
        });
    }
    change
}

/// The answer for a change that could be made: held by the first rule that holds it, else by the job's mode.
fn answer(change: &Recommendation, decision: &Decision, mode: Mode) -> Answer {
    let held = decision
        .rules
        .iter()
        .find(|rule| rule.ruling == Ruling::Held);
    if let Some(rule) = held {
        let until = rule.until_ms.map_or_else(
            || Until::Event("the rule or the job changes".to_string()),
            Until::AtMs,
        );
        let reason = Reason::Rule(rule.rule.clone());
        return Answer::until(State::Held, reason, rule.message.clone(), until);
    }
    let message = format!("{} a month", signed_money(&change.saving));
    let reason = match change.direction {
        Direction::Shrink => PlanReason::Cheaper,
        Direction::Grow => PlanReason::Short,
    };
    match mode {
        Mode::Propose => Answer::new(
            State::Propose,
            reason,
            message,
            "its pull request is merged or closed",
        ),
        Mode::Report | Mode::Ignore => Answer::new(State::Report, reason, message, "mode: propose"),
    }
}
