//! `rbac`: the least Kubernetes rights that the configuration needs.

use super::ending::{Ended, Failure};
use super::output::{say, say_json};
use super::start::Start;
use crate::cli::{self, Common, Output};
use crate::config::ClusterConfig;
use crate::world::rights;
use serde_json::{Value, json};

/// The name of what is printed.
const NAME: &str = "plimsoll";

/// Carries the command out.
pub fn run(common: &Common, args: &cli::Rbac) -> Result<Ended, Failure> {
    let start = Start::new(common)?;
    let wanted = |cluster: &&ClusterConfig| {
        cluster.is_kubernetes()
            && common
                .cluster
                .as_ref()
                .is_none_or(|name| cluster.name == *name)
    };
    let clusters: Vec<&ClusterConfig> =
        start.opened.config.clusters.iter().filter(wanted).collect();
    if clusters.is_empty() {
        return Err(Failure::Usage(
            "no cluster of the configuration is behind Kubernetes: add `clusters: [{name: prod, kubernetes: {context: …}}]` to plimsoll.yaml".to_string(),
        ));
    }
    let subject = subject(args)?;
    match common.output {
        Output::Json => {
            let documents: Vec<Value> = clusters
                .iter()
                .map(|cluster| json!({"cluster": cluster.name, "objects": objects(cluster, &subject)}))
                .collect();
            say_json(&json!({ "clusters": documents }))?;
        }
        _ => {
            let mut text = String::new();
            for cluster in clusters {
                text.push_str(&page(cluster, &subject)?);
            }
            say(&text)?;
        }
    }
    Ok(Ended::Done)
}

/// Who gets the rights.
fn subject(args: &cli::Rbac) -> Result<Value, Failure> {
    let group = "rbac.authorization.k8s.io";
    if let Some(user) = &args.user {
        return Ok(json!({"kind": "User", "name": user, "apiGroup": group}));
    }
    if let Some(name) = &args.group {
        return Ok(json!({"kind": "Group", "name": name, "apiGroup": group}));
    }
    match args.service_account.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}))
        }
        _ => Err(Failure::Usage(format!(
            "`--service-account {}` is none: write namespace/name",
            args.service_account
        ))),
    }
}

/// A role and its binding: for the cluster, or for each namespace that is looked into.
fn objects(cluster: &ClusterConfig, subject: &Value) -> Vec<Value> {
    let rules: Vec<Value> = rights(cluster)
        .into_iter()
        .map(|need| {
            json!({
                "apiGroups": [need.group],
                "resources": [need.resource],
                "verbs": need.verbs,
            })
        })
        .collect();
    let pair = |role: &str, namespace: Option<&String>| {
        let mut metadata = json!({"name": NAME});
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        let version = "rbac.authorization.k8s.io/v1";
        [
            json!({"apiVersion": version, "kind": role, "metadata": metadata, "rules": rules}),
            json!({
                "apiVersion": version,
                "kind": format!("{role}Binding"),
                "metadata": metadata,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": NAME},
                "subjects": [subject],
            }),
        ]
    };
    match &cluster.namespaces {
        None => pair("ClusterRole", None).to_vec(),
        Some(namespaces) => namespaces
            .iter()
            .flat_map(|namespace| pair("Role", Some(namespace)))
            .collect(),
    }
}

fn page(cluster: &ClusterConfig, subject: &Value) -> Result<String, Failure> {
    let mut text = format!(
        "# The rights that Plimsoll needs in cluster {}:\n",
        cluster.name
    );
    for need in rights(cluster) {
        text.push_str(&format!(
            "#   {} {}: {}\n",
            need.verbs.join(", "),
            need.resource,
            need.why
        ));
    }
    for object in objects(cluster, subject) {
        let yaml = yaml_serde::to_string(&object)
            .map_err(|error| Failure::Failed(anyhow::Error::new(error).context("YAML")))?;
        text.push_str("---\n");
        text.push_str(yaml.trim_start_matches("---\n"));
    }
    Ok(text)
}
