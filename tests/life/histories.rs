//! Random histories of one job's pull requests on every forge: what the plan says changes, people commit, write, label, merge, close, open
//! again and edit by hand, the base moves, runs die and fail. After each run that was let through the promises hold.

use super::stage::{FILE, HOUR, item, manifest, plan, proposal, stance};
use crate::github::Hub;
use crate::github::fake::Fault;
use crate::record::{MONDAY_MS, job};
use crate::repository::World;
use plimsoll::clients::Disk;
use plimsoll::clients::forges::{DirForge, PatchForge};
use plimsoll::clients::repository::{FolderRepository, GitRepository, MergeStyle};
use plimsoll::config::Config;
use plimsoll::pass::{self, Base, Manifests, Settings};
use plimsoll::plan::State as Planned;
use plimsoll::ports::{Forge, PullRequest, PullRequestState, Repository};
use plimsoll::record::{ChangeKind, State, branch, held_code};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// Histories over each forge; the long form has ten thousand over all.
fn count(otherwise: u64) -> u64 {
    std::env::var("PLIMSOLL_HISTORIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

/// Steps of a history.
const STEPS: u32 = 7;

/// A small generator: the same seed, the same history.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What the plan says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    Propose(u32),
    Held,
    Keep,
}

/// The forge of a history, with the people on it.
enum Ground {
    Local(Box<World>),
    Patch(Box<World>),
    Dir(TempDir),
    Github(Box<Hub>),
}

impl Ground {
    fn world(&self) -> Option<&World> {
        match self {
            Ground::Local(world) | Ground::Patch(world) => Some(world),
            Ground::Github(hub) => Some(&hub.world),
            Ground::Dir(_) => None,
        }
    }

    /// The manifest on the base.
    fn base(&self) -> Option<Vec<u8>> {
        match self {
            Ground::Dir(folder) => fs::read(folder.path().join(FILE)).ok(),
            other => other.world().unwrap().file("main", FILE),
        }
    }

    fn write_base(&self, path: &str, bytes: &[u8]) {
        match self {
            Ground::Dir(folder) => fs::write(folder.path().join(path), bytes).unwrap(),
            other => {
                other.world().unwrap().commit("main", path, Some(bytes));
            }
        }
    }

    fn remove_base(&self) {
        match self {
            Ground::Dir(folder) => fs::remove_file(folder.path().join(FILE)).unwrap(),
            other => {
                other.world().unwrap().commit("main", FILE, None);
            }
        }
    }

    fn page(&self, id: &str) -> PathBuf {
        match self {
            Ground::Local(world) => world.folder.path().join(format!("pulls/{id}.md")),
            Ground::Patch(world) => world.folder.path().join(format!("patches/{id}.md")),
            Ground::Dir(folder) => folder
                .path()
                .join(format!(".plimsoll/pull-requests/{id}.md")),
            Ground::Github(_) => unreachable!("pull requests of GitHub are no files"),
        }
    }

    /// A person's hand in a pull request's text: its page, or its body.
    fn edit(&self, id: &str, how: impl Fn(&str) -> String) {
        if let Ground::Github(hub) = self {
            let at = id.parse::<usize>().unwrap() - 1;
            let mut state = hub.fake.state();
            let body = how(&state.pulls[at].body.replace("\r\n", "\n"));
            state.pulls[at].body = body.replace('\n', "\r\n");
            return;
        }
        let file = self.page(id);
        let text = fs::read_to_string(&file).unwrap();
        let (front, body) = text
            .strip_prefix("---\n")
            .unwrap()
            .split_once("\n---\n")
            .unwrap();
        fs::write(&file, format!("---\n{front}\n---\n{}", how(body))).unwrap();
    }

    fn front(&self, id: &str, how: impl Fn(&str) -> String) {
        let file = self.page(id);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, how(&text)).unwrap();
    }

    fn close(&self, id: &str) {
        match self {
            Ground::Github(hub) => hub.fake.close(id.parse().unwrap()),
            _ => self.front(id, |text| text.replacen("state: open", "state: closed", 1)),
        }
    }

    fn reopen(&self, id: &str) {
        match self {
            Ground::Github(hub) => {
                let at = id.parse::<usize>().unwrap() - 1;
                let mut state = hub.fake.state();
                let branch = state.pulls[at].branch.clone();
                // GitHub refuses a second open one of a branch.
                if !state
                    .pulls
                    .iter()
                    .any(|pull| pull.state == "open" && pull.branch == branch)
                {
                    state.pulls[at].state = "open".into();
                    state.pulls[at].ended = None;
                }
            }
            _ => self.front(id, |text| text.replacen("state: closed", "state: open", 1)),
        }
    }

    fn label(&self, id: &str, label: &str) {
        match self {
            Ground::Github(hub) => {
                let at = id.parse::<usize>().unwrap() - 1;
                hub.fake.state().pulls[at].labels.push(label.into());
            }
            _ => self.front(id, |text| {
                text.replacen("labels: [", &format!("labels: [\"{label}\","), 1)
            }),
        }
    }

    fn merge(&self, open: &PullRequest, style: u64, now_ms: i64) {
        match self {
            Ground::Local(world) => {
                let style = if style == 0 {
                    MergeStyle::Merge
                } else {
                    MergeStyle::Squash
                };
                // What conflicts a person can't merge.
                let _ = world.forge().merge(open, style, "Ada", now_ms);
            }
            Ground::Github(hub) => {
                if hub.fake.can_merge(open.id.parse().unwrap()) {
                    let style = ["merge", "squash", "rebase"][style as usize % 3];
                    hub.fake.merge(open.id.parse().unwrap(), style, "Ada");
                }
            }
            Ground::Patch(world) => {
                let patch = fs::read(self.page(&open.id).with_extension("patch")).unwrap();
                let diff = git2::Diff::from_buffer(&patch).unwrap();
                let base = world.git.find_commit(world.head("main").unwrap()).unwrap();
                let Ok(mut index) = world.git.apply_to_tree(&base.tree().unwrap(), &diff, None)
                else {
                    return;
                };
                let tree = index.write_tree_to(&world.git).unwrap();
                let tree = world.git.find_tree(tree).unwrap();
                let who = crate::repository::person();
                world
                    .git
                    .commit(Some("refs/heads/main"), &who, &who, "am", &tree, &[&base])
                    .unwrap();
            }
            Ground::Dir(_) => {}
        }
    }

    /// Everything that a run could have written.
    fn trace(&self) -> Vec<(String, Vec<u8>)> {
        let mut trace = Vec::new();
        match self {
            Ground::Github(hub) => {
                for line in hub.fake.written() {
                    trace.push((line, Vec::new()));
                }
            }
            Ground::Local(world) => {
                files(&world.folder.path().join("pulls"), &mut trace);
                refs(world, &mut trace);
            }
            Ground::Patch(world) => {
                files(&world.folder.path().join("patches"), &mut trace);
                refs(world, &mut trace);
            }
            Ground::Dir(folder) => files(folder.path(), &mut trace),
        }
        trace.sort();
        trace
    }

    /// The pull requests as a run sees them.
    async fn all(&self) -> Vec<PullRequest> {
        match self {
            Ground::Local(world) => world.forge().pull_requests().await.unwrap(),
            Ground::Patch(world) => patch(world, Disk::default()).pull_requests().await.unwrap(),
            Ground::Dir(folder) => DirForge::new(folder.path()).pull_requests().await.unwrap(),
            Ground::Github(hub) => {
                hub.fetch();
                hub.forge().pull_requests().await.unwrap()
            }
        }
    }

    /// One run; `dies_after` counts the writes until it is killed.
    async fn run(&self, says: Says, now_ms: i64, dies_after: Option<u32>) -> Result<(), String> {
        let disk = dies_after.map_or_else(Disk::default, Disk::dying_after);
        match self {
            Ground::Local(world) => {
                let forge = world.forge_on(disk);
                pass_over(&forge, &world.repository(), says, self.base(), now_ms).await
            }
            Ground::Patch(world) => {
                let forge = patch(world, disk);
                pass_over(&forge, &world.repository(), says, self.base(), now_ms).await
            }
            Ground::Dir(folder) => {
                let forge = DirForge::on(folder.path(), disk);
                let repository = FolderRepository::open(folder.path()).unwrap();
                pass_over(&forge, &repository, says, self.base(), now_ms).await
            }
            Ground::Github(hub) => {
                hub.fetch();
                if let Some(writes) = dies_after {
                    let mut state = hub.fake.state();
                    let at = state.writes + writes as usize + 1;
                    state.dies_at = Some((at, writes % 2 == 0));
                }
                let done =
                    pass_over(&hub.forge(), &hub.checkout(), says, self.base(), now_ms).await;
                hub.fake.state().dies_at = None;
                done
            }
        }
    }
}

fn patch(world: &World, disk: Disk) -> PatchForge<GitRepository> {
    PatchForge::on(
        world.repository(),
        &world.folder.path().join("patches"),
        disk,
    )
}

fn files(folder: &std::path::Path, trace: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, trace);
        } else {
            trace.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

fn refs(world: &World, trace: &mut Vec<(String, Vec<u8>)>) {
    for reference in world.git.references().unwrap() {
        let reference = reference.unwrap();
        let target = reference.target().unwrap().to_string();
        trace.push((reference.name().unwrap().to_string(), target.into_bytes()));
    }
}

/// Slots and tag of a manifest.
fn slots(bytes: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let rest = text.split("parallelism: ").nth(1).unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// The same manifest with other slots.
fn resized(bytes: &[u8], to: u32) -> Vec<u8> {
    let from = slots(bytes);
    String::from_utf8_lossy(bytes)
        .replace(
            &format!("parallelism: {from} "),
            &format!("parallelism: {to} "),
        )
        .into_bytes()
}

/// What a run does with open ones and with what the plan proposes.
async fn pass_over(
    forge: &impl Forge,
    repository: &impl Repository,
    says: Says,
    base: Option<Vec<u8>>,
    now_ms: i64,
) -> Result<(), String> {
    let (state, reason) = match (says, &base) {
        (_, None) => (Planned::Refused, "not-found"),
        (Says::Propose(_), _) => (Planned::Propose, "cheaper"),
        (Says::Held, _) => (Planned::Held, "freeze"),
        (Says::Keep, _) => (Planned::Keep, "fits"),
    };
    let plan = plan(vec![item(state, reason)], now_ms);
    let read = Base::read(repository).map_err(|error| error.to_string())?;
    let manifests = Manifests::parse(&read);
    let settings = Settings::new(&Config::default(), Vec::new());
    let done = pass::propose(&settings, forge, repository, &manifests, &plan, now_ms)
        .await
        .map_err(|error| error.to_string())?;
    if let Some(problem) = done.iter().find_map(pass::Proposed::problem) {
        return Err(problem);
    }
    if let (Says::Propose(to), Some(base)) = (says, base)
        && slots(&base) != to
    {
        let from = slots(&base);
        let it = proposal(
            ChangeKind::Rightsize,
            &stance(from, to, now_ms),
            &resized(&base, to),
        );
        forge
            .propose(&it, now_ms)
            .await
            .map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// One history.
struct Played<'a> {
    ground: &'a Ground,
    dice: Dice,
    now_ms: i64,
    says: Says,
    /// Words that people wrote into pull requests, by id.
    words: BTreeMap<String, Vec<String>>,
    /// Commits that people made on the branch.
    commits: Vec<git2::Oid>,
    lines: Vec<String>,
}

impl Played<'_> {
    async fn step(&mut self) {
        self.now_ms += HOUR * [1, 5, 30, 200][self.dice.roll(4) as usize];
        let all = self.ground.all().await;
        let open = all
            .iter()
            .find(|one| one.state == PullRequestState::Open)
            .cloned();
        let what = self.dice.roll(17);
        match (what, open) {
            (0..=3, _) => {
                self.says = match self.dice.roll(6) {
                    0 => Says::Held,
                    1 => Says::Keep,
                    _ => Says::Propose(6 + self.dice.roll(12) as u32),
                };
            }
            (4, Some(open)) => {
                let word = format!("words {} at {}", self.dice.roll(1000), self.now_ms);
                let above = self.dice.roll(2) == 0;
                self.ground.edit(&open.id, |body| {
                    if above {
                        format!("{word}\n\n{body}")
                    } else {
                        format!("{body}\n\n{word}\n")
                    }
                });
                self.words.entry(open.id).or_default().push(word);
            }
            (5, Some(open)) => {
                if let Some(world) = self
                    .ground
                    .world()
                    .filter(|_| !matches!(self.ground, Ground::Patch(_)))
                {
                    let theirs = format!("notes-{}.yaml", self.dice.roll(100));
                    self.commits
                        .push(world.commit(&open.branch, &theirs, Some(b"a: 1\n")));
                }
            }
            (6, Some(open)) => self.ground.close(&open.id),
            (7 | 8, Some(open)) => {
                let style = self.dice.roll(3);
                self.ground.merge(&open, style, self.now_ms);
            }
            (9, _) => {
                let closed = all
                    .iter()
                    .find(|one| one.state == PullRequestState::Closed)
                    .filter(|_| !all.iter().any(|one| one.state == PullRequestState::Open));
                if let Some(closed) = closed {
                    self.ground.reopen(&closed.id);
                }
            }
            (10, Some(open)) => {
                let label =
                    ["mine", "plimsoll/later", "plimsoll/wontfix"][self.dice.roll(3) as usize];
                self.ground.label(&open.id, label);
            }
            (11, _) => {
                let name = format!("other-{}.yaml", self.dice.roll(9));
                self.ground.write_base(&name, b"x: 1\n");
            }
            (12, _) => {
                if let Some(base) = self.ground.base() {
                    let text = String::from_utf8(base).unwrap();
                    let tag = self.dice.roll(99);
                    let line = text.lines().find(|line| line.contains("image:")).unwrap();
                    let moved = text.replace(line, &format!("  image: app:{tag}"));
                    self.ground.write_base(FILE, moved.as_bytes());
                }
            }
            (13, _) => {
                if let Some(base) = self.ground.base() {
                    let by_hand = 6 + self.dice.roll(12) as u32;
                    self.ground.write_base(FILE, &resized(&base, by_hand));
                }
            }
            (14, _) => self.fail().await,
            (15, _) => match self.ground.base() {
                Some(_) => self.ground.remove_base(),
                None => self.ground.write_base(FILE, &manifest(12)),
            },
            (16, _) => {
                // Two runners at once; either may be told to run again.
                let (says, now_ms) = (self.says, self.now_ms);
                let one = self.ground.run(says, now_ms, None);
                let two = self.ground.run(says, now_ms, None);
                let _ = futures::join!(one, two);
            }
            _ => {}
        }
        self.lines.push(format!("{what} {:?}", self.says));
    }

    /// A run that dies somewhere, or that the server refuses something.
    async fn fail(&mut self) {
        let writes = self.dice.roll(7) as u32;
        if let Ground::Github(hub) = self.ground {
            let on = [
                "git/blobs",
                "git/trees",
                "git/commits",
                "git/refs",
                "/pulls",
                "comments",
            ][self.dice.roll(6) as usize];
            let status = [500, 403, 409, 422][self.dice.roll(4) as usize];
            if self.dice.roll(2) == 0 {
                hub.fake.fail(Fault::new(on, 4, status));
                let _ = self.ground.run(self.says, self.now_ms, None).await;
                hub.fake.state().faults.clear();
                return;
            }
        }
        let _ = self.ground.run(self.says, self.now_ms, Some(writes)).await;
    }

    /// A run that is let through, and what holds after it.
    async fn hold(&mut self, when: &str) {
        let ran = self.ground.run(self.says, self.now_ms, None).await;
        let told = || format!("{when}: {:?}: {}", self.says, self.lines.join("; "));
        assert_eq!(ran, Ok(()), "{}", told());
        self.ground.trace();
        let all = self.ground.all().await;
        let open: Vec<&PullRequest> = all
            .iter()
            .filter(|one| one.state == PullRequestState::Open)
            .collect();
        assert!(open.len() <= 1, "one at most: {}", told());
        let base = self.ground.base();
        for one in &open {
            assert_eq!(one.branch, branch(ChangeKind::Rightsize, &job("orders")));
            let put_off = one.labels.iter().any(|label| label == "plimsoll/later");
            if one.has_foreign_commits {
                continue;
            }
            match self.says {
                Says::Keep => panic!("nothing is meant: {}", told()),
                Says::Held => assert_eq!(held_code(&one.body), Some("freeze"), "{}", told()),
                Says::Propose(to) => {
                    assert_eq!(held_code(&one.body), None, "{}", told());
                    let from = slots(base.as_ref().unwrap());
                    let there = State::find(&one.body)
                        .and_then(|state| state.stance)
                        .unwrap();
                    if !put_off && from != to {
                        let wanted = stance(from, to, self.now_ms);
                        assert_eq!(there.grows, wanted.grows, "{}", told());
                        assert!(there.suffices_for(&wanted), "{}", told());
                    }
                }
            }
        }
        for (id, words) in &self.words {
            let one = all.iter().find(|one| one.id == *id).unwrap();
            for word in words {
                assert!(
                    one.body.contains(word),
                    "no word is lost: {word}: {}",
                    told()
                );
            }
        }
        if let Some(world) = self.ground.world() {
            for commit in &self.commits {
                let kept = world.git.references().unwrap().any(|reference| {
                    let head = reference.unwrap().target().unwrap();
                    head == *commit || world.git.graph_descendant_of(head, *commit).unwrap()
                });
                assert!(kept, "no commit is lost: {}", told());
            }
        }
        // The same again writes nothing.
        let before = self.ground.trace();
        let again = self.ground.run(self.says, self.now_ms, None).await;
        assert_eq!(again, Ok(()), "{}", told());
        let after = self.ground.trace();
        if matches!(self.ground, Ground::Github(_)) {
            assert_eq!(after, [], "quiet: {}", told());
        } else {
            assert_eq!(after, before, "quiet: {}", told());
        }
    }
}

async fn play(ground: &Ground, seed: u64) {
    let mut played = Played {
        ground,
        dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        now_ms: MONDAY_MS,
        says: Says::Propose(8),
        words: BTreeMap::new(),
        commits: Vec::new(),
        lines: Vec::new(),
    };
    played.dice.roll(7);
    for step in 0..STEPS {
        played.step().await;
        played.hold(&format!("seed {seed}, step {step}")).await;
    }
}

/// A folder in memory, where there is one: what is synced to a disk a thousand times takes minutes.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

fn on_main() -> World {
    let world = World::within(folder());
    world.commit("main", FILE, Some(&manifest(12)));
    world
}

#[tokio::test]
async fn life_histories_hold_on_every_forge() {
    for seed in 0..count(30) {
        play(&Ground::Local(Box::new(on_main())), seed).await;
        play(&Ground::Patch(Box::new(on_main())), seed).await;
        let folder = folder();
        fs::create_dir_all(folder.path().join("apps")).unwrap();
        fs::write(folder.path().join(FILE), manifest(12)).unwrap();
        play(&Ground::Dir(folder), seed).await;
    }
}

#[tokio::test]
async fn life_histories_hold_on_github() {
    for seed in 0..count(30) {
        let hub = Hub::over(on_main()).await;
        hub.fetch();
        play(&Ground::Github(Box::new(hub)), seed).await;
    }
}
