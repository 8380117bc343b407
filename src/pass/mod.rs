//! One pass over a fleet through ports only: observe, judge, plan, propose, revert. A pass is given what it needs, returns what it
//! learnt, and prints nothing.
