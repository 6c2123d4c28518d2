//! Snapshots and undo on real files.

mod capture;
mod clocks;
mod conflicts;
mod exact;
mod fixture;
mod killed;
mod mounts;
mod property;
mod store;
mod undo;
