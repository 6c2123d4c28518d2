//! Two things at once: one undo beside another, a run or a prune beside an undo or a snapshot. One of
//! them does it, the other waits or says so, and nothing is done twice or lost.

use std::fs;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::deadly::{AboutTo, watched};
use crate::ordeal::{Ordeal, undone_by};
use crate::processes::{Process, process_of};
use crate::tree::Tree;
use crate::undoing::id_of;
use crate::world::{Call, Ran};
use crate::world_or_skip;

/// Starts a command while another one stands still, and returns once it has ended or waits for a lock
/// that the other holds; what it did can be asked for when that has gone on.
fn beside(call: Call<'_>) -> mpsc::Receiver<Ran> {
    let mut command = call.command();
    let (ended, end) = mpsc::channel();
    let (started, start) = mpsc::channel();
    // On another thread: whoever traces must not be told of this child.
    std::thread::spawn(move || {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        started.send(process_of(&child)).unwrap();
        ended.send(crate::world::finish(child)).unwrap();
    });
    let process = start.recv().unwrap();
    let patience = Instant::now() + Duration::from_secs(20);
    while process.status("State").chars().next().is_some_and(|state| state != 'Z')
        && !waits_for_a_lock(process)
    {
        assert!(Instant::now() < patience, "it neither ends nor waits for a lock");
        std::thread::sleep(Duration::from_millis(2));
    }
    end
}

/// Whether a process, or one that it has started, is among those that /proc/locks lists as waiting.
fn waits_for_a_lock(process: Process) -> bool {
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let waiting: Vec<String> = locks
        .lines()
        .filter_map(|line| line.split_once("-> ")?.1.split_whitespace().nth(3).map(str::to_owned))
        .collect();
    let is_waiting = |process: &Process| waiting.contains(&process.0.to_string());
    is_waiting(&process) || process.children().iter().any(is_waiting)
}

/// The moments at which something happens beside an undo: at every `stride`th thing that lasts.
fn every(stride: usize, mut act: impl FnMut(usize)) -> impl FnMut(&AboutTo) {
    let mut count = 0;
    move |about| {
        if about.lasting().is_some() {
            if count % stride == 0 {
                act(count);
            }
            count += 1;
        }
    }
}

#[test]
fn of_two_undos_of_one_run_one_does_it_and_the_other_says_so() {
    let ordeal = Ordeal::new(world_or_skip!());
    let (id, after) = ordeal.run();
    // Before anything is written, in the middle, near the end.
    for moment in [0, 12, 25, 60] {
        let mut other = None;
        let mut at = every(1, |count| {
            if count == moment {
                other = Some(beside(ordeal.hitl(&["undo", "--json", &id])));
            }
        });
        let first = watched(ordeal.hitl(&["undo", "--json", &id]), &mut at);
        drop(at);
        let other = other.expect("the first undo has so many steps").recv().unwrap();
        let what = format!("at {moment}: {first:?}, {other:?}");
        Tree::of(&ordeal.root).is(&ordeal.before, &what);
        assert_eq!(
            [first.code, other.status.code()].iter().filter(|code| **code == Some(0)).count(),
            1,
            "{what}"
        );
        let (_, said) = if first.code == Some(0) {
            (&first.stderr, &other.stderr)
        } else {
            (&other.stderr, &first.stderr)
        };
        assert!(
            said.contains("undone already")
                || said.contains("while the undo was being decided")
                || said.contains("under way"),
            "{what}"
        );
        let made = ordeal
            .runs()
            .into_iter()
            .filter(|run| run["undo_of"] == *id && run["state"] == "complete");
        assert_eq!(made.count(), 1, "one undo is on the list: {what}");
        // Forth again, for the next moment.
        let refused = ordeal.hitl(&["undo", "--json", &id]).run().exits(1);
        ordeal.undo(&undone_by(&refused).unwrap(), &what);
        Tree::of(&ordeal.root).is(&after, &what);
    }
    ordeal.world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn of_two_undos_of_runs_on_the_same_files_the_later_run_goes_first_or_is_asked_for() {
    let ordeal = Ordeal::new(world_or_skip!());
    let (earlier, between) = ordeal.run();
    let line = ["run", "--json", "--", "sed", "-i", "s/81/82/", "/srv/site/conf/app.conf"];
    let later = id_of(&ordeal.hitl(&line).run().exits(0));
    for moment in [0, 8] {
        let mut other = None;
        let mut at = every(1, |count| {
            if count == moment {
                other = Some(beside(ordeal.hitl(&["undo", "--json", &earlier])));
            }
        });
        let first = watched(ordeal.hitl(&["undo", "--json", &later]), &mut at);
        drop(at);
        let other = other.unwrap().recv().unwrap();
        let what = format!("{first:?}, {other:?}");
        assert_eq!(first.code, Some(0), "{what}");
        if other.code() == 0 {
            // It came when the later one was done.
            Tree::of(&ordeal.root).is(&ordeal.before, &what);
            return;
        }
        Tree::of(&ordeal.root).is(&between, &what);
        let redo = ordeal.hitl(&["undo", "--json", &later]).run().exits(1);
        ordeal.undo(&undone_by(&redo).unwrap(), "forth again");
    }
    ordeal.undo(&later, "the later");
    ordeal.undo(&earlier, "the earlier");
    Tree::of(&ordeal.root).is(&ordeal.before, "after both, in their order");
}

#[test]
fn an_undo_beside_runs_that_snapshot_the_same_files_comes_to_its_end_and_so_do_they() {
    let ordeal = Ordeal::new(world_or_skip!());
    let (id, _) = ordeal.run();
    let mut ran = Vec::new();
    // Once it has begun: before, a run that has not ended on the same files would be in its way.
    let (mut begun, mut count) = (false, 0);
    let mut at = |about: &AboutTo| {
        let makes_ready = |path: std::path::PathBuf| path.to_string_lossy().contains(".hitl-undo-");
        begun |= about.opens().is_some_and(makes_ready);
        if begun && about.lasting().is_some() {
            if count % 9 == 0 {
                ran.push(beside(ordeal.hitl(&["run", "--json", "--", "true"])));
            }
            count += 1;
        }
    };
    let undone = watched(ordeal.hitl(&["undo", "--json", &id]), &mut at);
    assert_eq!(undone.code, Some(0), "{undone:?}");
    Tree::of(&ordeal.root).is(&ordeal.before, "after the undo");
    assert!(ran.len() > 4, "{}", ran.len());
    for ran in ran {
        ran.recv().unwrap().exits(0);
    }
    Tree::of(&ordeal.root).is(&ordeal.before, "after the runs as well");
    ordeal.world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn a_prune_beside_a_snapshot_of_the_same_content_takes_nothing_that_it_needs() {
    let ordeal = Ordeal::new(world_or_skip!());
    for moment in (0..).step_by(5) {
        // All content is in the store already, and only this run needs it.
        let (old, _) = ordeal.run();
        ordeal.undo(&old, "the old one");
        let mut prune = None;
        let mut at = every(1, |count| {
            if count == moment {
                let words = ["snapshots", "prune", &old];
                prune = Some(beside(ordeal.hitl(&words)));
            }
        });
        let ran = watched(ordeal.command(), &mut at);
        drop(at);
        assert_eq!(ran.code, Some(0), "{moment}: {ran:?}");
        let Some(prune) = prune else {
            assert!(moment > 20, "{moment}");
            break;
        };
        let prune = prune.recv().unwrap();
        let what = format!("prune at {moment}: {prune:?}; {ran:?}");
        assert_eq!(prune.code(), 0, "{what}");
        assert!(!ordeal.runs().iter().any(|run| run["id"] == *old), "{what}");
        let id = ordeal.runs()[0]["id"].as_str().unwrap().to_owned();
        ordeal.undo(&id, &what);
        Tree::of(&ordeal.root).is(&ordeal.before, &what);
        ordeal.hitl(&["snapshots", "verify"]).run().exits(0);
    }
}
