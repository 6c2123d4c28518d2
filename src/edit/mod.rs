//! `hitl edit`: what is needed around a write that a person makes in an editor of their own.
//!
//! The editor runs as the caller, on a [`WorkingCopy`] that is the caller's; what they made of it is put in
//! place by [`install`], in a process of its own that [`crate::protocol`] judges, snapshots, records
//! and starts like any other command. So nobody's editor ever runs with a right that they do not have,
//! and what was decided about is bytes, not a session.
//!
//! Start with `target`, the file that is meant and what may be shown of it, and `parents`, who could
//! have it exchanged; `working_copy` is what the caller edits, `install` the only writer.

mod difference;
mod editor;
mod install;
mod parents;
mod place;
mod target;
mod working_copy;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use crate::system::text::visible_path;
use crate::system::{Digest, ParseDigestError};

pub use difference::difference;
pub use editor::editor;
pub use install::install;
pub use parents::Person;
pub use target::{Named, Target, present};
pub use working_copy::WorkingCopy;

/// The largest file that is edited, in bytes: 64 MiB.
pub const LARGEST: u64 = 64 << 20;

/// What is there when an edit is put in place: anything else, and it is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// A regular file with this content.
    Content(Digest),
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("absent"),
            Self::Content(digest) => digest.fmt(formatter),
        }
    }
}

impl FromStr for Expected {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "absent" { Ok(Self::Absent) } else { text.parse().map(Self::Content) }
    }
}

/// Why a file is not edited. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// `/`, `..` or nothing.
    #[error("{path} names no file: name the file to edit", path = visible_path(.0))]
    NotAName(PathBuf),
    /// The directory is not there, as the caller can see for themselves.
    #[error("{path}: its directory cannot be reached: {1}: create it first, or check the path", path = visible_path(.0))]
    NoDirectory(PathBuf, io::Error),
    /// It cannot be opened.
    #[error("{path} cannot be read: {1}", path = visible_path(.0))]
    Unreadable(PathBuf, io::Error),
    /// A symbolic link.
    #[error(
        "{path} is a symbolic link, and a link is not followed here: name the file that it leads to", path = visible_path(.0)
    )]
    Link(PathBuf),
    /// A directory, a pipe, a device.
    #[error("{path} is not a regular file: only regular files are edited", path = visible_path(.0))]
    NotRegular(PathBuf),
    /// A hard link: the other name would keep the old content.
    #[error(
        "{path} has {1} names (hard links), and an edit puts a new file in the place of one of them: \
         copy it over itself first, or write it with \"hitl run -- tee\"", path = visible_path(.0)
    )]
    SeveralNames(PathBuf, u64),
    /// Too large.
    #[error("{path} is larger than {} MiB, the most that is edited", LARGEST >> 20, path = visible_path(.0))]
    TooLarge(PathBuf),
    /// Whoever asks could lead the write elsewhere (CVE-2021-23240, CVE-2023-22809 and their kin).
    #[error(
        "{path} is not edited for somebody who can exchange it: you can change {directory}; edit it as \
         the user it belongs to (-u), or have root take the directory back", path = visible_path(.path), directory = visible_path(.directory)
    )]
    Exchangeable {
        /// The file.
        path: PathBuf,
        /// The directory in which they could exchange something on the way to it.
        directory: PathBuf,
    },
    /// What the caller may not read is not shown before it is decided. The same words whether or not
    /// there is such a file.
    #[error(
        "{path}: you may not read this yourself, and the rules do not simply let you edit it: what is in \
         it is not shown before a human has decided; ask somebody who may read it", path = visible_path(.0)
    )]
    Hidden(PathBuf),
    /// Something else is there now.
    #[error("{path} was changed in the meantime, so that nothing was written: edit it again", path = visible_path(.0))]
    Changed(PathBuf),
    /// The copy for the editor.
    #[error("{path}: the copy to edit cannot be used: {1}", path = visible_path(.0))]
    Copy(PathBuf, io::Error),
    /// The copy is no regular file any more.
    #[error("{path}: the editor has left no regular file here, so that nothing is taken from it", path = visible_path(.0))]
    CopyReplaced(PathBuf),
    /// CVE-2023-22809: words after it would be files of the editor's own.
    #[error("{0} holds \"--\", which could name other files than those you asked for: take it out")]
    DoubleDash(&'static str),
    /// No editor.
    #[error("there is no editor: set EDITOR, or have root install one (\"editor\" or \"vi\")")]
    NoEditor,
    /// What came on standard input is not what was decided about.
    #[error(
        "what came on standard input is not the content that was decided about: nothing was written"
    )]
    OtherContent,
    /// The new file.
    #[error("{path} cannot be written: {1}; it is as it was", path = visible_path(.0))]
    Unwritable(PathBuf, io::Error),
}
