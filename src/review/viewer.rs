//! Who looks at a request, and what of it they may know.
//!
//! A request is made with all rights, so that those who decide on it know what they agree to. Its
//! requester may have fewer: which files lie below a directory that they cannot read, where a link
//! leads that they cannot follow, and the digest of a file that they may not read (a digest is
//! enough to guess a short secret by) is not theirs to know. What they could see by themselves when
//! they asked is kept beside it, and is all that they are ever shown.

use std::borrow::Cow;

use super::person::Person;
use super::{Approver, Proof, Record, Seen};
use crate::invocation::Requester;

/// What stands where a requester sees only a part.
const NOT_ALL: &str = "what you may not see yourself is not listed here";

/// What stands where all that closed a request is out of its requester's sight.
const SOMETHING_CHANGED: &str =
    "something that you may not see changed: those who may decide, and root, can see what";

/// Somebody who looks at requests.
#[derive(Clone, Copy, Debug)]
pub struct Viewer(Person);

impl From<&Requester> for Viewer {
    fn from(person: &Requester) -> Self {
        Self(Person::of(person.uid, person.login_uid))
    }
}

impl Record {
    /// What closed the request, as far as it is its requester's to know: nothing where they see no
    /// part of it.
    pub fn tell_requester(&mut self, because: &str) {
        if let Some(seen) = &mut self.shown.to_requester {
            let because = if because.is_empty() { SOMETHING_CHANGED } else { because };
            seen.closed_because = Some(because.to_owned());
        }
    }

    /// The request as this viewer may know it: whole for those who may decide and for root. The
    /// digest stays, but without the nonce nothing can be guessed by it.
    pub fn shown_to(&self, viewer: Viewer) -> Cow<'_, Record> {
        let own = viewer.0.may_be(Person::from(&self.bound.requester)) && !viewer.0.is_root();
        let Some(seen) = self.shown.to_requester.as_ref().filter(|_| own) else {
            return Cow::Borrowed(self);
        };
        let Seen {
            executable,
            operands,
            snapshot,
            undo,
            not_covered,
            confined,
            goes_back,
            closed_because,
        } = seen.clone();
        let mut record = self.clone();
        record.bound.executable = executable;
        record.bound.operands = operands;
        record.bound.nonce = String::new();
        record.shown.snapshot = snapshot;
        record.shown.undo = undo;
        record.shown.not_covered = not_covered;
        record.shown.confined = confined;
        if let Some(shown) = &mut record.shown.undoes {
            shown.lines = goes_back;
        }
        record.shown.not_covered.push(NOT_ALL.to_owned());
        record.shown.to_requester = None;
        if closed_because.is_some() {
            record.closed_because = closed_because;
        }
        // A statement names all of that again. Who signed with which key is no secret.
        let approvals = record.approvals.iter_mut().map(|approval| &mut approval.proof);
        let rejection = record.rejection.iter_mut().map(|rejection| &mut rejection.proof);
        let review = record.review.iter_mut().map(|review| &mut review.proof);
        for proof in approvals.chain(rejection).chain(review) {
            if let Proof::Signature { signed, .. } = proof {
                signed.statement.clear();
                signed.signature.clear();
            }
        }
        record.offers.clear();
        Cow::Owned(record)
    }

    /// Whether a statement about the request would tell this signer more than they may know: it is their
    /// own. Not found out by what it would tell, which would tell it too.
    pub fn is_not_theirs_to_read_whole(&self, signer: &Approver) -> bool {
        let person = Person::from(signer);
        self.shown.to_requester.is_some()
            && person.may_be(Person::from(&self.bound.requester))
            && !person.is_root()
    }

    /// Whether a statement names no file otherwise than its requester was shown it.
    pub fn files_are_as_its_requester_sees_them(&self) -> bool {
        self.shown.to_requester.as_ref().is_none_or(|seen| {
            seen.executable == self.bound.executable && seen.operands == self.bound.operands
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::samples;
    use crate::snapshot::CoverageLevel;
    use crate::system::{Colour, Moment};

    fn viewer(uid: u32, login_uid: Option<u32>) -> Viewer {
        Viewer(Person::of(uid, login_uid))
    }

    fn partly_seen() -> Record {
        let mut record = samples::record();
        let bound = &record.bound;
        let mut executable = bound.executable.clone();
        executable.sha256 = None;
        record.shown.to_requester = Some(Seen {
            executable,
            operands: Vec::new(),
            snapshot: vec!["/srv/open".into()],
            undo: CoverageLevel::ExactWithin,
            not_covered: Vec::new(),
            confined: None,
            goes_back: Vec::new(),
            closed_because: None,
        });
        record
    }

    #[test]
    fn a_requester_is_shown_what_they_could_see_and_those_who_decide_everything() {
        let record = partly_seen();
        let shown = |viewer| {
            let seen = record.shown_to(viewer);
            let now: Moment = samples::moment(1);
            let json = crate::review::view(&seen, &now).unwrap().to_string();
            json + &crate::review::describe(&seen, &now, Colour::Off)
        };
        let digest = record.bound.operands.first().unwrap().sha256.unwrap().to_string();
        let hidden = ["/srv/deploy.sh\",\"device", &digest, &record.bound.nonce];
        for requester in [viewer(1000, Some(1000)), viewer(1000, None), viewer(1777, Some(1000))] {
            let text = shown(requester);
            for word in hidden {
                assert!(!text.contains(word), "{word}: {text}");
            }
            assert!(text.contains("/srv/open") && text.contains(NOT_ALL), "{text}");
            assert!(text.contains("exact-within") && !text.contains("best-effort"), "{text}");
        }
        for other in [viewer(0, Some(1000)), viewer(1001, Some(1001))] {
            let text = shown(other);
            assert!(text.contains(&digest) && text.contains(&record.bound.nonce), "{text}");
            assert!(!text.contains("/srv/open") && !text.contains(NOT_ALL), "{text}");
        }
    }
}
