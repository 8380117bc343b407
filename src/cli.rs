//! What was typed. Meaning is given to it in `commands`.

use crate::config::{ForgeName, Selector};
use crate::ports::Plugins;
use camino::Utf8PathBuf;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;
use std::str::FromStr;
use std::sync::LazyLock;

/// Keeps Apache Flink on Kubernetes rightsized through git.
#[derive(Debug, Parser)]
#[command(name = "plimsoll", version = version(), max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options that every command takes.
    #[command(flatten)]
    pub common: Common,
}

/// The version, with the commit it was built from where the release workflow says it: a build at home knows of no commit.
fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let version = env!("CARGO_PKG_VERSION");
        match option_env!("PLIMSOLL_COMMIT") {
            Some(commit) => format!("{version} ({commit})"),
            None => version.to_string(),
        }
    });
    VERSION.as_str()
}

const EXIT_CODES: &str = "Exit codes: 0 done (also when there is nothing to change), 1 failed, 2 usage or configuration, \
3 partly done (each job, file or cluster that failed is named, the rest is done), 10 only with `plan --exit-code`.";

/// Options that every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Configuration file [default: plimsoll.yaml or .github/plimsoll.yaml, if there is one]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Common options"
    )]
    pub config: Option<Utf8PathBuf>,
    /// Text for people, or one JSON document
    #[arg(long, global = true, value_enum, default_value_t = Output::Text, help_heading = "Common options")]
    pub output: Output,
    /// Say only what went wrong
    #[arg(
        long,
        short,
        global = true,
        conflicts_with = "verbose",
        help_heading = "Common options"
    )]
    pub quiet: bool,
    /// Say more; twice for each request
    #[arg(long, short, global = true, action = clap::ArgAction::Count, help_heading = "Common options")]
    pub verbose: u8,
    /// The time to act at: RFC 3339 or Unix milliseconds [default: now]
    #[arg(
        long,
        global = true,
        value_name = "TIME",
        help_heading = "Common options"
    )]
    pub now: Option<Moment>,
    /// Only jobs of this cluster
    #[arg(long, global = true, value_name = "NAME", help_heading = "Which jobs")]
    pub cluster: Option<String>,
    /// Only the jobs of the i-th of n shards, for example 2/4
    #[arg(long, global = true, value_name = "I/N", help_heading = "Which jobs")]
    pub shard: Option<Shard>,
    /// Only jobs with these labels, for example app=orders,tier!=gold; clusters behind Kubernetes only
    #[arg(
        long,
        global = true,
        value_name = "LABELS",
        help_heading = "Which jobs"
    )]
    pub selector: Option<Selector>,
    /// Plug-ins that the build brings. Nothing that can be typed: whoever builds with the crate sets it.
    #[arg(skip)]
    pub plugins: Plugins,
}

/// How to answer on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// Comma-separated values (`audit` only).
    #[value(hide = true)]
    Csv,
}

/// A point in time, typed as RFC 3339 or Unix milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Unix milliseconds.
    pub ms: i64,
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ms) = text.parse::<i64>() {
            return Timestamp::from_millisecond(ms)
                .map(|_| Moment { ms })
                .map_err(|_| format!("`{text}` milliseconds lie outside the calendar"));
        }
        text.parse::<Timestamp>()
            .map(|time| Moment {
                ms: time.as_millisecond(),
            })
            .map_err(|_| {
                format!("`{text}` is neither RFC 3339 (2026-11-21T04:00:00Z) nor Unix milliseconds")
            })
    }
}

/// One of n equal parts of the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// 1..=of
    pub index: u32,
    /// How many.
    pub of: u32,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text
            .split_once('/')
            .and_then(|(index, of)| Some((index.parse::<u32>().ok()?, of.parse::<u32>().ok()?)));
        match parsed {
            Some((index, of)) if index >= 1 && index <= of => Ok(Shard { index, of }),
            _ => Err(format!(
                "`{text}` is not a shard: write I/N with 1 <= I <= N, for example 2/4"
            )),
        }
    }
}

/// Jobs by name.
#[derive(Debug, Args, Default)]
pub struct Jobs {
    /// Jobs as [kind/]namespace/name [default: all]
    #[arg(value_name = "JOB")]
    pub jobs: Vec<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Point at a Flink REST address and read verdicts, savings and gaps; changes nothing
    Try(Try),
    /// The whole loop in seconds on a simulated fleet and a local git remote
    Demo(Demo),
    /// Write a commented configuration and a workflow (or a CronJob) into a GitOps repository
    Init(Init),
    /// Is everything in place? One line each, with the way to mend it
    Check(Check),
    /// Take a snapshot of each job and add it to the history
    Observe(Observe),
    /// Verdicts from the history
    Classify(Jobs),
    /// Recommendations, policy and diffs; changes nothing
    Plan(Plan),
    /// Open and update the pull requests of the plan
    Propose(Propose),
    /// Judge what was merged; revert pull requests
    Watch(Watch),
    /// Observe, classify, plan, propose, watch and report in one
    Run(Run),
    /// Why this recommendation, or why not, and until when
    Explain(Explain),
    /// What a job goes by: `config explain JOB` tells each value with its origin
    #[command(subcommand)]
    Config(Configuration),
    /// Every resource change: what, why, who merged it, what it saved
    Audit(Audit),
    /// One self-contained HTML file
    Report(Report),
    /// A simulated fleet behind Flink's REST shapes, or simulated experiments
    #[command(subcommand)]
    Simulate(Simulate),
    /// The least Kubernetes rights that the configuration needs, as YAML
    Rbac(Rbac),
    /// One built-in evaluator through the plug-in protocol: a request on stdin, an answer on stdout
    Evaluate(Evaluate),
    /// JSON Schemas of what Plimsoll reads and writes
    Schema(Schema),
    /// A script that completes commands and options, for a shell
    Completions(Completions),
}

/// `try URL`
#[derive(Debug, Args)]
pub struct Try {
    /// A Flink REST address, for example http://localhost:8081, or that of a Prometheus
    pub url: String,
    /// How long to look at a Flink, for example 30s; a Prometheus has its history already
    #[arg(long = "for", value_name = "DURATION", default_value = "20s")]
    pub duration: String,
}

/// `demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for the repository, the report and the evidence [default: a new one in the temporary folder]
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<Utf8PathBuf>,
    /// Seed of the simulated fleet
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `check`
#[derive(Debug, Args)]
pub struct Check {
    /// Only the tools that a cluster on this machine needs: docker, kubectl, helm, git; no configuration is read
    #[arg(long)]
    pub local: bool,
}

/// `completions`
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `observe`
#[derive(Debug, Args)]
pub struct Observe {
    /// Which jobs.
    #[command(flatten)]
    pub jobs: Jobs,
    /// Keep going this long, for example 48h; resumes where it was killed
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<String>,
    /// Time between two passes
    #[arg(long, value_name = "DURATION", default_value = "60s")]
    pub every: String,
    /// Also write the snapshots to a file, one JSON document a line
    #[arg(long, value_name = "FILE")]
    pub out: Option<Utf8PathBuf>,
    /// In that file, replace names and leave configuration out, so that it may be shared
    #[arg(long, requires = "out")]
    pub redact: bool,
    /// Take the snapshots from a file instead of the clusters
    #[arg(long, value_name = "FILE", conflicts_with_all = ["duration", "out"])]
    pub from: Option<Utf8PathBuf>,
}

/// `plan`
#[derive(Debug, Args)]
pub struct Plan {
    /// Which jobs.
    #[command(flatten)]
    pub jobs: Jobs,
    /// Write the plan to a file, for `propose --from`
    #[arg(long, value_name = "FILE")]
    pub out: Option<Utf8PathBuf>,
    /// Show the diffs of the manifests
    #[arg(long)]
    pub diff: bool,
    /// Exit with 10 when changes wait
    #[arg(long)]
    pub exit_code: bool,
    /// Which repository the manifests are read from.
    #[command(flatten)]
    pub forge: Forge,
}

/// Where manifests are and pull requests go.
#[derive(Debug, Args, Default, Clone)]
pub struct Forge {
    /// Where pull requests go [default: as configured, else GitHub where the remote origin is there]
    #[arg(long, value_parser = forge_names())]
    pub forge: Option<ForgeName>,
}

fn forge_names() -> impl TypedValueParser<Value = ForgeName> {
    let names = ForgeName::ALL.map(|name| PossibleValue::new(name.as_str()).help(name.about()));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<ForgeName>())
}

/// `propose`
#[derive(Debug, Args)]
pub struct Propose {
    /// Which jobs.
    #[command(flatten)]
    pub jobs: Jobs,
    /// What `plan --out` or `watch --out` wrote: needs no cluster
    #[arg(long, value_name = "FILE")]
    pub from: Option<Utf8PathBuf>,
    /// The forge.
    #[command(flatten)]
    pub forge: Forge,
}

/// `watch`
#[derive(Debug, Args)]
pub struct Watch {
    /// Which jobs.
    #[command(flatten)]
    pub jobs: Jobs,
    /// Write the assessments to a file instead of the forge
    #[arg(long, value_name = "FILE")]
    pub out: Option<Utf8PathBuf>,
    /// The forge.
    #[command(flatten)]
    pub forge: Forge,
}

/// `run`
#[derive(Debug, Args)]
pub struct Run {
    /// Which jobs.
    #[command(flatten)]
    pub jobs: Jobs,
    /// The forge.
    #[command(flatten)]
    pub forge: Forge,
    /// Also write the report to this file
    #[arg(long, value_name = "FILE")]
    pub report: Option<Utf8PathBuf>,
}

/// `explain`
#[derive(Debug, Args)]
pub struct Explain {
    /// The job, as [kind/]namespace/name
    pub job: String,
    /// The forge.
    #[command(flatten)]
    pub forge: Forge,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum Configuration {
    /// Each value that a job goes by: default, file, the job's own entry or annotation
    Explain(Explain),
}

/// `audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// The repository to read
    #[arg(long, value_name = "PATH")]
    pub repository: Option<Utf8PathBuf>,
    /// Only changes merged since then (RFC 3339 or Unix milliseconds)
    #[arg(long, value_name = "TIME")]
    pub since: Option<Moment>,
    /// The forge.
    #[command(flatten)]
    pub forge: Forge,
}

/// `report`
#[derive(Debug, Args)]
pub struct Report {
    /// Which jobs.
    #[command(flatten)]
    pub jobs: Jobs,
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "plimsoll-report.html")]
    pub out: Utf8PathBuf,
    /// The forge.
    #[command(flatten)]
    pub forge: Forge,
}

/// `simulate`
#[derive(Debug, Subcommand)]
pub enum Simulate {
    /// Serve the simulated fleet over HTTP
    Serve(Serve),
    /// What the procedure of experiments promises, on simulated jobs
    Doe(Doe),
}

/// `simulate serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8081)]
    pub port: u16,
    /// Seed of the fleet
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Simulated seconds that pass in one second; 0: the clock moves only when told
    #[arg(long, default_value_t = 1.0)]
    pub speed: f64,
}

/// `simulate doe`
#[derive(Debug, Args)]
pub struct Doe {
    /// Seed of the simulated jobs
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Jobs of each scenario; 0 writes only the page
    #[arg(long, default_value_t = 300)]
    pub jobs: usize,
    /// Only this scenario; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub scenario: Vec<String>,
    /// Only methods whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub method: Option<String>,
    /// Also write the evidence page of one simulated experiment, .html or .md
    #[arg(long, value_name = "FILE")]
    pub page: Option<Utf8PathBuf>,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// The GitOps repository's folder
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub folder: Utf8PathBuf,
    /// A CronJob instead of a workflow, for a cluster that a hosted runner can't reach
    #[arg(long)]
    pub cronjob: bool,
    /// Show what would be written, and write nothing
    #[arg(long)]
    pub print: bool,
}

/// `rbac`
#[derive(Debug, Args)]
pub struct Rbac {
    /// The service account that gets the rights
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        default_value = "plimsoll/plimsoll",
        conflicts_with_all = ["user", "group"]
    )]
    pub service_account: String,
    /// A user that gets them instead
    #[arg(long, value_name = "NAME", conflicts_with = "group")]
    pub user: Option<String>,
    /// A group that gets them instead
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
}

/// `evaluate`
#[derive(Debug, Args)]
pub struct Evaluate {
    /// plimsoll, true_rate, autotune, backlog or latency_violation
    pub name: String,
}

/// `schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// Of what
    #[arg(value_enum)]
    pub of: SchemaOf,
}

/// What there are schemas of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// `plimsoll.yaml`
    Config,
    /// A policy file
    Policy,
    /// A snapshot
    Snapshot,
    /// A plan
    Plan,
    /// The evidence of a change
    Evidence,
    /// Requests to plug-ins and their answers
    Plugin,
}
