//! Plimsoll keeps Apache Flink on Kubernetes rightsized through git.
//!
//! The modules stand in the order in which data passes through them; a module may import only from
//! modules above its own (`tests/architecture.rs` keeps that true). The list is the architecture.

// · vocabulary
// Memory, CPU, parallelism, rates, shares, prices: parsed once, printed in the unit they were written in.
pub mod quantity;
// Flink's own words: deployment (both CRD generations), options, memory model, topology, metric names.
pub mod flink;
// Numbers in, estimate ± interval out: samples, quantiles, regression, intervals, change detection.
pub mod statistics;

// · the line: pure, synchronous, deterministic
// What was observed, when, and what is missing; the history; the record/replay format.
pub mod snapshot;
// What we leave in git: evidence, trailers, state block, ledger; written and parsed here.
pub mod record;
// What a job's owner says on the job (mode, tier, hold-until, …): parsed once; what can't be read is refused.
pub mod owner;
// A merged change in a later history → Assessment: waiting, watching, settled, regressed.
pub mod watch;
// History → JobProfile: verdicts with their evidence; one verdict a file.
pub mod classify;
// History → Demand: what the job must carry, one evaluator a file.
pub mod evaluate;
// History and runs → JobModel: one model of what a size carries, with its uncertainty.
pub mod model;
// Factors, designs, runs → Fit; the campaign as data.
pub mod experiment;
// JobProfile + Demand → Recommendation, or Undetermined with its reason.
pub mod recommend;
// Recommendation → Decision: allow, amend or hold, always with the rule's id.
pub mod policy;
// Bytes + changes → bytes, or a named refusal.
pub mod manifest;
// Decisions of the fleet → Plan: order, batches, what waits and for what.
pub mod plan;
// Git history + ledger → every change, its evidence, its outcome.
pub mod audit;
// Plan, assessment, fleet → Proposal (branch, title, body, files), summary, report.
pub mod render;

// · the edge: asynchronous; all that can fail for outside reasons
// `plimsoll.yaml` → Config, composed of each room's own Settings.
pub mod config;
// What the world must offer: clusters, metrics and history, manifest repository, forge, clock.
pub mod ports;
// What stands behind the ports.
pub mod clients;
// A simulated fleet behind the same ports.
pub mod simulate;
// Configuration → the clients that stand behind the ports, for one run; takes slices of it, never everything.
pub mod world;
// One pass over a fleet, through ports only, printing nothing: observe, judge, plan, propose, revert.
pub mod pass;
// What was typed.
pub mod cli;
// One file a command.
pub mod commands;
