//! `observe`: a look at each job, added to the history.

use super::output::{note, say, say_json};
use super::world::World;
use super::{Ended, Failure};
use crate::cli::{Common, Observe, Output};
use crate::ports::{HistoryError, HistoryStore};
use crate::quantity::FlinkDuration;
use crate::render::escape::terminal;
use crate::snapshot::{JobKey, JobState, RedactKey, Snapshot, read_lines, redact, write_line};
use anyhow::Context;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

/// Jobs looked at at once.
const AT_ONCE: usize = 16;

/// What one pass saw.
#[derive(Debug, Default, Serialize)]
pub struct Pass {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Jobs that answered.
    pub observed: usize,
    /// Jobs that did not, each with its reason.
    pub unreachable: Vec<String>,
    /// What collectors failed at, each with job and plug-in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
    /// Things that were missing, over all jobs.
    pub gaps: usize,
    /// Why nothing of it was kept, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
}

/// Carries the command out.
pub async fn run(common: &Common, args: &Observe) -> Result<Ended, Failure> {
    let world = World::open(common)?;
    if let Some(file) = &args.from {
        return from_file(&world, common, file.as_str());
    }
    if !world.has_clusters() {
        return Err(Failure::Usage(
            "no jobs are listed: add a cluster with jobs to plimsoll.yaml, or try one with `plimsoll try URL`".to_string(),
        ));
    }
    let jobs = world.jobs(&args.jobs.jobs, common).await?;
    let every = duration(&args.every)?;
    let total = args.duration.as_deref().map(duration).transpose()?;
    let last = match total {
        None => pass(&world, &jobs, Some(args)).await?,
        Some(total) => keep_going(&world, jobs.clone(), args, every, total, common).await?,
    };
    if !common.quiet {
        match common.output {
            Output::Json => say_json(&last)?,
            _ => say(&format!(
                "{} of {} jobs observed, {} things missing{}",
                last.observed,
                jobs.len(),
                last.gaps,
                last.unreachable
                    .iter()
                    .chain(&last.plugins)
                    .map(|reason| format!("\n! {}", terminal(reason)))
                    .collect::<String>()
            ))?,
        }
    }
    if let Some(why) = last.unkept {
        return Err(Failure::Failed(anyhow::anyhow!(why)));
    }
    Ok(match Ended::with(&last.unreachable) {
        Ended::Done => Ended::with(&last.plugins),
        partly => partly,
    })
}

/// Parses a duration as Flink writes it.
pub fn duration(text: &str) -> Result<Duration, Failure> {
    text.parse::<FlinkDuration>()
        .map(|duration| duration.to_std())
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// One look at each job, stored at once: all or none of it.
pub async fn pass(world: &World, jobs: &[JobKey], args: Option<&Observe>) -> Result<Pass, Failure> {
    let clusters = world.clusters(None).await?;
    let now = world.told_now_ms;
    // Of jobs whose cluster could not be listed nothing can be seen; that is said once, not for each of them.
    let there = jobs.iter().filter(|job| !world.is_only_known(job));
    let looks = futures::stream::iter(there.map(|job| clusters.observe(job, now)))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
    let mut seen = Pass {
        at_ms: world.now_ms(),
        unreachable: world.list_problems(),
        ..Pass::default()
    };
    let mut snapshots = Vec::with_capacity(looks.len());
    for look in looks {
        match look {
            Ok(snapshot) => {
                if snapshot.state == JobState::Unreachable {
                    let reason = snapshot
                        .gaps
                        .first()
                        .map_or_else(String::new, |gap| format!(": {}: {}", gap.what, gap.reason));
                    seen.unreachable
                        .push(format!("{}{reason}", snapshot.job.short()));
                } else {
                    seen.observed += 1;
                }
                snapshots.push(snapshot);
            }
            Err(error) => seen.unreachable.push(error.to_string()),
        }
    }
    seen.plugins = super::plugins::collect(world, &mut snapshots).await;
    seen.gaps = snapshots.iter().map(|snapshot| snapshot.gaps.len()).sum();
    // What can't be kept is said; whoever watches goes on with what was kept before.
    let kept = world.history()?;
    seen.unkept = keep(kept, &snapshots, seen.at_ms)
        .err()
        .map(|error| error.to_string());
    if let Some((args, out)) = args.and_then(|args| args.out.as_ref().map(|out| (args, out))) {
        let key = match args.redact {
            true => Some(redact_key(world)?),
            false => None,
        };
        append_lines(out.as_str(), &snapshots, key.as_ref())?;
    }
    Ok(seen)
}

fn keep(
    mut store: impl HistoryStore,
    snapshots: &[Snapshot],
    now_ms: i64,
) -> Result<(), HistoryError> {
    store.append_all(snapshots)?;
    store.tend(now_ms)
}

async fn keep_going(
    world: &World,
    mut jobs: Vec<JobKey>,
    args: &Observe,
    every: Duration,
    total: Duration,
    common: &Common,
) -> Result<Pass, Failure> {
    if every.is_zero() {
        return Err(Failure::Usage(
            "--every must be longer than nothing".to_string(),
        ));
    }
    if world.told_now_ms.is_some() {
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
    let begun = begin(world, every, total)?;
    let end = begun + total.as_millis() as i64;
    bar.set_position(((world.now_ms() - begun).max(0) as f64 / every.as_millis() as f64) as u64);
    loop {
        let last = pass(world, &jobs, Some(args)).await?;
        bar.inc(1);
        bar.set_message(last.unreachable.first().cloned().unwrap_or_default());
        let now = world.now_ms();
        if now + every.as_millis() as i64 > end {
            bar.finish_and_clear();
            // It is at its end: the next one is a new one.
            fs::remove_file(mark(world)).context("end of the observation")?;
            return Ok(last);
        }
        // Passes stand on a grid from the begin, so that a slow one does not shift all that follow.
        let next =
            begun + ((now - begun) / every.as_millis() as i64 + 1) * every.as_millis() as i64;
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis((next - now).max(0) as u64)) => {
                // Jobs come and go. Where none could be asked for, those of the pass before are tried.
                if let Ok(now_there) = world.jobs(&args.jobs.jobs, common).await {
                    jobs = now_there;
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
fn begin(world: &World, every: Duration, total: Duration) -> Result<i64, Failure> {
    let now = world.now_ms();
    let asked = format!("{} {}", every.as_millis(), total.as_millis());
    let file = mark(world);
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
fn mark(world: &World) -> camino::Utf8PathBuf {
    let file = world.path(&world.config.history.file);
    file.with_extension("observing")
}

fn target(common: &Common) -> ProgressDrawTarget {
    if common.quiet || !std::io::stderr().is_terminal() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

/// The key that names are hashed with. It is made once, lies beside the history, and is its owner's to keep: without it nobody finds a name by
/// guessing, and with it snapshots of different days fit together.
fn redact_key(world: &World) -> Result<RedactKey, Failure> {
    let file = world
        .path(&world.config.history.file)
        .with_extension("redact-key");
    let bad = || {
        Failure::Failed(anyhow::anyhow!(
            "{file} holds no key for --redact: remove it, and a new one is made"
        ))
    };
    match fs::read(&file) {
        Ok(bytes) => RedactKey::new(&bytes).ok_or_else(bad),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 32];
            OsRng
                .try_fill_bytes(&mut bytes)
                .with_context(|| format!("{file}"))?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let made = options.open(&file).and_then(|mut made| {
                made.write_all(&bytes)?;
                made.sync_all()
            });
            made.with_context(|| format!("{file}"))?;
            RedactKey::new(&bytes).ok_or_else(bad)
        }
        Err(error) => Err(Failure::Failed(
            anyhow::Error::from(error).context(format!("{file}")),
        )),
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

fn from_file(world: &World, common: &Common, file: &str) -> Result<Ended, Failure> {
    let text = fs::read_to_string(file).with_context(|| format!("--from {file}"))?;
    let (snapshots, wrong) = read_lines(&text);
    // Bad input is refused whole, before anything is written.
    if let Some(first) = wrong.first() {
        return Err(Failure::Failed(anyhow::anyhow!(
            "{file}: {first}; nothing was added"
        )));
    }
    let mut store = world.history()?;
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
