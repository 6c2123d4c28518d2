//! A text that the caller hands over, read by a process that has no more rights than they have: in a
//! pair of processes by the front, in pieces, so that neither a file that they may not read nor one
//! that never ends, or never begins, is the monitor's to deal with.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Where a text is to be read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Standard input, to its end.
    Input,
    /// A regular file.
    File(PathBuf),
}

/// Why a text cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What the system says.
    #[error("{0}")]
    System(#[from] io::Error),
    /// A directory, a pipe, a device.
    #[error("it is not a regular file: hand over what a pipe carries on standard input, as \"-\"")]
    NotRegular,
    /// More than is taken.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
}

/// How [`ReadError`]s that are not the system's pass between the processes: no error number is
/// negative.
const NOT_REGULAR: i32 = -1;
const TOO_LARGE: i32 = -2;

impl ReadError {
    pub(super) fn to_number(&self) -> i32 {
        match self {
            Self::System(error) => {
                error.raw_os_error().filter(|number| *number > 0).unwrap_or(libc::EIO)
            }
            Self::NotRegular => NOT_REGULAR,
            Self::TooLarge(_) => TOO_LARGE,
        }
    }

    pub(super) fn from_number(number: i32, limit: usize) -> Self {
        match number {
            NOT_REGULAR => Self::NotRegular,
            TOO_LARGE => Self::TooLarge(limit),
            number => Self::System(io::Error::from_raw_os_error(number)),
        }
    }
}

/// Reads it, with the rights of this process.
pub(super) fn read(source: &Source, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let most = limit as u64 + 1;
    match source {
        Source::Input => io::stdin().lock().take(most).read_to_end(&mut bytes)?,
        Source::File(path) => {
            // A pipe without a writer must not make us wait, nor a terminal become ours.
            let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
            let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
            if !file.metadata()?.is_file() {
                return Err(ReadError::NotRegular);
            }
            file.take(most).read_to_end(&mut bytes)?
        }
    };
    if bytes.len() > limit { Err(ReadError::TooLarge(limit)) } else { Ok(bytes) }
}

/// Whether somebody would have to type it.
pub(super) fn is_typed(source: &Source) -> bool {
    *source == Source::Input && io::stdin().is_terminal()
}
