//! History and runs → `JobModel`: what a size of the job carries, what runs out first, and the probability that it holds, from one
//! computation.
//!
//! A grey box: physics that hold for any Flink job (`conditions`), parameters learned from this one (`parameters`) by everything
//! that was seen of it at each size that it ever had (`moments`, `posterior`), and a few hundred seeded draws of what is still
//! unknown, on which every size is judged (`holds`).

mod conditions;
mod cpu_gauge;
mod holds;
mod job_model;
mod moments;
mod parameters;
mod posterior;
mod size;
mod spread;

pub use cpu_gauge::against_limits;
pub use holds::{Burden, Holds, Interval, Limit, Need, Parameter, Pools, Shares};
pub use job_model::{Failed, JobModel, Known, PastRun};
pub use parameters::Unit;
pub use size::Size;
