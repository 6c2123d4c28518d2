//! A state directory, a directory to work in, and everything about a tree in one comparable value.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::observe::{FLAGS, Links, read_xattrs};
use super::super::{
    Affected, AffectedOperand, CaptureLimits, Captured, RunInformation, RunState, SnapshotError,
    SnapshotStore, UndoOptions, UndoPlan, Undone,
};
use crate::review::RequestId;
use crate::system::{Directories, Moment, Scope};

pub(super) struct Fixture {
    pub(super) root: PathBuf,
    pub(super) work: PathBuf,
    pub(super) store: SnapshotStore,
    _temporary: tempfile::TempDir,
}

/// Everything that can be seen of a path: kind and mode, owner, content or target, modification
/// time, and in words extended attributes, inode flags, holes and the first of its other names.
pub(super) type Seen = BTreeMap<PathBuf, (u32, (u32, u32), Vec<u8>, (i64, i64), String)>;

impl Fixture {
    pub(super) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().canonicalize().unwrap();
        let work = root.join("work");
        std::fs::create_dir(&work).unwrap();
        let directories = Directories {
            scope: Scope::here(),
            policy_file: root.join("policy.yaml"),
            policy_directory: None,
            policy_chosen: true,
            state: root.join("state"),
        };
        Self { store: SnapshotStore::open(&directories), root, work, _temporary: temporary }
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.work.join(relative)
    }

    pub(super) fn write(&self, relative: &str, content: &str) -> PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(super) fn read(&self, relative: &str) -> String {
        std::fs::read_to_string(self.path(relative)).unwrap()
    }

    /// Affected: this pattern below the working directory.
    pub(super) fn declared(&self, pattern: &str) -> Affected {
        let declared = vec![format!("{}/{pattern}", self.work.display())];
        Affected { declared, ..Affected::default() }
    }

    /// Affected: this operand.
    pub(super) fn operand(&self, relative: &str, tree: bool) -> Affected {
        let operands = vec![AffectedOperand { path: self.path(relative), tree }];
        Affected { operands, ..Affected::default() }
    }

    pub(super) fn capture(
        &self,
        affected: &Affected,
    ) -> Result<(RequestId, Captured), SnapshotError> {
        let information = information();
        let id = information.id.parse().unwrap();
        let limits = CaptureLimits::default();
        let captured = self.store.capture_before(information, affected, limits, &mut |_| {})?;
        Ok((id, captured))
    }

    /// A whole run: captured before, whatever `command` does, captured after.
    pub(super) fn run(&self, affected: &Affected, command: impl FnOnce()) -> RequestId {
        let (id, _) = self.capture(affected).unwrap();
        command();
        self.store.capture_after(&id, &mut |_| {}).unwrap();
        id
    }

    pub(super) fn undo(&self, id: &RequestId, force: bool) -> Result<Undone, SnapshotError> {
        self.undo_with(id, &UndoOptions { force, only: Vec::new() })
    }

    pub(super) fn undo_with(
        &self,
        id: &RequestId,
        options: &UndoOptions,
    ) -> Result<Undone, SnapshotError> {
        let plan = self.store.plan(id, options)?;
        self.store.undo(&plan, information(), options, &mut |_| {})
    }

    pub(super) fn undo_as(
        &self,
        plan: &UndoPlan,
        options: &UndoOptions,
    ) -> Result<Undone, SnapshotError> {
        self.store.undo(plan, information(), options, &mut |_| {})
    }

    /// Undoes without force, and expects that everything could be restored.
    pub(super) fn undo_wholly(&self, id: &RequestId) -> Undone {
        let undone = self.undo(id, false).unwrap();
        assert_eq!(undone.not_restored, Vec::<String>::new());
        undone
    }

    /// Changes a byte of this content wherever the store keeps it.
    pub(super) fn damage_content(&self, content: &[u8]) {
        let mut damaged = 0;
        let mut directories = vec![self.store.directory().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let mut bytes = std::fs::read(&path).unwrap();
                if let Some(at) = bytes.windows(content.len()).position(|it| it == content) {
                    bytes[at] ^= 1;
                    std::fs::write(&path, bytes).unwrap();
                    damaged += 1;
                }
            }
        }
        assert!(damaged > 0, "the store keeps it");
    }

    pub(super) fn seen(&self) -> Seen {
        let mut seen = Seen::new();
        let mut names = BTreeMap::new();
        see(&self.work, &mut seen, &mut names);
        for names in names.values_mut() {
            names.sort();
            for name in names.iter() {
                seen.get_mut(name).unwrap().4.push_str(&format!(" one with {:?}", names[0]));
            }
        }
        seen
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // What is immutable could not be removed.
        unlock(&self.work);
    }
}

fn unlock(path: &Path) {
    let _ = set_flags(path, 0);
    let below = std::fs::read_dir(path).ok().into_iter().flatten().flatten();
    for entry in below.filter(|entry| !entry.path().is_symlink()) {
        unlock(&entry.path());
    }
}

/// Sets the inode flags of a file or directory.
pub(super) fn set_flags(path: &Path, flags: u32) -> std::io::Result<()> {
    let opened = open(path)?;
    let present = rustix::fs::ioctl_getflags(&opened)?.bits() & !FLAGS;
    let flags = rustix::fs::IFlags::from_bits_retain(present | flags);
    Ok(rustix::fs::ioctl_setflags(&opened, flags)?)
}

fn open(path: &Path) -> std::io::Result<std::fs::File> {
    if !path.symlink_metadata().is_ok_and(|it| it.is_file() || it.is_dir()) {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    std::fs::File::open(path)
}

/// What chattr(1) says of a file or directory, and where it has data.
fn flags_and_data(path: &Path) -> String {
    let Ok(opened) = open(path) else { return String::new() };
    let flags = rustix::fs::ioctl_getflags(&opened).map(|flags| flags.bits() & FLAGS);
    let mut data = Vec::new();
    let mut at = 0;
    while let Ok(start) = rustix::fs::seek(&opened, rustix::fs::SeekFrom::Data(at)) {
        at = rustix::fs::seek(&opened, rustix::fs::SeekFrom::Hole(start)).unwrap();
        data.push((start, at));
    }
    format!("{flags:x?} {data:?}")
}

pub(super) fn information() -> RunInformation {
    RunInformation {
        v: 1,
        id: RequestId::random().unwrap().to_string(),
        undo_of: None,
        argv: vec!["true".into()],
        directory: "/".into(),
        requester: "root".into(),
        requester_uid: 0,
        at: later_moment(),
        undo_run: Vec::new(),
        keep_ms: None,
        coverage: None,
        coverage_told: None,
        state: RunState::Captured,
    }
}

/// A moment after every one before it: runs of a test come within one millisecond.
fn later_moment() -> Moment {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STEPS: AtomicU64 = AtomicU64::new(0);
    let step = STEPS.fetch_add(1, Ordering::Relaxed);
    Moment::now().plus(std::time::Duration::from_millis(step))
}

type Names = BTreeMap<(u64, u64), Vec<PathBuf>>;

fn see(path: &Path, seen: &mut Seen, names: &mut Names) {
    let metadata = path.symlink_metadata().unwrap();
    let content = if metadata.is_symlink() {
        std::fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()
    } else if metadata.is_file() {
        std::fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    seen.insert(
        path.to_owned(),
        (
            metadata.mode(),
            (metadata.uid(), metadata.gid()),
            content,
            (metadata.mtime(), metadata.mtime_nsec()),
            format!("{:?} {}", read_xattrs(path, Links::Themselves).unwrap(), flags_and_data(path)),
        ),
    );
    if !metadata.is_dir() && metadata.nlink() > 1 {
        names.entry((metadata.dev(), metadata.ino())).or_default().push(path.to_owned());
    }
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            see(&entry.unwrap().path(), seen, names);
        }
    }
}

pub(super) fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Whether this is root, where the test needs it; says so where it does not.
pub(super) fn root_or_say_so(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED, needs root: {what}");
    }
    root
}
