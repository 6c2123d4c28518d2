//! What a command may write where the rules confine it, and what that settles about its undo.

use super::case::PREVIEWED;
use super::{Case, ProtocolError, Rooms};
use crate::audit::Confined;
use crate::execute::{Confinement, ConfinementLevel, KernelConfinement};
use crate::invocation::Invocation;
use crate::policy::{Confine, Decision, Verdict};
use crate::review;
use crate::snapshot::{Affected, NotCovered, Writable, WritablePlace};

/// What Landlock leaves open even where it is required.
const STILL_OPEN: &str = "changes of modes, owners, times and attributes of other files, what its standard descriptors lead \
     to, and what services do at its request: beside that, it is confined to what is snapshotted";

/// What a command can touch, and what it may write where the rules confine it.
pub(super) fn affected(
    rooms: &Rooms,
    invocation: &Invocation,
    verdict: &Verdict,
) -> Result<(Affected, Option<Writable>), ProtocolError> {
    let files = invocation.affected_files();
    let mut declared = verdict.snapshot.paths.clone();
    declared.extend(files.patterns.iter().cloned());
    let mut affected = Affected {
        declared,
        changes_nothing: files.is_nothing(),
        operands: files.operands,
        not_covered: files.beyond,
        ..Affected::default()
    };
    let mut writable = None;
    if verdict.confine != Confine::Off && verdict.decision != Decision::Deny {
        // What decides about commands is not to be written by one, whatever a rule names.
        let directories = &rooms.directories;
        let policy = [Some(&directories.policy_file), directories.policy_directory.as_ref()];
        let protected: Vec<_> = policy.into_iter().flatten().cloned().collect();
        writable = Some(rooms.snapshots.writable(&affected, &protected)?);
    }
    // What it can write is snapshotted, so that it does not matter which files it chooses. Not so
    // where it might run unconfined.
    match (&writable, verdict.confine) {
        (Some(_), Confine::Required) => {
            affected.confined = KernelConfinement::here().shortfall().is_none();
            affected.not_covered.push(NotCovered::said(STILL_OPEN));
        }
        _ => affected.not_covered.extend(files.doubts.into_iter().map(NotCovered::files)),
    }
    let withheld = writable.iter().flat_map(|open| open.withheld.clone());
    affected.not_covered.extend(withheld.map(NotCovered::said));
    Ok((affected, writable))
}

/// How a request tells it.
pub(super) fn shown(writable: Option<&Writable>, confine: Confine) -> Option<review::Confined> {
    let places = &writable?.places;
    let most = places.iter().take(PREVIEWED).map(WritablePlace::shown).collect();
    Some(review::Confined { confine, writable: most, places: places.len() as u64 })
}

/// Why a command does not run that must be confined and cannot be.
pub(super) fn refusal(case: &Case<'_>) -> ProtocolError {
    ProtocolError::CannotConfine(case.cannot_be_confined().unwrap_or_default())
}

/// What confines a command that is about to start.
pub(super) struct Confining {
    kernel: KernelConfinement,
    confinement: Option<Confinement>,
    /// Why it is not confined as the rules want it.
    shortfall: Option<String>,
}

impl Confining {
    /// Makes everything ready. Nothing is confined yet.
    ///
    /// # Errors
    /// [`ProtocolError::CannotConfine`] where it is required; [`ProtocolError::Confinement`].
    pub(super) fn prepare(case: &Case<'_>) -> Result<Self, ProtocolError> {
        let Some(writable) = &case.writable else {
            let kernel = KernelConfinement::NOT_ASKED;
            return Ok(Self { kernel, confinement: None, shortfall: None });
        };
        let kernel = KernelConfinement::here();
        let shortfall = kernel.shortfall();
        match (case.verdict.confine, &shortfall) {
            (Confine::Required, Some(why)) => Err(ProtocolError::CannotConfine(why.clone())),
            _ if kernel.level() == ConfinementLevel::None => {
                Ok(Self { kernel, confinement: None, shortfall })
            }
            _ => {
                let places = &writable.places;
                let run_as = &case.invocation.run_as;
                let confinement = Some(Confinement::prepare(kernel, places, run_as)?);
                Ok(Self { kernel, confinement, shortfall })
            }
        }
    }

    /// What the command is started under.
    pub(super) fn confinement(&self) -> Option<&Confinement> {
        self.confinement.as_ref()
    }

    /// Why it is not confined as the rules want it.
    pub(super) fn shortfall(&self) -> Option<&str> {
        self.shortfall.as_deref()
    }

    /// How it stands in the log; `None` where no rule wants it.
    pub(super) fn on_record(&self, confine: Confine) -> Option<Confined> {
        if confine == Confine::Off {
            return None;
        }
        Some(Confined {
            confine,
            level: self.kernel.level(),
            landlock_abi: self.kernel.abi,
            because: self.shortfall.clone(),
            writable: self.confinement.as_ref().map(|it| it.writable.clone()).unwrap_or_default(),
        })
    }
}
