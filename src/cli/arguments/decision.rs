//! What a yes and a no to a request have in common.

use std::path::PathBuf;

use clap::Args;

use crate::system::Digest;

/// How a decision is signed, and what it is about.
#[derive(Args, Debug, Default)]
pub struct DecisionArguments {
    /// Sign with your SSH key, also where your login is proof enough.
    #[arg(long)]
    pub sign: bool,
    /// Sign with the key in this file, instead of the first that an agent or ~/.ssh has.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// A signature that was made elsewhere, of what "hitl show --statement ID" printed; - is standard
    /// input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sign", "key"])]
    pub signature: Option<PathBuf>,
    /// Only as the review of a run by break-glass: whether it was justified. Demanded where others had
    /// been asked before it ran.
    #[arg(long)]
    pub review: bool,
    /// Only if what it is about still has this digest, as "hitl show" tells it.
    #[arg(long, value_name = "DIGEST")]
    pub digest: Option<Digest>,
}
