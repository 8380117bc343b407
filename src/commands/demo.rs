//! `demo`: the whole loop on a simulated fleet and a local git remote, told as a story. Every figure in it is simulated.

mod stage;

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use super::plan::text as plan_text;
use super::report::write;
use super::table::{cut, table};
use crate::classify::VerdictId;
use crate::cli::{Common, Demo, Output};
use crate::plan::Plan;
use crate::ports::{PullRequest, PullRequestState};
use crate::recommend::Direction;
use crate::record::{ChangeKind, State};
use crate::render::escape::terminal;
use crate::snapshot::JobKey;
use anyhow::Context;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use stage::Stage;
use std::fs;

/// When the story begins, where `--now` says nothing: a Monday morning, so that a seed always gives the same story.
const BEGIN_MS: i64 = 1_772_438_400_000;

/// One pull request of the story.
#[derive(Debug, Serialize)]
struct Told {
    kind: ChangeKind,
    job: String,
    title: String,
    branch: String,
    state: &'static str,
    file: String,
}

/// Carries the command out.
pub async fn run(common: &Common, args: &Demo) -> Result<Ended, Failure> {
    let out = folder(args)?;
    let begin_ms = common.now.map_or(BEGIN_MS, |moment| moment.ms);
    let mut stage = Stage::set(&out, args.seed, begin_ms)?;
    stage.past(begin_ms)?;
    let (plan, _) = stage.plan(begin_ms).await?;
    stage.propose(&plan).await?;
    let opened = stage.pull_requests().await?;
    stage.tell(format!("{} pull requests opened", opened.len()));
    let shrinking: Vec<JobKey> = plan
        .proposals()
        .filter(|(_, change)| change.recommendation.direction == Direction::Shrink)
        // What something outside limits shows nothing of its own size when more arrives.
        .filter(|(_, change)| {
            let profile = &change.profile;
            !profile.has(VerdictId::SinkBound) && !profile.has(VerdictId::ExternalWait)
        })
        .map(|(item, _)| item.job.clone())
        .collect();
    let bad = stage.merge_all(&opened, &shrinking)?;
    stage.story(begin_ms, bad.as_ref()).await?;
    let report = out.join("report.html");
    let (now, known) = stage.plan(stage.now_ms).await?;
    write(&now, &known, &report, true)?;
    let told = told(&stage.pull_requests().await?);
    match common.output {
        Output::Json => say_json(&serde_json::json!({
            "simulated": true,
            "seed": args.seed,
            "repository": out.join("manifests.git"),
            "report": report,
            "jobs": stage.fleet.jobs.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "pull_requests": told,
        }))?,
        _ => say(&text(&stage, &plan, &told, &out, &report))?,
    }
    Ok(Ended::Done)
}

fn folder(args: &Demo) -> Result<Utf8PathBuf, Failure> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => {
            let temporary = Utf8PathBuf::from_path_buf(std::env::temp_dir()).map_err(|path| {
                Failure::Usage(format!(
                    "the path of the temporary folder {} is not UTF-8: name a folder with --out",
                    path.display()
                ))
            })?;
            temporary.join(format!("plimsoll-demo-{}", std::process::id()))
        }
    };
    if out.exists()
        && out
            .read_dir_utf8()
            .map_or(true, |mut entries| entries.next().is_some())
    {
        return Err(Failure::Usage(format!(
            "{out} is there already and not empty: name another folder with --out"
        )));
    }
    fs::create_dir_all(&out).with_context(|| format!("--out {out}"))?;
    out.canonicalize_utf8()
        .with_context(|| format!("--out {out}"))
        .map_err(Failure::Failed)
}

fn text(stage: &Stage, plan: &Plan, told: &[Told], out: &Utf8Path, report: &Utf8Path) -> String {
    let mut text =
        "SIMULATED fleet: every figure below comes from a model, not from a cluster.\n\n"
            .to_string();
    text.push_str(&plan_text(plan, false));
    text.push_str("\nWhat happened\n");
    for line in &stage.lines {
        text.push_str(&format!("  {}\n", terminal(line)));
    }
    let rows: Vec<Vec<String>> = told
        .iter()
        .map(|told| {
            vec![
                told.state.to_string(),
                terminal(&cut(&told.title, 100)),
                told.file.clone(),
            ]
        })
        .collect();
    text.push_str(&format!(
        "\n{}",
        table(&["STATE", "PULL REQUEST", "FILE"], &rows)
    ));
    text.push_str(&format!(
        "\nLeft for you in {out}\n  repository   git -C {out}/manifests.git log --stat\n  pull requests {out}/pull-requests\n  report       {report}\n  \
         why          plimsoll explain payments/orders-enrich --config {out}/plimsoll.yaml --now {}\n  audit        plimsoll audit --config {out}/plimsoll.yaml --now {}\n",
        stage.now_ms, stage.now_ms
    ));
    text
}

fn told(pull_requests: &[PullRequest]) -> Vec<Told> {
    pull_requests
        .iter()
        .filter_map(|pull_request| {
            let state = State::find(&pull_request.body)?;
            Some(Told {
                kind: state.kind,
                job: state.job.to_string(),
                title: pull_request.title.clone(),
                branch: pull_request.branch.clone(),
                state: match pull_request.state {
                    PullRequestState::Open => "open",
                    PullRequestState::Merged => "merged",
                    PullRequestState::Closed => "closed",
                },
                file: pull_request.url.clone(),
            })
        })
        .collect()
}
