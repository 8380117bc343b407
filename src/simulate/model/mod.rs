//! A deterministic fluid model of a Flink job: rates through its graph, CPU, backpressure, lag, memory, checkpoints, restarts.
//!
//! Everything is a function of a seed, the sizes applied and the time. The forms follow what is known of stream processors:
//! the universal scalability law for parallelism, skew by key groups and partitions, a cache whose misses cost time, collections that
//! cost more the fuller the heap is, checkpoints that wait behind backpressure.

pub mod checkpoint;
pub mod flow;
pub mod graph;
pub mod job;
pub mod load;
pub mod memory;
pub mod noise;
pub mod rig;
pub mod spec;
pub mod state;
pub mod truth;
pub mod view;
