//! Undo is exact: random trees, random commands on them, and what the tools of the system see of the
//! tree is the same as before; and after the undo of the undo the same as after the command.
//!
//! `HITL_PROPERTY_ROUNDS` says how many rounds there are, `HITL_PROPERTY_SEED` the seed of the first
//! (each further one adds 1), `HITL_PROPERTY_ON` on which file system. A round that fails is cut down
//! to the lines that it needs and printed as a script, with its seed.

mod dice;
mod scenario;
mod words;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use scenario::scenario;

use crate::disk::{FileSystem, privately};
use crate::stage::{Scenario, Stage, script};
use crate::world::can_have_a_world;

/// On which file systems the rounds take place, two at a time. Not on xfs: what lseek(2) tells there to be
/// data is also what it has set aside for a shared extent, and moves while nobody touches the file.
const PLACES: [&[FileSystem]; 2] =
    [&[FileSystem::Ext4], &[FileSystem::Btrfs, FileSystem::Tmpfs, FileSystem::Ext4]];

/// Rounds on one mount: then it is left, so that the store holds something but does not grow large.
const ROUNDS_ON_ONE_MOUNT: u64 = 50;

#[test]
fn whatever_a_command_does_to_a_tree_its_undo_is_exact_and_so_is_the_undo_of_that() {
    if !can_have_a_world("whatever_a_command_does_to_a_tree") {
        return;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = number("HITL_PROPERTY_SEED").unwrap_or(now.as_micros() as u64 % 1_000_000_000_000);
    let in_ci = std::env::var_os("CI").is_some();
    let rounds = number("HITL_PROPERTY_ROUNDS").unwrap_or(if in_ci { 2000 } else { 200 });
    eprintln!("HITL_PROPERTY_SEED={first} HITL_PROPERTY_ROUNDS={rounds}");
    let only = std::env::var("HITL_PROPERTY_ON").ok().map(|name| [FileSystem::named(&name)]);
    let next = AtomicU64::new(0);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads = PLACES.map(|places| {
            let places = only.as_ref().map_or(places, |only| only.as_slice());
            let next = &next;
            scope.spawn(move || some_rounds(places, first, rounds, next))
        });
        threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|error| panic!("{variable}={value}: {error}")))
}

/// Takes rounds until there are none left, or one fails: that one's story.
fn some_rounds(places: &[FileSystem], first: u64, rounds: u64, next: &AtomicU64) -> Option<String> {
    for file_system in places.iter().cycle() {
        let stage = Stage::new(*file_system);
        let failed = privately(|| {
            stage.set();
            for _ in 0..ROUNDS_ON_ONE_MOUNT {
                let round = next.fetch_add(1, Ordering::Relaxed);
                if round >= rounds {
                    return Err(None);
                }
                let seed = first.wrapping_add(round);
                let scenario = scenario(seed);
                if stage.plays(&scenario).is_err() {
                    // Whoever else takes rounds ends too.
                    next.store(rounds, Ordering::Relaxed);
                    return Err(Some(story_of(&stage, seed, scenario)));
                }
            }
            Ok(())
        });
        if let Err(end) = failed {
            return end;
        }
    }
    None
}

/// What a failing round needs to fail, as a script, and how it does.
fn story_of(stage: &Stage, seed: u64, mut scenario: Scenario) -> String {
    let how = |scenario: &Scenario| Some(stage.plays(scenario).err()?.into_iter().next());
    let first = how(&scenario);
    let fails = |scenario: &Scenario| first.is_some() && how(scenario) == first;
    scenario.command = fewest(&scenario.command, |command| {
        fails(&Scenario { command: command.to_vec(), tree: scenario.tree.clone() })
    });
    scenario.tree = fewest(&scenario.tree, |tree| {
        fails(&Scenario { tree: tree.to_vec(), command: scenario.command.clone() })
    });
    let differences = stage.plays(&scenario).err();
    let differences = differences.unwrap_or_else(|| vec!["(not every time)".to_owned()]);
    format!(
        "HITL_PROPERTY_SEED={seed} HITL_PROPERTY_ROUNDS=1 HITL_PROPERTY_ON={} fails:\n\
         # a policy with snapshot: {{paths: [\"/srv/tree/**\"]}}\n\
         mkdir /srv/tree; cd /srv/tree\n{}\n\
         cat >/srv/command.sh <<'END'\n{}END\n\
         chmod +x /srv/command.sh; hitl run -- /srv/command.sh\n\
         hitl undo\n\
         # {}",
        stage.file_system.name(),
        scenario.tree.join("\n"),
        script(&scenario.command),
        differences.join("\n").replace('\n', "\n# ")
    )
}

/// A few of these lines that still fail, of which none can be left out: halves are left out first,
/// then smaller and smaller parts.
fn fewest(lines: &[String], fails: impl Fn(&[String]) -> bool) -> Vec<String> {
    let mut lines = lines.to_vec();
    let mut length = lines.len().div_ceil(2);
    while length > 0 {
        let mut start = 0;
        while start < lines.len() {
            let end = (start + length).min(lines.len());
            let rest = [&lines[..start], &lines[end..]].concat();
            if fails(&rest) { lines = rest } else { start = end }
        }
        length /= 2;
    }
    lines
}

#[test]
fn a_failing_round_is_cut_down_to_the_lines_that_it_needs() {
    let lines: Vec<String> = (0..37).map(|line| line.to_string()).collect();
    let needed = ["3", "19", "20"].map(str::to_owned);
    let found = fewest(&lines, |rest| needed.iter().all(|line| rest.contains(line)));
    assert_eq!(found, needed);
}
