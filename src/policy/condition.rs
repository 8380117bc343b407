//! Conditions in CEL, Kubernetes' own policy language: parsed and typed when they are loaded, evaluated against the facts of a change.

use super::case::Case;
use super::typing::{self, Type};
use cel::parser::Parser;
use cel::{Context, IdedExpr, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A condition. One that was not compiled yet can't be evaluated, and says so.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Condition {
    text: String,
    compiled: Option<Arc<IdedExpr>>,
}

/// Why a condition can't be used, with the place in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Line in the text, from 1.
    pub line: usize,
    /// Column in that line, from 1.
    pub column: usize,
    /// What is wrong and what was meant.
    pub message: String,
}

impl From<String> for Condition {
    fn from(text: String) -> Condition {
        Condition {
            text,
            compiled: None,
        }
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> String {
        condition.text
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.text == other.text
    }
}

impl Condition {
    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Parses it, checks names and types against the facts of a change, and evaluates it once against the sample.
    ///
    /// # Errors
    /// What does not parse, an unknown name, operands that don't go together, a result that is no truth value, a function that does
    /// not exist.
    pub fn compile(&mut self) -> Result<(), Misfit> {
        let parsed = Parser::default().parse(&self.text).map_err(|errors| {
            let first = errors.errors.first();
            let at = first.map_or((1, 1), |error| error.pos);
            Misfit {
                line: usize::try_from(at.0).unwrap_or(1).max(1),
                column: usize::try_from(at.1).unwrap_or(0).saturating_add(1),
                message: first
                    .map_or_else(|| "it does not parse".to_owned(), |error| error.msg.clone()),
            }
        })?;
        let located = cel::Program::compile(&self.text).ok();
        let place = |id: u64, message: String| {
            let offset = located
                .as_ref()
                .and_then(|program| program.source_info().offset_for(id))
                .map_or(0, |(start, _)| start as usize);
            let (line, column) = line_and_column(&self.text, offset);
            Misfit {
                line,
                column,
                message,
            }
        };
        let (typed, kind) =
            typing::check(&parsed).map_err(|wrong| place(wrong.id, wrong.message))?;
        if !matches!(kind, Type::Truth | Type::Any) {
            let message = format!("it gives {kind}, and must give true or false");
            return Err(place(parsed.id, message));
        }
        let typed = Arc::new(typed);
        evaluate(&typed, &Case::default())
            .map_err(|message| place(parsed.id, format!("against a sample change: {message}")))?;
        self.compiled = Some(typed);
        Ok(())
    }

    /// Whether it holds for a change.
    ///
    /// # Errors
    /// What could not be evaluated: a label that is missing, a comparison with a number that is none.
    pub fn holds(&self, case: &Case) -> Result<bool, String> {
        let compiled = self.compiled.as_ref().ok_or("it was never compiled")?;
        evaluate(compiled, case)
    }
}

fn evaluate(expression: &IdedExpr, case: &Case) -> Result<bool, String> {
    let facts = serde_json::to_value(case).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    for (name, fact) in facts.as_object().into_iter().flatten() {
        context.add_variable_from_value(name.clone(), value(fact));
    }
    match Value::resolve(expression, &context) {
        Ok(Value::Bool(holds)) => Ok(holds),
        Ok(_) => Err("it gives no truth value".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// JSON as CEL's values. Whole numbers become `int`: the crate's own conversion makes them unsigned, which no literal goes with.
fn value(of: &serde_json::Value) -> Value {
    match of {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(truth) => Value::Bool(*truth),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) if !number.is_f64() => Value::Int(whole),
            _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.clone()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(value).collect::<Vec<_>>()),
        serde_json::Value::Object(fields) => Value::from(
            fields
                .iter()
                .map(|(key, field)| (key.clone(), value(field)))
                .collect::<std::collections::HashMap<_, _>>(),
        ),
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before: String = text.chars().take(offset).collect();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    (line, column)
}
