//! Clusters behind a Kubernetes API server: which, what of them, and how their JobManagers are reached.

use super::{ClusterConfig, Selector};
use crate::quantity::without_secrets;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A context of a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KubernetesConfig {
    /// The context; absent: the current one.
    pub context: Option<String>,
    /// The file, relative to the configuration; absent: `$KUBECONFIG`, else `~/.kube/config`.
    pub kubeconfig: Option<String>,
}

/// How a JobManager's REST API is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Through the API server's proxy to the service `<name>-rest`: needs no network path but the API server's.
    ServiceProxy,
    /// Through a port-forward to the JobManager's pod.
    PortForward,
    /// At a URL in which `{name}`, `{namespace}` and `{cluster}` are filled in.
    Url(String),
}

/// The service URL of the operator's native mode, reachable inside the cluster.
pub const SERVICE_URL: &str = "http://{name}-rest.{namespace}:8081";

const NAMES: [&str; 2] = ["service-proxy", "port-forward"];

impl Reach {
    /// The address of a JobManager, where this is a URL.
    pub fn address(template: &str, cluster: &str, namespace: &str, name: &str) -> String {
        template
            .replace("{cluster}", cluster)
            .replace("{namespace}", namespace)
            .replace("{name}", name)
    }
}

impl ClusterConfig {
    /// Whether its jobs are found through a Kubernetes API server.
    pub fn is_kubernetes(&self) -> bool {
        self.in_cluster || self.kubernetes.is_some()
    }

    /// How its JobManagers are reached: as configured, else the service's own address inside the cluster and the API server's proxy
    /// from outside.
    pub fn reach(&self) -> Reach {
        match &self.reach {
            Some(reach) => reach.clone(),
            None if self.in_cluster => Reach::Url(SERVICE_URL.to_string()),
            None => Reach::ServiceProxy,
        }
    }
}

/// What makes no sense in a cluster's entry, and what to do.
pub(super) fn check(cluster: &ClusterConfig) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("cluster `{}`: {why}", cluster.name));
    if cluster.in_cluster && cluster.kubernetes.is_some() {
        return refuse("`in-cluster` and `kubernetes` say two different things: keep one");
    }
    if cluster.is_kubernetes()
        && let Some(job) = cluster
            .jobs
            .iter()
            .find(|job| !job.rest.is_empty() || job.flink_job.is_some())
    {
        return refuse(&format!(
            "job {}/{} is found through Kubernetes: take `rest` and `flink_job` out, or put it into a cluster of its own",
            job.namespace, job.name
        ));
    }
    if !cluster.is_kubernetes() {
        let only = [
            ("namespaces", cluster.namespaces.is_some()),
            ("selector", cluster.selector.is_some()),
            ("reach", cluster.reach.is_some()),
        ];
        if let Some((key, _)) = only.into_iter().find(|(_, given)| *given) {
            return refuse(&format!(
                "`{key}` is for clusters behind Kubernetes: add `kubernetes: {{context: …}}` or `in-cluster: true`"
            ));
        }
    }
    if let Some(namespaces) = &cluster.namespaces {
        if namespaces.is_empty() {
            return refuse("`namespaces: []` chooses none: leave the key out to take all");
        }
        if let Some(wrong) = namespaces.iter().find(|name| !is_namespace(name)) {
            return refuse(&format!("`{wrong}` is not the name of a namespace"));
        }
    }
    if let Some(selector) = &cluster.selector
        && let Err(error) = selector.parse::<Selector>()
    {
        return refuse(&error.to_string());
    }
    if let Some(Reach::Url(template)) = &cluster.reach {
        let filled = Reach::address(template, "c", "n", "j");
        if !template.contains("{name}") {
            return refuse(&format!(
                "`reach: {{url: {}}}` is the same for every job: write it with {{name}}, for example {SERVICE_URL}",
                without_secrets(template)
            ));
        }
        let known = !filled.contains(['{', '}']);
        if !known || url::Url::parse(&filled).is_err() {
            return refuse(&format!(
                "`reach: {{url: {}}}` gives no URL; {{name}}, {{namespace}} and {{cluster}} are filled in, for example {SERVICE_URL}",
                without_secrets(template)
            ));
        }
    }
    Ok(())
}

/// A DNS label, as Kubernetes wants namespaces.
fn is_namespace(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name
            .chars()
            .all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-')
}

impl Serialize for Reach {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Reach::ServiceProxy => serializer.serialize_str(NAMES[0]),
            Reach::PortForward => serializer.serialize_str(NAMES[1]),
            Reach::Url(url) => serializer.collect_map([("url", url)]),
        }
    }
}

impl<'de> Deserialize<'de> for Reach {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Reach;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("service-proxy, port-forward or {url: …}")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Reach, E> {
                match text {
                    "service-proxy" => Ok(Reach::ServiceProxy),
                    "port-forward" => Ok(Reach::PortForward),
                    other => Err(E::unknown_variant(other, &NAMES)),
                }
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Reach, M::Error> {
                let mut url = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "url" {
                        return Err(M::Error::unknown_field(&key, &["url"]));
                    }
                    url = Some(map.next_value::<String>()?);
                }
                url.map(Reach::Url)
                    .ok_or_else(|| M::Error::missing_field("url"))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Reach {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Reach")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How a JobManager's REST API is reached.",
            "oneOf": [
                {"type": "string", "enum": ["service-proxy", "port-forward"]},
                {
                    "type": "object",
                    "properties": {"url": {"type": "string", "description": "{name}, {namespace} and {cluster} are filled in."}},
                    "required": ["url"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn cluster(text: &str) -> Result<ClusterConfig, String> {
        parse("f", &format!("clusters:\n- {{name: prod, {text}}}\n"))
            .map(|config| config.clusters[0].clone())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_way_in_is_read_and_has_its_default_reach() {
        for (text, reach) in [
            ("kubernetes: {}", Reach::ServiceProxy),
            (
                "kubernetes: {context: a, kubeconfig: b}",
                Reach::ServiceProxy,
            ),
            ("in-cluster: true", Reach::Url(SERVICE_URL.to_string())),
            ("in_cluster: true, reach: port-forward", Reach::PortForward),
            (
                "kubernetes: {}, jobs: [{namespace: n, name: j, slo: {lag: 60s}}]",
                Reach::ServiceProxy,
            ),
            (
                "kubernetes: {}, namespaces: [a, b-1], selector: 'app in (x, y)', reach: {url: 'https://flink.example.com/{namespace}/{name}'}",
                Reach::Url("https://flink.example.com/{namespace}/{name}".to_string()),
            ),
        ] {
            let cluster = cluster(text).unwrap();
            assert!(cluster.is_kubernetes(), "{text}");
            assert_eq!(cluster.reach(), reach, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_way_out() {
        for (text, said) in [
            ("kubernetes: {}, in-cluster: true", "keep one"),
            ("kubernetes: {contxt: a}", "did you mean `context`"),
            (
                "kubernetes: {}, reach: service-prxy",
                "did you mean `service-proxy`",
            ),
            ("kubernetes: {}, reach: {uri: x}", "did you mean `url`"),
            (
                "kubernetes: {}, reach: {url: 'http://rest:8081'}",
                "with {name}",
            ),
            (
                "kubernetes: {}, reach: {url: 'http://{name}.{pod}'}",
                "filled in",
            ),
            ("kubernetes: {}, namespaces: []", "leave the key out"),
            (
                "kubernetes: {}, namespaces: [A_b]",
                "not the name of a namespace",
            ),
            ("kubernetes: {}, selector: 'a b'", "label selector"),
            ("namespaces: [a]", "in-cluster: true"),
            (
                "kubernetes: {}, jobs: [{namespace: n, name: j, rest: 'http://x:1'}]",
                "a cluster of its own",
            ),
        ] {
            let error = cluster(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
