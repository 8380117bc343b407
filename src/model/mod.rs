//! History and runs → one model of what a size of the job carries, with its uncertainty: capacity, what runs out first, and the
//! probability that a size holds, from one computation.
