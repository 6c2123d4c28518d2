//! Which editor. It runs as the caller with the caller's rights: it is the caller's to choose.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::EditError;

/// In sudoedit's order.
const VARIABLES: [&str; 3] = ["SUDO_EDITOR", "VISUAL", "EDITOR"];

/// The words that start the caller's editor; without one of their own, one that is found in `search`.
///
/// # Errors
/// [`EditError::DoubleDash`], [`EditError::NoEditor`].
pub fn editor(search: &[PathBuf]) -> Result<Vec<OsString>, EditError> {
    for variable in VARIABLES {
        let words = words(&std::env::var_os(variable).unwrap_or_default());
        if words.iter().any(|word| word == "--") {
            return Err(EditError::DoubleDash(variable));
        }
        if !words.is_empty() {
            return Ok(words);
        }
    }
    ["editor", "vi"]
        .into_iter()
        .flat_map(|name| search.iter().map(move |place| place.join(name)))
        .find(|path| {
            path.is_file() && accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
        })
        .map(|path| vec![path.into()])
        .ok_or(EditError::NoEditor)
}

fn words(text: &OsStr) -> Vec<OsString> {
    text.as_bytes()
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect()
}
