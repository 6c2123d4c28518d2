//! The command line: one definition feeds the parser, `--help`, the man pages and the completions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use clap_complete::Shell;

use super::help;
use super::output::ColorChoice;
use crate::system::{DirectoryOverrides, parse_duration};

mod decision;
mod edit;
mod purpose;
mod signers;
mod snapshots;
mod tools;
mod undo;

pub use decision::DecisionArguments;
pub use edit::EditArguments;
pub use purpose::PurposeArguments;
pub use signers::SignersCommand;
pub use snapshots::{PruneArguments, SnapshotsArguments, SnapshotsCommand};
pub use tools::{
    AuditCommand, DoctorArguments, InitArguments, ManArguments, NotifyCommand, PolicyCommand,
    TourArguments,
};
pub use undo::UndoArguments;

/// The whole command line.
#[derive(Parser, Debug)]
#[command(
    name = "hitl",
    version,
    about = help::ABOUT,
    max_term_width = 100,
    after_help = help::HITL
)]
pub struct Arguments {
    /// What applies to every command.
    #[command(flatten)]
    pub global: GlobalArguments,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Reads the command line of this process.
    ///
    /// `hitl run` stands before every command of the day, and to define all the other commands for it
    /// takes as long as to read the policy: so it is tried by itself first. Whatever that does not
    /// read is read, or told, by the whole.
    ///
    /// # Errors
    /// What is wrong with it, as clap says it; help and version too.
    pub fn of_process() -> Result<Self, clap::Error> {
        if std::env::args_os().nth(1).is_some_and(|word| word == "run")
            && let Ok(RunAlone { global, command: RunCommand::Run(arguments) }) =
                RunAlone::try_parse()
        {
            return Ok(Self { global, command: Command::Run(arguments) });
        }
        let mut matches = help::flowing(Self::command()).try_get_matches()?;
        Self::from_arg_matches_mut(&mut matches)
            .map_err(|error| error.format(&mut help::flowing(Self::command())))
    }
}

/// `hitl run`, as [`Arguments`] has it, without the other commands.
#[derive(Parser)]
#[command(name = "hitl", version)]
struct RunAlone {
    #[command(flatten)]
    global: GlobalArguments,
    #[command(subcommand)]
    command: RunCommand,
}

#[derive(Subcommand)]
enum RunCommand {
    Run(RunArguments),
}

/// Options that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = help::GLOBAL_OPTIONS)]
pub struct GlobalArguments {
    /// When to use colour: auto (on a terminal), always or never.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        value_name = "WHEN"
    )]
    pub color: ColorChoice,
    /// Use this policy instead of the installed one (root and unprivileged hitl only).
    #[arg(long, global = true, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Keep requests, snapshots and the log here (root and unprivileged hitl only).
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
    /// Edit files in an editor of your own, if the rules and the humans let it.
    Edit(EditArguments),
    /// Say what would be decided about a command, and why. Nothing runs.
    Check(CheckArguments),
    /// List what you may run, and what each thing needs.
    #[command(short_flag = 'l')]
    List(ListArguments),
    /// List the requests that wait for a human.
    Pending(PendingArguments),
    /// Show a request whole: what a reviewer must know before deciding.
    Show(ShowArguments),
    /// Review what waits on a full screen: read it whole, decide, watch it change.
    Review(ReviewArguments),
    /// Say yes to a request.
    Approve(ApproveArguments),
    /// Say no to a request. One no is enough.
    Reject(RejectArguments),
    /// Take back a request of your own.
    Cancel(CancelArguments),
    /// Wait until a request is decided.
    Wait(WaitArguments),
    /// Forget that you have authenticated: the next command that needs it asks for your password.
    Forget(ForgetArguments),
    /// List snapshots, show one or what a command changed; pin, verify and prune them.
    Snapshots(SnapshotsArguments),
    /// Put back what a command changed.
    Undo(UndoArguments),
    /// Show or verify the audit log.
    #[command(subcommand, after_help = help::AUDIT)]
    Audit(AuditCommand),
    /// Check and test policies.
    #[command(subcommand, after_help = help::POLICY)]
    Policy(PolicyCommand),
    /// Say whose SSH key is whose: list, add, check, remove, revoke.
    #[command(subcommand, after_help = help::SIGNERS)]
    Signers(SignersCommand),
    /// List the channels by which people are told, and try one.
    #[command(subcommand, after_help = help::NOTIFY)]
    Notify(NotifyCommand),
    /// Write a commented starter policy and the directories. Never overwrites.
    Init(InitArguments),
    /// Examine this installation: every precondition, each failure with the command that mends it.
    Doctor(DoctorArguments),
    /// Print a completion script for a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print a man page, or write all of them to a directory.
    Man(ManArguments),
    /// See hitl at work on files of its own: decide, ask, snapshot, run, undo, prove.
    Tour(TourArguments),
}

/// As whom and where a command is to run.
#[derive(Args, Debug, Default)]
pub struct TargetArguments {
    /// Run as this user: a name, or # and a user id.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// Run with this primary group: a name, or # and a group id. Without -u, as yourself.
    #[arg(short, long, value_name = "GROUP")]
    pub group: Option<String>,
    /// Run in this directory.
    #[arg(short = 'D', visible_short_alias = 'C', long, value_name = "DIR")]
    pub chdir: Option<PathBuf>,
}

/// Arguments of `hitl run`.
#[derive(Args, Debug)]
#[command(
    override_usage = "hitl run [OPTIONS] -- COMMAND [ARGUMENT]...
       hitl run [OPTIONS] --resume ID",
    after_help = help::RUN
)]
pub struct RunArguments {
    /// As whom and where.
    #[command(flatten)]
    pub target: TargetArguments,
    /// What it is for.
    #[command(flatten)]
    pub purpose: PurposeArguments,
    /// In an emergency: lift a denial that can be lifted, where the policy trusts you with that. Needs
    /// --reason, is confirmed by typing, told to others at once, and reviewed by them afterwards.
    #[arg(long, requires = "reason", conflicts_with_all = ["resume", "dry_run"])]
    pub break_glass: bool,
    /// How long to wait for a human (90s, 15m, 1h30m); by default as long as they may decide.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, conflicts_with = "no_wait")]
    pub wait: Option<Duration>,
    /// Do not wait for a human: print the request's id and exit with 75.
    #[arg(long)]
    pub no_wait: bool,
    /// Go on with a request that was made before. The command may be left out; if it is given, it
    /// must be the same.
    #[arg(long, value_name = "ID", conflicts_with_all = ["dry_run", "reason", "ticket", "plan"])]
    pub resume: Option<String>,
    /// Only say what would be decided, what would be asked and what would be snapshotted.
    #[arg(long, conflicts_with = "plan")]
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
#[command(override_usage = "hitl check [OPTIONS] -- COMMAND [ARGUMENT]...", after_help = help::CHECK)]
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

/// Arguments of `hitl list`.
#[derive(Args, Debug)]
#[command(
    override_usage = "hitl list [OPTIONS]
       hitl list [OPTIONS] -- COMMAND [ARGUMENT]...",
    after_help = help::LIST
)]
pub struct ListArguments {
    /// As whom and where the command is to run.
    #[command(flatten)]
    pub target: TargetArguments,
    /// List what this user may run (root only): a name, or # and a user id.
    #[arg(short = 'U', long = "for", value_name = "USER", conflicts_with = "command")]
    pub for_user: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// The command and its arguments: say what would be decided about exactly this.
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Arguments of `hitl pending`.
#[derive(Args, Debug)]
#[command(after_help = help::PENDING)]
pub struct PendingArguments {
    /// Also list requests that are closed.
    #[arg(long)]
    pub all: bool,
    /// Only those with this text, in any case, in their id, requester, command, directory, reason,
    /// ticket, rules or plan.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Go on: print every request that is new or has changed, until nobody reads.
    #[arg(long, requires = "json")]
    pub watch: bool,
    /// List runs by break-glass that nobody has reviewed yet, the oldest first.
    #[arg(long, conflicts_with = "all")]
    pub break_glass: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl show`.
#[derive(Args, Debug)]
#[command(after_help = help::SHOW)]
pub struct ShowArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// Show the whole of the plan that was attached.
    #[arg(long)]
    pub plan: bool,
    /// Print it, on a terminal too, where it would be shown in your PAGER.
    #[arg(long, requires = "plan")]
    pub no_pager: bool,
    /// Print the statement that you sign to approve it, to be signed anywhere. The signature is handed
    /// in with "hitl approve ID --signature FILE".
    #[arg(long)]
    pub statement: bool,
    /// The statement that rejects it, for "hitl reject ID --signature FILE". Needs --message.
    #[arg(long, requires = "statement", requires = "message")]
    pub reject: bool,
    /// A word to the requester, signed with it.
    #[arg(short, long, value_name = "TEXT", requires = "statement")]
    pub message: Option<String>,
    /// The fingerprint of the key that will sign, where you have several. Unwritten: the strongest that
    /// is registered.
    #[arg(long, value_name = "SHA256:…", requires = "statement")]
    pub key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl review`.
#[derive(Args, Debug)]
#[command(after_help = help::REVIEW)]
pub struct ReviewArguments {
    /// Talk instead of drawing: numbered lines and a prompt, for a screen reader or a slow line.
    #[arg(long)]
    pub plain: bool,
}

/// Arguments of `hitl approve`.
#[derive(Args, Debug)]
#[command(after_help = help::APPROVE)]
pub struct ApproveArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// A word to the requester, kept in the audit log.
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// The name of the host that the command is for: demanded where the risk is critical, and asked
    /// for at a terminal.
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// What a yes and a no have in common.
    #[command(flatten)]
    pub decision: DecisionArguments,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl reject`.
#[derive(Args, Debug)]
#[command(after_help = help::REJECT)]
pub struct RejectArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// Why. With --signature it stands in the statement already.
    #[arg(short, long, value_name = "TEXT", required_unless_present = "signature")]
    pub message: Option<String>,
    /// What a yes and a no have in common.
    #[command(flatten)]
    pub decision: DecisionArguments,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl cancel`.
#[derive(Args, Debug)]
#[command(after_help = help::CANCEL)]
pub struct CancelArguments {
    /// The request's id, or the beginning of it.
    pub id: String,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `hitl wait`.
#[derive(Args, Debug)]
#[command(after_help = help::WAIT)]
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

/// Arguments of `hitl forget`.
#[derive(Args, Debug)]
#[command(after_help = help::FORGET)]
pub struct ForgetArguments {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
