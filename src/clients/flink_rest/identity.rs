//! What answers at an address, when it is not a JobManager with jobs of its own.

use super::answers::{Flag, Object, Text};
use super::pass::{Pass, ReadError};
use super::{Rest, Settings};
use serde::Deserialize;

/// What answers at a REST address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// A Flink JobManager.
    JobManager,
    /// A Flink history server: it shows jobs that ended, and measures nothing.
    HistoryServer,
    /// A Flink SQL gateway: it takes statements, and runs no job itself.
    SqlGateway,
    /// Anything else.
    Unknown,
}

impl Identity {
    /// What to do about it, one sentence; none for a JobManager and for what is not known.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Identity::HistoryServer => Some(
                "this is a Flink history server: it shows jobs that ended, and measures nothing; give the REST address of a running \
                 job's JobManager",
            ),
            Identity::SqlGateway => Some(
                "this is a Flink SQL gateway: it takes statements, and its jobs run elsewhere; give the REST address of their \
                 JobManager",
            ),
            Identity::JobManager | Identity::Unknown => None,
        }
    }
}

/// `/config`
#[derive(Default, Deserialize)]
#[serde(default)]
struct WebConfig {
    #[serde(rename = "flink-version")]
    flink_version: Text,
    features: Object<Features>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Features {
    #[serde(rename = "web-history")]
    web_history: Flag,
}

/// `/info` of a SQL gateway.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Info {
    #[serde(rename = "productName")]
    product_name: Text,
}

/// Finds out what answers at a REST address.
pub async fn identify<R: Rest>(rest: &R, settings: &Settings) -> Identity {
    let pass = Pass::new(rest, settings.deadline);
    match pass.read::<Object<WebConfig>>("/config").await {
        Ok(config) if config.features.web_history == Flag(Some(true)) => {
            return Identity::HistoryServer;
        }
        Ok(config) if config.flink_version.as_str().is_some() => return Identity::JobManager,
        Ok(_) | Err(ReadError::Status { .. } | ReadError::NotJson { .. }) => {}
        Err(_) => return Identity::Unknown,
    }
    for path in ["/v1/info", "/info"] {
        if let Ok(info) = pass.read::<Object<Info>>(path).await
            && info.product_name.is("Apache Flink")
        {
            return Identity::SqlGateway;
        }
    }
    Identity::Unknown
}
