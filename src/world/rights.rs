//! The rights that a cluster's configuration needs in Kubernetes.

pub use crate::clients::kubernetes::Need as Right;

use crate::clients::kubernetes::needs;
use crate::config::ClusterConfig;

/// The least rights for what the configuration says of a cluster.
pub fn rights(cluster: &ClusterConfig) -> Vec<Right> {
    needs(&cluster.reach())
}
