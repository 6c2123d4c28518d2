//! The state before a command: captured, refused, or, where the rules let a person say so, done
//! without; and whether an undo will go as far as the rules demand.

use super::case::Case;
use super::record::OnRecord;
use super::{Event, Front, ProtocolError, Rooms, decisions};
use crate::invocation::RequesterKind;
use crate::policy::{Confine, SnapshotFailure, UndoLevel};
use crate::review::{Record, RequestId};
use crate::snapshot::{Captured, Coverage, CoverageLevel, SnapshotError};
use crate::system::{Moment, Sight};

/// How many characters of the id are to be typed.
const TYPED: usize = 4;

/// What stands where all that lowers a level is out of the requester's sight.
const OUT_OF_SIGHT: &str = "something that you may not see is not covered: root can see what, by \
                            \"hitl check\" of the same command";

/// What there is to undo a command with that is about to start.
pub(super) enum Before {
    /// The state before it.
    Captured(Captured),
    /// Nothing is captured.
    Nothing(Coverage),
    /// It could not be captured, and the command runs all the same.
    Failed {
        /// How far an undo goes: nowhere.
        coverage: Coverage,
        /// Why.
        because: String,
        /// What a person answered who was asked.
        answer: Option<bool>,
    },
}

impl Before {
    /// The snapshot, where there is one.
    pub(super) fn captured(&self) -> Option<&Captured> {
        match self {
            Self::Captured(captured) => Some(captured),
            Self::Nothing(_) | Self::Failed { .. } => None,
        }
    }

    /// How far an undo will go.
    pub(super) fn coverage(&self) -> &Coverage {
        match self {
            Self::Captured(captured) => &captured.coverage,
            Self::Nothing(coverage) | Self::Failed { coverage, .. } => coverage,
        }
    }

    /// What is on record about it before the command starts.
    pub(super) fn on_record(&self, on_record: &OnRecord<'_>) -> Option<crate::audit::Entry> {
        match self {
            Self::Captured(captured) => Some(on_record.snapshot(captured)),
            Self::Nothing(_) => None,
            Self::Failed { because, answer, .. } => Some(on_record.no_snapshot(because, *answer)),
        }
    }
}

impl Case<'_> {
    /// Why it would not run: the rules demand more of its undo than there would be. One sentence, of
    /// what its requester may know.
    ///
    /// # Errors
    /// [`ProtocolError::Snapshot`], [`ProtocolError::Rights`].
    pub fn undo_falls_short(&self) -> Result<Option<String>, ProtocolError> {
        match self.verdict.undo_level {
            Some(demanded) => self.shortfall(demanded, &self.preview()?.coverage),
            None => Ok(None),
        }
    }

    /// Whether a snapshot holds more than that there is nothing yet where an argument could name a
    /// file: any word that a program is given could.
    fn captures_what_is_there(&self) -> bool {
        // Of a terminal, a pipe or a socket nothing is kept that could go back.
        let keeps = |path: &std::path::Path| {
            path.symlink_metadata()
                .is_ok_and(|found| found.is_file() || found.is_dir() || found.is_symlink())
        };
        !self.affected.declared.is_empty()
            || self.affected.operands.iter().any(|operand| keeps(&operand.path))
    }

    /// Why an undo that goes this far is not enough; `None` where it is.
    fn shortfall(
        &self,
        demanded: UndoLevel,
        coverage: &Coverage,
    ) -> Result<Option<String>, ProtocolError> {
        // That a command changes nothing is knowledge about its name: no guarantee.
        let is_kept = demanded < UndoLevel::ExactWithin || self.affected.confined;
        if coverage.level.meets(demanded.level()) && is_kept {
            return Ok(None);
        }
        let told = match self.is_seen_whole() {
            true => self.coverage_seen_by_requester()?,
            false => None,
        };
        let told = told.as_ref().unwrap_or(coverage);
        let because = match told.reasons() {
            [] if told.level.meets(demanded.level()) && is_kept => OUT_OF_SIGHT.to_owned(),
            [] if told.level.meets(demanded.level()) => {
                "nothing keeps it from changing more".to_owned()
            }
            _ => told.because(),
        };
        let advice = if told.level == CoverageLevel::None && told.not_covered.is_empty() {
            "name what it changes in snapshot.paths"
        } else if demanded == UndoLevel::ExactWithin && self.verdict.confine != Confine::Required {
            "write \"confine: required\" into the rule, and name what it may write in snapshot.paths"
        } else {
            "run it without that, or demand less in the policy"
        };
        Ok(Some(format!(
            "a rule demands \"undo: {{level: {}}}\", and an undo of this command would be {}: \
             {because}; {advice}",
            demanded.word(),
            told.level
        )))
    }
}

/// Takes the state before the command, where anything is to be captured, and refuses what could not
/// be undone as far as the rules demand. What it leaves where it fails is nothing.
pub(super) fn capture(
    rooms: &Rooms,
    case: &Case<'_>,
    id: &RequestId,
    approved: Option<&Record>,
    front: &mut dyn Front,
) -> Result<Before, ProtocolError> {
    let enough = |coverage: &Coverage| match case.verdict.undo_level {
        Some(demanded) => case
            .shortfall(demanded, coverage)?
            .map_or(Ok(()), |why| Err(ProtocolError::UndoFallsShort(why))),
        None => Ok(()),
    };
    if !case.affected.is_captured() {
        let coverage = case.affected.coverage(&[]);
        return enough(&coverage).map(|()| Before::Nothing(coverage));
    }
    let captured = rooms.snapshots.capture_before(
        case.run_information(id),
        &case.to_capture()?,
        case.capture_limits(),
        &mut |progress| front.progress(progress),
    );
    let error = match captured {
        Ok(captured) => {
            // What the capture has found may lower the level.
            if let Err(error) = enough(&captured.coverage) {
                return Err(rooms.snapshots.discard(id).err().map_or(error, ProtocolError::from));
            }
            let told = captured.as_told_to(Sight::of_caller());
            front.event(&Event::Snapshotted(&told));
            if case.captures_what_is_there() && !told.coverage.reasons().is_empty() {
                front.event(&Event::UndoIsLimited(&told.coverage));
            }
            return Ok(Before::Captured(captured));
        }
        Err(error) => error,
    };
    let because = error.to_string();
    let told = error.as_told_to(Sight::of_caller());
    let on_failure = match case.verdict.undo_level {
        // Without a snapshot there is no undo of any level.
        Some(_) => SnapshotFailure::Deny,
        None => case.verdict.snapshot.on_failure,
    };
    let answer = match on_failure {
        SnapshotFailure::Deny => return Err(told.into()),
        SnapshotFailure::Warn => None,
        SnapshotFailure::Ask => Some(ask(case, id, &told, front)),
    };
    if let Some(Err(refusal)) = answer {
        // A no is on record as well; where nobody was there to ask, nobody has said anything.
        if matches!(refusal, Refusal::No) {
            refused(rooms, case, id, approved, &because)?;
        }
        return Err(ProtocolError::NotWithoutSnapshot(told, refusal.why()));
    }
    front.event(&Event::NotSnapshotted(&told));
    let sentence = format!("the snapshot could not be taken: {because}");
    let coverage =
        Coverage { level: CoverageLevel::None, not_covered: vec![sentence], lowering: 1 };
    Ok(Before::Failed { coverage, because, answer: answer.map(|answer| answer.is_ok()) })
}

/// Why a command does not run that a person could have let run without a snapshot.
#[derive(Clone, Copy)]
enum Refusal {
    /// Whoever asks is taken for a program.
    Program,
    /// There is no terminal to ask at.
    Nobody,
    /// They did not type what was to be typed.
    No,
}

impl Refusal {
    fn why(self) -> &'static str {
        match self {
            Self::Program => {
                "whether it runs all the same is for a human to say, and the policy takes you for a program"
            }
            Self::Nobody => {
                "whether it runs all the same is asked at a terminal, and there is none here: run it from one, in its foreground"
            }
            Self::No => "you were asked whether it runs all the same, and did not say yes",
        }
    }
}

/// Asks whoever sits at the requester's terminal whether the command runs although it cannot be
/// undone. What was typed before the question is no answer to it.
fn ask(
    case: &Case<'_>,
    id: &RequestId,
    told: &SnapshotError,
    front: &mut dyn Front,
) -> Result<(), Refusal> {
    if case.verdict.requester_kind != RequesterKind::Human {
        return Err(Refusal::Program);
    }
    let mut conversation = front.conversation().ok_or(Refusal::Nobody)?;
    conversation.tell(&format!("hitl: this could not be undone: {told}"));
    let expected: String = id.to_string().chars().take(TYPED).collect();
    let question = format!("To run it all the same, type {expected}; anything else leaves it: ");
    let typed = conversation.shown(&question).map_err(|_| Refusal::No)?;
    let typed = typed.usable().and_then(|bytes| std::str::from_utf8(bytes).ok());
    match typed {
        Some(typed) if typed.trim().eq_ignore_ascii_case(&expected) => Ok(()),
        _ => Err(Refusal::No),
    }
}

/// Puts a no on record: that of somebody whose command nobody had to approve comes with what it was.
fn refused(
    rooms: &Rooms,
    case: &Case<'_>,
    id: &RequestId,
    approved: Option<&Record>,
    because: &str,
) -> Result<(), ProtocolError> {
    let digest = match approved {
        Some(record) => record.digest,
        None => decisions::digest(case)?,
    };
    let on_record = OnRecord::new(case, id, digest);
    let mut entries = on_record.beginning(approved.is_some());
    entries.push(on_record.no_snapshot(because, Some(false)));
    rooms.log.append(&entries, &Moment::now())?;
    Ok(())
}
