//! The planner's own refusals: edits that could be made, and should not be.

use super::refusal::{Code, Refusal};
use super::{Change, Located};
use crate::flink::deployment::{Component, Deployment, Kind};
use crate::flink::field_path::FieldPath;
use crate::flink::in_force::DEFAULT_PARALLELISM;
use crate::owner::Owner;

/// Whether changes of an object make sense: the owner did not opt out, no other field wins over the
/// changed one, and the operator's autoscaler does not decide about it.
///
/// # Errors
/// `opted-out`, `owner-unreadable`, `shadowed-field`, `owned-by-autoscaler`. Objects of other kinds pass.
pub fn check(located: &Located, changes: &[Change]) -> Result<(), Refusal> {
    match barred(located) {
        Some(refusal) => Err(refusal),
        None => check_fields(located, changes),
    }
}

/// [`check`] without the owner's wish, for whoever only says what would change.
///
/// # Errors
/// `shadowed-field`, `owned-by-autoscaler`. Objects of other kinds pass.
pub fn check_fields(located: &Located, changes: &[Change]) -> Result<(), Refusal> {
    let Ok(deployment) = Deployment::from_value(&located.value) else {
        return Ok(());
    };
    let place = |refusal: Refusal| refusal.at(&located.file, located.line);
    let cluster = located
        .cluster
        .as_ref()
        .and_then(|value| Deployment::from_value(value).ok());
    for change in changes {
        let path = own_path(&deployment, &change.path);
        let refusal = shadowed(&deployment, &path, located)
            .or_else(|| owned(&deployment, cluster.as_ref(), &path));
        if let Some(refusal) = refusal {
            return Err(place(refusal.on(&change.path)));
        }
    }
    Ok(())
}

/// Blue-green deployments hold the Flink spec one level deeper; a plain path means the same field.
pub(crate) fn own_path(deployment: &Deployment, path: &FieldPath) -> FieldPath {
    resolved(deployment.kind, path)
}

/// See [`own_path`].
pub(crate) fn resolved(kind: Kind, path: &FieldPath) -> FieldPath {
    let spec = FieldPath::of(&["spec"]);
    match (kind, path.below(&spec)) {
        (Kind::FlinkBlueGreenDeployment, Some(below)) => {
            let own = ["template", "configuration", "ingress"];
            if below
                .words()
                .first()
                .is_some_and(|first| own.contains(first))
            {
                path.clone()
            } else {
                kind.spec_path().join(&below)
            }
        }
        _ => path.clone(),
    }
}

/// The refusal where the owner wants no changes, or says something that is not understood.
fn barred(located: &Located) -> Option<Refusal> {
    let owner = Owner::read(&located.value["metadata"]);
    let sentence = owner.bars()?;
    let code = match owner.unreadable.is_empty() {
        true => Code::OptedOut,
        false => Code::OwnerUnreadable,
    };
    let refusal = Refusal::new(
        code,
        sentence,
        "remove the annotation or set it to `propose`",
    );
    Some(refusal.at(&located.file, located.line))
}

/// The refusal for a field over which another one wins.
fn shadowed(deployment: &Deployment, path: &FieldPath, located: &Located) -> Option<Refusal> {
    let winner = match path.option() {
        Some(option) => option_shadow(deployment, option),
        None => field_shadow(deployment, path, located),
    }?;
    Some(Refusal::new(
        Code::ShadowedField,
        format!("`{winner}` wins over this field, so changing it would do nothing"),
        format!("change `{winner}`, or remove it"),
    ))
}

fn field_shadow(deployment: &Deployment, path: &FieldPath, located: &Located) -> Option<FieldPath> {
    if let Some(container) = main_container(path, located) {
        return Some(deployment.spec_field(&[container]));
    }
    let below = path.below(&deployment.kind.spec_path())?;
    match below.words().as_slice() {
        ["job", "parallelism"] if deployment.task_manager.replicas.is_some() => {
            Some(deployment.spec_field(&["taskManager", "replicas"]))
        }
        [part @ ("taskManager" | "jobManager"), "resource", ..] => {
            let requirements = component(deployment, part).has_requirements;
            requirements.then(|| deployment.spec_field(&[part, "resources"]))
        }
        _ => None,
    }
}

/// For a size of the container `flink-main-container` in a pod template: the part whose sizes the operator
/// writes there.
fn main_container(path: &FieldPath, located: &Located) -> Option<&'static str> {
    let words = path.words();
    let template = words.iter().position(|word| *word == "podTemplate")?;
    let resources = words.iter().position(|word| *word == "resources")?;
    let mut at = &located.value;
    for segment in &path.segments()[..resources] {
        at = match segment {
            super::Segment::Key(key) => &at[key.as_str()],
            super::Segment::Index(index) => &at[*index],
        };
    }
    let main = resources > template && at["name"] == "flink-main-container";
    let part = if words.contains(&"jobManager") {
        "jobManager"
    } else {
        "taskManager"
    };
    main.then_some(part)
}

fn option_shadow(deployment: &Deployment, option: &str) -> Option<FieldPath> {
    let in_spec = |part: &str, field: &str| {
        let component = component(deployment, part);
        let sizes = [&component.requests, &component.limits];
        let set = |sizes: &&crate::flink::deployment::Sizes| match field {
            "memory" => sizes.memory.is_some(),
            _ => sizes.cpu.is_some(),
        };
        if component.has_requirements {
            let half = if set(&sizes[0]) { "requests" } else { "limits" };
            let found = sizes.iter().any(set);
            return found.then(|| deployment.spec_field(&[part, "resources", half, field]));
        }
        let resource = component.resource.as_ref().filter(|sizes| set(sizes));
        resource.map(|_| deployment.spec_field(&[part, "resource", field]))
    };
    match option {
        "taskmanager.memory.process.size" => in_spec("taskManager", "memory"),
        "jobmanager.memory.process.size" => in_spec("jobManager", "memory"),
        "kubernetes.taskmanager.cpu.amount" => in_spec("taskManager", "cpu"),
        "kubernetes.jobmanager.cpu.amount" => in_spec("jobManager", "cpu"),
        "kubernetes.taskmanager.cpu" | "kubernetes.jobmanager.cpu" => {
            let part = if option.contains("taskmanager") {
                "taskManager"
            } else {
                "jobManager"
            };
            let amount = format!("{option}.amount");
            let newer = deployment.configuration.contains_key(&amount);
            in_spec(part, "cpu").or_else(|| newer.then(|| deployment.option_field(&amount)))
        }
        DEFAULT_PARALLELISM => {
            let job = deployment.job.as_ref().and_then(|job| job.parallelism);
            let replicas = deployment.task_manager.replicas;
            replicas
                .map(|_| deployment.spec_field(&["taskManager", "replicas"]))
                .or_else(|| job.map(|_| deployment.spec_field(&["job", "parallelism"])))
        }
        _ => None,
    }
}

fn component<'a>(deployment: &'a Deployment, part: &str) -> &'a Component {
    match part {
        "jobManager" => &deployment.job_manager,
        _ => &deployment.task_manager,
    }
}

/// The refusal for a field that the operator's autoscaler decides about.
fn owned(
    deployment: &Deployment,
    cluster: Option<&Deployment>,
    path: &FieldPath,
) -> Option<Refusal> {
    // A session job inherits its cluster's configuration and may override it.
    let mut merged = deployment.clone();
    if let Some(cluster) = cluster {
        for (option, text) in &cluster.configuration {
            merged
                .configuration
                .entry(option.clone())
                .or_insert_with(|| text.clone());
        }
    }
    let words = path.below(&deployment.kind.spec_path());
    let words = words.as_ref().map(FieldPath::words).unwrap_or_default();
    let option = path.option().unwrap_or_default();
    let parallelism = matches!(
        words.as_slice(),
        ["job", "parallelism"] | ["taskManager", "replicas"]
    ) || option == DEFAULT_PARALLELISM
        || option.starts_with(crate::flink::in_force::OVERRIDES);
    let memory = matches!(words.as_slice(), ["taskManager", .., "memory"])
        || option.starts_with("taskmanager.memory.");
    let (flag, what) = if parallelism && merged.autoscaler_enabled() {
        ("enabled", "parallelism")
    } else if memory && merged.memory_tuning_enabled() {
        ("memory.tuning.enabled", "memory")
    } else {
        return None;
    };
    let key = merged.autoscaler_option(flag).unwrap_or_default();
    Some(Refusal::new(
        Code::OwnedByAutoscaler,
        format!("the operator's autoscaler decides about {what} here (`{key}` is true)"),
        format!("switch `{key}` off, or leave {what} to it"),
    ))
}
