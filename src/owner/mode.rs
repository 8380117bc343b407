//! What may be done with a job.

use crate::quantity::codes;

codes! {
    /// What Plimsoll may do with a job. In order: what comes first allows less.
    #[derive(Default)]
    pub enum Mode {
        /// Nothing at all.
        Ignore = "ignore",
        /// Say what would be proposed.
        #[default]
        Report = "report",
        /// Open pull requests.
        Propose = "propose",
    }
}
