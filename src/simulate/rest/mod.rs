//! Simulated jobs in the shapes of Flink's REST API (1.20 and 2.2), traps included.
//!
//! Each job has a JobManager of its own, so each has a root of its own. The clock in the answers is the simulated one. The traps
//! are those that real JobManagers set: an aggregate is an empty list when one of the metrics asked for is unknown, a request line over
//! 4096 bytes gets 404, busy time of a legacy source is `"NaN"`, `pendingRecords` is absent until the first record, and the numbers in
//! names of SQL operators change with each submission.

mod checkpoints;
mod job;
mod metrics;
mod task_managers;

use super::model::job::{Job, Phase};
use super::model::view::View;
use serde_json::{Value, json};

/// The longest request line that Flink's HTTP server reads, bytes.
const LONGEST_LINE: usize = 4096;

/// An answer of the simulated JobManager.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Body.
    pub body: Value,
}

impl Reply {
    fn ok(body: Value) -> Reply {
        Reply { status: 200, body }
    }

    fn error(status: u16, message: impl Into<String>) -> Reply {
        Reply {
            status,
            body: json!({"errors": [message.into()]}),
        }
    }
}

/// What a handler needs: the job, what can be seen of it, the query.
struct Question<'a> {
    job: &'a Job,
    view: &'a View,
    query: Vec<(String, String)>,
}

impl Question<'_> {
    /// The ids after `get=`, if there are any.
    fn wanted(&self) -> Option<Vec<&str>> {
        self.query
            .iter()
            .find(|(key, _)| key == "get")
            .map(|(_, list)| list.split(',').filter(|id| !id.is_empty()).collect())
    }

    /// The aggregates after `agg=`, if there are any.
    fn aggregates(&self) -> Option<Vec<&str>> {
        self.query
            .iter()
            .find(|(key, _)| key == "agg")
            .map(|(_, list)| list.split(',').collect())
    }
}

/// Answers a GET request to the root of one job's JobManager at a time. `path_and_query` begins with a slash.
pub fn answer(job: &mut Job, path_and_query: &str, at_ms: i64) -> Reply {
    // `GET` before it and ` HTTP/1.1` after it belong to the line.
    if path_and_query.len() + 13 > LONGEST_LINE {
        return Reply::error(404, "Unable to load requested file /bad-request.");
    }
    if at_ms < job.spec.start_ms {
        return unavailable();
    }
    let view = View::of(job, at_ms);
    if !view.answers() {
        return unavailable();
    }
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let question = Question {
        job,
        view: &view,
        query: query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (decoded(key), decoded(value)))
            .collect(),
    };
    let decoded_path = decoded(path);
    let parts: Vec<&str> = decoded_path.split('/').filter(|p| !p.is_empty()).collect();
    let parts = match parts.first() {
        Some(&"v1") => &parts[1..],
        _ => &parts[..],
    };
    route(&question, parts)
        .unwrap_or_else(|| Reply::error(404, format!("Unable to load requested file {path}.")))
}

fn unavailable() -> Reply {
    Reply::error(
        503,
        "Service temporarily unavailable due to an ongoing leader election. Please refresh.",
    )
}

fn route(q: &Question, parts: &[&str]) -> Option<Reply> {
    let body = match parts {
        ["overview"] => job::overview(q),
        ["config"] => job::web_config(q),
        ["jobs"] => job::ids(q),
        ["jobs", "overview"] => job::jobs_overview(q),
        ["jobmanager", "config"] => job::jobmanager_config(q),
        ["jobmanager", "metrics"] => metrics::of_jobmanager(q),
        ["taskmanagers"] => task_managers::all(q),
        ["taskmanagers", "metrics"] => metrics::of_all_task_managers(q),
        ["taskmanagers", id] => return Some(task_manager(q, id, task_managers::one)),
        ["taskmanagers", id, "metrics"] => {
            return Some(task_manager(q, id, metrics::of_task_manager));
        }
        ["jobs", id, rest @ ..] => return of_job(q, id, rest),
        _ => return None,
    };
    Some(Reply::ok(body))
}

fn task_manager(q: &Question, id: &str, answer: fn(&Question, usize) -> Value) -> Reply {
    match q.view.task_managers.iter().position(|tm| tm.id == id) {
        Some(index) => Reply::ok(answer(q, index)),
        None => Reply::error(
            404,
            format!(
                "org.apache.flink.runtime.rest.handler.RestHandlerException: TaskExecutor with id {id} not found"
            ),
        ),
    }
}

fn of_job(q: &Question, id: &str, rest: &[&str]) -> Option<Reply> {
    let is_id = id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit());
    if !is_id {
        return Some(Reply::error(
            400,
            format!(
                "org.apache.flink.runtime.rest.handler.RestHandlerException: Bad request, could not parse parameters: Cannot resolve path parameter (jobid) from value \"{id}\"."
            ),
        ));
    }
    if id != q.view.job_id {
        return Some(Reply::error(
            404,
            format!("org.apache.flink.runtime.rest.NotFoundException: Job {id} not found"),
        ));
    }
    let body = match rest {
        [] => job::details(q),
        ["plan"] => json!({"plan": job::plan(q)}),
        ["config"] => job::config(q),
        ["status"] => json!({"status": state_word(q.view)}),
        ["exceptions"] => job::exceptions(q),
        ["metrics"] => metrics::of_job(q),
        ["checkpoints"] => checkpoints::all(q),
        ["checkpoints", "config"] => checkpoints::config(q),
        ["jobmanager", "config"] => job::jobmanager_config(q),
        // Only the adaptive scheduler knows them, and these jobs run the default one.
        ["resource-requirements"] => return None,
        ["vertices", vertex, rest @ ..] => {
            let Some(v) = q.view.vertices.iter().position(|other| other.id == *vertex) else {
                return Some(Reply::error(
                    404,
                    format!(
                        "org.apache.flink.runtime.rest.NotFoundException: No vertex with ID {vertex} exists."
                    ),
                ));
            };
            match rest {
                [] => job::vertex(q, v),
                ["backpressure"] => job::backpressure(q, v),
                ["taskmanagers"] => job::vertex_task_managers(q, v),
                ["metrics"] => metrics::of_vertex(q, v),
                ["subtasks", "metrics"] => metrics::of_subtasks(q, v),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(Reply::ok(body))
}

/// The job's state in Flink's word.
fn state_word(view: &View) -> &'static str {
    match view.phase {
        Phase::Running { .. } => "RUNNING",
        Phase::Down { redeploy: true, .. } => "CREATED",
        Phase::Down { .. } => "RESTARTING",
        Phase::Refused { .. } => "FAILED",
    }
}

/// A path or query part without its percent signs. What is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escape {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn escapes_are_undone_and_broken_ones_kept() {
        assert_eq!(
            decoded("Source__src%5B3%5D.pendingRecords"),
            "Source__src[3].pendingRecords"
        );
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz"), "%zz");
    }
}
