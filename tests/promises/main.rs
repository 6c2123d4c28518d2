//! Promises to users, kept by the built binary: real files, real users, real processes.
//!
//! One file a promise; [`world`] is the private machine on which they run. What needs root says so
//! loudly when it is skipped, and is never skipped in CI.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says what it expects by unwrapping, and says loudly when it is skipped"
)]
#![allow(unreachable_pub, reason = "what the tests share is public among them, and to nobody else")]

mod binding;
mod confirming;
mod deciding;
mod office;
mod running;
mod seeing;
mod terminal;
mod tour;
mod waiting;
mod world;
