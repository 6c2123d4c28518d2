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
    reason = "a test says what it expects by unwrapping, and says loudly when it is skipped"
)]

mod advisories;
mod approving_in_place;
mod at_once;
mod attacks;
mod audit;
mod authenticating;
mod bad_input;
mod binding;
mod breaking_glass;
mod capture_faults;
mod ci;
mod coming_from_sudo;
mod command_line;
mod confining;
mod confirming;
mod coverage;
mod damaged;
mod deadly;
mod deciding;
mod deciding_on_screen;
mod desk;
mod disk;
mod disks;
mod doctor;
mod editing;
mod endpoint;
mod environment;
mod exactly;
mod extremes;
mod file_systems;
mod hindered;
mod hostile_caller;
mod hostile_limits;
mod hostile_text;
mod installing;
mod keeping;
mod killed;
mod killed_snapshots;
mod leaks;
mod listing;
mod monitoring;
mod mounts;
mod notifying;
mod office;
mod operands;
mod ordeal;
mod packaged;
mod passkeys;
mod plans;
mod policies;
mod power_cut;
mod processes;
mod quorum;
mod replaying;
mod reviewing;
mod running;
mod seeing;
mod signed;
mod signers;
mod snapshots;
mod stage;
mod status;
mod swapped;
mod target;
mod telling;
mod terminal;
mod tools;
mod tour;
mod tree;
mod undo_faults;
mod undo_rights;
mod undo_safety;
mod undoing;
mod user_scope;
mod verdicts;
mod waiting;
mod waiting_line;
mod watching;
mod witness;
mod world;
mod wrong_policy;
