//! A GitHub of our own: objects and refs in a real bare repository, pull requests, labels and comments in memory. It answers as GitHub
//! documents, and fails where a test tells it to.

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::{Oid, Signature, Time};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::TcpListener;

pub const TOKEN: &str = "ghs_the-right-token";
/// A token with `contents: read` and `pull-requests: read`.
pub const READ_TOKEN: &str = "ghs_may-only-read";
pub const REPOSITORY: &str = "acme/flink-manifests";
/// The App in whose name the token writes.
pub const ACTOR: &str = "plimsoll[bot]";
const ACTOR_EMAIL: &str = "1+plimsoll[bot]@users.noreply.github.com";
const START: i64 = 1_790_000_000;

/// One pull request.
#[derive(Clone)]
pub struct Pull {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub state: String,
    pub branch: String,
    pub from: String,
    pub created: i64,
    pub updated: i64,
    pub ended: Option<i64>,
    pub merged_by: Option<String>,
    pub sha: String,
    pub labels: Vec<String>,
    pub comments: Vec<String>,
    /// What happened: `labeled plimsoll`, …
    pub events: Vec<(String, String)>,
    /// Reviews: who, and `APPROVED`, …
    pub reviews: Vec<(String, String)>,
    pub draft: bool,
}

/// What a request gets instead of its answer.
#[derive(Clone)]
pub struct Fault {
    /// Only requests whose `METHOD path` holds this.
    pub on: String,
    /// How often.
    pub times: usize,
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    /// Whether the request is carried out all the same.
    pub done: bool,
}

impl Fault {
    pub fn new(on: &str, times: usize, status: u16) -> Fault {
        Fault {
            on: on.to_string(),
            times,
            status,
            headers: Vec::new(),
            body: r#"{"message":"told to"}"#.to_string(),
            done: false,
        }
    }
}

/// What somebody else does meanwhile.
pub type Interruption = Box<dyn FnOnce(&git2::Repository) + Send>;

/// Everything behind the API.
pub struct State {
    git: git2::Repository,
    pub pulls: Vec<Pull>,
    pub log: Vec<String>,
    pub faults: Vec<Fault>,
    /// The write that is the last: `true` where it is still carried out. Every later request fails.
    pub dies_at: Option<(usize, bool)>,
    pub writes: usize,
    /// How often a list was asked for with the tag that it still has.
    pub unchanged: usize,
    /// What time it is on the server, Unix seconds.
    pub clock: i64,
    /// Whether a rule of the repository refuses commits that are not signed.
    pub wants_signatures: bool,
    unsigned: Vec<Oid>,
    /// What happens just before the next move of a ref.
    pub before_ref: Option<Interruption>,
}

/// The server.
#[derive(Clone)]
pub struct Fake {
    pub state: Arc<Mutex<State>>,
    pub api: String,
}

impl Fake {
    /// Serves a bare repository below `/api/v3`, as GitHub Enterprise does.
    pub async fn over(git: &Path) -> Fake {
        let state = Arc::new(Mutex::new(State {
            git: git2::Repository::open(git).unwrap(),
            pulls: Vec::new(),
            log: Vec::new(),
            faults: Vec::new(),
            dies_at: None,
            writes: 0,
            unchanged: 0,
            clock: START,
            wants_signatures: false,
            unsigned: Vec::new(),
            before_ref: None,
        }));
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}/api/v3", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Fake { state, api }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn pull(&self, number: u64) -> Pull {
        self.state().pulls[usize::try_from(number).unwrap() - 1].clone()
    }

    pub fn open(&self) -> Vec<Pull> {
        self.state()
            .pulls
            .iter()
            .filter(|pull| pull.state == "open")
            .cloned()
            .collect()
    }

    pub fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// The requests that wrote since the last time, and forgets them.
    pub fn written(&self) -> Vec<String> {
        let log = std::mem::take(&mut self.state().log);
        log.into_iter()
            .filter(|line| !line.starts_with("GET "))
            .collect()
    }

    /// A person's button: `merge`, `squash` or `rebase`.
    pub fn merge(&self, number: u64, style: &str, by: &str) {
        let mut state = self.state();
        state.clock += 60;
        let now = state.clock;
        let branch = state.pulls[usize::try_from(number).unwrap() - 1]
            .branch
            .clone();
        let title = state.pulls[usize::try_from(number).unwrap() - 1]
            .title
            .clone();
        {
            let git = &state.git;
            let find = |name: &str| {
                git.find_reference(&format!("refs/heads/{name}"))
                    .unwrap()
                    .peel_to_commit()
                    .unwrap()
            };
            let (base, head) = (find("main"), find(&branch));
            let mut index = git.merge_commits(&base, &head, None).unwrap();
            assert!(!index.has_conflicts());
            let tree = git.find_tree(index.write_tree_to(git).unwrap()).unwrap();
            let time = Time::new(now, 0);
            let web = Signature::new("GitHub", "noreply@github.com", &time).unwrap();
            let person = Signature::new(by, "person@example.org", &time).unwrap();
            let parents: Vec<&git2::Commit<'_>> = if style == "merge" {
                vec![&base, &head]
            } else {
                vec![&base]
            };
            let author = if style == "merge" {
                person.clone()
            } else {
                head.author().to_owned()
            };
            let committer = if style == "rebase" { &person } else { &web };
            let message = if style == "rebase" {
                head.message().unwrap().to_string()
            } else {
                format!("{title} (#{number})")
            };
            git.commit(
                Some("refs/heads/main"),
                &author,
                committer,
                &message,
                &tree,
                &parents,
            )
            .unwrap();
        }
        let pull = &mut state.pulls[usize::try_from(number).unwrap() - 1];
        pull.state = "closed".into();
        pull.ended = Some(now);
        pull.updated = now;
        pull.merged_by = Some(by.into());
    }

    /// Whether a person may press the button.
    pub fn can_merge(&self, number: u64) -> bool {
        let state = self.state();
        let pull = &state.pulls[usize::try_from(number).unwrap() - 1];
        pull.state == "open" && !pull.draft && mergeable(&state.git, pull) == json!(true)
    }

    /// A person's no.
    pub fn close(&self, number: u64) {
        let mut state = self.state();
        state.clock += 60;
        let now = state.clock;
        let pull = &mut state.pulls[usize::try_from(number).unwrap() - 1];
        pull.state = "closed".into();
        pull.ended = Some(now);
        pull.updated = now;
    }

    pub fn comments(&self, number: u64) -> Vec<String> {
        self.pull(number).comments
    }

    pub fn files(&self, branch: &str) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let mut files = BTreeMap::new();
        let Ok(head) = state.git.find_reference(&format!("refs/heads/{branch}")) else {
            return files;
        };
        let tree = head.peel_to_tree().unwrap();
        tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(git2::ObjectType::Blob) {
                let blob = state.git.find_blob(entry.id()).unwrap();
                files.insert(
                    format!("{folder}{}", entry.name().unwrap()),
                    blob.content().to_vec(),
                );
            }
            git2::TreeWalkResult::Ok
        })
        .unwrap();
        files
    }
}

type Reply = Result<Value, (u16, Value)>;

fn refuse(status: u16, message: &str) -> Reply {
    Err((status, json!({ "message": message })))
}

fn reply(status: u16, headers: &[(&'static str, String)], body: String) -> Response {
    let cut_off = headers.iter().any(|(name, _)| *name == "x-cut-off");
    let body = if cut_off {
        use futures::StreamExt as _;
        // The first part must be on its way before the connection ends.
        let gone = async {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            Err(std::io::Error::other("the server is gone"))
        };
        let first = futures::stream::iter([Ok(body)]);
        axum::body::Body::from_stream(first.chain(futures::stream::once(gone)))
    } else {
        axum::body::Body::from(body)
    };
    let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}

async fn answer(
    Shared(state): Shared<Arc<Mutex<State>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut state = state.lock().unwrap();
    let line = format!("{method} {uri}");
    state.log.push(line.clone());
    let token = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let writes = method != Method::GET;
    match token.strip_prefix("Bearer ") {
        Some(TOKEN) => {}
        Some(READ_TOKEN) if !writes => {}
        Some(READ_TOKEN) => {
            let refusal = r#"{"message":"Resource not accessible by integration"}"#;
            return reply(403, &[], refusal.into());
        }
        _ => return reply(401, &[], r#"{"message":"Bad credentials"}"#.into()),
    }
    state.writes += usize::from(writes);
    let dies = state.dies_at.map(|(at, done)| {
        (
            state.writes > at || (state.writes == at && writes),
            state.writes == at && done,
        )
    });
    if let Some((true, false)) = dies {
        return reply(503, &[], "dead".into());
    }
    let fault = state
        .faults
        .iter()
        .position(|fault| fault.times > 0 && line.contains(&fault.on));
    let fault = fault.map(|at| {
        state.faults[at].times -= 1;
        state.faults[at].clone()
    });
    if let Some(fault) = fault.as_ref().filter(|fault| !fault.done) {
        return reply(fault.status, &fault.headers, fault.body.clone());
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let result = route(&mut state, &method, &uri, &body);
    if let Some((true, true)) = dies {
        return reply(503, &[], "dead".into());
    }
    if let Some(fault) = fault {
        return reply(fault.status, &fault.headers, fault.body);
    }
    match result {
        Ok(value) if method == Method::GET => {
            let body = value.to_string();
            let tag = format!(
                "W/\"{}\"",
                &plimsoll::record::sha256_hex(body.as_bytes())[..16]
            );
            let known = headers
                .get("if-none-match")
                .and_then(|tag| tag.to_str().ok());
            if known == Some(tag.as_str()) {
                state.unchanged += 1;
                return reply(304, &[("etag", tag)], String::new());
            }
            reply(200, &[("etag", tag)], body)
        }
        Ok(value) => reply(
            if method == Method::POST { 201 } else { 200 },
            &[],
            value.to_string(),
        ),
        Err((status, value)) => reply(status, &[], value.to_string()),
    }
}

fn route(state: &mut State, method: &Method, uri: &Uri, body: &Value) -> Reply {
    let path = uri.path().to_string();
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
    if path == "/api/v3/graphql" {
        return graphql(state, body);
    }
    let Some(rest) = path.strip_prefix(&format!("/api/v3/repos/{REPOSITORY}")) else {
        return refuse(404, "Not Found");
    };
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    match (method.as_str(), &parts[..]) {
        ("GET", [""]) => {
            Ok(json!({ "full_name": REPOSITORY, "default_branch": "main", "archived": false }))
        }
        ("GET", ["git", "ref", "heads", branch @ ..]) => {
            let name = format!("refs/heads/{}", branch.join("/"));
            match state.git.refname_to_id(&name) {
                Ok(id) => Ok(
                    json!({ "ref": name, "object": { "sha": id.to_string(), "type": "commit" } }),
                ),
                Err(_) => refuse(404, "Not Found"),
            }
        }
        ("POST", ["git", "refs"]) => {
            if let Some(before) = state.before_ref.take() {
                before(&state.git);
            }
            let id = oid(&body["sha"])?;
            if state.unsigned.contains(&id) {
                return refuse(
                    422,
                    "Repository rule violations found: Commits must have verified signatures.",
                );
            }
            let name = body["ref"].as_str().unwrap();
            match state.git.reference(name, id, false, "api") {
                Ok(_) => Ok(json!({ "ref": name, "object": { "sha": id.to_string() } })),
                Err(_) => refuse(422, "Reference already exists"),
            }
        }
        ("PATCH", ["git", "refs", "heads", branch @ ..]) => {
            if let Some(before) = state.before_ref.take() {
                before(&state.git);
            }
            assert_eq!(body["force"], json!(false), "nothing is forced");
            let name = format!("refs/heads/{}", branch.join("/"));
            let id = oid(&body["sha"])?;
            if state.unsigned.contains(&id) {
                return refuse(
                    422,
                    "Repository rule violations found: Commits must have verified signatures.",
                );
            }
            let Ok(head) = state.git.refname_to_id(&name) else {
                return refuse(422, "Reference does not exist");
            };
            if head != id && !state.git.graph_descendant_of(id, head).unwrap() {
                return refuse(422, "Update is not a fast forward");
            }
            state.git.reference(&name, id, true, "api").unwrap();
            Ok(json!({ "ref": name, "object": { "sha": id.to_string() } }))
        }
        ("POST", ["git", "blobs"]) => {
            assert_eq!(body["encoding"], "base64");
            let bytes = STANDARD.decode(body["content"].as_str().unwrap()).unwrap();
            Ok(json!({ "sha": state.git.blob(&bytes).unwrap().to_string() }))
        }
        ("GET", ["git", "blobs", id]) => {
            let blob = state.git.find_blob(oid(&json!(id))?).unwrap();
            // GitHub breaks base64 into lines.
            let text = STANDARD.encode(blob.content());
            let lines: Vec<&str> = text
                .as_bytes()
                .chunks(60)
                .map(|chunk| std::str::from_utf8(chunk).unwrap())
                .collect();
            Ok(json!({ "content": lines.join("\n") + "\n", "encoding": "base64", "sha": id }))
        }
        ("GET", ["git", "trees", id]) => {
            let tree = state.git.find_tree(oid(&json!(id))?).unwrap();
            let mut entries = Vec::new();
            let deep = query.contains_key("recursive");
            tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
                if folder.is_empty() || deep {
                    entries.push(json!({
                        "path": format!("{folder}{}", entry.name().unwrap()), "mode": format!("{:06o}", entry.filemode()),
                        "type": entry.kind().unwrap().str(), "sha": entry.id().to_string(),
                    }));
                }
                if deep { git2::TreeWalkResult::Ok } else { git2::TreeWalkResult::Skip }
            })
            .unwrap();
            Ok(json!({ "sha": id, "tree": entries, "truncated": false }))
        }
        ("POST", ["git", "trees"]) => tree(state, body),
        ("GET", ["git", "commits", id]) => {
            let commit = state.git.find_commit(oid(&json!(id))?).unwrap();
            let verified = commit.committer().email() == Ok("noreply@github.com");
            Ok(json!({
                "sha": id, "tree": { "sha": commit.tree_id().to_string() }, "verification": { "verified": verified },
            }))
        }
        ("POST", ["git", "commits"]) => {
            let now = state.clock;
            let who = |key: &str| {
                let who = &body[key];
                // Without an author GitHub takes the App's, and commits and signs it itself.
                if who.is_null() {
                    let (name, email) = if key == "author" {
                        (ACTOR, ACTOR_EMAIL)
                    } else {
                        ("GitHub", "noreply@github.com")
                    };
                    return Signature::new(name, email, &Time::new(now, 0)).unwrap();
                }
                let time: Timestamp = who["date"].as_str().unwrap().parse().unwrap();
                Signature::new(
                    who["name"].as_str().unwrap(),
                    who["email"].as_str().unwrap(),
                    &Time::new(time.as_second(), 0),
                )
                .unwrap()
            };
            let tree = state.git.find_tree(oid(&body["tree"])?).unwrap();
            let parents: Vec<git2::Commit<'_>> = body["parents"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| state.git.find_commit(oid(id).unwrap()).unwrap())
                .collect();
            let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
            let id = state
                .git
                .commit(
                    None,
                    &who("author"),
                    &who("committer"),
                    body["message"].as_str().unwrap(),
                    &tree,
                    &parents,
                )
                .unwrap();
            let verified = body["author"].is_null() && body["committer"].is_null();
            if state.wants_signatures && !verified {
                state.unsigned.push(id);
            }
            Ok(json!({ "sha": id.to_string(), "verification": { "verified": verified } }))
        }
        ("GET", ["compare", spec]) => {
            let (base, head) = spec.split_once("...").unwrap();
            let (base, head) = (oid(&json!(base))?, oid(&json!(head))?);
            let (ahead, behind) = state.git.graph_ahead_behind(head, base).unwrap();
            let status = match (ahead, behind) {
                (0, 0) => "identical",
                (_, 0) => "ahead",
                (0, _) => "behind",
                _ => "diverged",
            };
            Ok(
                json!({ "status": status, "total_commits": ahead, "commits": commits(&state.git, base, head) }),
            )
        }
        ("GET", ["contents", file @ ..]) => {
            let commit = state.git.find_commit(oid(&json!(query["ref"]))?).unwrap();
            match commit
                .tree()
                .unwrap()
                .get_path(Path::new(&PathBuf::from(file.join("/"))))
            {
                Ok(entry) => Ok(json!({ "sha": entry.id().to_string() })),
                Err(_) => refuse(404, "Not Found"),
            }
        }
        _ => pulls(state, method, &parts, &query, body),
    }
}

fn oid(value: &Value) -> Result<Oid, (u16, Value)> {
    Oid::from_str(value.as_str().unwrap_or_default())
        .map_err(|_| (422, json!({ "message": "no sha" })))
}

fn tree(state: &State, body: &Value) -> Reply {
    let git = &state.git;
    let mut index = git2::Index::new().unwrap();
    if let Some(base) = body["base_tree"].as_str() {
        index
            .read_tree(&git.find_tree(oid(&json!(base))?).unwrap())
            .unwrap();
    }
    for entry in body["tree"].as_array().unwrap() {
        let mode = u32::from_str_radix(entry["mode"].as_str().unwrap(), 8).unwrap();
        let path = entry["path"].as_str().unwrap();
        index
            .add(&crate::repository::entry(path, oid(&entry["sha"])?, mode))
            .unwrap();
    }
    Ok(json!({ "sha": index.write_tree_to(git).unwrap().to_string() }))
}

fn commits(git: &git2::Repository, base: Oid, head: Oid) -> Vec<Value> {
    let mut walk = git.revwalk().unwrap();
    walk.push(head).unwrap();
    walk.hide(base).unwrap();
    walk.map(|id| {
        let commit = git.find_commit(id.unwrap()).unwrap();
        json!({
            "sha": commit.id().to_string(),
            "commit": {
                "author": { "email": commit.author().email().unwrap() }, "committer": { "email": commit.committer().email().unwrap() },
                "message": commit.message().unwrap(),
            },
            "author": account(&commit.author()), "committer": account(&commit.committer()),
            "parents": commit.parent_ids().map(|id| json!({ "sha": id.to_string() })).collect::<Vec<_>>(),
        })
    })
    .collect()
}

/// Whose account a name in a commit is.
fn account(who: &Signature<'_>) -> Value {
    match who.email() {
        Ok(ACTOR_EMAIL) => json!({ "login": ACTOR }),
        Ok("noreply@github.com") => json!({ "login": "web-flow" }),
        _ => json!({ "login": who.name().unwrap() }),
    }
}

/// The two mutations that REST does not have.
fn graphql(state: &mut State, body: &Value) -> Reply {
    let query = body["query"].as_str().unwrap();
    let id = body["variables"]["id"].as_str().unwrap();
    let number: usize = id.strip_prefix("PR_").unwrap().parse().unwrap();
    let draft = query.contains("convertPullRequestToDraft");
    assert!(
        draft || query.contains("markPullRequestReadyForReview"),
        "{query}"
    );
    state.pulls[number - 1].draft = draft;
    Ok(json!({ "data": {} }))
}

fn pulls(
    state: &mut State,
    method: &Method,
    parts: &[&str],
    query: &BTreeMap<String, String>,
    body: &Value,
) -> Reply {
    let at = |text: &str| {
        text.parse::<usize>()
            .ok()
            .and_then(|number| number.checked_sub(1))
    };
    refresh(state);
    match (method.as_str(), parts) {
        ("GET", ["pulls"]) => {
            let wanted = query.get("state").map_or("open", String::as_str);
            let mut found: Vec<&Pull> = state
                .pulls
                .iter()
                .filter(|pull| wanted == "all" || pull.state == wanted)
                .filter(|pull| {
                    query.get("head").is_none_or(|head| {
                        *head == format!("{}:{}", pull.from.split('/').next().unwrap(), pull.branch)
                    })
                })
                .collect();
            if query.get("sort").is_some_and(|sort| sort == "updated") {
                found.sort_by_key(|pull| std::cmp::Reverse(pull.updated));
            } else {
                found.reverse();
            }
            let number = |key: &str, otherwise: usize| {
                query
                    .get(key)
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(otherwise)
            };
            let (size, page) = (number("per_page", 30), number("page", 1));
            let listed: Vec<Value> = found
                .into_iter()
                .skip((page - 1) * size)
                .take(size)
                .map(|pull| shown(pull, false))
                .collect();
            Ok(Value::from(listed))
        }
        ("POST", ["pulls"]) => {
            let branch = body["head"].as_str().unwrap().to_string();
            let Ok(head) = state.git.refname_to_id(&format!("refs/heads/{branch}")) else {
                return refuse(422, "Validation Failed: head invalid");
            };
            let there = state.pulls.iter().any(|pull| {
                pull.state == "open" && pull.branch == branch && pull.from == REPOSITORY
            });
            if there {
                return Err((
                    422,
                    json!({ "message": "Validation Failed", "errors": [{ "message": format!("A pull request already exists for acme:{branch}.") }] }),
                ));
            }
            state.clock += 60;
            let pull = Pull {
                number: state.pulls.len() as u64 + 1,
                title: body["title"].as_str().unwrap().into(),
                // GitHub keeps what a browser would have sent.
                body: body["body"].as_str().unwrap().replace('\n', "\r\n"),
                state: "open".into(),
                branch,
                from: REPOSITORY.into(),
                created: state.clock,
                updated: state.clock,
                ended: None,
                merged_by: None,
                sha: head.to_string(),
                labels: Vec::new(),
                comments: Vec::new(),
                events: Vec::new(),
                reviews: Vec::new(),
                draft: false,
            };
            state.pulls.push(pull.clone());
            Ok(shown(&pull, true))
        }
        ("GET", ["pulls", number]) => {
            let pull = &state.pulls[at(number).unwrap()];
            let mut value = shown(pull, true);
            value["mergeable"] = mergeable(&state.git, pull);
            Ok(value)
        }
        ("PATCH", ["pulls", number]) => {
            state.clock += 60;
            let now = state.clock;
            let pull = &mut state.pulls[at(number).unwrap()];
            if let Some(title) = body["title"].as_str() {
                pull.title = title.into();
            }
            if let Some(text) = body["body"].as_str() {
                pull.body = text.into();
            }
            if let Some(to) = body["state"].as_str() {
                pull.state = to.into();
                pull.ended = Some(now);
            }
            pull.updated = now;
            Ok(shown(pull, true))
        }
        ("GET", ["pulls", number, "commits"]) => {
            let pull = &state.pulls[at(number).unwrap()];
            let base = state.git.refname_to_id("refs/heads/main").unwrap();
            Ok(Value::from(commits(
                &state.git,
                base,
                Oid::from_str(&pull.sha).unwrap(),
            )))
        }
        ("GET", ["issues", number, "comments"]) => {
            let comments = &state.pulls[at(number).unwrap()].comments;
            Ok(Value::from(
                comments
                    .iter()
                    .map(|text| json!({ "body": text }))
                    .collect::<Vec<_>>(),
            ))
        }
        ("POST", ["issues", number, "comments"]) => {
            let text = body["body"].as_str().unwrap().to_string();
            state.pulls[at(number).unwrap()].comments.push(text.clone());
            Ok(json!({ "body": text }))
        }
        ("GET", ["issues", number, "events"]) => {
            let events = &state.pulls[at(number).unwrap()].events;
            Ok(Value::from(
                events
                    .iter()
                    .map(|(event, label)| json!({ "event": event, "label": { "name": label } }))
                    .collect::<Vec<_>>(),
            ))
        }
        ("GET", ["pulls", number, "reviews"]) => {
            let reviews = &state.pulls[at(number).unwrap()].reviews;
            Ok(Value::from(
                reviews
                    .iter()
                    .map(|(who, verdict)| json!({ "user": { "login": who }, "state": verdict }))
                    .collect::<Vec<_>>(),
            ))
        }
        ("POST", ["issues", number, "labels"]) => {
            let pull = &mut state.pulls[at(number).unwrap()];
            for label in body["labels"].as_array().unwrap() {
                let label = label.as_str().unwrap().to_string();
                if !pull.labels.contains(&label) {
                    pull.events.push(("labeled".into(), label.clone()));
                    pull.labels.push(label);
                }
            }
            Ok(Value::from(
                pull.labels
                    .iter()
                    .map(|label| json!({ "name": label }))
                    .collect::<Vec<_>>(),
            ))
        }
        _ => refuse(404, "Not Found"),
    }
}

/// Open ones follow their branches.
fn refresh(state: &mut State) {
    let git = &state.git;
    for pull in state
        .pulls
        .iter_mut()
        .filter(|pull| pull.state == "open" && pull.from == REPOSITORY)
    {
        match git.refname_to_id(&format!("refs/heads/{}", pull.branch)) {
            Ok(head) => pull.sha = head.to_string(),
            Err(_) => pull.state = "closed".into(),
        }
    }
}

fn mergeable(git: &git2::Repository, pull: &Pull) -> Value {
    let base = git
        .find_reference("refs/heads/main")
        .unwrap()
        .peel_to_commit()
        .unwrap();
    let head = git.find_commit(Oid::from_str(&pull.sha).unwrap()).unwrap();
    json!(
        !git.merge_commits(&base, &head, None)
            .unwrap()
            .has_conflicts()
    )
}

fn shown(pull: &Pull, alone: bool) -> Value {
    let time = |seconds: i64| Timestamp::from_second(seconds).unwrap().to_string();
    let merged = pull.merged_by.as_ref().and(pull.ended);
    let mut value = json!({
        "number": pull.number, "html_url": format!("https://ghe.example.org/{REPOSITORY}/pull/{}", pull.number),
        "title": pull.title, "body": pull.body, "state": pull.state,
        "head": { "ref": pull.branch, "sha": pull.sha, "repo": { "full_name": pull.from } },
        "labels": pull.labels.iter().map(|label| json!({ "name": label })).collect::<Vec<_>>(),
        "node_id": format!("PR_{}", pull.number), "draft": pull.draft, "user": { "login": ACTOR },
        "created_at": time(pull.created), "updated_at": time(pull.updated),
        "closed_at": pull.ended.map(time), "merged_at": merged.map(time),
    });
    if alone {
        value["merged_by"] = pull
            .merged_by
            .as_ref()
            .map_or(Value::Null, |by| json!({ "login": by }));
    }
    value
}
