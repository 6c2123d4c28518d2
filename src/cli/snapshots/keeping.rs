//! `hitl snapshots pin`, `unpin`, `prune`, `verify`: what is kept, and whether it is whole.

use std::collections::BTreeMap;

use serde_json::json;

use super::command;
use crate::cli::arguments::PruneArguments;
use crate::cli::failure::{ExitCode, Failure};
use crate::cli::progress::Progress;
use crate::cli::{Exit, Output, rooms};
use crate::protocol::{self, Excess, Rooms};
use crate::snapshot::{Damage, Doomed, Known, Pruned, RunInformation};
use crate::system::text::{counted, size_text, visible, visible_argument};
use crate::system::{ByteString, Paint, Sight};

/// Pins a run.
pub(super) fn pin(
    rooms: &Rooms,
    run: &RunInformation,
    reason: Option<&str>,
    output: &Output,
) -> Result<Exit, Failure> {
    protocol::pin(rooms, run, reason)?;
    if output.json {
        output.print_json(&json!({"v": 1, "id": run.id, "pinned": true, "reason": reason}))?;
    } else {
        output.say(&format!("{} is kept until it is unpinned", run.id));
    }
    Ok(Exit::Status(0))
}

/// Takes a pin away.
pub(super) fn unpin(rooms: &Rooms, run: &RunInformation, output: &Output) -> Result<Exit, Failure> {
    let was_pinned = run.pin.is_some();
    if was_pinned {
        protocol::unpin(rooms, run)?;
    }
    if output.json {
        output.print_json(&json!({"v": 1, "id": run.id, "pinned": false, "was": was_pinned}))?;
    } else if was_pinned {
        output.say(&format!("{} is kept as long as any other", run.id));
    } else {
        output.say(&format!("{} was not pinned", run.id));
    }
    Ok(Exit::Status(0))
}

/// Prunes, or says what that would do.
pub(super) fn prune(
    rooms: &Rooms,
    arguments: &PruneArguments,
    output: &Output,
) -> Result<Exit, Failure> {
    rooms::only_root(&rooms.directories, "prune snapshots")?;
    let PruneArguments { older_than, keep_last, max_size, .. } = *arguments;
    let excess = if !arguments.ids.is_empty() {
        Excess::Named(arguments.ids.clone())
    } else if older_than.is_some() || keep_last.is_some() || max_size.is_some() {
        Excess::Typed { older_than, keep_last, max_size }
    } else {
        Excess::Policy
    };
    let plan = protocol::plan_prune(rooms, &excess)?;
    if plan.doubts_the_clock && matches!(excess, Excess::Policy) {
        output.say(
            "hitl: the clock is more than a week past everything that is known here: nothing goes by \
             its age until the clock has said so for a day (--older-than takes your word for it)",
        );
    }
    if arguments.dry_run {
        tell_doomed(&plan.doomed, true, output)?;
        let bytes = plan.doomed.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
        if output.json {
            let runs = plan.doomed.len();
            output.print_json(&json!({"v": 1, "dry_run": true, "runs": runs, "bytes": bytes}))?;
        } else {
            let runs = counted(plan.doomed.len() as u64, "run");
            output.say(&format!("would go: {runs}, {}", size_text(bytes)));
        }
        return Ok(Exit::Status(0));
    }
    tell_pruned(&protocol::prune(rooms, plan)?, output)
}

fn tell_doomed(doomed: &[Doomed], dry_run: bool, output: &Output) -> Result<(), Failure> {
    for one in doomed {
        let because = one.because.word();
        if output.json {
            let (id, bytes) = (&one.run.id, one.bytes);
            output.print_json(&json!({
                "v": 1, "id": id, "bytes": bytes, "because": because, "pruned": !dry_run,
            }))?;
            continue;
        }
        output.print(&format!(
            "{}  {:<6} {:>9}  {}  {}\n",
            one.run.id,
            because,
            size_text(one.bytes),
            one.run.at.rfc3339(),
            command(&one.run),
        ))?;
    }
    Ok(())
}

fn tell_pruned(pruned: &Pruned, output: &Output) -> Result<Exit, Failure> {
    tell_doomed(&pruned.runs, false, output)?;
    for (id, hold) in &pruned.spared {
        output.say(&format!("{id} stays: {}", hold.clause()));
    }
    let incomplete = pruned.not_swept.as_ref().map(ToString::to_string);
    if output.json {
        let (runs, freed) = (pruned.runs.len(), pruned.freed);
        output.print_json(&json!({
            "v": 1, "dry_run": false, "runs": runs, "freed": freed, "not_swept": incomplete,
        }))?;
    } else {
        let runs = counted(pruned.runs.len() as u64, "run");
        output.say(&format!("pruned: {runs}, {} freed", size_text(pruned.freed)));
    }
    let Some(why) = incomplete else { return Ok(Exit::Status(0)) };
    output.say(&format!(
        "hitl: content that no run needs may still be there: {why}; \"hitl snapshots verify\" says \
         which run it is, and \"hitl snapshots prune ID\" takes it away"
    ));
    Ok(Exit::Status(ExitCode::No as i32))
}

/// Reads everything, and says what is damaged.
pub(super) fn verify(rooms: &Rooms, ids: &[String], output: &Output) -> Result<Exit, Failure> {
    let mut line = Progress::new(output);
    let verified = protocol::verify(rooms, ids, &mut |progress| {
        line.show(|| {
            format!("verifying: {} objects, {} MiB", progress.entries, progress.bytes >> 20)
        });
    });
    line.clear();
    let verified = verified?;
    let colour = output.colour_on_stdout();
    let mut told = Told::new(rooms);
    for damage in &verified.damaged {
        let Some(path) = told.path(damage)? else { continue };
        let what = told.what(damage);
        if output.json {
            let content = damage.content.as_ref().filter(|_| told.sight.is_whole());
            let (run, what) = (&damage.run.id, visible(what));
            output.print_json(&json!({
                "v": 1, "damaged": {"run": run, "path": path, "content": content, "what": what},
            }))?;
            continue;
        }
        let mark = colour.paint(Paint::Bad, "damaged");
        let id = &damage.run.id;
        let whose = match path {
            None => format!("run {id}"),
            Some(path) => format!("{} of run {id}", visible_argument(path.as_bytes())),
        };
        output.print(&format!("{mark}  {whose}: {what}\n"))?;
    }
    let damaged = verified.damaged.len();
    if output.json {
        output.print_json(&json!({
            "v": 1,
            "runs": verified.runs,
            "objects": verified.objects,
            "bytes": verified.bytes,
            "damaged_files": damaged,
        }))?;
    } else {
        if told.not_all {
            output.say("damaged too: files that you may not see; root can see which");
        }
        let verdict = match damaged {
            0 => "all of it is whole".to_owned(),
            many => format!("{} damaged; the rest can be put back", counted(many as u64, "file")),
        };
        output.say(&format!(
            "{}, {}, {}: {verdict}",
            counted(verified.runs, "run"),
            counted(verified.objects, "object"),
            size_text(verified.bytes),
        ));
    }
    Ok(Exit::Status(if damaged == 0 { 0 } else { ExitCode::No as i32 }))
}

/// What may be told of damage to whoever asks.
struct Told<'r> {
    rooms: &'r Rooms,
    sight: Sight,
    known: BTreeMap<String, Known>,
    /// Whether something was left out.
    not_all: bool,
}

impl<'r> Told<'r> {
    fn new(rooms: &'r Rooms) -> Self {
        Self { rooms, sight: Sight::of_caller(), known: BTreeMap::new(), not_all: false }
    }

    /// The file that it is about, where it is about one; `None` where they may not know of that.
    fn path<'d>(&mut self, damage: &'d Damage) -> Result<Option<Option<&'d ByteString>>, Failure> {
        let Some(path) = &damage.path else { return Ok(Some(None)) };
        if self.sight.is_whole() {
            return Ok(Some(Some(path)));
        }
        let id = &damage.run.id;
        if !self.known.contains_key(id) {
            let known = self.rooms.snapshots.known(&id.parse()?, self.sight)?;
            self.known.insert(id.clone(), known);
        }
        let is_told = self.known.get(id).is_some_and(|known| known.tells(path));
        self.not_all |= !is_told;
        Ok(is_told.then_some(Some(path)))
    }

    /// What is wrong. Where it lies in the store says the digest of a content, and so more than some
    /// may know of a file that they cannot read.
    fn what<'d>(&self, damage: &'d Damage) -> &'d str {
        match (self.sight.is_whole(), &damage.path) {
            (true, _) => &damage.what,
            (false, Some(_)) => "the store has lost its content: root can see more",
            (false, None) => "what is recorded of it is damaged: root can see more",
        }
    }
}
