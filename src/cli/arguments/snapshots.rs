//! Arguments of `hitl snapshots`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::help;
use crate::policy::ByteSize;
use crate::system::parse_duration;

/// Arguments of `hitl snapshots`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = help::SNAPSHOTS
)]
pub struct SnapshotsArguments {
    /// What to do; without it, list.
    #[command(subcommand)]
    pub command: Option<SnapshotsCommand>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Commands of `hitl snapshots`.
#[derive(Subcommand, Debug)]
pub enum SnapshotsCommand {
    /// List the runs that can be undone, as without a command.
    #[command(after_help = help::SNAPSHOTS_LIST)]
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show which files a snapshot holds, and as what.
    #[command(after_help = help::SNAPSHOTS_SHOW)]
    Show {
        /// The run's id, or the beginning of it.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what the command changed.
    #[command(after_help = help::SNAPSHOTS_DIFF)]
    Diff {
        /// The run's id, or the beginning of it.
        id: String,
        /// Only these paths, and what is below them.
        paths: Vec<PathBuf>,
        /// One line for each path: how much of it changed.
        #[arg(long)]
        stat: bool,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Keep a snapshot, whatever its age and size, until it is unpinned.
    #[command(after_help = help::SNAPSHOTS_PIN)]
    Pin {
        /// The run's id, or the beginning of it.
        id: String,
        /// Why, for whoever finds the pin.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take a pin away: the snapshot is kept as long as any other.
    #[command(after_help = help::SNAPSHOTS_UNPIN)]
    Unpin {
        /// The run's id, or the beginning of it.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take snapshots away that are not to be kept any longer, and the content that only they had.
    #[command(after_help = help::SNAPSHOTS_PRUNE)]
    Prune(PruneArguments),
    /// Read all that is kept, and say what is damaged.
    #[command(after_help = help::SNAPSHOTS_VERIFY)]
    Verify {
        /// Only these runs: ids, or the beginnings of them.
        ids: Vec<String>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `hitl snapshots prune`.
#[derive(Args, Debug)]
pub struct PruneArguments {
    /// Exactly these runs, whatever their age: ids, or the beginnings of them.
    #[arg(value_name = "ID", conflicts_with_all = ["older_than", "keep_last", "max_size"])]
    pub ids: Vec<String>,
    /// Only show what would go.
    #[arg(long)]
    pub dry_run: bool,
    /// What is older (12h, 30d), whatever rules say.
    #[arg(long, value_name = "AGE", value_parser = parse_duration)]
    pub older_than: Option<Duration>,
    /// All but the last so many.
    #[arg(long, value_name = "N")]
    pub keep_last: Option<u64>,
    /// The oldest, until the rest is no larger (500MiB, 20GB).
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_size: Option<u64>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

impl SnapshotsArguments {
    /// Whether results are to be JSON.
    pub fn wants_json(&self) -> bool {
        match &self.command {
            None => self.json,
            Some(
                SnapshotsCommand::List { json }
                | SnapshotsCommand::Show { json, .. }
                | SnapshotsCommand::Diff { json, .. }
                | SnapshotsCommand::Pin { json, .. }
                | SnapshotsCommand::Unpin { json, .. }
                | SnapshotsCommand::Prune(PruneArguments { json, .. })
                | SnapshotsCommand::Verify { json, .. },
            ) => *json,
        }
    }
}

fn size(text: &str) -> Result<u64, String> {
    ByteSize::try_from(text.to_owned()).map(|size| size.0)
}
