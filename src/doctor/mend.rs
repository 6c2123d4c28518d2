//! Commands that mend what several checks find.

use std::path::Path;

use crate::system::text::shell_word;
use crate::system::trusted::TrustError;

/// The command that makes a file trusted again.
pub(super) fn untrusted(error: &TrustError) -> String {
    match error {
        TrustError::Owner { path, expected, .. } => {
            let owner = if expected == "root" { "root" } else { "\"$(id -un)\"" };
            format!("chown {owner} {}", shell_word(path))
        }
        TrustError::Writable(path, _) => format!("chmod go-w {}", shell_word(path)),
        TrustError::NotRegular(path) => {
            let path = shell_word(path);
            format!("cp --remove-destination \"$(readlink -f {path})\" {path} && chmod go-w {path}")
        }
        TrustError::Missing(path) => format!("ls -ld {}", shell_word(path)),
        TrustError::Unreadable(path, _) | TrustError::TooLarge(path, _) => {
            format!("namei -l {}", shell_word(path))
        }
    }
}

/// The command that opens a file for correction.
pub(super) fn edit(path: &Path) -> String {
    format!("\"${{EDITOR:-vi}}\" {}", shell_word(path))
}
