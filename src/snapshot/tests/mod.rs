//! Snapshots and undo on real files.

mod capture;
mod conflicts;
mod fixture;
mod property;
mod store;
mod undo;
