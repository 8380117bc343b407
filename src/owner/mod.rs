//! What a job's owner says on the job, by annotation: mode, tier, owner, hold-until, evaluator, collector, realizer. It is
//! parsed once, here; a value that is not understood is a named refusal, never a default.
