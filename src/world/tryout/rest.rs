//! A few looks at every job behind a Flink REST address.

use crate::clients::flink_rest::{
    Http, Listing, RestError, Settings, identify, list_jobs, read_job,
};
use crate::ports::{Clock, ObserveError};
use crate::snapshot::{Gap, JobKey, JobKind, Snapshot};
use crate::world::WorldError;
use futures::StreamExt;
use std::time::Duration;

/// Looks within the time given.
const LOOKS: u32 = 4;
/// Jobs looked at at once.
const AT_ONCE: usize = 4;
/// Rates are read a second time after so long.
const WARM_UP: Duration = Duration::from_millis(300);

/// What was seen.
#[derive(Debug)]
pub struct RestLook {
    /// The jobs that run, by name, each with its looks in order.
    pub jobs: Vec<Looked>,
    /// Jobs that have ended, each with its state.
    pub ended: Vec<Gap>,
    /// What answers there, where it runs no jobs of its own, and what to do about it: one sentence.
    pub advice: Option<&'static str>,
}

/// The looks at one job.
#[derive(Debug)]
pub struct Looked {
    /// Its name in Flink.
    pub name: String,
    /// In order.
    pub snapshots: Vec<Snapshot>,
}

/// Looks for this long; an inner error means that no Flink answers there.
///
/// # Errors
/// When the address can't be meant.
pub async fn rest(
    url: &str,
    total: Duration,
    clock: Clock,
) -> Result<Result<RestLook, ObserveError>, WorldError> {
    let settings = Settings {
        warm_up: Some(WARM_UP),
        ..Settings::default()
    };
    let refused = |error: RestError| WorldError::Configuration(error.to_string());
    let rest = Http::new(&settings)
        .map_err(refused)?
        .at(url)
        .map_err(refused)?;
    let listings = match list_jobs(&rest, &settings).await {
        Ok(listings) => listings,
        Err(error) => {
            // Something else of Flink's may answer, and says so in its own way.
            let advice = identify(&rest, &settings).await.advice();
            let reason = advice.map_or(error.reason, str::to_string);
            return Ok(Err(ObserveError { reason, ..error }));
        }
    };
    let (ended, running): (Vec<&Listing>, Vec<&Listing>) =
        listings.iter().partition(|listing| listing.has_ended());
    let ended = ended
        .into_iter()
        .map(|listing| {
            Gap::new(
                listing.name.clone(),
                format!("its state is {}: nothing runs", listing.state),
            )
        })
        .collect();
    let keys: Vec<JobKey> = running.iter().map(|listing| key(listing)).collect();
    let mut jobs: Vec<Looked> = running
        .iter()
        .map(|listing| Looked {
            name: listing.name.clone(),
            snapshots: Vec::new(),
        })
        .collect();
    let advice = if jobs.is_empty() {
        identify(&rest, &settings).await.advice()
    } else {
        None
    };
    let looks = if jobs.is_empty() { 0 } else { LOOKS + 1 };
    for look in 0..looks {
        if look > 0 {
            tokio::time::sleep(total / LOOKS).await;
        }
        let seen = futures::stream::iter(running.iter().zip(&keys).map(|(listing, key)| {
            read_job(&rest, key, Some(&listing.id), clock.fixed_ms(), &settings)
        }))
        .buffered(AT_ONCE)
        .collect::<Vec<_>>()
        .await;
        for (job, snapshot) in jobs.iter_mut().zip(seen) {
            job.snapshots.push(snapshot);
        }
    }
    Ok(Ok(RestLook {
        jobs,
        ended,
        advice,
    }))
}

fn key(listing: &Listing) -> JobKey {
    JobKey {
        cluster: "try".to_string(),
        kind: JobKind::Deployment,
        namespace: "try".to_string(),
        name: listing.name.clone(),
    }
}
