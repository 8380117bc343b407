//! Who puts a resource into the cluster, by the marks that GitOps tools leave on it.

use crate::flink::deployment::GROUP;
use crate::snapshot::{JobKey, Owner};
use std::collections::BTreeMap;

/// Who puts the resource there. An Argo CD tracking id that names another object was copied with the annotations, and says nothing.
pub(super) fn owner(
    job: &JobKey,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) -> Option<Owner> {
    let owner = |tool: &str, name: &str, namespace: Option<&String>| {
        Some(Owner {
            tool: tool.to_string(),
            name: name.to_string(),
            namespace: namespace.cloned(),
        })
    };
    if let Some((application, object)) = annotations
        .get("argocd.argoproj.io/tracking-id")
        .and_then(|id| id.split_once(':'))
    {
        let own = format!(
            "{GROUP}/{}:{}/{}",
            job.kind.resource_kind(),
            job.namespace,
            job.name
        );
        if object == own {
            return match application.split_once('_') {
                Some((namespace, name)) => owner("argo-cd", name, Some(&namespace.to_string())),
                None => owner("argo-cd", application, None),
            };
        }
    }
    for (tool, prefix) in [
        ("flux-kustomization", "kustomize.toolkit.fluxcd.io"),
        ("flux-helmrelease", "helm.toolkit.fluxcd.io"),
    ] {
        if let Some(name) = labels.get(&format!("{prefix}/name")) {
            return owner(tool, name, labels.get(&format!("{prefix}/namespace")));
        }
    }
    if let Some(release) = annotations.get("meta.helm.sh/release-name") {
        return owner(
            "helm",
            release,
            annotations.get("meta.helm.sh/release-namespace"),
        );
    }
    // Argo CD's older way: its instance label, which Helm charts set for themselves too.
    let by_helm = labels
        .get("app.kubernetes.io/managed-by")
        .is_some_and(|by| by == "Helm");
    match (
        labels.get("argocd.argoproj.io/instance"),
        labels.get("app.kubernetes.io/instance"),
    ) {
        (Some(instance), _) => owner("argo-cd", instance, None),
        (None, Some(instance)) => owner(if by_helm { "helm" } else { "argo-cd" }, instance, None),
        (None, None) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_told_by_their_marks() {
        let job: JobKey = "prod/deployment/payments/orders".parse().unwrap();
        let argo = "argocd.argoproj.io/tracking-id";
        let own = "shop:flink.apache.org/FlinkDeployment:payments/orders";
        let other = "shop:flink.apache.org/FlinkDeployment:payments/other";
        let instance = "app.kubernetes.io/instance";
        type Pairs = &'static [(&'static str, &'static str)];
        let by_helm: Pairs = &[
            ("app.kubernetes.io/instance", "o"),
            ("app.kubernetes.io/managed-by", "Helm"),
        ];
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect()
        };
        for (labels, annotations, wanted) in [
            (map(&[]), map(&[]), None),
            (
                map(&[]),
                map(&[(argo, own)]),
                Some(("argo-cd", "shop", None)),
            ),
            (
                map(&[]),
                map(&[(argo, &format!("team_{own}"))]),
                Some(("argo-cd", "shop", Some("team"))),
            ),
            (map(&[]), map(&[(argo, other)]), None),
            (
                map(&[("kustomize.toolkit.fluxcd.io/name", "apps")]),
                map(&[]),
                Some(("flux-kustomization", "apps", None)),
            ),
            (
                map(&[
                    ("helm.toolkit.fluxcd.io/name", "orders"),
                    ("helm.toolkit.fluxcd.io/namespace", "flux"),
                ]),
                map(&[]),
                Some(("flux-helmrelease", "orders", Some("flux"))),
            ),
            (map(by_helm), map(&[]), Some(("helm", "o", None))),
            (
                map(&[(instance, "shop")]),
                map(&[]),
                Some(("argo-cd", "shop", None)),
            ),
        ] {
            let told = owner(&job, &labels, &annotations);
            let told = told.as_ref().map(|owner| {
                (
                    owner.tool.as_str(),
                    owner.name.as_str(),
                    owner.namespace.as_deref(),
                )
            });
            assert_eq!(told, wanted, "{labels:?} {annotations:?}");
        }
    }
}
