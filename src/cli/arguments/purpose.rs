//! What a requester says about what they ask for: of `hitl run` and `hitl edit`.

use std::path::PathBuf;

use clap::Args;

use crate::review::parse_ticket;

/// What it is for. The reviewer sees all of it, marked as the requester's claim.
#[derive(Args, Debug, Default)]
pub struct PurposeArguments {
    /// What it is for. The reviewer sees it, marked as your claim.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The ticket that it belongs to, a short line. The reviewer sees it, marked as your claim.
    #[arg(long, value_name = "ID", value_parser = parse_ticket)]
    pub ticket: Option<String>,
    /// Attach what you intend, a text of at most 1 MiB: a plan, a diff. "-" reads standard input, and
    /// the command then has /dev/null there. The reviewer sees it, marked as your claim.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
}
