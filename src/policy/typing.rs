//! The types of a condition, worked out before it ever runs: an unknown name, a number compared with a text, a result that is no truth
//! value are found when the policy is loaded. And numbers made to go together as people expect: CEL adds no `int` to a `double` and
//! divides whole numbers without a remainder, so whole numbers are made real ones where they meet a real one, and in every division.

use super::case::Case;
use crate::quantity::nearest;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, operators};
use std::collections::BTreeMap;
use std::fmt;

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    Truth,
    Whole,
    Real,
    Text,
    List(Box<Type>),
    /// Any keys, values of one type.
    Open(Box<Type>),
    /// These keys only.
    Facts(BTreeMap<String, Type>),
    /// Known when it runs.
    Any,
}

/// An expression that can't be right.
pub(super) struct Wrong {
    pub(super) id: u64,
    pub(super) message: String,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Truth => "a truth value",
            Type::Whole => "a whole number",
            Type::Real => "a number",
            Type::Text => "a text",
            Type::List(_) => "a list",
            Type::Open(_) | Type::Facts(_) => "a map",
            Type::Any => "anything",
        })
    }
}

impl Type {
    fn is_number(&self) -> bool {
        matches!(self, Type::Whole | Type::Real)
    }

    fn goes_with(&self, other: &Type) -> bool {
        let same = std::mem::discriminant(self) == std::mem::discriminant(other);
        same || matches!(self, Type::Any)
            || matches!(other, Type::Any)
            || (self.is_number() && other.is_number())
    }
}

type Scope = BTreeMap<String, Type>;
type Typed = Result<(IdedExpr, Type), Wrong>;

/// Types an expression over the facts of a change; gives it back with its numbers made to go together.
pub(super) fn check(expression: &IdedExpr) -> Typed {
    let sample = serde_json::to_value(Case::default()).unwrap_or_default();
    let Type::Facts(scope) = type_of(&sample) else {
        return Err(wrong(expression, "the facts of a change can't be read"));
    };
    typed(expression, &scope)
}

/// The type of a fact, from the sample; maps that are empty there take any key.
fn type_of(sample: &serde_json::Value) -> Type {
    match sample {
        serde_json::Value::Bool(_) => Type::Truth,
        serde_json::Value::Number(number) if number.is_f64() => Type::Real,
        serde_json::Value::Number(_) => Type::Whole,
        serde_json::Value::String(_) => Type::Text,
        serde_json::Value::Array(_) => Type::List(Box::new(Type::Text)),
        serde_json::Value::Object(fields) if fields.is_empty() => Type::Open(Box::new(Type::Text)),
        serde_json::Value::Object(fields) => Type::Facts(
            fields
                .iter()
                .map(|(name, field)| (name.clone(), type_of(field)))
                .collect(),
        ),
        serde_json::Value::Null => Type::Any,
    }
}

fn wrong(at: &IdedExpr, message: impl Into<String>) -> Wrong {
    Wrong {
        id: at.id,
        message: message.into(),
    }
}

fn typed(expression: &IdedExpr, scope: &Scope) -> Typed {
    let keep = |kind: Type| Ok((expression.clone(), kind));
    match &expression.expr {
        Expr::Literal(literal) => keep(match literal {
            LiteralValue::Boolean(_) => Type::Truth,
            LiteralValue::Double(_) => Type::Real,
            LiteralValue::Int(_) | LiteralValue::UInt(_) => Type::Whole,
            LiteralValue::String(_) => Type::Text,
            LiteralValue::Bytes(_) | LiteralValue::Null => Type::Any,
        }),
        Expr::Ident(name) => match scope.get(name) {
            Some(kind) => keep(kind.clone()),
            None => Err(wrong(expression, unknown("variable", name, "", scope))),
        },
        Expr::Select(select) => selected(expression, select, scope),
        Expr::Call(call) => called(expression, call, scope),
        Expr::Comprehension(comprehension) => comprehended(expression, comprehension, scope),
        Expr::List(list) => {
            let mut list = list.clone();
            let mut kind = Type::Any;
            for item in &mut list.elements {
                let (new, of) = typed(item, scope)?;
                *item = new;
                kind = of;
            }
            Ok((
                with(expression, Expr::List(list)),
                Type::List(Box::new(kind)),
            ))
        }
        Expr::Map(_) => keep(Type::Any),
        Expr::Struct(_) | Expr::Unspecified => {
            Err(wrong(expression, "messages can't be built in a condition"))
        }
    }
}

fn with(like: &IdedExpr, expr: Expr) -> IdedExpr {
    IdedExpr { id: like.id, expr }
}

fn unknown(what: &str, name: &str, of: &str, known: &Scope) -> String {
    let hint = match nearest(name, known.keys().map(String::as_str)) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!(
            "there are {}",
            known
                .keys()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    format!("unknown {what} `{name}`{of}; {hint}")
}

fn field(at: &IdedExpr, of: &Type, name: &str) -> Result<Type, Wrong> {
    match of {
        Type::Facts(fields) => fields
            .get(name)
            .cloned()
            .ok_or_else(|| wrong(at, unknown("field", name, "", fields))),
        Type::Open(kind) => Ok((**kind).clone()),
        Type::Any => Ok(Type::Any),
        other => Err(wrong(at, format!("{other} has no field `{name}`"))),
    }
}

fn selected(at: &IdedExpr, select: &SelectExpr, scope: &Scope) -> Typed {
    let (operand, of) = typed(&select.operand, scope)?;
    let kind = field(at, &of, &select.field)?;
    let new = SelectExpr {
        operand: Box::new(operand),
        ..select.clone()
    };
    let kind = if select.test { Type::Truth } else { kind };
    Ok((with(at, Expr::Select(new)), kind))
}

fn called(at: &IdedExpr, call: &CallExpr, scope: &Scope) -> Typed {
    let mut new = call.clone();
    let mut kinds = Vec::new();
    if let Some(target) = &mut new.target {
        let (expression, kind) = typed(target, scope)?;
        **target = expression;
        kinds.push(kind);
    }
    for argument in &mut new.args {
        let (expression, kind) = typed(argument, scope)?;
        *argument = expression;
        kinds.push(kind);
    }
    let kind = result(at, &mut new, &kinds)?;
    Ok((with(at, Expr::Call(new)), kind))
}

/// What a call gives; makes its numbers go together.
fn result(at: &IdedExpr, call: &mut CallExpr, kinds: &[Type]) -> Result<Type, Wrong> {
    let name = call.func_name.clone();
    let misfit = |what: &str| {
        let list: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        Err(wrong(at, format!("{what}: {}", list.join(" and "))))
    };
    let any = kinds.contains(&Type::Any);
    match (name.as_str(), kinds) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, _) => {
            match kinds.iter().all(|kind| kind.goes_with(&Type::Truth)) {
                true => Ok(Type::Truth),
                false => misfit("true or false is needed here, and this is"),
            }
        }
        (operators::DIVIDE, [one, other]) if one.is_number() && other.is_number() => {
            make_real(call, kinds);
            Ok(Type::Real)
        }
        (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY, [one, other])
            if one.is_number() && other.is_number() =>
        {
            if one == other {
                return Ok(one.clone());
            }
            make_real(call, kinds);
            Ok(Type::Real)
        }
        (operators::MODULO, [Type::Whole, Type::Whole]) => Ok(Type::Whole),
        (operators::NEGATE, [kind]) if kind.is_number() => Ok(kind.clone()),
        (operators::ADD, [Type::Text, Type::Text]) => Ok(Type::Text),
        (operators::ADD, [Type::List(kind), Type::List(_)]) => Ok(Type::List(kind.clone())),
        (
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE,
            _,
        ) if any => Ok(Type::Any),
        (
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE,
            _,
        ) => misfit("these can't be computed with"),
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS
            | operators::EQUALS
            | operators::NOT_EQUALS,
            [one, other],
        ) => match one.goes_with(other) {
            true => Ok(Type::Truth),
            false => misfit("these can't be compared"),
        },
        (operators::IN, [item, Type::List(kind)]) if !item.goes_with(kind) => {
            misfit("the list holds nothing of this kind")
        }
        (
            operators::IN,
            [
                _,
                Type::List(_) | Type::Open(_) | Type::Facts(_) | Type::Any,
            ],
        ) => Ok(Type::Truth),
        (operators::IN, _) => misfit("`in` looks into lists and maps, and this is"),
        (operators::CONDITIONAL, [condition, one, other]) => {
            if !condition.goes_with(&Type::Truth) {
                return misfit("the condition before `?` gives no truth value");
            }
            Ok(if one == other { one.clone() } else { Type::Any })
        }
        (operators::INDEX, [Type::List(kind) | Type::Open(kind), _]) => Ok((**kind).clone()),
        ("size", _) => Ok(Type::Whole),
        ("contains" | "startsWith" | "endsWith", _) => Ok(Type::Truth),
        ("double", [_]) => Ok(Type::Real),
        ("int", [_]) => Ok(Type::Whole),
        ("string", [_]) => Ok(Type::Text),
        _ => Ok(Type::Any),
    }
}

/// Wraps the whole numbers among a call's operands in `double(…)`.
fn make_real(call: &mut CallExpr, kinds: &[Type]) {
    for (argument, kind) in call.args.iter_mut().zip(kinds) {
        if *kind == Type::Whole {
            let inner = std::mem::take(argument);
            *argument = IdedExpr {
                id: inner.id,
                expr: Expr::Call(CallExpr {
                    func_name: "double".to_owned(),
                    args: vec![inner],
                    ..CallExpr::default()
                }),
            };
        }
    }
}

/// `exists`, `all`, `filter`, `map`: macros that the parser has opened up already.
fn comprehended(at: &IdedExpr, of: &ComprehensionExpr, scope: &Scope) -> Typed {
    let (iter_range, range) = typed(&of.iter_range, scope)?;
    let item = match range {
        Type::List(kind) => *kind,
        Type::Open(_) | Type::Facts(_) => Type::Text,
        Type::Any => Type::Any,
        other => return Err(wrong(&of.iter_range, format!("{other} has no elements"))),
    };
    let (accu_init, first) = typed(&of.accu_init, scope)?;
    let mut inner = scope.clone();
    inner.insert(of.iter_var.clone(), item);
    if let Some(second) = &of.iter_var2 {
        inner.insert(second.clone(), Type::Any);
    }
    inner.insert(of.accu_var.clone(), Type::Any);
    let step = |expression: &IdedExpr| typed(expression, &inner).map(|(new, _)| new);
    let new = ComprehensionExpr {
        iter_range,
        accu_init,
        loop_cond: step(&of.loop_cond)?,
        loop_step: step(&of.loop_step)?,
        result: step(&of.result)?,
        ..of.clone()
    };
    let kind = match first {
        Type::Truth => Type::Truth,
        Type::List(_) => Type::List(Box::new(Type::Any)),
        _ => Type::Any,
    };
    Ok((with(at, Expr::Comprehension(Box::new(new))), kind))
}
