//! Content that is too large for a pack: a file of its own in `big/`.

use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use sha2::{Digest as _, Sha256};

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
