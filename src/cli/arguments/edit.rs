//! Arguments of `hitl edit`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::PurposeArguments;
use crate::cli::help;
use crate::edit::Expected;
use crate::system::{Digest, parse_duration};

/// Arguments of `hitl edit`.
#[derive(Args, Debug)]
#[command(override_usage = "hitl edit [OPTIONS] FILE...", after_help = help::EDIT)]
pub struct EditArguments {
    /// Write as this user: a name, or # and a user id. Your editor runs as you.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Write with this primary group: a name, or # and a group id. Without -u, as yourself.
    #[arg(short, long, value_name = "GROUP")]
    pub group: Option<String>,
    /// What it is for.
    #[command(flatten)]
    pub purpose: PurposeArguments,
    /// How long to wait for a human (90s, 15m, 1h30m); by default as long as they may decide.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "no_wait")]
    pub wait: Option<Duration>,
    /// Do not wait for a human: print the request's id and exit with 75.
    #[arg(long)]
    pub no_wait: bool,
    /// Print one JSON object about every file, a line each.
    #[arg(long)]
    pub json: bool,
    /// Put what stands on standard input in the file's place, where it has this digest.
    #[arg(long, value_name = "DIGEST", hide = true, requires = "expect")]
    pub content: Option<Digest>,
    /// Only where the file has this digest now, or is absent.
    #[arg(long, value_name = "DIGEST", hide = true, requires = "content")]
    pub expect: Option<Expected>,
    /// The files. Each becomes a run of its own, undone by itself.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}
