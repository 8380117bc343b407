//! `observe`: a look at each job, added to the history.

use super::ending::{Ended, Failure};
use super::output::{note, say, say_json};
use super::start::{Listed, Start, duration};
use crate::cli::{Common, Observe, Output};
use crate::pass::{self, Observed};
use crate::ports::HistoryStore;
use crate::render::escape::terminal;
use crate::snapshot::{RedactKey, Snapshot, read_lines, redact, write_line};
use crate::world::redact_key;
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// Carries the command out.
pub async fn run(common: &Common, args: &Observe) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    if let Some(file) = &args.from {
        return from_file(&start, common, file.as_str());
    }
    if !start.has_clusters() {
        return Err(Failure::Usage(
            "no jobs are listed: add a cluster with jobs to plimsoll.yaml, or try one with `plimsoll try URL`".to_string(),
        ));
    }
    let listed = start.listed(&args.jobs.jobs, common).await?;
    let jobs = listed.fleet.jobs.len();
    let every = duration(&args.every)?;
    let total = args.duration.as_deref().map(duration).transpose()?;
    let last = match total {
        None => look(&start, &listed, args).await?,
        Some(total) => keep_going(&start, listed, args, every, total, common).await?,
    };
    if !common.quiet {
        match common.output {
            Output::Json => say_json(&last)?,
            _ => say(&format!(
                "{} of {} jobs observed, {} things missing{}",
                last.observed,
                jobs,
                last.gaps,
                last.unreachable
                    .iter()
                    .chain(&last.plugins)
                    .chain(&last.damaged)
                    .map(|reason| format!("\n! {}", terminal(reason)))
                    .collect::<String>()
            ))?,
        }
    }
    if let Some(why) = last.unkept {
        return Err(Failure::Failed(anyhow::anyhow!(why)));
    }
    let named = [&last.unreachable, &last.plugins, &last.damaged];
    Ok(Ended::with(&named.map(Vec::as_slice).concat()))
}

/// One look at each job, added to the history and to the file of `--out`.
async fn look(start: &Start, listed: &Listed, args: &Observe) -> Result<Observed, Failure> {
    let Some(clusters) = &listed.clusters else {
        return Ok(Observed::default());
    };
    let mut store = start.history(listed)?;
    let of = start.observing(&listed.fleet);
    let key = match args.redact {
        true => Some(redact_key(&start.history_file())?),
        false => None,
    };
    let mut written = Ok(());
    let seen = pass::observe(of, &**clusters, &mut store, |snapshots| {
        if let (Some(out), Ok(())) = (&args.out, &written) {
            written = append_lines(out.as_str(), snapshots, key.as_ref());
        }
    })
    .await?;
    written?;
    Ok(seen)
}

async fn keep_going(
    start: &Start,
    mut listed: Listed,
    args: &Observe,
    every: Duration,
    total: Duration,
    common: &Common,
) -> Result<Observed, Failure> {
    if every.is_zero() {
        return Err(Failure::Usage(
            "--every must be longer than nothing".to_string(),
        ));
    }
    if start.clock.fixed_ms().is_some() {
        return Err(Failure::Usage(
            "--for goes by the clock and can't have --now".to_string(),
        ));
    }
    let passes = total.as_secs_f64() / every.as_secs_f64();
    let bar = ProgressBar::with_draw_target(Some(passes.ceil() as u64), target(common));
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} passes, {eta} left {msg}")
    {
        bar.set_style(style);
    }
    let begun = begin(start, every, total)?;
    let end = begun + total.as_millis() as i64;
    bar.set_position(((start.now_ms() - begun).max(0) as f64 / every.as_millis() as f64) as u64);
    loop {
        let last = look(start, &listed, args).await?;
        bar.inc(1);
        bar.set_message(last.unreachable.first().cloned().unwrap_or_default());
        let now = start.now_ms();
        if now + every.as_millis() as i64 > end {
            bar.finish_and_clear();
            // It is at its end: the next one is a new one.
            fs::remove_file(mark(start)).context("end of the observation")?;
            return Ok(last);
        }
        // Passes stand on a grid from the begin, so that a slow one does not shift all that follow.
        let next =
            begun + ((now - begun) / every.as_millis() as i64 + 1) * every.as_millis() as i64;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis((next - now).max(0) as u64)) => {
                // Jobs come and go. Where none could be asked for, those of the pass before are tried.
                if let Ok(now_there) = start.listed(&args.jobs.jobs, common).await {
                    listed = now_there;
                }
            }
            _ = tokio::signal::ctrl_c() => {
                bar.finish_and_clear();
                note("stopped; run the same command again to go on");
                return Ok(last);
            }
        }
    }
}

/// When this observation began. One that was killed, or is not at its end yet, left its begin beside the history; it goes on.
fn begin(start: &Start, every: Duration, total: Duration) -> Result<i64, Failure> {
    let now = start.now_ms();
    let asked = format!("{} {}", every.as_millis(), total.as_millis());
    let file = mark(start);
    let begun = fs::read_to_string(&file)
        .ok()
        .and_then(|text| {
            let (begun, of) = text.trim().split_once(' ')?;
            (of == asked).then(|| begun.parse::<i64>().ok())?
        })
        .filter(|begun| (0..total.as_millis() as i64).contains(&(now - begun)));
    match begun {
        Some(begun) => Ok(begun),
        None => {
            fs::write(&file, format!("{now} {asked}\n")).with_context(|| format!("{file}"))?;
            Ok(now)
        }
    }
}

/// The file that says since when an observation goes on.
fn mark(start: &Start) -> camino::Utf8PathBuf {
    start.history_file().with_extension("observing")
}

fn target(common: &Common) -> ProgressDrawTarget {
    if common.quiet || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

fn append_lines(
    file: &str,
    snapshots: &[Snapshot],
    key: Option<&RedactKey>,
) -> Result<(), Failure> {
    let mut text = String::new();
    for snapshot in snapshots {
        let line = match key {
            Some(key) => write_line(&redact(snapshot, key)),
            None => write_line(snapshot),
        };
        let line = line.context("snapshot")?;
        text.push_str(line.trim_end());
        text.push('\n');
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .with_context(|| format!("--out {file}"))
        .map_err(Failure::Failed)
}

fn from_file(start: &Start, common: &Common, file: &str) -> Result<Ended, Failure> {
    let text = fs::read_to_string(file).with_context(|| format!("--from {file}"))?;
    let (snapshots, wrong) = read_lines(&text);
    // Bad input is refused whole, before anything is written.
    if let Some(first) = wrong.first() {
        return Err(Failure::Failed(anyhow::anyhow!(
            "{file}: {first}; nothing was added"
        )));
    }
    let mut store = start.history(&Listed::default())?;
    store
        .append_all(&snapshots)
        .map_err(|error| Failure::Failed(error.into()))?;
    if !common.quiet {
        match common.output {
            Output::Json => say_json(&serde_json::json!({ "added": snapshots.len() }))?,
            _ => say(&format!("{} snapshots added", snapshots.len()))?,
        }
    }
    Ok(Ended::Done)
}
