//! History → [`Demand`] and [`VertexCapacity`]: what must the job carry, and what does each vertex carry now?

mod arrivals;
mod capacity;
mod cpu_cost;
mod demand;
mod regime;
mod restart;
mod settings;
mod sizing_load;
#[cfg(test)]
mod tests;

pub use capacity::capacities;
pub use cpu_cost::{CpuCost, cpu_cost};
pub use demand::{Demand, DemandBasis, VertexCapacity};
pub use settings::Settings;
pub use sizing_load::{DemandError, demand};
