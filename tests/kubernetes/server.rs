//! A fake Kubernetes API server that keeps state, with the simulated fleet's JobManagers behind its service proxy, and faults on demand.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json, Response};
use plimsoll::simulate::{Fleet, demo};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::form_urlencoded;

pub const TOKEN: &str = "good-token";
pub const NOW_MS: i64 = 1_795_000_000_000;

/// What a request meets instead of its answer.
#[derive(Clone)]
pub enum Fault {
    /// A `Status` of the API server.
    Status(u16, &'static str),
    /// Whatever, with status 200.
    Body(&'static str),
    /// The connection breaks in the middle of the body.
    Broken,
    /// Nothing for this long.
    Silence(Duration),
}

struct Planned {
    holds: &'static str,
    skip: usize,
    times: usize,
    fault: Fault,
}

#[derive(Default)]
pub struct Content {
    /// plural, namespace, name → object.
    pub objects: BTreeMap<(String, String, String), Value>,
    /// Kinds that are not served.
    pub unserved: BTreeSet<&'static str>,
    /// The version that is served.
    pub version: Option<&'static str>,
    /// Refused: verb, resource, namespace (`*` is any).
    pub forbidden: Vec<(&'static str, &'static str, &'static str)>,
    /// Pods by namespace.
    pub pods: Vec<Value>,
    /// Paths in the order they were asked for.
    pub asked: Vec<String>,
    faults: Vec<Planned>,
}

pub struct ApiServer {
    pub fleet: Fleet,
    pub content: Mutex<Content>,
    pub address: String,
    folder: tempfile::TempDir,
}

/// What every handler sees.
struct Shared(Arc<ApiServer>);

pub fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

impl ApiServer {
    /// A server with the demo's fleet deployed, every job stable.
    pub async fn start() -> Arc<ApiServer> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = Arc::new(ApiServer {
            fleet: demo::fleet(7, NOW_MS, 86_400_000).unwrap(),
            content: Mutex::default(),
            address,
            folder: tempfile::tempdir().unwrap(),
        });
        for key in server.fleet.keys() {
            server.put(stable(&key.namespace, &key.name));
        }
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::new(Shared(Arc::clone(&server))));
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub fn put(&self, object: Value) {
        let text = |value: &Value| value.as_str().unwrap().to_string();
        let key = (
            plural(object["kind"].as_str().unwrap()),
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
        );
        self.content.lock().unwrap().objects.insert(key, object);
    }

    pub fn edit(&self, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut content = self.content.lock().unwrap();
        let key = (
            "flinkdeployments".to_string(),
            namespace.to_string(),
            name.to_string(),
        );
        change(content.objects.get_mut(&key).unwrap());
    }

    pub fn delete(&self, namespace: &str, name: &str) {
        self.content
            .lock()
            .unwrap()
            .objects
            .retain(|(_, its, own), _| its != namespace || own != name);
    }

    /// From the `skip`-th request on whose path holds the text, so many of them fail.
    pub fn fail(&self, holds: &'static str, skip: usize, times: usize, fault: Fault) {
        self.content.lock().unwrap().faults.push(Planned {
            holds,
            skip,
            times,
            fault,
        });
    }

    pub fn forbid(&self, verb: &'static str, resource: &'static str, namespace: &'static str) {
        let mut content = self.content.lock().unwrap();
        content.forbidden.push((verb, resource, namespace));
    }

    pub fn asked(&self, holds: &str) -> usize {
        let content = self.content.lock().unwrap();
        content
            .asked
            .iter()
            .filter(|path| path.contains(holds))
            .count()
    }

    /// A kubeconfig with the contexts `fake` (a good token) and `expired`.
    pub fn kubeconfig(&self) -> PathBuf {
        let file = self.folder.path().join("kubeconfig");
        let document = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{"name": "fake", "cluster": {"server": self.address}}],
            "users": [
                {"name": "good", "user": {"token": TOKEN}},
                {"name": "old", "user": {"token": "expired-token"}},
            ],
            "contexts": [
                {"name": "fake", "context": {"cluster": "fake", "user": "good"}},
                {"name": "expired", "context": {"cluster": "fake", "user": "old"}},
            ],
        });
        std::fs::write(&file, document.to_string()).unwrap();
        file
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A deployment as a 1.7 operator shows it when it is stable.
pub fn stable(namespace: &str, name: &str) -> Value {
    let spec = json!({
        "flinkVersion": "v1_20",
        "flinkConfiguration": {"taskmanager.numberOfTaskSlots": "2", "s3.secret-key": "never"},
        "jobManager": {"resource": {"memory": "1g", "cpu": 0.5}},
        "taskManager": {"resource": {"memory": "2g", "cpu": 1}},
        "job": {"jarURI": "local:///j.jar", "parallelism": 2, "state": "running", "upgradeMode": "savepoint"},
    });
    let last = json!({"spec": spec, "resource_metadata": {"metadata": {"generation": 2}}});
    json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": {
            "namespace": namespace, "name": name, "uid": format!("uid-{namespace}-{name}"),
            "generation": 2, "labels": {"app": name, "team": namespace},
        },
        "spec": spec,
        "status": {
            "lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY",
            "jobStatus": {"state": "RUNNING", "jobId": "0123"},
            "reconciliationStatus": {"state": "DEPLOYED", "lastReconciledSpec": last.to_string()},
        },
    })
}

fn status(code: u16, message: &str) -> Response {
    let document = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code,
    });
    (StatusCode::from_u16(code).unwrap(), Json(document)).into_response()
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let server = &shared.0;
    let path_and_query = uri.to_string();
    let fault = {
        let mut content = server.content.lock().unwrap();
        content.asked.push(path_and_query.clone());
        planned(&mut content.faults, &path_and_query)
    };
    match fault {
        Some(Fault::Status(code, message)) => return status(code, message),
        Some(Fault::Body(text)) => return text.into_response(),
        Some(Fault::Silence(wait)) => {
            tokio::time::sleep(wait).await;
        }
        Some(Fault::Broken) => {
            let parts: Vec<Result<&'static str, std::io::Error>> =
                vec![Ok("{\"items\": ["), Err(std::io::Error::other("gone"))];
            return Response::new(Body::from_stream(futures::stream::iter(parts)));
        }
        None => {}
    }
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if token != format!("Bearer {TOKEN}") {
        return status(401, "Unauthorized");
    }
    let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    match parts[..] {
        [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ] => {
            assert_eq!(method, Method::POST);
            review(server, &body)
        }
        _ if method != Method::GET => status(405, "only GET was promised"),
        ["apis", "flink.apache.org"] => group(server),
        ["apis", "flink.apache.org", version] => resources(server, version),
        [
            "apis",
            "flink.apache.org",
            version,
            "namespaces",
            namespace,
            plural,
        ] => list(server, version, plural, Some(namespace), &query),
        ["apis", "flink.apache.org", version, plural] => {
            list(server, version, plural, None, &query)
        }
        [
            "apis",
            "flink.apache.org",
            _,
            "namespaces",
            namespace,
            plural,
            name,
        ] => one(server, plural, namespace, name),
        ["api", "v1", "namespaces", namespace, "pods"] => pods(server, namespace),
        [
            "api",
            "v1",
            "namespaces",
            namespace,
            "pods",
            _,
            "portforward",
        ] => match refused(server, "get", "pods/portforward", namespace) {
            Some(refusal) => refusal,
            None => status(400, "this server forwards no ports"),
        },
        [
            "api",
            "v1",
            "namespaces",
            namespace,
            "services",
            service,
            "proxy",
            ..,
        ] => proxy(server, namespace, service, &path_and_query),
        _ => (StatusCode::NOT_FOUND, "404 page not found").into_response(),
    }
}

fn planned(faults: &mut [Planned], path: &str) -> Option<Fault> {
    let planned = faults
        .iter_mut()
        .find(|planned| planned.times > 0 && path.contains(planned.holds))?;
    if planned.skip > 0 {
        planned.skip -= 1;
        return None;
    }
    planned.times -= 1;
    Some(planned.fault.clone())
}

fn is_forbidden(server: &ApiServer, verb: &str, resource: &str, namespace: &str) -> bool {
    let content = server.content.lock().unwrap();
    content.forbidden.iter().any(|(its, what, place)| {
        [(*its, verb), (*what, resource), (*place, namespace)]
            .iter()
            .all(|(rule, asked)| *rule == "*" || rule == asked)
    })
}

fn refused(server: &ApiServer, verb: &str, resource: &str, namespace: &str) -> Option<Response> {
    is_forbidden(server, verb, resource, namespace).then(|| {
        let place = if namespace.is_empty() {
            "at the cluster scope".to_string()
        } else {
            format!("in the namespace \"{namespace}\"")
        };
        status(
            403,
            &format!("User \"planner\" cannot {verb} resource \"{resource}\" {place}"),
        )
    })
}

fn review(server: &ApiServer, body: &[u8]) -> Response {
    let question: Value = serde_json::from_slice(body).unwrap();
    let asked = &question["spec"]["resourceAttributes"];
    let text = |key: &str| asked[key].as_str().unwrap_or_default();
    let resource = match text("subresource") {
        "" => text("resource").to_string(),
        sub => format!("{}/{sub}", text("resource")),
    };
    let allowed = !is_forbidden(server, text("verb"), &resource, text("namespace"));
    (
        StatusCode::CREATED,
        Json(json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}})),
    )
        .into_response()
}

fn version(server: &ApiServer) -> &'static str {
    server.content.lock().unwrap().version.unwrap_or("v1beta1")
}

fn group(server: &ApiServer) -> Response {
    Json(json!({
        "kind": "APIGroup", "name": "flink.apache.org",
        "versions": [{"groupVersion": format!("flink.apache.org/{}", version(server)), "version": version(server)}],
    }))
    .into_response()
}

fn resources(server: &ApiServer, asked: &str) -> Response {
    if asked != version(server) {
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    }
    let content = server.content.lock().unwrap();
    let served: Vec<Value> = [
        "flinkdeployments",
        "flinksessionjobs",
        "flinkbluegreendeployments",
    ]
    .iter()
    .filter(|plural| !content.unserved.contains(*plural))
    .map(|plural| json!({"name": plural, "namespaced": true}))
    .collect();
    Json(json!({"kind": "APIResourceList", "resources": served})).into_response()
}

fn list(
    server: &ApiServer,
    asked: &str,
    plural: &str,
    namespace: Option<&str>,
    query: &BTreeMap<String, String>,
) -> Response {
    let served = asked == version(server);
    let content = server.content.lock().unwrap();
    if !served || content.unserved.contains(plural) {
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    }
    drop(content);
    if let Some(refusal) = refused(server, "list", plural, namespace.unwrap_or_default()) {
        return refusal;
    }
    let content = server.content.lock().unwrap();
    let selector = query
        .get("labelSelector")
        .map(|selector| selector.parse::<plimsoll::config::Selector>().unwrap());
    let chosen: Vec<&Value> = content
        .objects
        .iter()
        .filter(|((kind, its, _), _)| {
            kind == plural && namespace.is_none_or(|namespace| its == namespace)
        })
        .map(|(_, object)| object)
        .filter(|object| {
            selector.as_ref().is_none_or(|selector| {
                let labels: BTreeMap<String, String> =
                    serde_json::from_value(object["metadata"]["labels"].clone())
                        .unwrap_or_default();
                selector.matches(&labels)
            })
        })
        .collect();
    let limit: usize = query["limit"].parse().unwrap();
    let from: usize = query.get("continue").map_or(0, |token| {
        token.strip_prefix("from-").unwrap().parse().unwrap()
    });
    let page: Vec<&Value> = chosen.iter().skip(from).take(limit).copied().collect();
    let mut metadata = json!({"resourceVersion": "7"});
    if from + limit < chosen.len() {
        metadata["continue"] = json!(format!("from-{}", from + limit));
    }
    Json(json!({"kind": "List", "apiVersion": "flink.apache.org/v1beta1", "metadata": metadata, "items": page}))
        .into_response()
}

fn one(server: &ApiServer, plural: &str, namespace: &str, name: &str) -> Response {
    if let Some(refusal) = refused(server, "get", plural, namespace) {
        return refusal;
    }
    let key = (plural.to_string(), namespace.to_string(), name.to_string());
    match server.content.lock().unwrap().objects.get(&key) {
        Some(object) => Json(object.clone()).into_response(),
        None => status(404, &format!("{plural} \"{name}\" not found")),
    }
}

fn pods(server: &ApiServer, namespace: &str) -> Response {
    if let Some(refusal) = refused(server, "list", "pods", namespace) {
        return refusal;
    }
    let content = server.content.lock().unwrap();
    Json(json!({"kind": "PodList", "items": content.pods})).into_response()
}

/// `<name>-rest:rest` leads to the job's simulated JobManager.
fn proxy(server: &ApiServer, namespace: &str, service: &str, path_and_query: &str) -> Response {
    if let Some(refusal) = refused(server, "get", "services/proxy", namespace) {
        return refusal;
    }
    let found = service
        .strip_suffix("-rest:rest")
        .and_then(|name| server.fleet.find(namespace, name));
    let Some(key) = found else {
        return status(404, &format!("services \"{service}\" not found"));
    };
    let (_, rest) = path_and_query.split_once("/proxy").unwrap();
    let reply = server.fleet.answer(key, rest, NOW_MS).unwrap();
    (
        StatusCode::from_u16(reply.status).unwrap(),
        Json(reply.body),
    )
        .into_response()
}
