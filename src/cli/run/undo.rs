//! `hitl undo` where others must approve it: a request like any other.

use super::front::TerminalFront;
use super::{exit, failure};
use crate::cli::arguments::UndoArguments;
use crate::cli::failure::{ExitCode, Failure};
use crate::cli::{Exit, Output};
use crate::execute::CallerState;
use crate::protocol::{self, Manner, Patience, ProtocolError, Purpose, Rooms, Undoing};
use crate::snapshot::{SnapshotError, UndoOptions, UndoPlan};
use crate::system::identity::Account;
use crate::system::text::{counted, visible};
use crate::system::{Digest, Sight};

/// Asks them, and waits as the caller wants to.
pub(in crate::cli) fn ask(
    rooms: &Rooms,
    plan: &UndoPlan,
    options: &UndoOptions,
    arguments: &UndoArguments,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut front = TerminalFront::new(output, caller, None)?;
    front.about("undoes", plan.run.id.as_str());
    let patience = match arguments.no_wait {
        true => Patience::NoWait,
        false => Patience::Wait(arguments.wait),
    };
    let purpose = Purpose {
        reason: arguments.reason.clone(),
        ticket: arguments.ticket.clone(),
        ..Purpose::default()
    };
    let manner = Manner { break_glass: false, patience, caller, front: &mut front };
    let outcome = protocol::ask_undo(rooms, plan, options, purpose, manner).map_err(failure)?;
    front.outcome(&outcome)?;
    Ok(exit(&outcome))
}

/// Carries out what was approved: what hitl itself starts then. It speaks to whoever asked, by what
/// they may know.
pub(in crate::cli) fn apply(
    rooms: &Rooms,
    digest: Digest,
    arguments: &UndoArguments,
    options: &UndoOptions,
    caller: &CallerState,
    output: &Output,
) -> Result<Exit, Failure> {
    let typed = arguments.id.as_deref().unwrap_or_default();
    let record = protocol::approval_of(rooms, typed, digest)?;
    let sight = match Account::by_uid(record.bound.requester.uid) {
        Ok(Some(account)) => Sight::of_account(&account),
        Ok(None) => return Err(ProtocolError::UndoNotApproved.into()),
        Err(error) => Err(error),
    };
    let sight = sight.map_err(ProtocolError::from)?;
    let told = |error: SnapshotError| Failure::from(error.as_told_to(sight));
    let id = typed.parse().map_err(ProtocolError::from)?;
    let plan = rooms.snapshots.plan(&id, options).map_err(told)?;
    if plan.digest().map_err(ProtocolError::from)? != digest {
        return Err(ProtocolError::AnotherPlan.into());
    }
    let known = rooms.snapshots.known(&id, sight).map_err(told)?;
    let wanted = Undoing { plan: &plan, options, approved: Some(&record) };
    let report = protocol::undo(rooms, &wanted, caller, &mut |_| {});
    let report = report.map_err(|error| match error {
        ProtocolError::Snapshot(error) => told(error),
        error => error.into(),
    })?;
    output.say(&format!(
        "undone: {} put back; \"hitl undo {}\" brings the changes back",
        counted(report.undone.restored, "path"),
        report.undone.run.id
    ));
    let mut well = report.undone.not_restored.is_empty();
    for sentence in known.sentences(report.undone.not_restored) {
        output.say(&format!("hitl: not restored: {}", visible(&sentence)));
    }
    well &= crate::cli::undo::tell_what_followed(&report.followed, output);
    Ok(Exit::Status(if well { 0 } else { ExitCode::No as i32 }))
}
