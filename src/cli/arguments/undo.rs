//! Arguments of `hitl undo`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::help;
use crate::review::parse_ticket;
use crate::system::{Digest, parse_duration};

/// Arguments of `hitl undo`.
#[derive(Args, Debug)]
#[command(
    override_usage = "hitl undo [OPTIONS] <ID>
       hitl undo [OPTIONS] --last
       hitl undo [OPTIONS] --resume [ID]",
    after_help = help::UNDO
)]
pub struct UndoArguments {
    /// The run's id, or the beginning of it.
    #[arg(required_unless_present_any = ["last", "resume"], conflicts_with = "last")]
    pub id: Option<String>,
    /// Undo the last run of yours (for root: of anybody) that changed something and is not undone.
    #[arg(long, conflicts_with = "resume")]
    pub last: bool,
    /// Finish an undo that was interrupted: this one, or the only one that there is.
    #[arg(long)]
    pub resume: bool,
    /// Put back only this path and what lies below it, and leave the rest of the run undoable. May be
    /// given several times.
    #[arg(long, value_name = "PATH", conflicts_with = "resume")]
    pub only: Vec<PathBuf>,
    /// Only show what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Also overwrite what was changed since the command ended. What is there now is kept in the
    /// undo's own snapshot.
    #[arg(long)]
    pub force: bool,
    /// Where others must approve it: what it is for. They see it, marked as your claim.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Where others must approve it: the ticket that it belongs to, a short line.
    #[arg(long, value_name = "ID", value_parser = parse_ticket)]
    pub ticket: Option<String>,
    /// How long to wait for them (90s, 15m, 1h30m); by default as long as they may decide.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "no_wait")]
    pub wait: Option<Duration>,
    /// Do not wait for them: print the request's id and exit with 75.
    #[arg(long)]
    pub no_wait: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Carry out the plan of this digest, which was approved.
    #[arg(long, value_name = "DIGEST", hide = true, requires = "id")]
    pub plan: Option<Digest>,
}
