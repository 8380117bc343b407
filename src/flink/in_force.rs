//! Which field is in force, and what a change of a field sets off.
//!
//! Many fields say the same thing and only one counts. The rules are the operator's
//! (`FlinkConfigBuilder`, `ResourceConfigUtils`, and the `SpecDiff` marks of its spec classes).

use std::str::FromStr;

use super::deployment::{Component, Deployment, Kind, Mode, Sizes};
use super::field_path::FieldPath;
use super::options;
use super::overrides::{OverridesError, ParallelismOverrides};
use crate::quantity::{Cpu, Memory, Parallelism, QuantityError};

/// The number of slots of a TaskManager.
pub const SLOTS: &str = options::TASK_SLOTS.key;
/// The parallelism of jobs that set none.
pub const DEFAULT_PARALLELISM: &str = options::DEFAULT_PARALLELISM.key;
/// Parallelism by vertex: `id:parallelism,…`.
pub const OVERRIDES: &str = options::PARALLELISM_OVERRIDES.key;

/// A value, where it stands, and how it is written there.
#[derive(Debug, Clone, PartialEq)]
pub struct InForce<T> {
    /// The value.
    pub value: T,
    /// The field that sets it; absent for Flink's or the operator's default.
    pub path: Option<FieldPath>,
    /// The text in the field (of the default, when there is no field).
    pub text: String,
}

/// A field that is in force but cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InForceError {
    /// A size that neither Flink nor Kubernetes reads.
    #[error("`{path}` holds `{text}`, which is not a size: correct the manifest")]
    Quantity {
        /// The field.
        path: FieldPath,
        /// What stands there.
        text: String,
        /// Why it is none.
        source: QuantityError,
    },
    /// Something else than a positive whole number.
    #[error("`{path}` holds `{text}`, which is not a positive whole number: correct the manifest")]
    Number {
        /// The field.
        path: FieldPath,
        /// What stands there.
        text: String,
    },
    /// A map of parallelisms that Flink does not read.
    #[error("`{path}` is not a map of vertex ids to parallelisms: correct the manifest")]
    Overrides {
        /// The field.
        path: FieldPath,
        /// Why it is none.
        source: OverridesError,
    },
}

/// What the operator does when a field changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing: the operator does not even look.
    Ignored,
    /// Rescaled in place.
    Scale,
    /// A full upgrade: stop, restore by `upgradeMode`, deploy again.
    Upgrade,
}

impl Deployment {
    /// The path of a field below the Flink spec, e.g. `["job", "parallelism"]`.
    pub fn spec_field(&self, keys: &[&str]) -> FieldPath {
        keys.iter()
            .fold(self.kind.spec_path(), |path, key| path.child(key))
    }

    /// The path of a Flink option.
    pub fn option_field(&self, option: &str) -> FieldPath {
        self.spec_field(&["flinkConfiguration", option])
    }

    /// The memory of one TaskManager's process: `resources` (request, else limit), `resource`, or
    /// `taskmanager.memory.process.size`. Nothing when only finer pools are set.
    ///
    /// # Errors
    /// When the field in force holds no size.
    pub fn task_manager_memory(&self) -> Result<Option<InForce<Memory>>, InForceError> {
        self.memory_of(
            "taskManager",
            &self.task_manager,
            "taskmanager.memory.process.size",
        )
    }

    /// The memory of the JobManager's process, found as for TaskManagers.
    ///
    /// # Errors
    /// When the field in force holds no size.
    pub fn job_manager_memory(&self) -> Result<Option<InForce<Memory>>, InForceError> {
        self.memory_of(
            "jobManager",
            &self.job_manager,
            "jobmanager.memory.process.size",
        )
    }

    /// The cores of one TaskManager; by default as many as it has slots.
    ///
    /// # Errors
    /// When the field in force holds no number of cores.
    pub fn task_manager_cpu(&self) -> Result<InForce<Cpu>, InForceError> {
        let options = [
            "kubernetes.taskmanager.cpu.amount",
            "kubernetes.taskmanager.cpu",
        ];
        if let Some(found) = self.cpu_of("taskManager", &self.task_manager, options)? {
            return Ok(found);
        }
        let slots = self.slots()?.value.get();
        let cpu = Cpu::from_millicores(u64::from(slots) * 1000);
        Ok(InForce {
            text: cpu.to_string(),
            value: cpu,
            path: None,
        })
    }

    /// The cores of the JobManager; one by default.
    ///
    /// # Errors
    /// When the field in force holds no number of cores.
    pub fn job_manager_cpu(&self) -> Result<InForce<Cpu>, InForceError> {
        let options = [
            "kubernetes.jobmanager.cpu.amount",
            "kubernetes.jobmanager.cpu",
        ];
        let cpu = Cpu::from_millicores(1000);
        let default = InForce {
            text: cpu.to_string(),
            value: cpu,
            path: None,
        };
        Ok(self
            .cpu_of("jobManager", &self.job_manager, options)?
            .unwrap_or(default))
    }

    /// The slots of one TaskManager; one by default.
    ///
    /// # Errors
    /// When the option holds no positive whole number.
    pub fn slots(&self) -> Result<InForce<Parallelism>, InForceError> {
        match self.configuration.get(SLOTS) {
            Some(text) => positive(self.option_field(SLOTS), text),
            None => Ok(one()),
        }
    }

    /// `taskManager.replicas`, which wins over `job.parallelism`.
    pub fn replicas(&self) -> Option<InForce<u32>> {
        let replicas = self.task_manager.replicas?;
        let path = self.spec_field(&["taskManager", "replicas"]);
        Some(InForce {
            value: replicas,
            path: Some(path),
            text: replicas.to_string(),
        })
    }

    /// The parallelism of vertices without an override: `replicas` × slots, `job.parallelism`, or
    /// `parallelism.default`; one by default. With replicas, the text is theirs.
    ///
    /// # Errors
    /// When the option in force holds no positive whole number.
    pub fn parallelism(&self) -> Result<InForce<Parallelism>, InForceError> {
        if let Some(replicas) = self.replicas() {
            let slots = self.slots()?.value.get();
            let product = replicas.value.saturating_mul(slots).to_string();
            let path = self.spec_field(&["taskManager", "replicas"]);
            let found = positive(path, &product)?;
            return Ok(InForce {
                text: replicas.text,
                ..found
            });
        }
        if let Some(parallelism) = self.job.as_ref().and_then(|job| job.parallelism) {
            return positive(
                self.spec_field(&["job", "parallelism"]),
                &parallelism.to_string(),
            );
        }
        match self.configuration.get(DEFAULT_PARALLELISM) {
            Some(text) => positive(self.option_field(DEFAULT_PARALLELISM), text),
            None => Ok(one()),
        }
    }

    /// Parallelism by vertex id; for these vertices it wins over [`Deployment::parallelism`]. The path is absent
    /// when the file spells the map as nested keys.
    ///
    /// # Errors
    /// When the option is not a map of parallelisms.
    pub fn vertex_parallelism_overrides(
        &self,
    ) -> Result<Option<InForce<ParallelismOverrides>>, InForceError> {
        let path = self.option_field(OVERRIDES);
        match ParallelismOverrides::from_configuration(&self.configuration) {
            Err(source) => Err(InForceError::Overrides { path, source }),
            Ok(found) => Ok(found.map(|value| match self.configuration.get(OVERRIDES) {
                Some(text) => InForce {
                    value,
                    path: Some(path),
                    text: text.clone(),
                },
                None => InForce {
                    text: value.to_string(),
                    value,
                    path: None,
                },
            })),
        }
    }

    /// Whether the operator's autoscaler decides about parallelism here: switched on, by the new or the
    /// old key, and not only observing.
    pub fn autoscaler_enabled(&self) -> bool {
        self.autoscaler_flag("enabled", false) && self.autoscaler_flag("scaling.enabled", true)
    }

    /// Whether the autoscaler also sizes the memory of TaskManagers.
    pub fn memory_tuning_enabled(&self) -> bool {
        self.autoscaler_enabled() && self.autoscaler_flag("memory.tuning.enabled", false)
    }

    /// The key of an autoscaler option as it is spelled here; the new spelling wins.
    pub fn autoscaler_option(&self, name: &str) -> Option<String> {
        ["job.autoscaler.", "kubernetes.operator.job.autoscaler."]
            .into_iter()
            .map(|prefix| format!("{prefix}{name}"))
            .find(|option| self.configuration.contains_key(option))
    }

    fn autoscaler_flag(&self, name: &str, default: bool) -> bool {
        match self
            .autoscaler_option(name)
            .and_then(|option| self.configuration.get(&option))
        {
            Some(text) => text.trim().eq_ignore_ascii_case("true"),
            None => default,
        }
    }

    /// What a change of `path` sets off, by the operator's own marks on its spec.
    pub fn effect_of(&self, path: &FieldPath) -> Effect {
        if let Some(option) = path.option() {
            return self.effect_of_option(option);
        }
        let Some(below) = path.below(&self.kind.spec_path()) else {
            return Effect::Ignored;
        };
        match below.words().as_slice() {
            ["job", "parallelism"] | ["taskManager", "replicas"]
                if self.mode == Mode::Standalone && self.kind != Kind::FlinkSessionJob =>
            {
                Effect::Scale
            }
            [
                "job",
                "upgradeMode"
                | "allowNonRestoredState"
                | "savepointTriggerNonce"
                | "checkpointTriggerNonce"
                | "initialSavepointPath",
                ..,
            ]
            | ["job", "initialStateReference", ..] => Effect::Ignored,
            _ => Effect::Upgrade,
        }
    }

    fn effect_of_option(&self, option: &str) -> Effect {
        let ignored = ["job.autoscaler", DEFAULT_PARALLELISM, "kubernetes.operator"];
        if ignored.iter().any(|prefix| option.starts_with(prefix)) {
            return Effect::Ignored;
        }
        let adaptive = self
            .configuration
            .get("jobmanager.scheduler")
            .is_some_and(|scheduler| scheduler.trim().eq_ignore_ascii_case("adaptive"));
        let native = self.mode == Mode::Native && self.kind != Kind::FlinkSessionJob;
        // Without the adaptive scheduler the operator falls back to a full upgrade.
        if option.starts_with(OVERRIDES) && native && adaptive {
            Effect::Scale
        } else {
            Effect::Upgrade
        }
    }

    fn memory_of(
        &self,
        part: &str,
        component: &Component,
        option: &str,
    ) -> Result<Option<InForce<Memory>>, InForceError> {
        let spec = self.size_in_force(part, component, "memory", |sizes| sizes.memory.as_ref());
        let found = spec.or_else(|| self.option(option));
        found.map(|(path, text)| quantity(path, &text)).transpose()
    }

    fn cpu_of(
        &self,
        part: &str,
        component: &Component,
        options: [&str; 2],
    ) -> Result<Option<InForce<Cpu>>, InForceError> {
        let spec = self.size_in_force(part, component, "cpu", |sizes| sizes.cpu.as_ref());
        let found = spec.or_else(|| options.iter().find_map(|option| self.option(option)));
        found.map(|(path, text)| quantity(path, &text)).transpose()
    }

    fn option(&self, option: &str) -> Option<(FieldPath, String)> {
        Some((
            self.option_field(option),
            self.configuration.get(option)?.clone(),
        ))
    }

    /// The spec field in force: request, else limit, and `resource` only where `resources` is empty.
    fn size_in_force(
        &self,
        part: &str,
        component: &Component,
        field: &str,
        pick: impl Fn(&Sizes) -> Option<&String>,
    ) -> Option<(FieldPath, String)> {
        if !component.has_requirements {
            let text = pick(component.resource.as_ref()?)?;
            return Some((self.spec_field(&[part, "resource", field]), text.clone()));
        }
        let halves = [
            ("requests", &component.requests),
            ("limits", &component.limits),
        ];
        let (half, text) = halves
            .into_iter()
            .find_map(|(half, sizes)| Some((half, pick(sizes)?)))?;
        Some((
            self.spec_field(&[part, "resources", half, field]),
            text.clone(),
        ))
    }
}

fn quantity<T>(path: FieldPath, text: &str) -> Result<InForce<T>, InForceError>
where
    T: FromStr<Err = QuantityError>,
{
    match text.parse() {
        Ok(value) => Ok(InForce {
            value,
            path: Some(path),
            text: text.to_owned(),
        }),
        Err(source) => Err(InForceError::Quantity {
            path,
            text: text.to_owned(),
            source,
        }),
    }
}

fn positive(path: FieldPath, text: &str) -> Result<InForce<Parallelism>, InForceError> {
    let number = text
        .trim()
        .parse()
        .ok()
        .and_then(|number| Parallelism::new(number).ok());
    match number {
        Some(value) => Ok(InForce {
            value,
            path: Some(path),
            text: text.to_owned(),
        }),
        None => Err(InForceError::Number {
            path,
            text: text.to_owned(),
        }),
    }
}

fn one() -> InForce<Parallelism> {
    InForce {
        value: Parallelism::ONE,
        path: None,
        text: "1".to_owned(),
    }
}
