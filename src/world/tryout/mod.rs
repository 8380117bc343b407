//! What `try` looks at: an address that may be Flink's REST API or a Prometheus. Nothing is written.

mod prometheus;
mod rest;

pub use prometheus::{StoreLook, store};
pub use rest::{Looked, RestLook, rest};
