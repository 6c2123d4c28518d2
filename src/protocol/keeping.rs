//! Pins and prunes, as the protocol sees them: who may, and what is on record.

use std::io::ErrorKind;

use super::{ProtocolError, Rooms, record, undo};
use crate::audit::{AuditError, Entry, MOST_PRUNED, Reference};
use crate::invocation;
use crate::review::RequestId;
use crate::snapshot::{
    AgeLimit, Doomed, Kept, Limits, Pin, Progress, PrunePlan, Pruned, RunInformation, Verification,
};
use crate::system::Moment;
use crate::system::text::size_text;

/// What is to be pruned.
#[derive(Clone, Debug)]
pub enum Excess {
    /// What the policy lets go.
    Policy,
    /// What somebody typed.
    Typed {
        /// What is older.
        older_than: Option<std::time::Duration>,
        /// All but the last so many.
        keep_last: Option<u64>,
        /// The oldest, until the rest has no more bytes.
        max_size: Option<u64>,
    },
    /// Exactly these, by their ids, or the beginnings of them.
    Named(Vec<String>),
}

/// The runs that a person may look at and undo, the newest first, and how long each is kept.
///
/// # Errors
/// [`ProtocolError::Snapshot`].
pub fn kept(rooms: &Rooms) -> Result<Vec<Kept>, ProtocolError> {
    let theirs = undo::runs(rooms)?;
    let mut kept = rooms.snapshots.kept(rooms.policy.snapshot_allowance().keep)?;
    kept.retain(|one| theirs.iter().any(|run| run.id == one.run.id));
    Ok(kept)
}

/// Pins a run that its caller may undo. On record before it is pinned.
///
/// # Errors
/// [`ProtocolError`].
pub fn pin(rooms: &Rooms, run: &RunInformation, reason: Option<&str>) -> Result<(), ProtocolError> {
    let person = record::user(&invocation::requester()?);
    let id: RequestId = run.id.parse()?;
    let now = Moment::now();
    let reference = Reference { id: id.clone(), digest: None };
    rooms.log.append(&[Entry::pinned(&reference, &person, reason)], &now)?;
    let reason = reason.map(str::to_owned);
    let pin = Pin { by: person.name, uid: person.uid, at: now, reason };
    Ok(rooms.snapshots.pin(&id, pin)?)
}

/// Takes the pin of a run away that its caller may undo. On record before it is away.
///
/// # Errors
/// [`ProtocolError`].
pub fn unpin(rooms: &Rooms, run: &RunInformation) -> Result<(), ProtocolError> {
    let person = record::user(&invocation::requester()?);
    let id: RequestId = run.id.parse()?;
    let reference = Reference { id: id.clone(), digest: None };
    rooms.log.append(&[Entry::unpinned(&reference, &person)], &Moment::now())?;
    Ok(rooms.snapshots.unpin(&id)?)
}

/// Reads what is kept of the runs that the caller may undo: all of them, or those of these ids.
///
/// # Errors
/// [`ProtocolError::Snapshot`].
pub fn verify(
    rooms: &Rooms,
    ids: &[String],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Verification, ProtocolError> {
    let theirs: Vec<RunInformation> = match ids {
        [] => undo::runs(rooms)?,
        ids => ids.iter().map(|id| undo::find_run(rooms, Some(id))).collect::<Result<_, _>>()?,
    };
    let counts = |run: &RunInformation| theirs.iter().any(|one| one.id == run.id);
    Ok(rooms.snapshots.verify(&counts, progress)?)
}

/// What would go. Changes nothing.
///
/// # Errors
/// [`ProtocolError::Snapshot`].
pub fn plan_prune(rooms: &Rooms, excess: &Excess) -> Result<PrunePlan, ProtocolError> {
    let allowance = rooms.policy.snapshot_allowance();
    let limits = match excess {
        Excess::Named(ids) => {
            let named = ids.iter().map(|typed| {
                let run = undo::find_run(rooms, Some(typed))?;
                Ok::<RequestId, ProtocolError>(run.id.parse()?)
            });
            return Ok(rooms.snapshots.plan_removal(&named.collect::<Result<Vec<_>, _>>()?)?);
        }
        Excess::Policy => Limits {
            unwritten: allowance.keep,
            age: Some(AgeLimit::Rules),
            runs: Some(allowance.runs),
            bytes: Some(allowance.bytes),
        },
        Excess::Typed { older_than, keep_last, max_size } => Limits {
            unwritten: allowance.keep,
            age: older_than.map(AgeLimit::Typed),
            runs: *keep_last,
            bytes: *max_size,
        },
    };
    Ok(rooms.snapshots.plan_prune(&limits)?)
}

/// Does it. On record before it is done, as far as there is room for the record.
///
/// # Errors
/// [`ProtocolError`].
pub fn prune(rooms: &Rooms, plan: PrunePlan) -> Result<Pruned, ProtocolError> {
    let person = record::user(&invocation::requester()?);
    let mut on_record = |doomed: &[Doomed]| -> Result<bool, ProtocolError> {
        let ids = doomed.iter().map(|one| one.run.id.parse::<RequestId>());
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let runs: Vec<crate::audit::Pruned<'_>> = doomed
            .iter()
            .zip(&ids)
            .map(|(one, id)| crate::audit::Pruned {
                id,
                before: &one.before,
                after: one.after.as_ref(),
                bytes: one.bytes,
                because: one.because.word(),
            })
            .collect();
        let entries: Vec<Entry> =
            runs.chunks(MOST_PRUNED).map(|some| Entry::pruned(&person, some)).collect();
        match rooms.log.append(&entries, &Moment::now()) {
            Ok(_) => Ok(true),
            Err(AuditError::System { source, .. })
                if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    };
    rooms.snapshots.prune(plan, &mut on_record)
}

/// A sentence about a store that is larger than the policy lets it be, where it is.
pub(super) fn too_large(rooms: &Rooms) -> Option<String> {
    let most = rooms.policy.snapshot_allowance().bytes;
    let size = rooms.snapshots.size().filter(|size| *size > most)?;
    Some(format!(
        "the snapshots take {}, more than the {} of snapshots.max_size: \"hitl snapshots prune\" \
         makes room",
        size_text(size),
        size_text(most)
    ))
}
