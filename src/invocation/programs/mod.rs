//! What hitl knows about everyday programs: one table, in parts. The sources are their manual
//! pages (GNU coreutils, tar, sed, rsync, … as Debian 12 ships them) and, for the options that run
//! code, GTFOBins.
//!
//! A program that is not here is not judged more leniently: every argument of it that can be a path
//! counts as one, with unknown access.

mod accounts;
mod archives;
mod editors;
mod effects;
mod files;
mod interpreters;
mod keys;
mod readers;
mod repositories;
mod system;
mod transfer;

use super::grammar::Program;
pub(super) use effects::Beyond;

const TABLES: [&[Program]; 10] = [
    files::PROGRAMS,
    readers::PROGRAMS,
    archives::PROGRAMS,
    transfer::PROGRAMS,
    editors::PROGRAMS,
    accounts::PROGRAMS,
    system::PROGRAMS,
    repositories::PROGRAMS,
    keys::PROGRAMS,
    interpreters::PROGRAMS,
];

/// The entry of a program by the last component of its name.
pub(super) fn by_name(name: &[u8]) -> Option<&'static Program> {
    TABLES
        .iter()
        .flat_map(|table| table.iter())
        .find(|program| program.names.iter().any(|known| known.as_bytes() == name))
}

/// What a program of this name does that is no change of a file of this host.
pub(super) fn beyond(name: &[u8]) -> Option<&'static Beyond> {
    Beyond::by_name(name)
}
