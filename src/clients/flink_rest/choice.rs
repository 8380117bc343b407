//! Which of a JobManager's jobs is meant.

use super::answers::{List, Number, Object, Text};
use super::pass::{Pass, ReadError};
use super::{Rest, Settings};
use crate::ports::ObserveError;
use crate::snapshot::Gap;
use serde::Deserialize;

/// A job as a JobManager lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Flink's id.
    pub id: String,
    /// Its name; foreign text.
    pub name: String,
    /// `RUNNING`, `CANCELED`, … as Flink writes it.
    pub state: String,
    /// When it was submitted, Unix milliseconds; 0 when not said.
    pub started_at_ms: i64,
    /// Tasks in all.
    pub tasks: u64,
}

impl Listing {
    /// Whether Flink calls it RUNNING (its tasks may still be starting).
    pub fn is_running(&self) -> bool {
        self.state == "RUNNING"
    }

    /// Whether it is on its way out: the next job of its name may be running already.
    fn is_leaving(&self) -> bool {
        matches!(self.state.as_str(), "CANCELLING" | "FAILING")
    }

    /// Whether it has ended for good.
    pub fn has_ended(&self) -> bool {
        matches!(
            self.state.as_str(),
            "CANCELED" | "FINISHED" | "FAILED" | "SUSPENDED"
        )
    }
}

/// Lists all jobs at a REST address, running ones first, then by name and id.
///
/// # Errors
/// When nobody answers there, or not as a JobManager does.
pub async fn list_jobs<R: Rest>(
    rest: &R,
    settings: &Settings,
) -> Result<Vec<Listing>, ObserveError> {
    let pass = Pass::new(rest, settings.deadline);
    listings(&pass).await.map_err(|error| ObserveError {
        what: "jobs".to_string(),
        endpoint: rest.endpoint(),
        reason: match &error {
            ReadError::Status { status: 404, .. }
            | ReadError::NotJson { .. }
            | ReadError::Unfit { .. } => {
                format!("{error}; give the address of a Flink JobManager's REST API")
            }
            _ => error.to_string(),
        },
    })
}

/// Jobs that are read of one JobManager. A session cluster has hundreds at most.
const MOST_JOBS: usize = 10_000;

/// `/jobs/overview`
#[derive(Default, Deserialize)]
#[serde(default)]
struct Jobs {
    jobs: List<Object<Job>, MOST_JOBS>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Job {
    jid: Text,
    name: Text,
    state: Text,
    #[serde(rename = "start-time")]
    start_time: Number,
    tasks: Object<Tasks>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tasks {
    total: Number,
}

pub(super) async fn listings<R: Rest>(pass: &Pass<'_, R>) -> Result<Vec<Listing>, ReadError> {
    let document: Object<Jobs> = pass.read("/jobs/overview").await?;
    let refused = |reason: String| ReadError::Unfit {
        url: format!("{}/jobs/overview", pass.rest.endpoint()),
        reason,
    };
    if !document.jobs.is_given() {
        return Err(refused("there is no list `jobs` in it".to_string()));
    }
    if document.jobs.more() > 0 {
        return Err(refused(format!("it lists more than {MOST_JOBS} jobs")));
    }
    let mut jobs: Vec<Listing> = document
        .jobs
        .iter()
        .filter_map(|job| listing(job))
        .collect();
    jobs.sort_by(|left, right| {
        right
            .is_running()
            .cmp(&left.is_running())
            .then_with(|| left.name.cmp(&right.name))
            .then_with(|| left.id.cmp(&right.id))
    });
    Ok(jobs)
}

fn listing(job: &Job) -> Option<Listing> {
    Some(Listing {
        id: job.jid.text()?,
        name: job.name.text().unwrap_or_default(),
        state: job.state.text().unwrap_or_default(),
        started_at_ms: job.start_time.time_ms().unwrap_or(0),
        tasks: job.tasks.total.count().unwrap_or(0),
    })
}

/// The job that is meant: the one with the given id or name; the only one that has not ended; of several the one called like the
/// resource; else the one that ended last. `Err` says why none can be told.
pub(super) fn choose<'a>(
    jobs: &'a [Listing],
    named: Option<&str>,
    resource: &str,
) -> Result<&'a Listing, Gap> {
    let none = |reason: String| Gap::new("job", reason);
    let alive: Vec<&Listing> = jobs.iter().filter(|job| !job.has_ended()).collect();
    if let Some(named) = named {
        if let Some(job) = jobs.iter().find(|job| job.id == named) {
            return Ok(job);
        }
        let looks_like_an_id =
            named.len() == 32 && named.chars().all(|one| one.is_ascii_hexdigit());
        return only(called(&alive, named))
            .map_err(|fits| ambiguous(named, &fits))?
            .or_else(|| latest(jobs.iter().filter(|job| job.name == named)))
            // A restart changes the id: with a single job there is no doubt which is meant.
            .or_else(|| match alive[..] {
                [only] if looks_like_an_id => Some(only),
                _ => None,
            })
            .ok_or_else(|| none(format!("no job there has the id or name `{named}`")));
    }
    match alive[..] {
        [only] => Ok(only),
        [] => latest(jobs.iter()).ok_or_else(|| none("the JobManager has no job".to_string())),
        _ => only(called(&alive, resource))
            .map_err(|fits| ambiguous(resource, &fits))?
            .ok_or_else(|| {
                none(format!(
                    "{} jobs run there and none is called `{resource}`: name the Flink job",
                    alive.len()
                ))
            }),
    }
}

/// How many jobs share the JobManager: those that have not ended and are not about to.
pub(super) fn sharing(jobs: &[Listing]) -> u32 {
    let count = jobs
        .iter()
        .filter(|job| !job.has_ended() && !job.is_leaving())
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn called<'a>(alive: &[&'a Listing], name: &str) -> Vec<&'a Listing> {
    alive
        .iter()
        .copied()
        .filter(|job| job.name == name)
        .collect()
}

/// The one job of a name, without those that are on their way out; `Err` gives all when several stay.
fn only(fits: Vec<&Listing>) -> Result<Option<&Listing>, Vec<&Listing>> {
    let staying: Vec<&Listing> = fits
        .iter()
        .copied()
        .filter(|job| !job.is_leaving())
        .collect();
    match (staying.len(), fits.as_slice()) {
        (1, _) => Ok(staying.first().copied()),
        (0, [] | [_]) => Ok(fits.first().copied()),
        (0, _) => Ok(latest(fits.iter().copied())),
        _ => Err(staying),
    }
}

/// A mistake of the configuration, and named as one.
fn ambiguous(name: &str, fits: &[&Listing]) -> Gap {
    let ids: Vec<&str> = fits.iter().map(|job| job.id.as_str()).collect();
    Gap::ambiguous_job(format!(
        "{} running jobs are called `{name}`: name one by its id in flink_job: {}",
        fits.len(),
        ids.join(", ")
    ))
}

fn latest<'a>(jobs: impl Iterator<Item = &'a Listing>) -> Option<&'a Listing> {
    jobs.max_by_key(|job| (job.started_at_ms, job.id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: &str, name: &str, state: &str) -> Listing {
        Listing {
            id: id.into(),
            name: name.into(),
            state: state.into(),
            started_at_ms: 1,
            tasks: 1,
        }
    }

    #[test]
    fn a_name_that_fits_two_running_jobs_fits_none() {
        let two = [job("a", "x", "RUNNING"), job("b", "x", "RUNNING")];
        let one = [job("a", "x", "RUNNING"), job("b", "x", "CANCELED")];
        let others = [job("a", "x", "RUNNING"), job("b", "y", "RUNNING")];
        // (jobs, flink_job, resource, which)
        let leaving = [job("a", "x", "CANCELLING"), job("b", "x", "RUNNING")];
        type Row<'a> = (
            &'a [Listing],
            Option<&'a str>,
            &'a str,
            Result<&'a str, &'a str>,
        );
        let table: [Row<'_>; 8] = [
            (&leaving, Some("x"), "r", Ok("b")),
            (&two, Some("x"), "r", Err("2 running jobs are called `x`")),
            (&two, Some("b"), "r", Ok("b")),
            (&two, None, "x", Err("a, b")),
            (&one, Some("x"), "r", Ok("a")),
            (&one, None, "r", Ok("a")),
            (&others, None, "y", Ok("b")),
            (&others, None, "r", Err("none is called `r`")),
        ];
        for (jobs, named, resource, expected) in table {
            let found = choose(jobs, named, resource).map(|job| job.id.as_str());
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(*found, expected),
                (Err(why), Err(words)) => assert!(why.reason.contains(words), "{why:?}"),
                _ => panic!("{named:?} {resource}: {found:?}"),
            }
        }
    }
}
