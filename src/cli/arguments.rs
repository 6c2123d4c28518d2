//! The command line: one definition feeds the parser, `--help`, the man pages and the completions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::output::ColorChoice;
use crate::system::{DirectoryOverrides, parse_duration};

/// Run privileged work with a human in the loop.
///
/// hitl matches a command against YAML rules and then lets it run, asks you, waits for a second
/// human, or refuses. Before a command runs it snapshots the files that the command can touch, so
/// that "hitl undo" puts them back. Everything is written to a hash-chained audit log.
#[derive(Parser, Debug)]
#[command(
    name = "hitl",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_help = "Examples:
  hitl tour                                   see it all at work, on files of its own
  hitl check -- rm -rf build                  what would be decided, and why
  hitl run -- systemctl restart nginx         run it, if the rules and the humans let it
  hitl pending                                what waits for a human
  hitl approve K7Q2-MX4P                      say yes to it
  hitl undo --last                            put back what the last command changed
  hitl audit verify                           prove that the record was not rewritten

Exit codes of hitl itself (the command's own status is passed through by \"hitl run\"):
  75 pending   77 denied, rejected or void   78 policy missing, unsafe or wrong
  124 nobody decided in time   125 hitl failed, nothing ran   126/127 not executable / not found"
)]
pub struct Arguments {
    /// What applies to every command.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options that every command takes.
#[derive(Args, Debug)]
pub struct GlobalArguments {
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColorChoice,
    /// The policy file to use instead of the usual ones (also HITL_POLICY). Only without setuid
    /// privileges, or for root.
    #[arg(long, global = true, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// The state directory to use instead of the usual one (also HITL_STATE_DIR). Only without
    /// setuid privileges, or for root.
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

impl GlobalArguments {
    /// The files that the caller chose.
    pub fn overrides(&self) -> DirectoryOverrides {
        DirectoryOverrides { policy: self.policy.clone(), state: self.state_dir.clone() }
    }
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a command, if the rules and the humans let it.
    Run(RunArguments),
    /// Say what would be decided about a command, and why. Nothing runs.
    Check(CheckArguments),
    /// List the requests that wait for a human.
    Pending(PendingArguments),
    /// Show a request whole: what a reviewer must know before deciding.
    Show(ShowArguments),
    /// Say yes to a request.
    Approve(ApproveArguments),
    /// Say no to a request. One no is enough.
    Reject(RejectArguments),
    /// Take back a request of your own.
    Cancel(CancelArguments),
    /// Wait until a request is decided.
    Wait(WaitArguments),
    /// List snapshots, show one, or show what a command changed.
    Snapshots(SnapshotsArguments),
    /// Put back what a command changed.
    Undo(UndoArguments),
    /// Show or verify the audit log.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Check and test policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Write a commented starter policy and the directories. Never overwrites.
    Init(InitArguments),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:
  hitl completions bash > /etc/bash_completion.d/hitl")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print a man page, or write all of them to a directory.
    Man(ManArguments),
    /// See the whole of hitl at work on files of its own: decide, ask, snapshot, run, undo, prove.
    Tour(TourArguments),
}

/// As whom and where a command is to run.
#[derive(Args, Debug, Default)]
pub struct TargetArguments {
    /// Run as this user: a name, or # and a user id.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Run with this primary group: a name, or # and a group id.
    #[arg(short, long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Run in this directory.
    #[arg(short = 'C', long, value_name = "DIR")]
    pub chdir: Option<PathBuf>,
}

/// Arguments of `hitl run`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hitl run -- systemctl restart nginx
  hitl run --reason 'ticket 4711' -u postgres -- psql -f migrate.sql
  hitl run --wait 30m --reason \"$CI_JOB_URL\" -- terraform apply plan.out
  id=$(hitl run --no-wait --json -- make deploy | jq -r .id)
  hitl wait \"$id\" && hitl run --resume \"$id\"

The command's exit status is passed through, and so is death by a signal. hitl's own exit codes:
  75 pending (--no-wait)   77 denied, rejected or void   78 policy missing, unsafe or wrong
  124 nobody decided in time   125 hitl failed, nothing ran   126/127 not executable / not found
A command may exit with the same numbers: --status-fd and --json say who spoke.")]
pub struct RunArguments {
    /// As whom and where.
    #[command(flatten)]
    pub target: TargetArguments,
    /// What it is for. The reviewer sees it, marked as your claim.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// How long to wait for a human (90s, 15m, 1h30m); by default as long as they may decide.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "no_wait")]
    pub wait: Option<Duration>,
    /// Do not wait for a human: print the request's id and exit with 75.
    #[arg(long)]
    pub no_wait: bool,
    /// Go on with a request that was made before. The command may be left out; if it is given, it
    /// must be the same.
    #[arg(long, value_name = "ID", conflicts_with_all = ["dry_run", "reason"])]
    pub resume: Option<String>,
    /// Only say what would be decided, what would be asked and what would be snapshotted.
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object about what happened, as the last line of standard output.
    #[arg(long)]
    pub json: bool,
    /// Write one JSON object a line to this file descriptor for every step, as it happens.
    #[arg(long, value_name = "N")]
    pub status_fd: Option<i32>,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, value_name = "COMMAND", required_unless_present = "resume")]
    pub command: Vec<OsString>,
}

/// Arguments of `hitl check`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hitl check -- systemctl restart nginx
  hitl check --json -- kubectl scale deploy/web --replicas 30 | jq .decision

Exits with 0 where the command would be allowed, 75 where a human would be asked, 77 where it would
be denied.")]
pub struct CheckArguments {
    /// As whom and where.
    #[command(flatten)]
    pub target: TargetArguments,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Arguments of `hitl pending`.
#[derive(Args, Debug)]
pub struct PendingArguments {
    /// Also list requests that are closed.
    #[arg(long)]
    pub all: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl show`.
#[derive(Args, Debug)]
pub struct ShowArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl approve`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hitl show K7Q2-MX4P
  hitl approve K7Q2-MX4P -m 'agreed with the on-call'")]
pub struct ApproveArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// A word to the requester, kept in the audit log.
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl reject`.
#[derive(Args, Debug)]
pub struct RejectArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// Why.
    #[arg(short, long, value_name = "TEXT")]
    pub message: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl cancel`.
#[derive(Args, Debug)]
pub struct CancelArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl wait`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exits with 0 when the request is approved (or has already run), 77 when it was
rejected, cancelled or void, 124 when its time is over, and 75 when it is still pending after
--timeout."
)]
pub struct WaitArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// How long to wait at most (90s, 15m); by default as long as humans may decide.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl snapshots`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  hitl snapshots                      the runs that can be undone, newest first
  hitl snapshots show K7Q2-MX4P       which files a snapshot holds
  hitl snapshots diff K7Q2-MX4P       what the command changed"
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
    /// Show which files a snapshot holds, and as what.
    Show {
        /// The run's id, or the beginning of it.
        id: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what the command changed.
    Diff {
        /// The run's id, or the beginning of it.
        id: String,
        /// Only these paths, and what is below them.
        paths: Vec<PathBuf>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `hitl undo`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hitl undo --last --dry-run          what would be put back
  hitl undo --last                    put it back
  hitl undo K7Q2-MX4P                 undo that run
An undo is a run of its own: undoing it brings the changes back.")]
pub struct UndoArguments {
    /// The run's id, or the beginning of it.
    #[arg(required_unless_present = "last", conflicts_with = "last")]
    pub id: Option<String>,
    /// Undo the last run that changed something and is not undone.
    #[arg(long)]
    pub last: bool,
    /// Only show what would be done.
    #[arg(long)]
    pub dry_run: bool,
    /// Also overwrite what was changed since the command ended. What is there now is kept in the
    /// undo's own snapshot.
    #[arg(long)]
    pub force: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Commands of `hitl audit`.
#[derive(Subcommand, Debug)]
pub enum AuditCommand {
    /// Show entries.
    #[command(after_help = "Examples:
  hitl audit show --request K7Q2-MX4P
  hitl audit show --user alice --since 7d --json")]
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
    /// Verify the whole log: chain, sequence, and that nothing started without the approvals it
    /// needed. Names the first entry that does not hold.
    #[command(after_help = "Examples:
  hitl audit verify
  hitl audit verify copy-of/audit     a copy, anywhere, without privileges

Exits with 0 where the log holds and 1 where it does not.")]
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
    Check {
        /// Policy files, or directories of them; by default the policy in use.
        paths: Vec<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run a policy's own tests and examples.
    #[command(after_help = "Examples:
  hitl policy test                    the policy in use
  hitl policy test policies/          every policy in a directory

Exits with 0 where all pass and 1 where one fails.")]
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

/// Arguments of `hitl man`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  hitl man | man -l -
  hitl man hitl-run | man -l -
  hitl man --directory /usr/local/share/man/man1")]
pub struct ManArguments {
    /// The page: hitl, or hitl- and a command.
    #[arg(default_value = "hitl")]
    pub page: String,
    /// Write all pages to this directory instead.
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    pub directory: Option<PathBuf>,
}

/// Arguments of `hitl tour`.
#[derive(Args, Debug)]
pub struct TourArguments {
    /// Do not wait for Enter between the steps, also on a terminal.
    #[arg(long)]
    pub no_pause: bool,
    /// Keep the files of the tour, and say where they are.
    #[arg(long)]
    pub keep: bool,
}
