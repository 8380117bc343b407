//! History → [`Demand`] and [`VertexCapacity`]: what must the job carry, and what does each vertex carry now?

mod demand;

pub use demand::{Demand, DemandBasis, VertexCapacity};
