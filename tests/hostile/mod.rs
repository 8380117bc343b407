//! Files, repositories and moments that mean harm: what is forged, what lies in the way, and what a kill leaves.

mod damage;
pub mod forged;
mod links;
mod locks;
mod promised;
mod servers;
