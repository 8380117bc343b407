//! The simulated fleet behind the shapes of a Kubernetes API server: lists in pages, single resources, access reviews that allow
//! everything, and each JobManager behind the service proxy. Nobody has to sign in, and there are no pods to forward a port to.

use super::fleet::Fleet;
use super::resources::Resources;
use crate::flink::deployment::GROUP;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::form_urlencoded;

/// The answer to a request below `/apis` or `/api`.
pub(super) fn answer(fleet: &Fleet, resources: &Resources, uri: &Uri, now_ms: i64) -> Response {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    match parts[..] {
        [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ] => Json(json!({
            "kind": "SelfSubjectAccessReview", "status": {"allowed": true},
        }))
        .into_response(),
        ["apis", GROUP, "v1beta1", plural] => list(fleet, resources, plural, None, &query, now_ms),
        ["apis", GROUP, "v1beta1", "namespaces", namespace, plural] => {
            list(fleet, resources, plural, Some(namespace), &query, now_ms)
        }
        [
            "apis",
            GROUP,
            "v1beta1",
            "namespaces",
            namespace,
            "flinkdeployments",
            name,
        ] => fleet
            .find(namespace, name)
            .and_then(|job| resources.resource(fleet, job, now_ms))
            .map_or_else(
                || refused(404, "not found"),
                |found| Json(found).into_response(),
            ),
        [
            "api",
            "v1",
            "namespaces",
            namespace,
            "services",
            service,
            "proxy",
            ..,
        ] => proxied(fleet, namespace, service, uri, now_ms),
        _ => refused(404, "the simulated API server does not serve this"),
    }
}

fn refused(code: u16, message: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code,
    });
    let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (code, Json(status)).into_response()
}

/// A page; the continue token is the position that the next one begins at. Labels are compared for equality alone.
fn list(
    fleet: &Fleet,
    resources: &Resources,
    plural: &str,
    namespace: Option<&str>,
    query: &BTreeMap<String, String>,
    now_ms: i64,
) -> Response {
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let (from, limit) = (
        number("continue").unwrap_or(0),
        number("limit").unwrap_or(usize::MAX).max(1),
    );
    if query.contains_key("labelSelector") {
        return refused(400, "the simulated API server chooses by no labels");
    }
    let keys = match plural {
        "flinkdeployments" => resources.keys(fleet),
        "flinksessionjobs" => Vec::new(),
        _ => return refused(404, "the simulated API server does not serve this"),
    };
    let chosen: Vec<_> = keys
        .into_iter()
        .filter(|job| namespace.is_none_or(|namespace| job.namespace == namespace))
        .collect();
    let page = chosen.iter().skip(from).take(limit);
    let items: Vec<Value> = page
        .filter_map(|job| resources.resource(fleet, job, now_ms))
        .collect();
    let mut metadata = json!({"resourceVersion": "1"});
    let next = from.saturating_add(limit);
    if next < chosen.len() {
        metadata["continue"] = json!(next.to_string());
    }
    Json(json!({
        "kind": "FlinkDeploymentList", "apiVersion": format!("{GROUP}/v1beta1"),
        "metadata": metadata, "items": items,
    }))
    .into_response()
}

fn proxied(fleet: &Fleet, namespace: &str, service: &str, uri: &Uri, now_ms: i64) -> Response {
    let name = service
        .split(':')
        .next()
        .and_then(|service| service.strip_suffix("-rest"));
    let job = name.and_then(|name| fleet.find(namespace, name));
    let Some(job) = job else {
        return refused(404, &format!("services \"{service}\" not found"));
    };
    let whole = uri.to_string();
    let path = whole.split_once("/proxy").map_or("/", |(_, path)| path);
    match fleet.answer(job, path, now_ms) {
        Ok(reply) => {
            let code =
                StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (code, Json(reply.body)).into_response()
        }
        Err(error) => refused(404, &error.to_string()),
    }
}
