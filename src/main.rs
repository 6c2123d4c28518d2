//! The `hitl` command.

fn main() {}
