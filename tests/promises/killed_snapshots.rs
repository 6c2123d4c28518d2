//! kill -9 at every moment of a snapshot and of an undo: what was killed is gone on with, and every
//! path is as it was before or as the command left it, never something between.

use std::fs;

use crate::deadly::{Died, Victim, dies_before};
use crate::ordeal::Ordeal;
use crate::tree::Tree;
use crate::world_or_skip;

#[test]
fn a_run_that_is_killed_at_any_moment_has_not_begun_or_can_be_undone_and_the_next_one_works() {
    let ordeal = Ordeal::new(world_or_skip!());
    let mut deaths = Vec::new();
    for victim in [Victim::Both, Victim::Monitor] {
        // What one half alone dies of is much the same everywhere: every third moment will do.
        let stride = if victim == Victim::Both { 1 } else { 3 };
        for nth in (1..).step_by(stride) {
            let known = ordeal.runs();
            let died = dies_before(ordeal.command(), victim, nth);
            let what = format!("{victim:?} before {nth}: {died:?}");
            survived(&ordeal, &known, &died, &what);
            match died.before {
                Some(before) => deaths.push(before),
                None => break,
            }
            assert!(deaths.len() < 600, "it never comes through: {deaths:?}");
        }
    }
    eprintln!("{} deaths, before {deaths:?}", deaths.len());
    assert!(deaths.len() > 40, "{deaths:?}");
}

/// After a death in the middle of a run: whatever the command did comes back, and the next run is as
/// if nothing had been.
#[track_caller]
fn survived(ordeal: &Ordeal, known: &[serde_json::Value], died: &Died, what: &str) {
    assert!(!died.stderr.contains("panicked"), "{what}");
    let runs = ordeal.runs();
    let new: Vec<&str> = runs
        .iter()
        .filter(|run| !known.iter().any(|known| known["id"] == run["id"]))
        .map(|run| run["id"].as_str().unwrap())
        .collect();
    assert!(new.len() <= 1, "{new:?}: {what}");
    let changed = Tree::of(&ordeal.root) != ordeal.before;
    assert!(!changed || !new.is_empty(), "the command ran and has no snapshot: {what}");
    assert!(died.before.is_some() || (changed && died.code == Some(0)), "{what}");
    if let Some(id) = new.first() {
        // Where its end was not seen, nobody knows that all of this was the command's.
        let undone = ordeal.hitl(&["undo", "--force", id]).run();
        assert_eq!(undone.code(), 0, "{what}: {undone:?}");
        Tree::of(&ordeal.root).is(&ordeal.before, what);
    }
    if died.before.is_some() {
        let (id, _) = ordeal.run();
        ordeal.undo(&id, what);
        Tree::of(&ordeal.root).is(&ordeal.before, what);
    }
}

#[test]
fn an_undo_that_is_killed_at_any_moment_is_nowhere_between_and_is_finished_by_the_next() {
    let ordeal = Ordeal::new(world_or_skip!());
    let (mut id, after) = ordeal.run();
    let before = ordeal.before.clone();
    let mut deaths = Vec::new();
    for victim in [Victim::Both, Victim::Monitor] {
        let stride = if victim == Victim::Both { 1 } else { 4 };
        // Back, and forth again: an undo of the undo does the opposite of everything.
        let mut ways = [(&after, &before, true), (&before, &after, true)];
        for nth in (1..).step_by(stride) {
            for (from, to, alive) in &mut ways {
                let mut died = None;
                if *alive {
                    let dead = dies_before(ordeal.hitl(&["undo", "--json", &id]), victim, nth);
                    let what = format!("{victim:?} before {nth}: {dead:?}");
                    assert!(!dead.stderr.contains("panicked"), "{what}");
                    ordeal.is_nowhere_between(from, to, &what);
                    *alive = dead.before.is_some();
                    deaths.extend(dead.before);
                    died = Some(what);
                }
                let what = died.unwrap_or_default();
                id = ordeal.undo_or_find_undone(&id, &what);
                Tree::of(&ordeal.root).is(to, &what);
            }
            assert!(deaths.len() < 1500, "it never comes through: {deaths:?}");
            if !ways.iter().any(|(_, _, alive)| *alive) {
                break;
            }
        }
    }
    eprintln!("{} deaths, before {deaths:?}", deaths.len());
    assert!(deaths.len() > 100, "{deaths:?}");
    // And nothing of all of that is in the way of the very first run.
    ordeal.world.hitl("root", &["audit", "verify"]).run().exits(0);
    assert!(fs::read_dir(&ordeal.root).unwrap().count() > 0);
}
