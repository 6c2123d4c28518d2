//! Clones on file systems that can make them. These tests mount them in a mount namespace of their own,
//! which only root may make.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::incoming::{PACKED, Received};
use super::super::{ContentName, Objects, Source, Verified, Wanted};
use super::content;
use crate::review::RequestId;
use crate::snapshot::SnapshotError;
use crate::snapshot::segments::Segments;
use crate::system::{Digest, Scope};

/// What tells the inner run that the namespace is its own.
const INSIDE: &str = "HITL_TEST_OWN_MOUNTS";

/// Says loudly that a test could not be made.
fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "SKIPPED, {why}");
}

/// Runs a test on XFS and on Btrfs, in a mount namespace of its own.
fn on_each(test: &str, run: fn(&Mounted)) {
    if std::env::var_os(INSIDE).is_none() {
        if !rustix::process::geteuid().is_root() {
            return skipped(&format!("needs root: {test}"));
        }
        let inner = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "--"])
            .arg(std::env::current_exe().unwrap())
            .args(["--nocapture", "--exact", &format!("snapshot::objects::tests::clones::{test}")])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&inner.stderr);
        said.lines().filter(|line| line.contains("SKIPPED")).for_each(skipped_inside);
        assert!(inner.status.success(), "{}{said}", String::from_utf8_lossy(&inner.stdout));
        return;
    }
    for (program, arguments) in [("mkfs.xfs", ["-q", "-f"]), ("mkfs.btrfs", ["-q", "-f"])] {
        if let Some(mounted) = Mounted::new(program, &arguments) {
            run(&mounted);
        }
    }
}

fn skipped_inside(line: &str) {
    skipped(line.trim_start_matches("SKIPPED, "));
}

/// A file system in a file, mounted.
struct Mounted {
    at: PathBuf,
    temporary: tempfile::TempDir,
}

impl Mounted {
    fn new(program: &str, arguments: &[&str]) -> Option<Self> {
        let temporary = tempfile::tempdir().unwrap();
        let image = temporary.path().join("image");
        File::create(&image).unwrap().set_len(400 << 20).unwrap();
        let Ok(made) = Command::new(program).args(arguments).arg(&image).output() else {
            skipped(&format!("{program} is not installed"));
            return None;
        };
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let at = temporary.path().canonicalize().unwrap().join("mounted");
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at).output();
        let mounted = mounted.unwrap();
        if !mounted.status.success() {
            let why = String::from_utf8_lossy(&mounted.stderr);
            skipped(&format!("what {program} made cannot be mounted here: {why}"));
            return None;
        }
        Some(Self { at, temporary })
    }

    /// A store on another file system.
    fn store_elsewhere(&self, scope: Scope) -> Objects {
        open(&self.temporary.path().canonicalize().unwrap().join("store"), scope)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

fn open(store: &Path, scope: Scope) -> Objects {
    let objects = Objects::new(store, scope);
    objects.prepare().unwrap();
    objects
}

/// Captures a file, and says whether anybody was told of its bytes.
fn keep(objects: &Objects, path: &Path, data: Option<&[(u64, u64)]>) -> Received {
    let incoming = objects.incoming(&RequestId::random().unwrap()).unwrap();
    let mut worker = incoming.worker();
    let file = File::open(path).unwrap();
    let size = file.metadata().unwrap().len();
    let mut told = 0;
    let source = Source { reader: &mut Segments::of(&file, data), file: Some(&file), size };
    let received = incoming
        .receive(&mut worker, source, path, &mut |length| {
            told += length;
            Ok(())
        })
        .unwrap();
    assert_eq!(told, if received.cloned { 0 } else { received.length });
    drop(incoming.publish([worker]).unwrap());
    received
}

fn read<'a>(objects: &Objects, wanted: impl Into<Wanted<'a>>) -> (Vec<u8>, Verified) {
    let mut bytes = Vec::new();
    let verified = objects.copy_to(wanted, &mut bytes, &mut |error| panic!("{error}")).unwrap();
    (bytes, verified)
}

fn is_cloned(received: &Received) -> bool {
    assert_eq!(received.cloned, received.name.as_clone().is_some());
    received.cloned
}

#[test]
fn a_large_file_on_the_file_system_of_the_store_is_cloned_and_not_read() {
    on_each("a_large_file_on_the_file_system_of_the_store_is_cloned_and_not_read", |mounted| {
        let store = mounted.at.join("store");
        let objects = open(&store, Scope::User);
        let bytes = content(7, 3 * PACKED + 5);
        let path = mounted.file("tree/large", &bytes);
        fs::set_permissions(&path, Permissions::from_mode(0o4755)).unwrap();
        let received = keep(&objects, &path, None);
        assert!(is_cloned(&received));
        assert_eq!(received.length, bytes.len() as u64);
        // What happens to the file now does not touch the clone.
        File::options().write(true).open(&path).unwrap().write_all_at(b"changed", 0).unwrap();
        let clone = received.name.as_clone().unwrap();
        let kept = store.join("big").join(clone.to_string()).metadata().unwrap();
        assert_eq!((kept.mode() & 0o7777, kept.uid()), (0o600, 0));
        let (found, verified) = read(&objects, &received.name);
        assert!(found == bytes);
        assert_eq!(verified, Verified::Unknown);
        let digest = Digest::of(&bytes);
        assert!(!objects.holds(&digest));
        assert_eq!(objects.resolve_clone(clone, None).unwrap(), (digest, bytes.len() as u64));
        // From then on it is content with a digest like any other.
        let again = open(&store, Scope::User);
        assert!(again.holds(&digest) && again.holds(&received.name));
        let (found, verified) = read(&again, &digest);
        assert!(found == bytes && verified == Verified::Yes);
        let back = File::options().write(true).create_new(true).open(mounted.at.join("back"));
        assert!(again.reflink_to(&digest, &back.unwrap()).unwrap());
        assert!(fs::read(mounted.at.join("back")).unwrap() == bytes);
        // It goes when neither of its names is wanted.
        for live in [ContentName::from(digest), received.name.clone()] {
            again.sweep(&|name| *name == live, &mut || Ok(()), false).unwrap();
            again.check(&digest).unwrap();
        }
        let freed = again.sweep(&|_| false, &mut || Ok(()), false).unwrap();
        assert_eq!((freed.objects, freed.bytes), (1, 0));
        assert_eq!(fs::read_dir(store.join("big")).unwrap().count(), 0);
    });
}

#[test]
fn a_file_that_is_reached_through_another_mount_of_the_same_file_system_is_cloned() {
    let test = "a_file_that_is_reached_through_another_mount_of_the_same_file_system_is_cloned";
    on_each(test, |mounted| {
        let objects = open(&mounted.at.join("store"), Scope::User);
        mounted.file("tree/large", &content(1, 2 * PACKED));
        let bound = mounted.temporary.path().canonicalize().unwrap().join("bound");
        fs::create_dir(&bound).unwrap();
        let mut mount = Command::new("mount");
        mount.arg("--bind").arg(mounted.at.join("tree")).arg(&bound);
        assert!(mount.status().unwrap().success());
        assert!(is_cloned(&keep(&objects, &bound.join("large"), None)));
        assert!(!bound.join(".hitl-store").exists());
        assert!(Command::new("umount").arg(&bound).status().unwrap().success());
    });
}

#[test]
fn a_large_file_on_another_file_system_is_cloned_there_by_root_only() {
    on_each("a_large_file_on_another_file_system_is_cloned_there_by_root_only", |mounted| {
        let bytes = content(3, 2 * PACKED);
        let path = mounted.file("deep/in/a/tree/large", &bytes);
        let beside = mounted.at.join(".hitl-store");
        let users = mounted.store_elsewhere(Scope::User);
        assert!(!is_cloned(&keep(&users, &path, None)) && !beside.exists());

        let objects = mounted.store_elsewhere(Scope::System);
        let received = keep(&objects, &path, None);
        assert!(is_cloned(&received));
        let made = beside.metadata().unwrap();
        assert_eq!((made.mode() & 0o7777, made.uid()), (0o700, 0));
        fs::remove_file(&path).unwrap();
        // Another process finds it as well.
        let again = mounted.store_elsewhere(Scope::System);
        assert!(read(&again, &received.name).0 == bytes);
        let clone = received.name.as_clone().unwrap();
        let (digest, _) = again.resolve_clone(clone, None).unwrap();
        assert_eq!(read(&again, &digest).1, Verified::Yes);

        let unmount = Command::new("umount").arg(&mounted.at).status().unwrap();
        assert!(unmount.success());
        let Err(error @ SnapshotError::Damaged { .. }) = again.check(&received.name) else {
            panic!()
        };
        assert!(error.to_string().contains("is its file system mounted?"), "{error}");
        let image = mounted.temporary.path().join("image");
        let mount = Command::new("mount").args(["-o", "loop"]).arg(image).arg(&mounted.at).status();
        assert!(mount.unwrap().success());
        again.check(&digest).unwrap();
        // Nothing is left of it when it is not wanted any more.
        again.sweep(&|_| false, &mut || Ok(()), false).unwrap();
        assert!(!beside.exists());
        assert!(matches!(again.check(&digest), Err(SnapshotError::Damaged { .. })));
    });
}

#[test]
fn a_directory_for_clones_that_is_not_roots_alone_is_not_used() {
    on_each("a_directory_for_clones_that_is_not_roots_alone_is_not_used", |mounted| {
        let path = mounted.file("large", &content(3, 2 * PACKED));
        let beside = mounted.at.join(".hitl-store");
        let objects = mounted.store_elsewhere(Scope::System);
        let refuses = |why: &str| assert!(!is_cloned(&keep(&objects, &path, None)), "{why}");

        fs::create_dir(&beside).unwrap();
        fs::set_permissions(&beside, Permissions::from_mode(0o755)).unwrap();
        refuses("others may look into it");
        fs::set_permissions(&beside, Permissions::from_mode(0o700)).unwrap();
        chown(&beside, Some(1000), None).unwrap();
        refuses("it is somebody else's");
        fs::remove_dir(&beside).unwrap();
        fs::create_dir(mounted.at.join("elsewhere")).unwrap();
        fs::set_permissions(mounted.at.join("elsewhere"), Permissions::from_mode(0o700)).unwrap();
        symlink("elsewhere", &beside).unwrap();
        refuses("it is a link");
        fs::remove_file(&beside).unwrap();
        fs::write(&beside, "").unwrap();
        refuses("it is a file");
        fs::remove_file(&beside).unwrap();
        fs::set_permissions(&mounted.at, Permissions::from_mode(0o777)).unwrap();
        refuses("anybody could exchange it");
        fs::set_permissions(&mounted.at, Permissions::from_mode(0o755)).unwrap();
        chown(&mounted.at, Some(1000), None).unwrap();
        refuses("its owner could exchange it");
        chown(&mounted.at, Some(0), None).unwrap();
        assert!(!beside.exists());
        assert!(is_cloned(&keep(&objects, &path, None)));
    });
}

#[test]
fn the_holes_of_a_cloned_file_come_back_and_its_digest_is_of_its_data() {
    on_each("the_holes_of_a_cloned_file_come_back_and_its_digest_is_of_its_data", |mounted| {
        let store = mounted.at.join("store");
        let objects = open(&store, Scope::User);
        let (first, second) = (content(1, PACKED), content(2, PACKED));
        let sparse = |name: &str, layout: [(u64, u64); 2], size: u64| {
            let path = mounted.file(name, b"");
            let file = File::options().write(true).open(&path).unwrap();
            file.write_all_at(&first, layout[0].0).unwrap();
            file.write_all_at(&second, layout[1].0).unwrap();
            file.set_len(size).unwrap();
            path
        };
        let length = PACKED as u64;
        // The same data in two layouts, and without any hole.
        let layouts =
            [[(0, length), (64 * length, length)], [(3 * length, length), (7 * length, length)]];
        let digest = Digest::of(&[first.clone(), second.clone()].concat());
        for (number, layout) in layouts.iter().enumerate() {
            let path = sparse(&format!("sparse{number}"), *layout, 100 * length);
            let received = keep(&objects, &path, Some(layout));
            assert!(is_cloned(&received));
            let clone = received.name.as_clone().unwrap();
            assert_eq!(objects.resolve_clone(clone, Some(layout)).unwrap(), (digest, 2 * length));
        }
        for (number, layout) in layouts.iter().enumerate() {
            let wanted = Wanted::from(&digest).segments(Some(layout));
            let (data, verified) = read(&objects, wanted);
            assert!(data == [first.clone(), second.clone()].concat());
            assert_eq!(verified, Verified::Yes);
            let back = mounted.at.join(format!("back{number}"));
            let file = File::options().write(true).create_new(true).open(&back).unwrap();
            assert!(objects.reflink_to(wanted, &file).unwrap());
            let original = mounted.at.join(format!("sparse{number}"));
            assert!(fs::read(&back).unwrap() == fs::read(&original).unwrap());
            let blocks = |path: &Path| path.metadata().unwrap().blocks();
            assert_eq!(blocks(&back), blocks(&original));
        }
        // Nobody who looks for plain content is given a file with holes.
        assert!(!objects.holds(&digest));
        let plain = mounted.file("plain", &[first.clone(), second.clone()].concat());
        let received = keep(&objects, &plain, None);
        objects.resolve_clone(received.name.as_clone().unwrap(), None).unwrap();
        assert!(read(&objects, &digest).0 == fs::read(&plain).unwrap());
        let wanted = Wanted::from(&digest).segments(Some(&layouts[0]));
        assert!(read(&objects, wanted).0 == fs::read(&plain).unwrap());
    });
}

#[test]
fn a_capture_that_is_given_up_leaves_no_clone() {
    on_each("a_capture_that_is_given_up_leaves_no_clone", |mounted| {
        let path = mounted.file("large", &content(3, 2 * PACKED));
        for store in [mounted.at.join("store"), mounted.temporary.path().join("store")] {
            let objects = open(&store, Scope::System);
            let incoming = objects.incoming(&RequestId::random().unwrap()).unwrap();
            let file = File::open(&path).unwrap();
            let source = Source { reader: &mut &file, file: Some(&file), size: 2 << 20 };
            let mut worker = incoming.worker();
            let received = incoming.receive(&mut worker, source, &path, &mut |_| Ok(())).unwrap();
            assert!(is_cloned(&received) && incoming.holds(&received.name));
            drop(incoming);
            assert!(!objects.holds(&received.name));
            objects.sweep(&|_| false, &mut || Ok(()), false).unwrap();
            assert!(!mounted.at.join(".hitl-store").exists());
        }
    });
}
