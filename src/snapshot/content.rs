//! Content on its way back: written beside its destination, synced, and moved into place, so that a
//! file is the old one or the new one at any time. Only a file with several names, or one that
//! something is mounted over, is rewritten in place, and only if it is the very inode that was
//! captured.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, mknodat, openat, renameat, renameat_with,
    symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::metadata::set_metadata;
use super::objects::Wanted;
use super::place::{status, status_of};
use super::restore::{Halt, Restorer, halt};
use super::segments::SegmentWriter;
use super::{ContentName, Node, SnapshotError, Step};
use crate::system::Digest;

/// Content that lies beside its destination, under a name of ours.
struct Prepared<'a> {
    step: &'a Step,
    temporary: OsString,
}

impl Restorer<'_> {
    /// Puts everything that is not a directory beside its place, syncs it, and moves it there.
    pub(super) fn put_content(
        &mut self,
        steps: &[Step],
        took: &mut dyn FnMut(&Step),
    ) -> Result<(), Halt> {
        let mut prepared: Vec<Prepared<'_>> = Vec::new();
        let mut in_place: Vec<&Step> = Vec::new();
        let outcome = steps.iter().filter(|step| step.puts_content()).try_for_each(|step| {
            if self.must_stay_in_place(step)? {
                in_place.push(step);
            } else {
                let temporary = self.temporary_name(step);
                prepared.push(Prepared { step, temporary });
                if let Some(last) = prepared.last() {
                    self.prepare(last)?;
                }
            }
            Ok(())
        });
        let outcome = outcome
            .and_then(|()| if prepared.is_empty() { Ok(()) } else { self.sync() })
            .and_then(|()| {
                while let Some(next) = prepared.last() {
                    self.move_into_place(next)?;
                    took(next.step);
                    prepared.pop();
                }
                Ok(())
            });
        if outcome.is_err() {
            for left in &prepared {
                // The error on its way is the one that matters; the next attempt clears away again.
                if let Ok((parent, _)) = self.parent(left.step.path.as_path()) {
                    let _ = unlinkat(&parent, &left.temporary, AtFlags::empty());
                }
            }
            return outcome;
        }
        for step in in_place {
            self.rewrite(step)?;
            took(step);
        }
        Ok(())
    }

    fn temporary_name(&self, step: &Step) -> OsString {
        let name = step.path.as_path().file_name().unwrap_or_default();
        let digest = Digest::of(name.as_bytes()).hex();
        OsString::from(format!("{}{}", self.tag, digest.get(..16).unwrap_or(&digest)))
    }

    fn must_stay_in_place(&mut self, step: &Step) -> Result<bool, Halt> {
        let (Node::File { metadata: now, .. }, Node::File { metadata: before, .. }) =
            (&step.now, &step.before)
        else {
            return Ok(false);
        };
        if !now.same_inode(before) {
            return Ok(false);
        }
        let (parent, name) = self.parent(step.path.as_path())?;
        let found = status(&parent, &name).map_err(halt(step.path.as_path(), "it is gone"))?;
        Ok(now.links > 1 || found.mount_root)
    }

    fn prepare(&mut self, prepared: &Prepared<'_>) -> Result<(), Halt> {
        let path = prepared.step.path.as_path();
        let (parent, _) = self.parent(path)?;
        let name = &prepared.temporary;
        match unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(halt(path, "an old temporary file is in the way")(error)),
        }
        let cannot = "it cannot be made again";
        let private = Mode::RUSR | Mode::WUSR;
        match &prepared.step.before {
            Node::File { content, size, data, .. } => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = openat(&parent, name, flags, private).map_err(halt(path, cannot))?;
                let file = File::from(file);
                self.fill(&file, content, data.as_deref(), path)?;
                file.set_len(*size).map_err(halt(path, "it cannot get its old size"))?;
            }
            Node::Symlink { target, .. } => {
                symlinkat(target.as_os_str(), &parent, name).map_err(halt(path, cannot))?;
            }
            Node::Fifo { .. } => {
                mknodat(&parent, name, FileType::Fifo, private, 0).map_err(halt(path, cannot))?
            }
            Node::Device { kind, number, .. } => {
                let kind =
                    if kind == "block" { FileType::BlockDevice } else { FileType::CharacterDevice };
                mknodat(&parent, name, kind, private, *number).map_err(halt(path, cannot))?;
            }
            Node::Absent | Node::Directory { .. } | Node::Socket { .. } => {
                let why = format!("a {} cannot be made again", prepared.step.before.kind());
                return Err(Halt { path: path.to_owned(), why });
            }
        }
        set_metadata(&parent, name, path, &prepared.step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }

    fn fill(
        &self,
        file: &File,
        content: &ContentName,
        data: Option<&[(u64, u64)]>,
        path: &Path,
    ) -> Result<(), Halt> {
        let wanted = Wanted::from(content).segments(data);
        // It was read and held to its digest before the undo began.
        if matches!(self.objects.reflink_to(wanted, file), Ok(true)) {
            return Ok(());
        }
        let mut file = SegmentWriter::of(file, data);
        let mut wrote = |source| SnapshotError::Write { path: path.to_owned(), source };
        self.objects.copy_to(wanted, &mut file, &mut wrote).map(drop).map_err(|error| Halt {
            path: path.to_owned(),
            why: match error {
                SnapshotError::Write { source, .. } => format!("it cannot be written: {source}"),
                other => other.to_string(),
            },
        })
    }

    fn move_into_place(&mut self, prepared: &Prepared<'_>) -> Result<(), Halt> {
        let step = prepared.step;
        let path = step.path.as_path();
        let (parent, name) = self.parent(path)?;
        let cannot = "it cannot be moved into place";
        let vacant = step.now.is_absent() || step.clears_the_way();
        let expected = if vacant { &Node::Absent } else { &step.now };
        self.check(&parent, &name, path, expected)?;
        if vacant {
            let flags = RenameFlags::NOREPLACE;
            match renameat_with(&parent, &prepared.temporary, &parent, &name, flags) {
                // Some file systems do not know the flag; that nothing is there was just seen.
                Err(Errno::INVAL) => {}
                moved => return moved.map_err(halt(path, cannot)),
            }
        }
        renameat(&parent, &prepared.temporary, &parent, &name).map_err(halt(path, cannot))?;
        self.note_touched(&step.now);
        Ok(())
    }

    /// Rewrites a file that has to stay the inode that it is.
    fn rewrite(&mut self, step: &Step) -> Result<(), Halt> {
        let path = step.path.as_path();
        let Node::File { metadata, size, content, data } = &step.before else { return Ok(()) };
        let (parent, name) = self.parent(path)?;
        self.check(&parent, &name, path, &step.now)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&parent, &name, flags, Mode::empty())
            .map_err(halt(path, "it cannot be opened for writing"))?;
        let found = status_of(&opened).map_err(halt(path, "it cannot be looked at"))?;
        if found.kind != FileType::RegularFile || !found.metadata.same_inode(metadata) {
            let why = "it was replaced in the meantime".to_owned();
            return Err(Halt { path: path.to_owned(), why });
        }
        // The whole object is checked before the first byte of the file is overwritten.
        self.objects
            .check(Wanted::from(content).segments(data.as_deref()))
            .map_err(|error| Halt { path: path.to_owned(), why: error.to_string() })?;
        let file = File::from(opened);
        // Where there are holes, nothing of what is there now may shine through.
        if data.is_some() {
            file.set_len(0).map_err(halt(path, "it cannot be emptied"))?;
        }
        self.fill(&file, content, data.as_deref(), path)?;
        file.set_len(*size).map_err(halt(path, "it cannot be cut to its old size"))?;
        self.note_touched(&step.now);
        set_metadata(&parent, &name, path, &step.before, &mut self.not_restored)
            .map_err(halt(path, "its metadata cannot be set"))
    }
}
