//! Promises to users, kept by the built binary: real files, real users, real processes.
//!
//! One file a promise; [`world`] is the private machine on which they run. What needs root says so
//! loudly when it is skipped, and is never skipped in CI.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test says what it expects by unwrapping, says loudly when it is skipped, and its crate \
              is reached by nobody"
)]

mod audit;
mod running;
mod snapshots;
mod tour;
mod tree;
mod undo_safety;
mod undoing;
mod world;
