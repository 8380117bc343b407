//! What a job's owner says: in its manifest, and on the cluster's resource.

use crate::evaluate::plugin::BUILT_IN;
use crate::manifest::Located;
use crate::owner::{Offered, Owner};
use crate::ports::Plugins;
use crate::snapshot::LiveResource;

/// What carries changes out where no realizer is named, or where an owner asks for it by this name.
pub(super) const PULL_REQUEST: &str = "pull-request";

/// What the owner says in the manifest and on the live resource; of both the stricter word counts, so that annotating the resource
/// stops a job at once.
pub fn owner(located: Option<&Located>, live: Option<&LiveResource>) -> Owner {
    let written = located
        .map(|located| Owner::read(&located.value["metadata"]))
        .unwrap_or_default();
    let on_resource = live
        .map(|live| Owner::of_texts(&live.annotations, &live.labels))
        .unwrap_or_default();
    written.and(on_resource)
}

/// The plug-ins that an owner may choose from.
pub fn offered(plugins: &Plugins) -> Offered {
    let built_in = BUILT_IN.iter().map(ToString::to_string);
    let realizers = plugins.realizers.keys().cloned();
    Offered {
        evaluators: plugins.evaluators.keys().cloned().chain(built_in).collect(),
        collectors: plugins.collectors.keys().cloned().collect(),
        realizers: realizers.chain([PULL_REQUEST.to_string()]).collect(),
    }
}
