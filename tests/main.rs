//! The one integration binary.

// A test that can't get what it stands on is to fail there.
#![allow(clippy::unwrap_used)]

mod access;
mod architecture;
mod audit;
mod autoscaler_vectors;
mod claims;
mod cli;
mod configuration;
mod cron;
mod deployment;
mod documents;
mod doe_vectors;
mod evaluators;
mod fail_closed;
mod flink_rest;
mod forges;
mod fuzz;
mod github;
mod history_file;
mod hostile;
mod init;
mod kubernetes;
mod life;
mod manifest_cases;
mod manifest_properties;
mod manifest_removal;
mod manifest_shapes;
mod manifest_trees;
mod memory;
mod merging;
mod observational;
mod outside;
mod packaging;
mod pages;
mod plugin_fleet;
mod plugins;
mod points;
mod policies;
mod promises;
mod prometheus;
mod readings;
mod record;
mod recorded_explain;
mod recordings;
mod repository;
mod side_by_side;
mod simulate;
mod sizing_loop;
mod tls;
mod values_mapping;
mod verdicts_page;
mod watch;
mod wild_manifests;
mod yaml_properties;
