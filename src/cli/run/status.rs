//! `--status-fd N`: what happens, as it happens, one JSON object a line, for a program that must
//! tell hitl's words from the command's.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;

use serde_json::Value;

use crate::cli::failure::{ExitCode, Failure};

/// The descriptor that the caller passed.
pub(super) struct StatusDescriptor {
    file: File,
}

impl StatusDescriptor {
    /// Takes the descriptor with this number, which the caller must have opened for writing.
    ///
    /// # Errors
    /// A usage failure where it is not open or not writable.
    pub(super) fn open(number: i32) -> Result<Self, Failure> {
        let refused = |why: &str| {
            Failure::new(
                ExitCode::Usage,
                format!(
                    "--status-fd {number}: {why}; open it for writing, as in \"hitl run --status-fd 3 … 3>status.jsonl\""
                ),
            )
        };
        if number < 0 {
            return Err(refused("not the number of a file descriptor"));
        }
        let file = crate::execute::inherited_descriptor(number)
            .ok_or_else(|| refused("no such descriptor is open"))?;
        let flags = nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_GETFL)
            .map_err(|_| refused("no such descriptor is open"))?;
        if nix::fcntl::OFlag::from_bits_truncate(flags) & nix::fcntl::OFlag::O_ACCMODE
            == nix::fcntl::OFlag::O_RDONLY
        {
            return Err(refused("it is open for reading only"));
        }
        Ok(Self { file })
    }

    /// Writes one event. A reader that went away is no reason to stop a command.
    pub(super) fn write(&mut self, event: &Value) {
        let _ = writeln!(self.file, "{event}");
    }
}

impl std::fmt::Debug for StatusDescriptor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "StatusDescriptor({})", self.file.as_raw_fd())
    }
}
