//! A Prometheus that holds prepared series by signal, counts what it is asked, keeps limits, and fails when told to.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use plimsoll::clients::prometheus::{Labels, Signal};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A series: labels, and values by Unix milliseconds.
pub type Series = (Labels, BTreeMap<i64, f64>);

/// What happens to the next requests whose query contains a text.
#[derive(Clone)]
pub enum Fault {
    Status(u16, &'static str),
    Body(String),
    Truncated,
    Slow(Duration),
}

#[derive(Default)]
pub struct Held {
    pub series: BTreeMap<&'static str, Vec<Series>>,
    /// Label of names that queries choose by.
    pub name_label: &'static str,
    pub most_values: usize,
    pub most_points: usize,
    pub warning: Option<String>,
    pub faults: VecDeque<(&'static str, Fault)>,
    pub asked: Vec<BTreeMap<String, String>>,
    pub headers: Vec<HeaderMap>,
    /// Where to, as the first line says: a whole address when we are taken for a proxy.
    pub targets: Vec<String>,
}

#[derive(Clone)]
pub struct Store(pub Arc<Mutex<Held>>, pub String);

impl Store {
    pub async fn start() -> Store {
        let held = Arc::new(Mutex::new(Held {
            name_label: "app",
            most_values: usize::MAX,
            most_points: 11_000,
            ..Held::default()
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = Store(held, url);
        let router = Router::new()
            .route("/{*path}", any(answer))
            .with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        store
    }

    pub fn with<T>(&self, edit: impl FnOnce(&mut Held) -> T) -> T {
        edit(&mut self.0.lock().unwrap())
    }

    pub fn put(
        &self,
        signal: Signal,
        labels: Labels,
        values: impl IntoIterator<Item = (i64, f64)>,
    ) {
        let series = (labels, values.into_iter().collect());
        self.with(|held| held.series.entry(signal.name()).or_default().push(series));
    }

    pub fn asked(&self) -> usize {
        self.with(|held| held.asked.len())
    }
}

async fn answer(
    State(store): State<Store>,
    headers: HeaderMap,
    uri: axum::http::Uri,
    body: Bytes,
) -> Response {
    let form = [uri.query().unwrap_or("").as_bytes(), &body].concat();
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&form).into_owned().collect();
    let query = form.get("query").cloned().unwrap_or_default();
    let fault = store.with(|held| {
        held.asked.push(form.clone());
        held.headers.push(headers);
        held.targets.push(uri.to_string());
        let at = held
            .faults
            .iter()
            .position(|(text, _)| query.contains(text))?;
        held.faults.remove(at).map(|(_, fault)| fault)
    });
    let well = || store.with(|held| well(held, uri.path(), &form));
    match fault {
        None => well(),
        Some(Fault::Status(status, text)) => (
            StatusCode::from_u16(status).unwrap(),
            [("Retry-After", "0")],
            text,
        )
            .into_response(),
        Some(Fault::Body(text)) => text.into_response(),
        Some(Fault::Truncated) => {
            let whole = axum::body::to_bytes(well().into_body(), usize::MAX)
                .await
                .unwrap();
            whole.slice(..whole.len() * 2 / 3).into_response()
        }
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            well()
        }
    }
}

fn refusal(status: u16, kind: &str, error: &str) -> Response {
    let body = json!({"status": "error", "errorType": kind, "error": error});
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn well(held: &mut Held, path: &str, form: &BTreeMap<String, String>) -> Response {
    let query = form.get("query").map_or("", String::as_str);
    let signal = query
        .rsplit_once("# plimsoll: ")
        .map_or("", |(_, name)| name);
    let seconds = |key: &str| {
        form.get(key)
            .and_then(|text| text.parse::<f64>().ok())
            .map(|time| (time * 1000.0).round() as i64)
    };
    let empty = Vec::new();
    let of_signal = held
        .series
        .iter()
        .find(|(name, _)| **name == signal)
        .map_or(&empty, |(_, series)| series);
    let chosen: Vec<&Series> = of_signal
        .iter()
        .filter(|(labels, _)| chosen(held.name_label, labels, query))
        .collect();
    let result: Vec<Value> = match path {
        "/api/v1/query_range" => {
            let (from, to, step) = (
                seconds("start").unwrap(),
                seconds("end").unwrap(),
                seconds("step").unwrap(),
            );
            let points = ((to - from) / step + 1) as usize;
            if points > held.most_points {
                return refusal(
                    400,
                    "bad_data",
                    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
                );
            }
            if points * chosen.len() > held.most_values {
                return refusal(
                    422,
                    "execution",
                    "query processing would load too many samples into memory in query execution",
                );
            }
            chosen
                .iter()
                .map(|(labels, values)| {
                    let values: Vec<Value> = values
                        .range(from..=to)
                        .filter(|(time, _)| (*time - from) % step == 0)
                        .map(|(time, value)| json!([*time as f64 / 1000.0, text(*value)]))
                        .collect();
                    json!({"metric": labels, "values": values})
                })
                .collect()
        }
        _ => chosen
            .iter()
            .filter_map(|(labels, values)| {
                let (time, value) = values.last_key_value()?;
                Some(json!({"metric": labels, "value": [*time as f64 / 1000.0, text(*value)]}))
            })
            .collect(),
    };
    let mut answer =
        json!({"status": "success", "data": {"resultType": "matrix", "result": result}});
    if let Some(warning) = &held.warning {
        answer["warnings"] = json!([warning]);
    }
    answer.to_string().into_response()
}

fn text(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_string(),
        value if value.is_infinite() => if value > 0.0 { "+Inf" } else { "-Inf" }.to_string(),
        value => value.to_string(),
    }
}

/// Whether a query asks for the job of these labels.
fn chosen(label: &str, labels: &Labels, query: &str) -> bool {
    let Some((_, rest)) = query.split_once(&format!("{label}=~\"")) else {
        return true;
    };
    let names = rest.split('"').next().unwrap_or("");
    labels
        .get(label)
        .is_some_and(|name| names.split('|').any(|one| one == name))
}
