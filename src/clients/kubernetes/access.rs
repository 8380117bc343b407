//! Asks the API server what these credentials may do: SelfSubjectAccessReview, which everybody who is signed in may ask.

use super::connection::Connection;
use super::error::ApiError;
use serde_json::json;

/// Whether a verb on a resource is allowed, in a namespace or in all.
pub(super) async fn may(
    connection: &Connection,
    group: &str,
    resource: &str,
    verb: &str,
    namespace: Option<&str>,
) -> Result<bool, ApiError> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "group": group,
            "resource": resource,
            "subresource": subresource,
            "verb": verb,
            "namespace": namespace.unwrap_or_default(),
        }},
    });
    let answer = connection
        .ask(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            &question,
        )
        .await?;
    answer["status"]["allowed"].as_bool().ok_or_else(|| {
        ApiError::garbage(
            "the review has no `status.allowed`",
            answer.to_string().as_bytes(),
        )
    })
}
