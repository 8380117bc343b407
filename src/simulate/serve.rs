//! A simulated fleet over HTTP: each job's JobManager below `/<namespace>/<name>`, and a few control endpoints beside them.
//!
//! | request | does |
//! |---|---|
//! | `GET /fleet` | the jobs with their REST roots, sizes, cost, lag and minutes over the lag limit so far |
//! | `GET /manifests` | path → text of the manifests that the jobs were first deployed from |
//! | `GET /clock` | the time |
//! | `POST /clock` | sets it: `{"now_ms": …}`, or `{"advance_s": …}`, or the same as query |
//! | `POST /apply` | applies a FlinkDeployment as a GitOps controller and the operator would; a job whose size changed restarts |
//! | `/apis/…`, `/api/v1/…` | a Kubernetes API server that shows the same jobs, for clusters with `reach: service-proxy` |
//! | `POST /load` | `{"job": "ns/name", "factor": 2.0}`: from now on so many times as many records arrive |

use super::Fleet;
use super::fleet::{Account, FleetError};
use super::resources::Resources;
use super::serve_kubernetes;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;

/// What every handler sees.
struct World {
    fleet: Arc<Fleet>,
    resources: std::sync::Mutex<Resources>,
    /// Simulated milliseconds for each real one; 0 stands still.
    speed: f64,
    pace: std::sync::Mutex<Instant>,
}

impl World {
    fn resources(&self) -> std::sync::MutexGuard<'_, Resources> {
        self.resources
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The time: the fleet's clock, put on by what has passed since it was last asked.
    fn now_ms(&self) -> i64 {
        if self.speed <= 0.0 {
            return self.fleet.now_ms();
        }
        let mut last = self
            .pace
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let passed = last.elapsed();
        let by_ms = (passed.as_secs_f64() * 1000.0 * self.speed) as i64;
        if by_ms > 0 {
            *last += passed;
        }
        self.fleet.advance_clock(by_ms)
    }
}

/// Serves a fleet until `until` ends. `speed` is simulated time against real time: 0 lets the clock stand until it is set, 60 makes a
/// minute a second.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    fleet: Arc<Fleet>,
    listener: TcpListener,
    speed: f64,
    until: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let world = Arc::new(World {
        resources: std::sync::Mutex::new(Resources::of(&fleet)),
        fleet,
        speed,
        pace: std::sync::Mutex::new(Instant::now()),
    });
    let router = Router::new()
        .route("/fleet", get(list))
        .route("/manifests", get(manifests))
        .route("/clock", get(clock).post(set_clock))
        .route("/apply", post(apply))
        .route("/load", post(load))
        .route("/apis/{*path}", get(kubernetes).post(kubernetes))
        .route("/api/{*path}", get(kubernetes))
        .fallback(jobmanager)
        .with_state(world);
    axum::serve(listener, router)
        .with_graceful_shutdown(until)
        .await
}

fn refused(error: &FleetError) -> Response {
    let status = match error {
        FleetError::Unknown { .. } => StatusCode::NOT_FOUND,
        FleetError::Manifest { .. } => StatusCode::BAD_REQUEST,
    };
    (status, Json(json!({"errors": [error.to_string()]}))).into_response()
}

fn bad_request(reason: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"errors": [reason]}))).into_response()
}

async fn list(State(world): State<Arc<World>>) -> Json<Value> {
    let now_ms = world.now_ms();
    let jobs: Vec<Value> = world.fleet.accounts(now_ms).iter().map(account).collect();
    Json(json!({"simulated": true, "now_ms": now_ms, "jobs": jobs}))
}

fn account(account: &Account) -> Value {
    json!({
        "job": account.job.to_string(),
        "root": format!("/{}", account.job.short()),
        "stands_for": account.stands_for,
        "size": account.size,
        "cost_usd": account.cost,
        "core_hours": account.truth.core_hours,
        "gib_hours": account.truth.gib_hours,
        "lag_seconds": account.lag_seconds,
        "late_minutes": account.truth.late_ms / 60_000.0,
        "failures": account.truth.failures,
        "redeployments": account.truth.redeployments,
        "arrived": account.truth.arrived,
        "emitted": account.truth.emitted,
    })
}

async fn manifests(State(world): State<Arc<World>>) -> Json<BTreeMap<String, String>> {
    Json(world.fleet.manifests())
}

async fn clock(State(world): State<Arc<World>>) -> Json<Value> {
    Json(json!({"simulated": true, "now_ms": world.now_ms()}))
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    now_ms: Option<i64>,
    advance_s: Option<f64>,
}

async fn set_clock(
    State(world): State<Arc<World>>,
    Query(query): Query<SetClock>,
    body: Bytes,
) -> Response {
    let told = if body.iter().all(u8::is_ascii_whitespace) {
        query
    } else {
        match serde_json::from_slice(&body) {
            Ok(told) => told,
            Err(error) => return bad_request(&format!("the body is not a clock: {error}")),
        }
    };
    world.now_ms();
    let now_ms = match told {
        SetClock {
            now_ms: Some(now_ms),
            advance_s: None,
        } => {
            world.fleet.set_clock(now_ms);
            now_ms
        }
        SetClock {
            now_ms: None,
            advance_s: Some(seconds),
        } if seconds.is_finite() => world.fleet.advance_clock((seconds * 1000.0) as i64),
        _ => return bad_request("give either `now_ms` or `advance_s`"),
    };
    Json(json!({"now_ms": now_ms})).into_response()
}

async fn apply(State(world): State<Arc<World>>, body: String) -> Response {
    match world
        .fleet
        .apply_manifest("the request's body", &body, world.now_ms())
    {
        Ok(restarted) => {
            world.resources().apply(&body);
            let names: Vec<String> = restarted.iter().map(ToString::to_string).collect();
            Json(json!({"restarted": names})).into_response()
        }
        Err(error) => refused(&error),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RaiseLoad {
    job: String,
    factor: f64,
}

async fn load(State(world): State<Arc<World>>, body: Bytes) -> Response {
    let told: RaiseLoad = match serde_json::from_slice(&body) {
        Ok(told) => told,
        Err(error) => return bad_request(&format!("the body is not a load: {error}")),
    };
    if !(told.factor.is_finite() && told.factor >= 0.0) {
        return bad_request("`factor` must be a number from 0");
    }
    let key = told
        .job
        .split_once('/')
        .and_then(|(namespace, name)| world.fleet.find(namespace, name));
    let raised = match key {
        Some(key) => world.fleet.raise_load(key, told.factor, world.now_ms()),
        None => Err(FleetError::Unknown { job: told.job }),
    };
    match raised {
        Ok(()) => Json(json!({"raised": true})).into_response(),
        Err(error) => refused(&error),
    }
}

async fn kubernetes(State(world): State<Arc<World>>, uri: Uri) -> Response {
    let now_ms = world.now_ms();
    serve_kubernetes::answer(&world.fleet, &world.resources(), &uri, now_ms)
}

/// Everything else is a request to some job's JobManager.
async fn jobmanager(State(world): State<Arc<World>>, method: Method, uri: Uri) -> Response {
    let mut parts = uri.path().trim_start_matches('/').splitn(3, '/');
    let (namespace, name) = (parts.next(), parts.next());
    let rest = parts.next().unwrap_or_default();
    let key = namespace
        .zip(name)
        .and_then(|(namespace, name)| world.fleet.find(namespace, name));
    let Some(key) = key else {
        return refused(&FleetError::Unknown {
            job: uri.path().trim_matches('/').to_string(),
        });
    };
    if method != Method::GET {
        let text = "this JobManager is simulated and takes no orders: use POST /apply of the fleet";
        return (
            StatusCode::METHOD_NOT_ALLOWED,
            Json(json!({"errors": [text]})),
        )
            .into_response();
    }
    let path_and_query = match uri.query() {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    };
    match world.fleet.answer(key, &path_and_query, world.now_ms()) {
        Ok(reply) => {
            let status =
                StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(reply.body)).into_response()
        }
        Err(error) => refused(&error),
    }
}
