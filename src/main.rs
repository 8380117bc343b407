//! Parse, build the world, run one command, turn the result into an exit code.

fn main() {}
