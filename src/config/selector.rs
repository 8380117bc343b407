//! Label selectors as Kubernetes writes them: `app=x,tier!=gold,team in (a, b),!legacy`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// One requirement on the labels of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// A label selector: all its requirements hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    requirements: Vec<Requirement>,
}

/// A text that is not a label selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a label selector ({1}): write it like app=orders,tier!=gold or team in (a, b)"
)]
pub struct SelectorError(pub String, pub String);

impl Selector {
    /// Whether a resource with these labels is meant. As in Kubernetes, a label that is not there passes `!=` and `notin`.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.requirements
            .iter()
            .all(|requirement| match requirement {
                Requirement::In(key, values) => {
                    labels.get(key).is_some_and(|value| values.contains(value))
                }
                Requirement::NotIn(key, values) => {
                    labels.get(key).is_none_or(|value| !values.contains(value))
                }
                Requirement::Exists(key) => labels.contains_key(key),
                Requirement::Absent(key) => !labels.contains_key(key),
            })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let refuse = |why: String| SelectorError(text.to_string(), why);
        let requirements: Result<Vec<Requirement>, String> =
            parts(text).into_iter().map(requirement).collect();
        let requirements = requirements.map_err(refuse)?;
        Ok(Selector {
            text: text.trim().to_string(),
            requirements,
        })
    }
}

/// The text cut at commas outside of brackets.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    text.split(|one: char| {
        depth += match one {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        one == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn requirement(text: &str) -> Result<Requirement, String> {
    if let Some((rest, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let values: Result<Vec<String>, String> = values
            .split(',')
            .map(|value| label_value(value.trim()))
            .collect();
        let (key, word) = rest
            .trim()
            .split_once(char::is_whitespace)
            .ok_or_else(|| format!("`{text}` names no label"))?;
        let key = label_key(key)?;
        return match word.trim() {
            "in" => Ok(Requirement::In(key, values?)),
            "notin" => Ok(Requirement::NotIn(key, values?)),
            other => Err(format!("`{other}` is neither `in` nor `notin`")),
        };
    }
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(
            label_key(key.trim())?,
            vec![label_value(value.trim())?],
        ));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(
            label_key(key.trim())?,
            vec![label_value(value.trim())?],
        ));
    }
    match text.strip_prefix('!') {
        Some(key) => Ok(Requirement::Absent(label_key(key.trim())?)),
        None => Ok(Requirement::Exists(label_key(text)?)),
    }
}

fn label_key(key: &str) -> Result<String, String> {
    let plain = |one: char| one.is_ascii_alphanumeric() || "-_./".contains(one);
    if key.is_empty() || !key.chars().all(plain) || key.matches('/').count() > 1 {
        return Err(format!("`{key}` is not a label"));
    }
    Ok(key.to_string())
}

fn label_value(value: &str) -> Result<String, String> {
    let plain = |one: char| one.is_ascii_alphanumeric() || "-_.".contains(one);
    if value.len() > 63 || !value.chars().all(plain) {
        return Err(format!("`{value}` is not the value of a label"));
    }
    Ok(value.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn selectors_choose_as_kubernetes_does() {
        let labels = BTreeMap::from([
            ("app".to_string(), "orders".to_string()),
            ("example.com/team".to_string(), "a".to_string()),
        ]);
        for (text, chosen) in [
            ("app=orders", true),
            ("app == orders", true),
            ("app=bills", false),
            ("app!=bills,example.com/team=a", true),
            ("app!=orders", false),
            ("tier!=gold", true),
            ("example.com/team in (a, b)", true),
            ("example.com/team notin (a,b),app", false),
            ("app", true),
            ("tier", false),
            ("!tier", true),
            ("!app", false),
            ("app=", false),
        ] {
            assert_eq!(
                text.parse::<Selector>().unwrap().matches(&labels),
                chosen,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_with_the_part_that_is_wrong() {
        for text in [
            "",
            "app=orders,",
            "a b=c",
            "app in",
            "app of (x)",
            "app=ä",
            "a/b/c=d",
        ] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
