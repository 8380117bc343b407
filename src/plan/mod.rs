//! Decisions of the fleet → [`Plan`]: order, batches, what waits and for what. Of each job exactly one state, one reason code,
//! and the date or event that could change it.

mod arithmetic;
mod behind;
mod bound;
mod change;
mod decide;
mod drift;
mod evidence;
mod fields;
mod fleet;
mod instead;
mod item;
mod job;
mod lifecycle;
mod link;
mod merging;
mod opinion;
mod present;
mod reach;
mod realize;
mod reason;
mod request;
mod session;
mod settings;
mod size;

pub use behind::behind;
pub use fields::value_at;
pub use fleet::{FleetFacts, arrange};
pub use item::{Item, MergeEffect, MergeKind, Plan, PlannedChange, SCHEMA, State, Until};
pub use job::{Facts, Rooms, object_key, plan_job};
pub use link::{Confidence, Link, TiedBy, link, without_job};
pub use merging::effect as merge_effect;
pub use opinion::{Opinion, Said, heed, stance};
pub use present::present;
pub use realize::{RealizeAnswer, RealizeAsk, RealizeOutcome, RealizeRequest};
pub use reason::{PlanReason, Reason};
pub use request::{
    CheckedEdit, CheckedRevert, Locate, RevertRequest, Unfit, restores, restoring, rightsizing,
};
pub use session::{SessionPart, SessionUnit, group_sessions};
pub use settings::{Group, Settings};
