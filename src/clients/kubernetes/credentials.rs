//! Where the API server's address and the credentials come from: a kubeconfig, or the service account of a pod.

use super::error::{ApiError, line};
use super::settings::Access;
use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::Path;

/// Where Kubernetes puts a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Most of an error that is repeated.
const LONGEST: usize = 400;

/// The client's configuration; files are read now, and a service account's token and authority again while it is used.
pub(super) async fn config(access: &Access) -> Result<Config, ApiError> {
    match access {
        Access::InCluster => {
            let named = |variable: &str| {
                std::env::var(variable).map_err(|_| no_pod(&format!("{variable} is not set")))
            };
            let host = named("KUBERNETES_SERVICE_HOST")?;
            let port = named("KUBERNETES_SERVICE_PORT")?;
            let host = match host.parse::<std::net::Ipv6Addr>() {
                Ok(address) => format!("[{address}]"),
                Err(_) => host,
            };
            service_account(
                &format!("https://{host}:{port}"),
                Path::new(SERVICE_ACCOUNT),
            )
        }
        Access::ServiceAccount { server, folder } => service_account(server, folder),
        Access::Kubeconfig { file, context } => {
            kubeconfig(file.as_deref(), context.as_deref()).await
        }
    }
}

fn no_pod(why: &str) -> ApiError {
    ApiError::Configuration(format!(
        "this is not a pod with a service account ({why}): take `in-cluster` out, or run it in the cluster"
    ))
}

/// The token and the authority stand in files that Kubernetes changes while the pod runs: kube reads both anew every minute.
fn service_account(server: &str, folder: &Path) -> Result<Config, ApiError> {
    let read = |name: &str| {
        let file = folder.join(name);
        std::fs::read_to_string(&file)
            .map_err(|error| no_pod(&format!("{}: {error}", file.display())))
            .and_then(|text| match text.trim() {
                "" => Err(no_pod(&format!("{} is empty", file.display()))),
                text => Ok(text.to_string()),
            })
    };
    // Read here so that what is missing has a name; kube would only say so at the first request.
    read("token")?;
    read("ca.crt")?;
    let url = server
        .parse()
        .map_err(|error| no_pod(&format!("{server} is not an address: {error}")))?;
    let mut config = Config::new(url);
    // Nothing that is asked for depends on it, so its absence is no error.
    if let Ok(namespace) = read("namespace") {
        config.default_namespace = namespace;
    }
    config.root_cert_file = Some(folder.join("ca.crt"));
    config.auth_info.token_file = Some(folder.join("token").to_string_lossy().into_owned());
    Ok(config)
}

async fn kubeconfig(file: Option<&Path>, context: Option<&str>) -> Result<Config, ApiError> {
    let place = file.map_or_else(
        || "the kubeconfig ($KUBECONFIG or ~/.kube/config)".to_string(),
        |file| format!("kubeconfig {}", file.display()),
    );
    let wrong = |error: &(dyn std::error::Error + 'static)| {
        // Kube's own words name the file, and hold the words of their cause.
        ApiError::Configuration(format!("{place}: {}", line(&error.to_string(), LONGEST)))
    };
    let read = match file {
        Some(file) => Kubeconfig::read_from(file),
        None => Kubeconfig::read(),
    };
    let kubeconfig = read.map_err(|error| wrong(&error))?;
    if let Some(context) = context
        && !kubeconfig
            .contexts
            .iter()
            .any(|other| other.name == *context)
    {
        let known: Vec<&str> = kubeconfig
            .contexts
            .iter()
            .map(|context| context.name.as_str())
            .collect();
        return Err(ApiError::Configuration(format!(
            "{place} has no context `{context}`: it has {}",
            known.join(", ")
        )));
    }
    if let Some(cluster) = proxied(&kubeconfig, context) {
        return Err(ApiError::Configuration(format!(
            "{place}: cluster `{cluster}` has a `proxy-url`, and API servers are only reached directly: run Plimsoll where that works (in the cluster: `in-cluster: true`), or use a context without it"
        )));
    }
    let options = KubeConfigOptions {
        context: context.map(str::to_string),
        ..KubeConfigOptions::default()
    };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| wrong(&error))?;
    // What the environment names is for other addresses: API servers are asked directly, as JobManagers are.
    config.proxy_url = None;
    Ok(config)
}

/// The cluster of the context (absent: the current one), when it is behind a proxy. Those of other contexts do not matter.
fn proxied(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let context = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig
        .contexts
        .iter()
        .find(|other| other.name == context)?;
    let cluster = &context.context.as_ref()?.cluster;
    kubeconfig
        .clusters
        .iter()
        .find(|other| other.name == *cluster)?
        .cluster
        .as_ref()?
        .proxy_url
        .as_ref()
        .filter(|proxy| !proxy.is_empty())
        .map(|_| cluster.clone())
}
