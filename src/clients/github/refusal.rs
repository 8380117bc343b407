//! What GitHub refuses, in one sentence that says what to do.

use super::answers::RefusalAnswer;
use super::api::{Answer, Ask};
use super::place::Place;

/// The longest foreign text that is repeated, characters.
const LONGEST: usize = 300;

/// Until when a refusal for a rate limit lasts, Unix seconds; none where the refusal is about something else. The order is GitHub's own:
/// `retry-after`, then the reset of an empty budget, then a minute.
pub(super) fn limited_until(answer: &Answer, now_s: i64) -> Option<i64> {
    let limits = &answer.limits;
    if let Some(seconds) = limits.retry_after {
        return Some(now_s.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX)));
    }
    if limits.remaining == Some(0)
        && let Some(reset_s) = limits.reset
    {
        // Clocks differ: never less than a second.
        return Some(reset_s.max(now_s + 1));
    }
    let secondary = told(answer).message.to_lowercase().contains("rate limit");
    (answer.status == 429 || secondary).then(|| now_s + 60)
}

fn told(answer: &Answer) -> RefusalAnswer {
    serde_json::from_str(&answer.body).unwrap_or_default()
}

/// GitHub's own words about a refusal, with the details that it lists; empty where there are none.
pub(super) fn words(answer: &Answer) -> String {
    let told = told(answer);
    let mut parts = vec![told.message];
    for error in &told.errors {
        let text = match (error.as_str(), error.get("message"), error.get("code")) {
            (Some(text), _, _) => text.to_string(),
            (_, Some(message), _) => message.as_str().unwrap_or_default().to_string(),
            (_, _, Some(code)) => format!(
                "{} {}",
                error
                    .get("field")
                    .and_then(|field| field.as_str())
                    .unwrap_or_default(),
                code.as_str().unwrap_or_default()
            ),
            _ => String::new(),
        };
        parts.push(text);
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
        .join("; ")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect()
}

/// What happened and what to do.
pub(super) fn explain(place: &Place, ask: &Ask, answer: &Answer) -> String {
    let Ask { what, needs } = ask;
    let said = words(answer);
    let said = if said.is_empty() {
        String::new()
    } else {
        format!(", “{said}”")
    };
    let status = answer.status;
    match status {
        401 => format!(
            "{what} was refused (401{said}): the token in {} is unknown here, expired or revoked; put a valid one for {} there",
            place.token_from, place.api
        ),
        403 => {
            let permission = answer
                .limits
                .permissions
                .as_deref()
                .filter(|text| !text.is_empty())
                .map_or_else(
                    || format!("`{needs}`"),
                    |text| format!("`{}`", text.replace('=', ": ")),
                );
            format!(
                "{what} was refused (403{said}): the token in {} needs the permission {permission}; where it has that, a rule of the organisation or the branch forbids it",
                place.token_from
            )
        }
        404 => format!(
            "{what} found nothing (404{said}): `{}` does not exist there, or the token in {} may not see it (it needs `{needs}` on this repository)",
            place.repository, place.token_from
        ),
        409 => format!(
            "{what} met a conflict (409{said}): somebody else writes too, or the repository is empty; run again"
        ),
        410 | 451 => {
            format!("{what} was refused ({status}{said}): the owner or GitHub switched this off")
        }
        422 => format!(
            "{what} was refused (422{said}): a rule of the repository or the branch, or a value that GitHub does not take"
        ),
        300..=399 => format!(
            "{what} was sent elsewhere ({status}): the repository may have moved; set its present name in the configuration"
        ),
        500.. => format!(
            "{what} failed: GitHub answered {status}{said} each time; see https://www.githubstatus.com, and run again"
        ),
        _ => format!("{what} was refused ({status}{said})"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::api::Limits;
    use super::*;

    fn answer(status: u16, body: &str, limits: Limits) -> Answer {
        Answer {
            status,
            body: body.into(),
            limits,
            tag: None,
        }
    }

    #[test]
    fn a_limit_is_told_from_a_missing_right() {
        let now_s = 1_000;
        let with = |retry_after, remaining, reset| Limits {
            retry_after,
            remaining,
            reset,
            permissions: None,
        };
        let cases = [
            (answer(403, "{}", with(None, None, None)), None),
            (
                answer(403, "<html>", with(None, Some(12), Some(9_000))),
                None,
            ),
            (answer(429, "", with(None, None, None)), Some(1_060)),
            (
                answer(403, "{}", with(Some(7), Some(0), Some(9_000))),
                Some(1_007),
            ),
            (
                answer(403, "{}", with(None, Some(0), Some(9_000))),
                Some(9_000),
            ),
            (answer(429, "{}", with(None, Some(0), Some(3))), Some(1_001)),
            (
                answer(
                    403,
                    r#"{"message":"You have exceeded a secondary rate limit"}"#,
                    with(None, None, None),
                ),
                Some(1_060),
            ),
        ];
        for (answer, until) in cases {
            assert_eq!(limited_until(&answer, now_s), until, "{answer:?}");
        }
    }

    #[test]
    fn details_are_told_and_hostile_text_is_cut() {
        let body = r#"{"message":"Validation Failed","errors":[{"field":"head","code":"invalid"},{"message":"No commits"},"plain",{}]}"#;
        assert_eq!(
            words(&answer(422, body, Limits::default())),
            "Validation Failed; head invalid; No commits; plain"
        );
        let long = format!(r#"{{"message":"a\n{}"}}"#, "x".repeat(900));
        let said = words(&answer(422, &long, Limits::default()));
        assert!(said.chars().count() == LONGEST && !said.contains('\n'));
        assert_eq!(words(&answer(500, "<html>", Limits::default())), "");
    }
}
