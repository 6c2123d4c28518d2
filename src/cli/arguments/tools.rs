//! The arguments of the commands around the main job: audit, policy, init, doctor, man, tour.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::help;
use crate::system::parse_duration;

/// Commands of `hitl audit`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Show entries.
    #[command(after_help = help::AUDIT_SHOW)]
    Show {
        /// Only entries about this request or run.
        #[arg(long, value_name = "ID")]
        request: Option<String>,
        /// Only entries of this user.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// Only entries of the last while (15m, 7d).
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        since: Option<Duration>,
        /// Print the entries as they are stored, one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Verify the whole log, and name the first entry that does not hold.
    #[command(after_help = help::AUDIT_VERIFY)]
    Verify {
        /// The log's directory, or one of its files; by default this host's own.
        path: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Commands of `hitl policy`.
#[derive(Subcommand, Debug)]
pub enum PolicyCommand {
    /// Read a policy and say whether it can be used; every error with file, line and column.
    #[command(after_help = help::POLICY_CHECK)]
    Check {
        /// Policy files, or directories of them; by default the policy in use.
        paths: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a policy's own tests and examples.
    #[command(after_help = help::POLICY_TEST)]
    Test {
        /// Policy files, or directories of them; by default the policy in use.
        paths: Vec<PathBuf>,
        /// Also list the rules that no test and no example reaches.
        #[arg(long)]
        coverage: bool,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `hitl init`.
#[derive(Args, Debug)]
#[command(after_help = help::INIT)]
pub struct InitArguments {
    /// For this host: /etc/hitl and /var/lib/hitl. Needs root.
    #[arg(long, conflicts_with = "user")]
    pub system: bool,
    /// For yourself: your configuration and state directories.
    #[arg(long)]
    pub user: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl doctor`.
#[derive(Args, Debug)]
#[command(after_help = help::DOCTOR)]
pub struct DoctorArguments {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl man`.
#[derive(Args, Debug)]
#[command(after_help = help::MAN)]
pub struct ManArguments {
    /// The page: hitl, hitl- and a command, or hitl-policy and hitl-audit for the formats.
    #[arg(default_value = "hitl")]
    pub page: String,
    /// Write all pages to this directory instead.
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    pub directory: Option<PathBuf>,
}

/// Arguments of `hitl tour`.
#[derive(Args, Debug)]
#[command(after_help = help::TOUR)]
pub struct TourArguments {
    /// Do not wait for Enter between the steps, also on a terminal.
    #[arg(long)]
    pub no_pause: bool,
    /// Keep the files of the tour, and say where they are.
    #[arg(long)]
    pub keep: bool,
}

/// Commands of `hitl notify`.
#[derive(Subcommand, Debug)]
pub enum NotifyCommand {
    /// List the channels of the policy, without their secrets.
    #[command(after_help = help::NOTIFY_LIST)]
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Send a test by one channel, now, and say what came of it.
    #[command(after_help = help::NOTIFY_TEST)]
    Test {
        /// The channel's name.
        channel: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}
