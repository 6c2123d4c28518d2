//! `hitl edit`, as the protocol sees it: judged before anything is shown, and afterwards a command
//! like any other, whose input hitl itself holds as long as humans decide about it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Case, Manner, Outcome, ProtocolError, Purpose, Rooms, confining, decisions, deny};
use crate::edit::{self, EditError, Expected};
use crate::invocation::{Asked, Content};
use crate::policy::Decision;
use crate::review::{Edited, Record, RequestId};
use crate::system::{ByteString, Digest, durable, trusted};

/// As whom a file is to be written, as typed.
#[derive(Clone, Default, Debug)]
pub struct AsWhom {
    /// `-u USER`.
    pub user: Option<String>,
    /// `-g GROUP`.
    pub group: Option<String>,
}

/// What the rules say before anything is shown.
pub enum Judged {
    /// It may be edited.
    May {
        /// Whether nobody has to decide or to prove anything: then the caller may also see what is in the file.
        shown: bool,
        /// The user id as which it would be written.
        run_as: u32,
    },
    /// It is refused, and that is on record.
    Refused(Box<Outcome>),
}

/// Judges the edit of a file before it is read for anybody.
///
/// # Errors
/// [`ProtocolError`].
pub fn judge_edit(
    rooms: &Rooms,
    path: &Path,
    whom: &AsWhom,
    purpose: Purpose,
) -> Result<Judged, ProtocolError> {
    let case = Case::open(rooms, asked(rooms, path, whom, Vec::new(), None)?, purpose)?;
    // Somebody at an unlocked terminal is not shown what its owner would have to prove themselves for.
    let proves = case.authentication_needed().map_err(ProtocolError::NeedsInstallation)?;
    match case.verdict.decision {
        Decision::Deny => deny(rooms, &case).map(Box::new).map(Judged::Refused),
        _ if case.nobody_can_approve() => deny(rooms, &case).map(Box::new).map(Judged::Refused),
        _ if case.cannot_be_confined().is_some() => Err(confining::refusal(&case)),
        decision => match case.undo_falls_short()? {
            Some(why) => Err(ProtocolError::UndoFallsShort(why)),
            None => Ok(Judged::May {
                shown: decision == Decision::Allow && !proves,
                run_as: case.invocation.run_as.uid,
            }),
        },
    }
}

/// Puts new content into a file, if the rules and the humans let it: walks through everything that
/// [`super::run`] does.
///
/// # Errors
/// As [`super::run`].
pub fn edit(
    rooms: &Rooms,
    target: &edit::Target,
    content: Vec<u8>,
    whom: &AsWhom,
    purpose: Purpose,
    manner: Manner<'_>,
) -> Result<Outcome, ProtocolError> {
    let content = Content::from(content);
    let digests = vec![
        OsString::from(format!("--content={}", content.digest())),
        OsString::from(format!("--expect={}", target.expected)),
    ];
    super::run(rooms, asked(rooms, &target.path, whom, digests, Some(content))?, purpose, manner)
}

/// This very program, as a command.
pub(super) fn own_program(rooms: &Rooms) -> Result<OsString, ProtocolError> {
    let own = Path::new("/proc/self/exe");
    let own = own.read_link().map_err(|error| ProtocolError::Bound(own.to_owned(), error))?;
    // Where rules look for a bare "hitl", which may lead here by a link.
    let known = rooms.policy.search_path().iter().map(|place| place.join("hitl"));
    let found = known.into_iter().find(|path| path.canonicalize().is_ok_and(|real| real == own));
    Ok(found.unwrap_or(own).into())
}

/// The command that puts it in place.
fn asked(
    rooms: &Rooms,
    path: &Path,
    whom: &AsWhom,
    digests: Vec<OsString>,
    content: Option<Content>,
) -> Result<Asked, ProtocolError> {
    let words = [own_program(rooms)?, "edit".into()].into_iter().chain(digests);
    Ok(Asked {
        argv: words.chain([path.into()]).collect(),
        // The path is absolute: where the caller is makes no difference.
        directory: Some("/".into()),
        user: whom.user.clone(),
        group: whom.group.clone(),
        content,
        no_input: false,
        undo: None,
    })
}

/// What a request says about the edit that it is.
pub(super) fn shown(case: &Case<'_>) -> Option<Edited> {
    let invocation = &case.invocation;
    let content = invocation.content.as_ref()?;
    let expected = invocation
        .argv
        .iter()
        .find_map(|word| word.as_str()?.strip_prefix("--expect=")?.parse::<Expected>().ok())?;
    Some(Edited {
        path: invocation.argv.last()?.clone(),
        content: content.digest(),
        expected: match expected {
            Expected::Absent => None,
            Expected::Content(digest) => Some(digest),
        },
    })
}

/// Keeps the content of a request that waits. Before the request is stored: what is left of one that
/// never was is root's alone, and goes with the next [`forget`] of its id.
pub(super) fn keep(rooms: &Rooms, id: &RequestId, case: &Case<'_>) -> Result<(), ProtocolError> {
    let Some(content) = &case.invocation.content else { return Ok(()) };
    durable::create_directory(&directory(rooms)).map_err(ProtocolError::Keep)?;
    durable::write(&file(rooms, id), content.as_bytes()).map_err(ProtocolError::Keep)
}

/// What a request was kept with, for whoever goes on with it; why it can no longer be had otherwise.
pub(super) fn kept(
    rooms: &Rooms,
    record: &Record,
    edited: &Edited,
) -> Result<Content, &'static str> {
    let kept = trusted::read(&file(rooms, &record.id), rooms.directories.scope, edit::LARGEST);
    let content = kept.map_err(|_| "the content that was to be written is no longer there")?.bytes;
    if Digest::of(&content) != edited.content {
        return Err("the content that was to be written was changed");
    }
    Ok(content.into())
}

/// What is asked when a request for an edit goes on; `Err` where that made it void.
pub(super) fn asked_again(
    rooms: &Rooms,
    record: &Record,
    asked: &mut Asked,
) -> Result<Result<(), Box<Record>>, ProtocolError> {
    let Some(edited) = record.shown.edit.as_ref().filter(|_| !record.state.is_closed()) else {
        return Ok(Ok(()));
    };
    match kept(rooms, record, edited) {
        Ok(content) => {
            asked.content = Some(content);
            asked.directory = Some("/".into());
            Ok(Ok(()))
        }
        Err(because) => Ok(Err(Box::new(decisions::void(rooms, &record.id, because, because)?))),
    }
}

/// Takes away what was kept for a request that is closed. What cannot be taken away is root's alone
/// and harms nobody.
pub(super) fn forget(rooms: &Rooms, record: &Record) {
    if record.shown.edit.is_some() && record.state.is_closed() {
        let _ = std::fs::remove_file(file(rooms, &record.id));
    }
}

/// What an edit that waits would change, for those who may see the request.
pub struct Proposal {
    /// The file.
    pub path: ByteString,
    /// The difference, a line each, safe to show.
    pub lines: Vec<String>,
}

/// What a request would change where it is for an edit; `None` for every other, and for closed ones.
pub fn proposal(rooms: &Rooms, record: &Record) -> Option<Proposal> {
    let edited = record.shown.edit.as_ref().filter(|_| !record.state.is_closed())?;
    let lines = match (kept(rooms, record, edited), edit::present(edited.path.as_path())) {
        (Ok(content), Ok(present)) if present.as_deref().map(Digest::of) == edited.expected => {
            edit::difference(present.as_deref(), content.as_bytes())
        }
        (Err(why), _) => vec![format!("{why}: it will not be written")],
        // Nothing of what is there now: whoever asked was not shown it.
        (Ok(_), Ok(_) | Err(EditError::Link(_) | EditError::NotRegular(_))) => {
            vec![
                "the file was changed since it was edited: as it is now, it will not be written"
                    .to_owned(),
            ]
        }
        (Ok(_), Err(error)) => vec![error.to_string()],
    };
    Some(Proposal { path: edited.path.clone(), lines })
}

fn directory(rooms: &Rooms) -> PathBuf {
    rooms.directories.state.join("edits")
}

fn file(rooms: &Rooms, id: &RequestId) -> PathBuf {
    directory(rooms).join(id.to_string())
}
