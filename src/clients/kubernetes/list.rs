//! Lists in pages.

use super::connection::Connection;
use super::error::ApiError;
use crate::flink::deployment::{GROUP, Kind};
use serde_json::Value;
use std::collections::BTreeSet;

/// The version that all operators so far serve.
pub(super) const VERSION: &str = "v1beta1";

/// The resource's name in paths.
pub(super) fn plural(kind: Kind) -> &'static str {
    match kind {
        Kind::FlinkDeployment => "flinkdeployments",
        Kind::FlinkSessionJob => "flinksessionjobs",
        Kind::FlinkBlueGreenDeployment => "flinkbluegreendeployments",
    }
}

/// What is listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub kind: Kind,
    pub version: &'a str,
    pub namespace: Option<&'a str>,
    pub selector: Option<&'a str>,
    pub page: u32,
}

impl Scope<'_> {
    /// The path of the list.
    pub fn path(&self) -> String {
        let below = self
            .namespace
            .map_or_else(String::new, |namespace| format!("namespaces/{namespace}/"));
        format!(
            "/apis/{GROUP}/{}/{below}{}",
            self.version,
            plural(self.kind)
        )
    }

    /// For messages: `flinkdeployments in namespace payments`.
    pub fn named(&self) -> String {
        match self.namespace {
            Some(namespace) => format!("{} in namespace {namespace}", plural(self.kind)),
            None => format!("{} in all namespaces", plural(self.kind)),
        }
    }
}

/// Every resource of a scope, reduced as its page comes in. All or nothing: a list that breaks off is an error, never a shorter list. One
/// that changed under way (410) is begun again once.
pub(super) async fn list<T>(
    connection: &Connection,
    scope: Scope<'_>,
    mut reduce: impl FnMut(Value) -> T,
) -> Result<Vec<T>, ApiError> {
    match pages(connection, scope, &mut reduce).await {
        Err(ApiError::Gone) => pages(connection, scope, &mut reduce).await,
        done => done,
    }
}

async fn pages<T>(
    connection: &Connection,
    scope: Scope<'_>,
    reduce: &mut impl FnMut(Value) -> T,
) -> Result<Vec<T>, ApiError> {
    let mut all = Vec::new();
    let mut next = String::new();
    let mut seen = BTreeSet::new();
    loop {
        let mut path = format!("{}?limit={}", scope.path(), scope.page.max(1));
        for (key, value) in [
            ("labelSelector", scope.selector.unwrap_or_default()),
            ("continue", &next),
        ] {
            if !value.is_empty() {
                path.push_str(&format!("&{key}={}", encoded(value)));
            }
        }
        let mut page = connection.json(&path).await?;
        let Value::Array(items) = page["items"].take() else {
            return Err(ApiError::garbage(
                "there is no list `items` in it",
                page.to_string().as_bytes(),
            ));
        };
        all.extend(items.into_iter().map(&mut *reduce));
        next = page["metadata"]["continue"]
            .as_str()
            .unwrap_or_default()
            .to_string();
        if next.is_empty() {
            return Ok(all);
        }
        // A server that hands out a token twice would be read forever.
        if !seen.insert(next.clone()) {
            return Err(ApiError::garbage(
                "the same page was offered twice",
                next.as_bytes(),
            ));
        }
    }
}

/// A value of a query.
fn encoded(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
