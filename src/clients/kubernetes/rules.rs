//! The rights that are needed, and why.

use super::list::plural;
use crate::config::Reach;
use crate::flink::deployment::{GROUP, Kind};

/// Verbs on a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The API group; empty for the core one.
    pub group: &'static str,
    /// The resource, with its subresource after a slash.
    pub resource: &'static str,
    /// The verbs.
    pub verbs: Vec<&'static str>,
    /// What for.
    pub why: &'static str,
}

/// What is needed to see the jobs and to reach their JobManagers; nothing else is.
pub fn needs(reach: &Reach) -> Vec<Need> {
    let mut needs: Vec<Need> = Kind::ALL
        .into_iter()
        .map(|kind| Need {
            group: GROUP,
            resource: plural(kind),
            verbs: vec!["get", "list", "watch"],
            why: "which jobs there are, and what the operator makes of them",
        })
        .collect();
    match reach {
        Reach::Url(_) => {}
        Reach::ServiceProxy => needs.push(Need {
            group: "",
            resource: "services/proxy",
            verbs: vec!["get"],
            why: "reads Flink's REST API through the API server",
        }),
        Reach::PortForward => {
            needs.push(Need {
                group: "",
                resource: "pods",
                verbs: vec!["list"],
                why: "finds the JobManager's pod",
            });
            needs.push(Need {
                group: "",
                resource: "pods/portforward",
                // Over a web socket a port-forward is asked for by a GET; servers differ in which verb they check.
                verbs: vec!["create", "get"],
                why: "reads Flink's REST API through that pod",
            });
        }
    }
    needs
}
