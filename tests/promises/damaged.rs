//! A store in which content is damaged or missing: it is named with the files that it belongs to,
//! nothing is touched by default, and by force everything else comes back.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::tree::Tree;
use crate::undoing::{ALLOW_ALL, Place, site};
use crate::world::World;
use crate::world_or_skip;

/// The files of a run, each with content of its own, and one that is so large that it is kept apart.
const FILES: [(&str, usize); 4] =
    [("conf/one", 40), ("conf/two", 5_000), ("data/three", 70_000), ("data/large", 9 << 20)];

/// Content that is nowhere else.
fn content(name: &str, size: usize) -> Vec<u8> {
    let mut state =
        name.bytes().fold(1_u64, |sum, byte| (sum << 7) ^ (sum >> 57) ^ u64::from(byte));
    let mut content = format!("content of {name}: ").into_bytes();
    while content.len() < size {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(size);
    content
}

/// Where the store keeps what begins with these bytes: a file and an offset. Manifests aside.
fn kept(store: &Path, beginning: &[u8]) -> (PathBuf, u64) {
    fn files(directory: &Path, all: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, all) } else { all.push(path) }
        }
    }
    let mut all = Vec::new();
    files(store, &mut all);
    let mut found: Vec<(PathBuf, u64)> = Vec::new();
    for path in all {
        let bytes = fs::read(&path).unwrap();
        let at = bytes.windows(beginning.len()).position(|part| part == beginning);
        found.extend(at.map(|at| (path, at as u64)));
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Does something to one file of the store, lets `then` look, and puts back what was there.
fn while_damaged(file: &Path, damage: impl FnOnce(), then: impl FnOnce()) {
    let backup = file.with_extension("backup-of-the-test");
    fs::copy(file, &backup).unwrap();
    damage();
    let hidden = backup.file_name().unwrap().to_owned();
    // Where hitl does not look.
    let away = tempfile::tempdir().unwrap();
    fs::copy(&backup, away.path().join(&hidden)).unwrap();
    fs::remove_file(&backup).unwrap();
    then();
    fs::copy(away.path().join(&hidden), file).unwrap();
}

struct Stored {
    world: World,
    root: PathBuf,
    before: Tree,
    removed: Tree,
    id: String,
}

impl Stored {
    fn new(world: World) -> Self {
        let root = site(&world, Place::System, ALLOW_ALL);
        for (name, size) in FILES {
            fs::write(root.join(name), content(name, size)).unwrap();
        }
        let before = Tree::of(&root);
        let id = Place::System.run_command(&world, &["rm", "-r", "conf", "data"]);
        let removed = Tree::of(&root);
        Self { world, root, before, removed, id }
    }

    fn store(&self) -> PathBuf {
        self.world.outside("var-lib/hitl/snapshots")
    }

    /// What must hold while the content of these files is lost.
    #[track_caller]
    fn says_what_is_lost(&self, lost: &[&str], what: &str) {
        let verified = self.world.hitl("root", &["snapshots", "verify"]).run();
        assert_eq!(verified.code(), 1, "{what}: {verified:?}");
        let said = format!("{}{}", verified.stdout, verified.stderr);
        let refused = Place::System.hitl(&self.world, &["undo", &self.id]).run();
        assert_eq!(refused.code(), 1, "{what}: {refused:?}");
        for name in lost {
            assert!(said.contains(name), "{what}: {name}: {verified:?}");
            // With a whole pack much is lost, and the first few paths are named.
            let named = refused.stderr.contains(name) || refused.stderr.contains(" more; ");
            assert!(named, "{what}: {name}: {refused:?}");
        }
        assert!(refused.stderr.contains("--force"), "{what}: {refused:?}");
        assert!(!refused.stderr.contains("panicked"), "{what}: {refused:?}");
        Tree::of(&self.root).is(&self.removed, what);
    }

    /// By force, everything else comes back, and what did not is named.
    #[track_caller]
    fn gives_the_rest_back(&self, lost: &[&str], what: &str) {
        let forced =
            Place::System.hitl(&self.world, &["undo", "--force", "--json", &self.id]).run();
        assert_eq!(forced.code(), 1, "{what}: {forced:?}");
        let now = Tree::of(&self.root);
        for (name, _) in FILES {
            if lost.contains(&name) {
                assert!(!self.root.join(name).exists(), "{what}: {name}");
                assert!(
                    forced.json()["not_restored"].to_string().contains(name),
                    "{what}: {forced:?}"
                );
            } else {
                now.has_the_same(name, &self.before);
            }
        }
        now.has_the_same("conf/app.conf", &self.before);
    }
}

#[test]
fn damaged_content_is_named_with_its_file_and_nothing_is_touched() {
    let stored = Stored::new(world_or_skip!());
    for (name, size) in FILES {
        let (file, at) = kept(&stored.store(), &content(name, size)[..40]);
        let last = at + size as u64 - 1;
        for position in [at, at + size as u64 / 2, last] {
            let what = format!("{name}: byte {position} of {file:?} is another");
            let flip = || {
                let opened = fs::OpenOptions::new().read(true).write(true).open(&file).unwrap();
                let mut byte = [0];
                opened.read_exact_at(&mut byte, position).unwrap();
                opened.write_all_at(&[byte[0] ^ 0x10], position).unwrap();
            };
            while_damaged(&file, flip, || stored.says_what_is_lost(&[name], &what));
        }
        let what = format!("{name}: {file:?} ends before its last byte");
        let cut = || fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(last).unwrap();
        while_damaged(&file, cut, || stored.says_what_is_lost(&[name], &what));
        let remove = || fs::remove_file(&file).unwrap();
        let what = format!("{name}: {file:?} is gone");
        while_damaged(&file, remove, || stored.says_what_is_lost(&[name], &what));
    }
    // Whole again.
    stored.world.hitl("root", &["snapshots", "verify"]).run().exits(0);
    Place::System.undo(&stored.world, &stored.id);
    Tree::of(&stored.root).is(&stored.before, "after the store was mended");
}

#[test]
fn by_force_everything_comes_back_but_what_is_damaged() {
    for (name, size) in FILES {
        let stored = Stored::new(world_or_skip!());
        let (file, at) = kept(&stored.store(), &content(name, size)[..40]);
        let opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
        opened.write_all_at(b"XX", at + size as u64 / 2).unwrap();
        stored.gives_the_rest_back(&[name], &format!("{name} is damaged"));
    }
}

#[test]
fn what_a_damaged_manifest_or_record_is_about_is_refused_and_other_runs_go_on() {
    let stored = Stored::new(world_or_skip!());
    let other = Place::System.run_command(&stored.world, &["touch", "another"]);
    let run = stored.store().join("runs").join(stored.id.replace('-', ""));
    let names: Vec<PathBuf> =
        fs::read_dir(&run).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(names.len() >= 3, "{names:?}");
    for file in &names {
        let length = file.metadata().unwrap().len();
        for damage in ["flipped", "cut", "emptied"] {
            // A manifest is held to its digest; what is known about a run is only read.
            if damage == "flipped" && file.extension().is_some_and(|kind| kind == "json") {
                continue;
            }
            let act = || {
                let opened = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
                match damage {
                    "flipped" => {
                        let mut byte = [0];
                        opened.read_exact_at(&mut byte, length / 2).unwrap();
                        opened.write_all_at(&[byte[0] ^ 1], length / 2).unwrap();
                    }
                    "cut" => opened.set_len(length - 2).unwrap(),
                    _ => opened.set_len(0).unwrap(),
                }
            };
            while_damaged(file, act, || {
                let what = format!("{file:?} is {damage}");
                let refused = Place::System.hitl(&stored.world, &["undo", &stored.id]).run();
                assert_ne!(refused.code(), 0, "{what}: {refused:?}");
                assert!(!refused.stderr.contains("panicked"), "{what}: {refused:?}");
                Tree::of(&stored.root).has_the_same("conf", &stored.removed);
                let verified = stored.world.hitl("root", &["snapshots", "verify"]).run();
                assert_ne!(verified.code(), 0, "{what}: {verified:?}");
                assert!(!verified.stderr.contains("panicked"), "{what}: {verified:?}");
                // What has nothing to do with it goes on.
                let undo = Place::System.undo(&stored.world, &other);
                Place::System.undo(&stored.world, &undo);
                Place::System.run_command(&stored.world, &["true"]);
            });
        }
    }
    Place::System.undo(&stored.world, &other);
    Place::System.undo(&stored.world, &stored.id);
    Tree::of(&stored.root).is(&stored.before, "after the store was mended");
}
