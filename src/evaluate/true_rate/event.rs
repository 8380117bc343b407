//! What upstream reports about a decision.

use std::fmt;

/// An event the autoscaler would emit, printed as `Type:Reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// Memory tuning has a recommendation.
    ConfigurationRecommendation,
    /// The last scale-up brought too little.
    IneffectiveScaling,
    /// Garbage collection or heap use forbid scaling.
    MemoryPressure,
    /// A quota forbids scaling.
    ResourceQuotaReached,
    /// Alignment changed or stopped a scaling.
    ScalingLimited,
    /// The list of changes.
    ScalingReport,
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Event::ConfigurationRecommendation => "Normal:Configuration recommendation",
            Event::IneffectiveScaling => "Normal:IneffectiveScaling",
            Event::MemoryPressure => "Normal:MemoryPressure",
            Event::ResourceQuotaReached => "Warning:ResourceQuotaReached",
            Event::ScalingLimited => "Warning:ScalingLimited",
            Event::ScalingReport => "Normal:ScalingReport",
        })
    }
}
