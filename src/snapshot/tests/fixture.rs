//! A state directory, a directory to work in, and everything about a tree in one comparable value.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::super::observe::{Links, read_xattrs};
use super::super::{
    Affected, AffectedOperand, CaptureLimits, Captured, RunInformation, RunState, SnapshotError,
    SnapshotStore, UndoOptions, Undone,
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
/// time, extended attributes.
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

    /// Undoes without force, and expects that everything could be restored.
    pub(super) fn undo_wholly(&self, id: &RequestId) -> Undone {
        let undone = self.undo(id, false).unwrap();
        assert_eq!(undone.not_restored, Vec::<String>::new());
        undone
    }

    pub(super) fn seen(&self) -> Seen {
        let mut seen = Seen::new();
        see(&self.work, &mut seen);
        seen
    }
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
        undo_by: Vec::new(),
        undo_require: Vec::new(),
        undo_rules: Vec::new(),
        belongs_to: None,
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

fn see(path: &Path, seen: &mut Seen) {
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
            format!("{:?}", read_xattrs(path, Links::Themselves).unwrap()),
        ),
    );
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            see(&entry.unwrap().path(), seen);
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
