//! Fields that set a size and hold something that only another program can read: templates, variables, ciphertext.

use serde_json::Value;

use super::catalog::{Candidate, Catalog};
use super::refusal::{Code, Refusal};
use super::template;
use super::walk::Walk;
use crate::flink::deployment::Kind;
use crate::flink::field_path::FieldPath;

/// Fields below the Flink spec that set sizes.
pub(crate) const FIELDS: [&[&str]; 8] = [
    &["taskManager", "replicas"],
    &["job", "parallelism"],
    &["taskManager", "resource", "memory"],
    &["taskManager", "resource", "cpu"],
    &["taskManager", "resources", "requests", "memory"],
    &["taskManager", "resources", "requests", "cpu"],
    &["taskManager", "resources", "limits", "memory"],
    &["taskManager", "resources", "limits", "cpu"],
];

/// What Flink options that set sizes begin with.
const OPTIONS: [&str; 6] = [
    "taskmanager.numberOfTaskSlots",
    "taskmanager.memory.",
    "taskmanager.cpu",
    "kubernetes.taskmanager.",
    "parallelism.default",
    "pipeline.jobvertex-parallelism-overrides",
];

impl Catalog<'_> {
    /// Whether every field of an object that sets a size can be read: a size must not be computed around one that cannot.
    ///
    /// # Errors
    /// `templated-value`, with what fills it where that can be seen.
    pub(crate) fn readable(&self, candidate: &Candidate) -> Result<(), Refusal> {
        let Some(kind) = Kind::from_name(&candidate.located.key.kind) else {
            return Ok(());
        };
        let spec = kind.spec_path();
        let mut paths: Vec<FieldPath> = Vec::new();
        let mut add = |keys: &[&str]| {
            let path = keys.iter().fold(spec.clone(), |path, key| path.child(key));
            if !paths.contains(&path) {
                paths.push(path);
            }
        };
        for field in FIELDS {
            for length in 1..=field.len() {
                add(&field[..length]);
            }
        }
        add(&["flinkConfiguration"]);
        for path in paths {
            let value = at(&candidate.located.value, &path.words());
            // A text may be a size, or what a tag or a comment beside it says.
            let suspect = matches!(value, Some(Value::String(_) | Value::Null));
            if suspect && let Some(refusal) = self.filled(candidate, &path) {
                return Err(refusal);
            }
        }
        let configuration = spec.child("flinkConfiguration");
        let options = at(&candidate.located.value, &configuration.words());
        let flat = options.map(crate::flink::deployment::flatten_configuration);
        for (option, text) in flat.into_iter().flatten() {
            let sizes = OPTIONS.iter().any(|start| option.starts_with(start));
            if sizes
                && template::in_scalar(&text).is_some()
                && let Some(refusal) = self.filled(candidate, &configuration.child(&option))
            {
                return Err(refusal);
            }
        }
        Ok(())
    }

    /// The refusal for a field that something else fills in.
    fn filled(&self, candidate: &Candidate, path: &FieldPath) -> Option<Refusal> {
        let spot = match self.spot(candidate, path, path, false) {
            Ok(spot) => spot,
            Err(refusal) if refusal.code == Code::TemplatedValue => return Some(refusal),
            Err(_) => return None,
        };
        let Walk::Found { node, .. } = spot.walk else {
            return None;
        };
        let walker = self.walker(spot.source, spot.document, path);
        let refusal = walker.may_replace(node).err()?;
        (refusal.code == Code::TemplatedValue).then(|| {
            let text = walker.document.text(node).unwrap_or_default();
            self.with_filler(candidate, refusal, text)
        })
    }

    /// Says who fills a template in, where the tree tells.
    pub(crate) fn with_filler(
        &self,
        candidate: &Candidate,
        mut refusal: Refusal,
        text: &str,
    ) -> Refusal {
        for variable in template::variables(text) {
            let own = candidate
                .deployers
                .iter()
                .find_map(|at| self.deployers[*at].fills(&variable));
            let any = || {
                let mut all = self.deployers.iter();
                all.find(|deployer| deployer.variables.contains_key(&variable))?
                    .fills(&variable)
            };
            let by_kustomize = || {
                let mut all = candidate.variables.iter();
                let (_, origin) = all.find(|(name, _)| *name == variable)?;
                Some(format!("{origin} (`vars` of the kustomization)"))
            };
            let filler = own.or_else(by_kustomize).or_else(any);
            if let Some(filler) = filler {
                refusal.message = format!("{}; `{variable}` is set in {filler}", refusal.message);
                let file = filler.split(':').next().unwrap_or_default();
                if filler.contains("postBuild.substitute`") {
                    refusal.way_out = format!(
                        "map the field in `repository.values` of plimsoll.yaml: `file: {file}`, `fields: {{{}: spec.postBuild.substitute.{variable}}}`",
                        refusal.field.as_deref().unwrap_or("FIELD")
                    );
                }
            }
        }
        refusal
    }
}

fn at<'a>(value: &'a Value, words: &[&str]) -> Option<&'a Value> {
    words.iter().try_fold(value, |value, word| value.get(word))
}
