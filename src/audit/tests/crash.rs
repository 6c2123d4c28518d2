//! What was acknowledged is there, whoever else writes and however a process ends.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command as Process, Stdio};

use super::*;

/// The variable that makes this test binary an appender to the log it names.
const CHILD: &str = "HITL_TEST_APPEND_TO";

/// A process that appends runs to the log, and writes each acknowledged sequence number, until it
/// is killed or an append fails.
fn appender(directory: &Path, first: u32, wrapper: &str) -> Child {
    let binary = std::env::current_exe().unwrap();
    let line = format!("{wrapper} exec \"$0\" --ignored --exact --nocapture --quiet \"$1\"");
    Process::new("sh")
        .args(["-c", &line])
        .arg(binary)
        .arg("audit::tests::crash::appends_until_it_is_killed")
        .env(CHILD, directory)
        .env("HITL_TEST_FIRST", first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "not a test: the process that other tests start"]
fn appends_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let log = log_at(Path::new(&directory));
    let first: u32 = std::env::var("HITL_TEST_FIRST").unwrap().parse().unwrap();
    for number in first.. {
        match log.append(&allowed_run(number), &at(0)) {
            Ok(appended) => {
                writeln!(std::io::stdout(), "acknowledged {} {}", appended.last, appended.head)
            }
            Err(error) => {
                writeln!(std::io::stdout(), "failed {error}").unwrap();
                return;
            }
        }
        .unwrap();
    }
}

/// The lines of a child that begin with this word, without it.
fn lines(child: &mut Child, word: &'static str) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
        .filter_map(move |line| line.strip_prefix(word).map(|rest| rest.trim().to_owned()))
}

#[test]
fn eight_writers_lose_nothing() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let log = fixture.log();
            scope.spawn(move || {
                for run in 0..20 {
                    let appended = log.append(&allowed_run(writer * 20 + run), &at(0)).unwrap();
                    assert_eq!(appended.last, appended.first + 3);
                }
            });
        }
    });
    let verification = fixture.verify();
    assert_eq!(verification.first_bad, None);
    assert_eq!(verification.entries, 8 * 20 * 4 + 1);
    assert!(verification.notes.is_empty(), "{:?}", verification.notes);
}

#[test]
fn what_killed_writers_had_acknowledged_is_there() {
    let fixture = Fixture::new();
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let mut children: Vec<Child> = (0..3)
            .map(|child| appender(&fixture.path(), (round * 3 + child) * 10_000, ""))
            .collect();
        for (index, child) in children.iter_mut().enumerate() {
            let mut told = lines(child, "acknowledged ");
            acknowledged.extend(told.by_ref().take(3 + index * 2));
            child.kill().unwrap();
            // What was still in the pipe was acknowledged as well.
            acknowledged.extend(told);
            child.wait().unwrap();
        }
    }
    fixture.append(&allowed_run(999_999));
    assert_eq!(fixture.verify().first_bad, None);
    let text = std::fs::read_to_string(fixture.segment()).unwrap();
    assert!(acknowledged.len() >= 4 * 15);
    for told in acknowledged {
        let (sequence, head) = told.split_once(' ').unwrap();
        let stored = text.lines().find(|line| line.contains(&format!("\"sequence\":{sequence},")));
        assert_eq!(leaf(stored.unwrap().as_bytes()).to_string(), head);
    }
}

#[test]
fn a_torn_line_is_bound_by_the_next_append() {
    let complete = {
        let fixture = Fixture::with_runs(2);
        std::fs::read(fixture.segment()).unwrap()
    };
    let fixture = Fixture::with_runs(1);
    let acknowledged = std::fs::read(fixture.segment()).unwrap();
    let unacknowledged = &complete[acknowledged.len()..];
    let lines = unacknowledged.iter().filter(|byte| **byte == b'\n').count();
    for torn in (1..unacknowledged.len()).step_by(97) {
        std::fs::write(fixture.segment(), &complete[..acknowledged.len() + torn]).unwrap();
        let before = fixture.verify();
        assert_eq!(before.first_bad, None);
        assert!(before.notes.iter().any(|note| note.contains("a crash left them")));
        let fresh = copy_of(&fixture);
        fresh.append(&allowed_run(7));
        let after = fresh.verify();
        assert_eq!(after.first_bad, None, "{torn} bytes");
        assert!(after.notes.iter().any(|note| note.contains("were bound")), "{torn}");
        let intact = unacknowledged[..torn].iter().filter(|byte| **byte == b'\n').count();
        assert!(intact < lines);
        assert_eq!(after.entries, 5 + intact as u64 + 1 + 4);
        // The junk is bound: changing it is seen.
        let mut bytes = std::fs::read(fresh.segment()).unwrap();
        bytes[acknowledged.len() + torn - 1] ^= 1;
        std::fs::write(fresh.segment(), bytes).unwrap();
        assert!(fresh.verify().first_bad.is_some());
    }
}

#[test]
fn pages_that_a_power_cut_emptied_are_bound_even_before_whole_lines() {
    let fixture = Fixture::with_runs(1);
    let length = std::fs::metadata(fixture.segment()).unwrap().len() as usize;
    let mut complete = std::fs::read(Fixture::with_runs(2).segment()).unwrap();
    complete[length..length + 300].fill(0);
    std::fs::write(fixture.segment(), complete).unwrap();
    fixture.append(&allowed_run(7));
    fixture.append(&allowed_run(8));
    assert_eq!(fixture.verify().first_bad, None);
}

#[test]
fn the_crash_of_the_very_first_write_is_no_obstacle() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path()).unwrap();
    for beginning in ["", "{\"@timest"] {
        let fresh = copy_of(&fixture);
        std::fs::write(fresh.segment(), beginning).unwrap();
        fresh.append(&allowed_run(1));
        assert_eq!(fresh.verify().first_bad, None);
    }
}

#[test]
fn a_full_disk_leaves_the_log_as_it_was() {
    let fixture = Fixture::with_runs(1);
    // A file size limit fails in the middle of a write, as a full disk does.
    let mut child = appender(&fixture.path(), 100, "trap '' XFSZ; ulimit -f 24;");
    let failure = lines(&mut child, "failed ").next().unwrap();
    child.wait().unwrap();
    assert!(failure.contains("nothing was recorded"), "{failure}");
    let verification = fixture.verify();
    assert_eq!(verification.first_bad, None);
    assert!(verification.notes.is_empty(), "{:?}", verification.notes);
    assert_eq!((verification.entries - 1) % 4, 0);
    fixture.append(&allowed_run(999));
    assert_eq!(fixture.verify().entries, verification.entries + 4);
}

fn copy_of(fixture: &Fixture) -> Fixture {
    let copy = Fixture::new();
    std::fs::create_dir(copy.path()).unwrap();
    for entry in std::fs::read_dir(fixture.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}
