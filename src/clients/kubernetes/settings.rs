//! Which API server, what of it, and how patiently.

use crate::clients::flink_rest;
use crate::config::Reach;
use std::path::PathBuf;
use std::time::Duration;

/// Where the API server's address and the credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// A context of a kubeconfig; absent: the current context, the usual file.
    Kubeconfig {
        /// The file.
        file: Option<PathBuf>,
        /// The context.
        context: Option<String>,
    },
    /// The service account of the pod that Plimsoll runs in.
    InCluster,
    /// A service account whose files (`token`, `ca.crt`, `namespace`) lie in a folder.
    ServiceAccount {
        /// Address of the API server.
        server: String,
        /// The folder.
        folder: PathBuf,
    },
}

/// What of a cluster is looked at, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its name in `plimsoll.yaml`.
    pub cluster: String,
    /// Its API server.
    pub access: Access,
    /// Namespaces; absent: all.
    pub namespaces: Option<Vec<String>>,
    /// Label selector, as the API server takes it.
    pub selector: Option<String>,
    /// How JobManagers are reached.
    pub reach: Reach,
    /// Resources asked for at once, at least 1.
    pub page: u32,
    /// Longest wait for a connection to the API server.
    pub connect_timeout: Duration,
    /// Longest wait for one answer of it.
    pub request_timeout: Duration,
    /// Further attempts after a failed connection, a 429, 500, 502, 503 or 504.
    pub retries: usize,
    /// How JobManagers are read.
    pub rest: flink_rest::Settings,
}

impl Settings {
    /// The usual patience.
    pub fn new(cluster: impl Into<String>, access: Access, reach: Reach) -> Self {
        Settings {
            cluster: cluster.into(),
            access,
            namespaces: None,
            selector: None,
            reach,
            page: 250,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            retries: 2,
            rest: flink_rest::Settings::default(),
        }
    }
}
