//! Content that is too large for a pack: a file of its own in `big/`, or beside the file that it is of.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::name::CloneId;
use super::volumes::{self, Volume};
use crate::snapshot::SnapshotError;
use crate::snapshot::error::unreadable;
use crate::system::Digest;

/// How many bytes are read at a time: what is asked between two looks at the limits.
const PIECE: usize = 1 << 20;

/// How many pieces are on their way at a time.
const PIECES: usize = 4;

/// How large content is called in `big/` that has this digest. A file with holes has the digest of its
/// data segments, which says nothing of where they lie: a clone of it has a name that does.
pub(super) fn digest_name(digest: &Digest, segments: Option<&[(u64, u64)]>) -> String {
    let hex = digest.hex();
    let Some(segments) = segments else { return hex };
    let mut layout = Vec::with_capacity(segments.len() * 16);
    for (at, length) in segments {
        layout.extend_from_slice(&at.to_le_bytes());
        layout.extend_from_slice(&length.to_le_bytes());
    }
    let layout = Digest::of(&layout).hex();
    format!("{hex}-{}", layout.get(..16).unwrap_or(&layout))
}

/// Large content, open.
pub(super) struct Large {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Where it is.
    pub(super) volume: Volume,
    /// Whether it is the whole file, its holes included.
    pub(super) whole: bool,
}

/// Opens a clone, wherever it is.
///
/// # Errors
/// [`SnapshotError::Damaged`] where it is not found, [`SnapshotError::Read`].
pub(super) fn open_clone(store: &Path, clone: &CloneId) -> Result<Large, SnapshotError> {
    let name = clone.to_string();
    let mut out_of_reach = None;
    match open_first(store, &[(name.clone(), true)], &mut out_of_reach)? {
        Some(large) => Ok(large),
        None => Err(match out_of_reach {
            Some(path) => SnapshotError::Damaged {
                path: path.join(&name),
                what:
                    "its directory is not there, or not root's alone; is its file system mounted?"
                        .to_owned(),
            },
            None => SnapshotError::Damaged {
                path: store.join("big").join(&name),
                what: "the clone is missing".to_owned(),
            },
        }),
    }
}

/// Opens large content by its digest; `segments` are those of a file with holes. `None` where there is
/// none.
///
/// # Errors
/// [`SnapshotError::Read`], [`SnapshotError::Damaged`].
pub(super) fn open_digest(
    store: &Path,
    digest: &Digest,
    segments: Option<&[(u64, u64)]>,
) -> Result<Option<Large>, SnapshotError> {
    let mut names = Vec::new();
    if segments.is_some() {
        names.push((digest_name(digest, segments), true));
    }
    names.push((digest_name(digest, None), segments.is_none()));
    open_first(store, &names, &mut None)
}

/// Opens the first of these names that is anywhere; with each goes whether it is a whole file.
fn open_first(
    store: &Path,
    names: &[(String, bool)],
    out_of_reach: &mut Option<PathBuf>,
) -> Result<Option<Large>, SnapshotError> {
    let open_in = |volume: Volume| {
        for (name, whole) in names {
            match volume.get(name) {
                Ok(file) => {
                    let path = volume.path.join(name);
                    return Ok(Some(Large { file, path, volume, whole: *whole }));
                }
                Err(Errno::NOENT) => {}
                Err(error) => return Err(unreadable(&volume.path.join(name))(error)),
            }
        }
        Ok(None)
    };
    if let Some(large) = open_in(Volume::main(store)?)? {
        return Ok(Some(large));
    }
    for path in volumes::known(store)? {
        match Volume::open(&path) {
            Ok(volume) => {
                if let Some(large) = open_in(volume)? {
                    return Ok(Some(large));
                }
            }
            Err(_) => *out_of_reach = Some(path),
        }
    }
    Ok(None)
}

/// Told of every piece that was read; it may refuse it.
pub(in crate::snapshot) type Each<'a> = &'a mut dyn FnMut(u64) -> Result<(), SnapshotError>;

/// Reads once, going on after a signal.
///
/// # Errors
/// Those of the reader.
pub(super) fn read_piece(from: &mut dyn Read, piece: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Copies `head` and what a reader yields, and hashes it on the way: in a thread of its own, since
/// reading and writing take as long as that. `each` is told of every piece but the head.
///
/// # Errors
/// [`SnapshotError::Read`], what `wrote` makes of a failed write, and what `each` fails with.
pub(super) fn copy(
    head: &[u8],
    from: &mut dyn Read,
    path: &Path,
    to: &mut dyn Write,
    wrote: &mut dyn FnMut(io::Error) -> SnapshotError,
    each: Each<'_>,
) -> Result<(Digest, u64), SnapshotError> {
    let mut pieces = vec![Vec::new(); PIECES];
    thread::scope(|scope| {
        let (full, to_hash) = mpsc::sync_channel::<Vec<u8>>(PIECES);
        let (hashed, empty) = mpsc::channel::<Vec<u8>>();
        let hash = move |head: &[u8]| {
            let mut hasher = Sha256::new_with_prefix(head);
            for piece in to_hash {
                hasher.update(&piece);
                // Nobody takes it back any more when the copy has failed.
                let _ = hashed.send(piece);
            }
            Digest::from_bytes(hasher.finalize().into())
        };
        let hashing = thread::Builder::new()
            .spawn_scoped(scope, move || hash(head))
            .map_err(unreadable(path))?;
        to.write_all(head).map_err(&mut *wrote)?;
        let mut length = head.len() as u64;
        loop {
            let piece = pieces.pop().or_else(|| empty.recv().ok());
            // It hashes until there is nothing more to come.
            let Some(mut piece) = piece else { break };
            piece.resize(PIECE, 0);
            let read = read_piece(from, &mut piece).map_err(unreadable(path))?;
            if read == 0 {
                break;
            }
            each(read as u64)?;
            piece.truncate(read);
            to.write_all(&piece).map_err(&mut *wrote)?;
            length += read as u64;
            if full.send(piece).is_err() {
                break;
            }
        }
        drop(full);
        let failed = |_| unreadable(path)(io::Error::other("hashing it failed"));
        hashing.join().map(|digest| (digest, length)).map_err(failed)
    })
}

/// Hashes what a reader yields; `each` is told of every piece.
///
/// # Errors
/// [`SnapshotError::Read`] and what `each` fails with.
pub(in crate::snapshot) fn hash(
    from: &mut dyn Read,
    path: &Path,
    each: Each<'_>,
) -> Result<(Digest, u64), SnapshotError> {
    const PIECE: usize = 64 * 1024;
    let mut hasher = Sha256::new();
    let mut piece = vec![0_u8; PIECE];
    let mut length = 0_u64;
    loop {
        let read = read_piece(from, &mut piece).map_err(unreadable(path))?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        each(read as u64)?;
        hasher.update(bytes);
        length += read as u64;
    }
    Ok((Digest::from_bytes(hasher.finalize().into()), length))
}
