//! Command lines of programs that are not known.

use std::path::Path;

use super::findings::Findings;
use super::{Access, PathLookup};
use crate::system::ByteString;

/// Reads the arguments of a program that is not known: everything that can be a path is one.
pub(super) fn read_unknown<'a>(
    arguments: &[ByteString],
    directory: &Path,
    lookup: &'a dyn PathLookup,
) -> Findings<'a> {
    let mut findings = Findings::new(directory, lookup);
    let mut only_operands = false;
    for argument in arguments.iter().map(ByteString::as_bytes) {
        let value = argument.iter().position(|byte| *byte == b'=').map(|at| at + 1);
        let value = value.and_then(|at| argument.get(at..)).unwrap_or_default();
        match argument {
            _ if only_operands => findings.push(argument, Access::Unknown),
            b"--" => only_operands = true,
            [b'-', b'-', ..] if !value.is_empty() => findings.push(value, Access::Unknown),
            [b'-', b'-', ..] => {}
            // `-ofile=x`, and `-o/path`, where the value can only be a path.
            [b'-', _, attached @ ..] => {
                if !value.is_empty() {
                    findings.push(value, Access::Unknown);
                } else if attached.contains(&b'/') {
                    findings.push(attached, Access::Unknown);
                }
            }
            _ => {
                findings.push(argument, Access::Unknown);
                if value.starts_with(b"/") {
                    findings.push(value, Access::Unknown);
                }
            }
        }
    }
    findings
}
