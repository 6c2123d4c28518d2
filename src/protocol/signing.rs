//! Decisions that are proved by a signature: what is offered to be signed, what is accepted, and
//! whether it still holds when the command is about to start.
//!
//! hitl fixes the statement, the approver signs it (here, or elsewhere), and hitl builds the statement
//! anew to check it. Nothing that a signer hands in is read but the signature itself.

use std::cell::OnceCell;
use std::cmp::Reverse;

use super::{ProtocolError, Rooms, decisions};
use crate::front::{Signable, Unsigned};
use crate::policy::Presence;
use crate::review::{Approval, Approver, Offer, Proof, Record, Ruling, Signed, StoreError};
use crate::signing::{NAMESPACE, Signature, SignatureError, Signer, Signers};
use crate::system::text::visible;
use crate::system::{Moment, durable};

/// How the approver proves that it is them.
pub enum Proving {
    /// By their login where that is enough, otherwise by a signature that they make now.
    AsNeeded,
    /// By a signature that they make now.
    Sign,
    /// By this signature, of a statement that was offered before.
    Signature(String),
    /// By their password, at the requester's terminal: they have.
    Password,
}

/// Has somebody sign one of these: see [`crate::front::Voice::sign`].
pub type Sign<'s> = &'s mut dyn FnMut(&[Signable]) -> Result<String, Unsigned>;

/// A signer registry that is read when it is first asked for.
pub(super) struct Registry<'r> {
    rooms: &'r Rooms,
    signers: OnceCell<Signers>,
}

impl<'r> Registry<'r> {
    pub(super) fn new(rooms: &'r Rooms) -> Self {
        Self { rooms, signers: OnceCell::new() }
    }

    fn signers(&self) -> Result<&Signers, ProtocolError> {
        if let Some(signers) = self.signers.get() {
            return Ok(signers);
        }
        let signers = Signers::load(&self.rooms.directories)?;
        Ok(self.signers.get_or_init(|| signers))
    }

    fn origins(&self) -> Vec<String> {
        self.rooms.policy.webauthn_origins()
    }

    /// What somebody's proof is worth, found out anew: `uid` for a login, and what the signature shows,
    /// where everything about it holds.
    ///
    /// # Errors
    /// Why it does not hold, as a sentence without its full stop.
    pub(super) fn presence(
        &self,
        record: &Record,
        approval: &Approval,
    ) -> Result<Presence, String> {
        let Approval { approver, proof, recorded, at, .. } = approval;
        match proof {
            Proof::Login | Proof::Password => Ok(Presence::Uid),
            Proof::Signature { signed, .. } if signed.offer.message != approval.message => {
                Err("another message was signed".to_owned())
            }
            Proof::Signature { signed, .. } => {
                self.presence_of_signature(record, &approver.name, signed, *recorded, at)
            }
        }
    }

    /// What a signature proves. `recorded` is its place in the audit log, `at` when it was handed in.
    ///
    /// # Errors
    /// As [`Registry::presence`].
    pub(super) fn presence_of_signature(
        &self,
        record: &Record,
        name: &str,
        signed: &Signed,
        recorded: Option<u64>,
        at: &Moment,
    ) -> Result<Presence, String> {
        let statement = signed.offer.statement(record);
        if statement != signed.statement {
            return Err("what was signed is not about this request as it is".to_owned());
        }
        let signature =
            Signature::parse(signed.signature.as_bytes()).map_err(|error| error.to_string())?;
        let verified = signature
            .verify(NAMESPACE, statement.as_bytes(), &self.origins())
            .map_err(|error| error.to_string())?;
        let signers = self.signers().map_err(|error| error.to_string())?;
        let fingerprint = signature.key().fingerprint();
        let signer = signers.by_key(signature.key()).ok_or_else(|| {
            format!(
                "the key {fingerprint} is not registered: \"hitl signers list\" has those that are"
            )
        })?;
        if fingerprint != signed.offer.key || signer.principal() != signed.offer.principal {
            return Err("it is not signed with the key that it was offered for".to_owned());
        }
        if signer.login() != name {
            return Err(format!(
                "the key {fingerprint} is {}'s, and not {}'s",
                visible(signer.login()),
                visible(name)
            ));
        }
        if !signer.valid_at(at) {
            return Err(format!("the key {fingerprint} was not valid at that time"));
        }
        match signers.revocation_of(signature.key()) {
            // By its place in the log: a date can be claimed, a place in the chain cannot.
            Some(revocation) if recorded.is_none_or(|place| revocation.covers(place)) => {
                Err(format!("the key {fingerprint} is revoked"))
            }
            _ => Ok(verified.presence),
        }
    }

    /// The policy's groups in which an approval counts now, none where the host no longer knows the
    /// approver.
    ///
    /// # Errors
    /// Why what proved it does not hold.
    pub(super) fn counts_in(
        &self,
        record: &Record,
        approval: &Approval,
    ) -> Result<Vec<String>, String> {
        let presence = self.presence(record, approval)?;
        if presence != approval.presence {
            return Err(format!("it proves {}, and not what is noted", presence.word()));
        }
        Ok(decisions::groups_now(&self.rooms.policy, &approval.approver))
    }

    /// The keys with which somebody could prove `wanted`, the strongest kind first.
    fn keys_of(
        &self,
        approver: &Approver,
        wanted: Presence,
    ) -> Result<Vec<&Signer>, ProtocolError> {
        let signers = self.signers()?;
        let now = Moment::now();
        let mut keys: Vec<&Signer> = signers
            .of_login(&approver.name)
            .into_iter()
            .filter(|signer| signer.valid_at(&now))
            .filter(|signer| signers.revocation_of(signer.key()).is_none())
            .filter(|signer| signer.key().kind().best_presence() >= wanted)
            .collect();
        keys.sort_by_key(|signer| Reverse(signer.key().kind().best_presence()));
        if keys.is_empty() {
            return Err(ProtocolError::NoKey(no_key(approver, wanted)));
        }
        Ok(keys)
    }
}

/// Whose keys count stays as it is while this is held.
pub(super) struct SignersHeld {
    _lock: nix::fcntl::Flock<std::fs::File>,
}

/// Looks anew at what proves a decision that is about to be put on record; what to hold until it is.
///
/// Whoever signs may take their time, and their key may have been revoked since it was offered a
/// statement. Such a decision must neither count nor come to stand in the log behind the revocation,
/// where it would make the log a bad one for good.
///
/// # Errors
/// [`StoreError::NotAllowed`] where it no longer proves what it is taken for.
pub(super) fn prove_again(
    rooms: &Rooms,
    record: &Record,
    name: &str,
    proof: &Proof,
    at: &Moment,
    wanted: Presence,
) -> Result<Option<SignersHeld>, StoreError> {
    let Proof::Signature { signed, .. } = proof else { return Ok(None) };
    let held = durable::lock(&rooms.directories.signers_lock())?;
    let registry = Registry::new(rooms);
    let refused =
        |why: String| StoreError::NotAllowed(format!("{}; nothing was decided", visible(&why)));
    let proved = registry.presence_of_signature(record, name, signed, None, at).map_err(refused)?;
    if proved < wanted {
        return Err(refused(format!("it proves {}, and no longer enough", proved.word())));
    }
    Ok(Some(SignersHeld { _lock: held }))
}

fn no_key(approver: &Approver, wanted: Presence) -> String {
    let what = match wanted {
        Presence::Uid | Presence::Key => "no key",
        Presence::Touch | Presence::Verify => "no security key",
    };
    let name = visible(&approver.name);
    format!(
        "{what} of {name} is registered, valid and not revoked: root registers one by \"hitl signers add {name} KEY.pub\""
    )
}

/// What somebody is to sign, and for what.
pub(super) struct ToSign<'t> {
    pub(super) record: &'t Record,
    pub(super) approver: &'t Approver,
    pub(super) ruling: Ruling,
    pub(super) message: Option<String>,
    /// The least that is to be proved.
    pub(super) wanted: Presence,
}

impl ToSign<'_> {
    /// An offer for each key that would do.
    fn offers<'r>(
        &self,
        registry: &'r Registry<'_>,
    ) -> Result<Vec<(Offer, &'r Signer)>, ProtocolError> {
        let id = &self.record.id;
        if self.record.is_not_theirs_to_read_whole(self.approver) {
            return Err(ProtocolError::NoKey(format!(
                "what would be signed tells more of {id} than whoever asked for it may see: without a signature, \"hitl approve {id}\" and \"hitl reject {id}\" decide it by your login"
            )));
        }
        let log = registry.rooms.log.head()?.ok_or(ProtocolError::NoLog)?;
        let at_ms = Moment::now().wall_ms;
        let offer = |signer: &Signer| Offer {
            ruling: self.ruling,
            principal: signer.principal().to_owned(),
            key: signer.key().fingerprint(),
            log: log.clone(),
            message: self.message.clone(),
            at_ms,
        };
        let keys = registry.keys_of(self.approver, self.wanted)?;
        Ok(keys.into_iter().map(|signer| (offer(signer), signer)).collect())
    }

    /// The offer for one key: the one of this fingerprint, or the strongest.
    ///
    /// # Errors
    /// [`ProtocolError::NoKey`].
    pub(super) fn offer(
        &self,
        registry: &Registry<'_>,
        key: Option<&str>,
    ) -> Result<Offer, ProtocolError> {
        let mut offers = self.offers(registry)?.into_iter().map(|(offer, _)| offer);
        let wanted = |offer: &Offer| key.is_none_or(|key| offer.key == key);
        offers.find(wanted).ok_or_else(|| {
            ProtocolError::NoKey(format!(
                "{} is no key of {} that would do here: \"hitl signers list\" has those that are registered",
                visible(key.unwrap_or_default()),
                visible(&self.approver.name)
            ))
        })
    }

    /// Has it signed now.
    ///
    /// # Errors
    /// [`ProtocolError::NotSigned`], and where nothing could be offered.
    pub(super) fn signed_now(
        &self,
        registry: &Registry<'_>,
        sign: Sign<'_>,
    ) -> Result<Signed, ProtocolError> {
        let offers = self.offers(registry)?;
        let choices: Vec<Signable> = offers
            .iter()
            .map(|(offer, signer)| Signable {
                fingerprint: offer.key.clone(),
                key: signer.key().to_string(),
                statement: offer.statement(self.record),
            })
            .collect();
        let signature = sign(&choices).map_err(|Unsigned(why)| ProtocolError::NotSigned(why))?;
        let offers: Vec<Offer> = offers.into_iter().map(|(offer, _)| offer).collect();
        self.matched(registry, &offers, signature)
    }

    /// The offer that this signature is about.
    ///
    /// # Errors
    /// [`ProtocolError::NotSigned`].
    pub(super) fn matched(
        &self,
        registry: &Registry<'_>,
        offers: &[Offer],
        signature: String,
    ) -> Result<Signed, ProtocolError> {
        let unsigned = |error: SignatureError| ProtocolError::NotSigned(error.to_string());
        let parsed = Signature::parse(signature.as_bytes()).map_err(unsigned)?;
        let key = parsed.key().fingerprint();
        let mut why = format!(
            "nothing was offered to the key {key} for this decision: sign what \"hitl show --statement {}{} --key {key}\" prints",
            self.record.id,
            match self.ruling {
                Ruling::Approve | Ruling::Justified => "",
                Ruling::Reject | Ruling::Unjustified => " --reject -m REASON",
            },
        );
        // The newest first.
        for offer in offers.iter().rev() {
            if offer.key != key || offer.ruling != self.ruling {
                continue;
            }
            let statement = offer.statement(self.record);
            match parsed.verify(NAMESPACE, statement.as_bytes(), &registry.origins()) {
                Ok(_) => {
                    let signature = parsed.armoured();
                    return Ok(Signed { offer: offer.clone(), statement, signature });
                }
                Err(error) => why = error.to_string(),
            }
        }
        Err(ProtocolError::NotSigned(why))
    }
}
