//! Arguments of `hitl signers`.

use std::path::PathBuf;

use clap::Subcommand;

use crate::cli::help;

/// Commands of `hitl signers`.
#[derive(Subcommand, Debug)]
pub enum SignersCommand {
    /// List whose SSH key is whose, and what each can prove.
    #[command(after_help = help::SIGNERS_LIST)]
    List {
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// List a key as a person's: from then on they can approve with it.
    #[command(after_help = help::SIGNERS_ADD)]
    Add {
        /// Whose: their login name, or their login name, @ and more.
        name: String,
        /// The file with the public key (.pub), or - for standard input.
        #[arg(value_name = "KEYFILE")]
        key_file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say whether the list can be used, and what in it does not count.
    #[command(after_help = help::SIGNERS_CHECK)]
    Check {
        /// A file in the form of allowed_signers; by default the lists in use.
        file: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Take keys out of the list.
    #[command(after_help = help::SIGNERS_REMOVE)]
    Remove {
        /// Whose (login name or principal), or a key's fingerprint.
        #[arg(value_name = "NAME|FINGERPRINT")]
        whom: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke keys: what is recorded from now on does not count, whatever date it claims.
    #[command(after_help = help::SIGNERS_REVOKE)]
    Revoke {
        /// Whose (login name or principal), or a key's fingerprint.
        #[arg(value_name = "NAME|FINGERPRINT")]
        whom: String,
        /// Why.
        #[arg(short, long, value_name = "TEXT")]
        message: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

impl SignersCommand {
    /// Whether its result is to be JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Self::List { json }
            | Self::Add { json, .. }
            | Self::Check { json, .. }
            | Self::Remove { json, .. }
            | Self::Revoke { json, .. } => *json,
        }
    }
}
