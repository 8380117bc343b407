//! History → [`JobProfile`]: what kind of problem is it? Verdicts with the numbers that caused them; one verdict a file.

mod profile;

pub use profile::{JobProfile, Signal, Unit, Verdict, VerdictId, VertexName};
