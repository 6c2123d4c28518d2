//! What is captured, and what is said about the rest.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::super::observe::{Content, read_node};
use super::super::place::{Parents, Status, status};
use super::super::{
    Affected, CaptureLimits, ContentChange, ContentName, DiffLineKind, Node, SnapshotError,
    change_lines,
};
use super::fixture::{Fixture, information};
use crate::system::{ByteString, Digest, Moment};

#[test]
fn a_pattern_captures_what_matches_and_catches_what_is_new() {
    let fixture = Fixture::new();
    fixture.write("a/x.conf", "1");
    fixture.write("a/x.txt", "1");
    fixture.write("b/c/x.conf", "1");
    let id = fixture.run(&fixture.declared("*/*.conf"), || {
        fixture.write("a/x.conf", "2");
        fixture.write("a/x.txt", "2");
        fixture.write("b/c/x.conf", "2");
        fixture.write("new/y.conf", "2");
    });
    let changed: Vec<_> = fixture.store.difference(&id, None).unwrap();
    let paths: Vec<_> = changed.iter().map(|change| change.path.clone()).collect();
    let expected = ["a/x.conf", "new", "new/y.conf"];
    assert_eq!(paths, expected.map(|path| ByteString::from(fixture.path(path).as_path())));
    fixture.undo_wholly(&id);
    assert_eq!((fixture.read("a/x.conf"), fixture.read("a/x.txt")), ("1".into(), "2".into()));
    assert!(!fixture.path("new").exists());
}

#[test]
fn a_prefix_that_is_missing_is_recorded_as_absent() {
    let fixture = Fixture::new();
    let id = fixture.run(&fixture.declared("opt/app/**"), || {
        fixture.write("opt/app/bin/tool", "x");
    });
    let record = fixture.store.runs.record(&id).unwrap();
    let before = fixture.store.runs.before(&record).unwrap();
    let opt = ByteString::from(fixture.path("opt").as_path());
    assert_eq!(before.entry(&opt).map(|entry| &entry.node), Some(&Node::Absent));
    fixture.undo_wholly(&id);
    assert!(!fixture.path("opt").exists());
}

#[test]
fn a_directory_named_without_wildcards_is_captured_whole() {
    let fixture = Fixture::new();
    fixture.write("app/sub/file", "1");
    let id = fixture.run(&fixture.declared("app"), || {
        fs::remove_dir_all(fixture.path("app")).unwrap();
    });
    fixture.undo_wholly(&id);
    assert_eq!(fixture.read("app/sub/file"), "1");
}

#[test]
fn links_on_the_way_to_a_declared_path_are_followed_and_links_below_it_are_not() {
    let fixture = Fixture::new();
    fixture.write("real/file", "1");
    fixture.write("outside/file", "1");
    symlink("real", fixture.path("alias")).unwrap();
    symlink("../outside", fixture.path("real/link")).unwrap();
    let id = fixture.run(&fixture.declared("alias/**"), || {
        fixture.write("real/file", "2");
        fixture.write("outside/file", "2");
    });
    fixture.undo_wholly(&id);
    assert_eq!((fixture.read("real/file"), fixture.read("outside/file")), ("1".into(), "2".into()));
}

#[test]
fn hitls_own_state_is_never_captured() {
    let fixture = Fixture::new();
    fixture.write("file", "1");
    fixture.run(&fixture.declared("*"), || {});
    let affected = Affected {
        declared: vec![format!("{}/**", fixture.root.display())],
        ..Affected::default()
    };
    let (id, captured) = fixture.capture(&affected).unwrap();
    assert!(captured.coverage.not_covered.iter().any(|text| text.contains("hitl's own state")));
    let record = fixture.store.runs.record(&id).unwrap();
    let state = fixture.root.join("state");
    let inside = fixture.store.runs.before(&record).unwrap().entries.into_iter();
    assert_eq!(inside.filter(|entry| entry.path.as_path().starts_with(&state)).count(), 1);
    let affected = Affected {
        declared: vec![format!("{}/snapshots", state.display()), "/proc/self/**".into()],
        ..Affected::default()
    };
    let (_, captured) = fixture.capture(&affected).unwrap();
    assert_eq!((captured.entries, captured.coverage.not_covered.len()), (0, 2));
}

#[test]
fn what_cannot_be_brought_back_is_said() {
    let fixture = Fixture::new();
    let _listener = UnixListener::bind(fixture.path("socket")).unwrap();
    fixture.write("here", "x");
    fs::hard_link(fixture.path("here"), fixture.root.join("elsewhere")).unwrap();
    let (id, captured) = fixture.capture(&fixture.declared("*")).unwrap();
    for said in ["is a socket", "has names elsewhere"] {
        assert!(captured.coverage.not_covered.iter().any(|text| text.contains(said)), "{said}");
    }
    fs::remove_file(fixture.path("socket")).unwrap();
    fixture.store.capture_after(&id, &mut |_| {}).unwrap();
    let undone = fixture.undo(&id, false).unwrap();
    assert!(undone.not_restored.iter().any(|text| text.contains("was a socket")));
}

#[test]
fn what_a_file_system_records_beside_content_is_recorded() {
    let fixture = Fixture::new();
    fixture.write("a", "x");
    fs::hard_link(fixture.path("a"), fixture.path("b")).unwrap();
    let holes = fs::File::create(fixture.path("holes")).unwrap();
    holes.set_len(1 << 20).unwrap();
    holes.write_all_at(b"data", 512 << 10).unwrap();
    let (id, captured) = fixture.capture(&fixture.declared("*")).unwrap();
    assert_eq!(captured.coverage.not_covered, Vec::<String>::new());
    assert_eq!(captured.bytes, 1 + 4096, "read once under two names, and no holes");
    let before = fixture.store.before(&id).unwrap();
    let node = |name: &str| before.node(&fixture.path(name).as_path().into());
    let first = ByteString::from(fixture.path("a").as_path());
    assert_eq!(node("a").metadata().unwrap().link, None);
    assert_eq!(node("b").metadata().unwrap().link, Some(first));
    let Node::File { size, data, .. } = node("holes") else { panic!("a file") };
    assert_eq!((*size, data), (1 << 20, &Some(vec![(512 << 10, 4096)])));
}

#[test]
fn what_was_not_touched_since_an_earlier_snapshot_is_not_read_again() {
    let fixture = Fixture::new();
    for number in 0..100 {
        let file = fixture.write(&format!("tree/{number}"), &format!("content {number}"));
        let past = std::time::SystemTime::now() - std::time::Duration::from_secs(100);
        fs::File::open(file).unwrap().set_modified(past).unwrap();
    }
    let affected = fixture.declared("tree/**");
    let (first, captured) = fixture.capture(&affected).unwrap();
    assert!(captured.bytes > 0);
    // What was changed within the clock's last ticks may change again without a trace.
    let settled = || {
        let file = fixture.path("tree/99");
        let changed = file.metadata().unwrap();
        changed.ctime() * 1000 + changed.ctime_nsec() / 1_000_000 + 20 < Moment::now().wall_ms
    };
    while !settled() {
        std::thread::yield_now();
    }
    // The first look may have been too early to rely on.
    fixture.capture(&affected).unwrap();
    fixture.write("tree/7", "changed since");
    let (third, few) = fixture.capture(&affected).unwrap();
    assert_eq!(few.bytes, "changed since".len() as u64);
    let content = |id| {
        let before = fixture.store.before(id).unwrap();
        let node =
            |number| before.node(&fixture.path(&format!("tree/{number}")).as_path().into()).clone();
        (node(6), node(7))
    };
    let (one, other) = (content(&first), content(&third));
    assert!(one.0.same_state(&other.0) && !one.1.same_content(&other.1));
}

#[test]
fn a_snapshot_over_its_limits_fails_and_leaves_nothing() {
    let fixture = Fixture::new();
    for number in 0..5 {
        fixture.write(&format!("file{number}"), "0123456789");
    }
    for limits in
        [CaptureLimits { bytes: 49, entries: 100 }, CaptureLimits { bytes: 50, entries: 5 }]
    {
        let refused = fixture.store.capture_before(
            information(),
            &fixture.declared("**"),
            limits,
            &mut |_| {},
        );
        let Err(error @ SnapshotError::TooLarge { .. }) = refused else { panic!("{refused:?}") };
        assert!(error.to_string().contains("snapshot.max_size"));
    }
    let left = |name: &str| fs::read_dir(fixture.store.directory().join(name)).unwrap().count();
    assert_eq!((left("packs"), left("big"), left("runs"), left("incoming")), (0, 0, 0, 0));
}

#[test]
fn the_same_content_is_kept_once() {
    let fixture = Fixture::new();
    for number in 0..40 {
        fixture.write(&format!("file{number}"), "the same");
    }
    fixture.run(&fixture.declared("*"), || {});
    fixture.run(&fixture.declared("*"), || {});
    let packs = fs::read_dir(fixture.store.directory().join("packs")).unwrap();
    let sizes: Vec<u64> = packs.map(|pack| pack.unwrap().metadata().unwrap().len()).collect();
    assert!(matches!(sizes[..], [size] if size < 200), "{sizes:?}");
}

#[test]
fn a_preview_lists_what_would_be_captured_and_writes_nothing() {
    let fixture = Fixture::new();
    for number in 0..5 {
        fixture.write(&format!("file{number}"), "x");
    }
    let mut affected = fixture.declared("file*");
    affected.operands = fixture.operand("not/there", false).operands;
    let preview = fixture.store.preview(&affected, 100).unwrap();
    assert_eq!((preview.paths.len(), preview.more), (5, false));
    let preview = fixture.store.preview(&affected, 3).unwrap();
    assert_eq!((preview.paths.len(), preview.more), (3, true));
    assert!(!fixture.store.directory().exists());
}

#[test]
fn a_preview_lists_a_path_once_that_the_rule_and_the_command_both_name() {
    let fixture = Fixture::new();
    fixture.write("file", "x");
    let mut affected = fixture.declared("file*");
    affected.operands = fixture.operand("file", false).operands;
    let preview = fixture.store.preview(&affected, 1).unwrap();
    assert_eq!((preview.paths.len(), preview.more), (1, false));
}

#[test]
fn a_difference_shows_lines_and_nothing_that_a_terminal_obeys() {
    let fixture = Fixture::new();
    fixture.write("conf", "a\nb\nc\n");
    fixture.write("binary", "\0\u{1}");
    fixture.write("gone", "x\n");
    let id = fixture.run(&fixture.declared("*"), || {
        fixture.write("conf", "a\n\u{1b}[2Jevil\nc\n");
        fixture.write("binary", "\0\u{2}");
        fs::remove_file(fixture.path("gone")).unwrap();
    });
    let changes = fixture.store.difference(&id, None).unwrap();
    assert_eq!(changes.len(), 3);
    assert_eq!(changes[0].content, ContentChange::Binary);
    let ContentChange::Text { lines } = &changes[1].content else { panic!("text") };
    let kinds: Vec<_> = lines.iter().map(|line| line.kind).collect();
    use DiffLineKind::{Added, Position, Removed, Same};
    assert_eq!(kinds, [Position, Same, Removed, Added, Same]);
    let shown = change_lines(&changes, crate::system::Colour::Off).join("\n");
    assert!(shown.contains("+\\e[2Jevil") && !shown.contains('\u{1b}'), "{shown}");
    let only = fixture.store.difference(&id, Some(&fixture.path("gone"))).unwrap();
    assert_eq!(only.len(), 1);
    fixture.write("conf", "something else");
    let changes = fixture.store.difference(&id, Some(&fixture.path("conf"))).unwrap();
    assert_eq!(changes[0].content, ContentChange::Gone);
}

#[test]
fn a_file_that_keeps_changing_fails_the_snapshot_by_name() {
    let fixture = Fixture::new();
    let file = fixture.write("busy", "0");
    let (directory, name) = Parents::default().of(&file).unwrap();
    let found = status(&directory, name).unwrap();
    let mut busy = Busy(&file, 0);
    let read = read_node(&directory, name, &file, found, &mut busy);
    assert!(matches!(read, Err(SnapshotError::Unstable(path)) if path == file));
    assert_eq!(busy.1, 4);
}

/// Grows the file whenever it is read.
struct Busy<'a>(&'a Path, usize);

impl Content for Busy<'_> {
    fn known_unread(&mut self, _: &Status) -> Option<Node> {
        None
    }

    fn take(
        &mut self,
        _: &mut fs::File,
        status: &Status,
        _: Option<&[(u64, u64)]>,
    ) -> Result<(ContentName, u64), SnapshotError> {
        self.1 += 1;
        fs::write(self.0, "0".repeat(self.1 + 1)).unwrap();
        Ok((Digest::of(b"").into(), status.size))
    }
}
