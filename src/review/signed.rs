//! What was offered to be signed, and what was signed.

use serde::{Deserialize, Serialize};

use super::{Offer, Record};

/// How many offers to one person a request holds: the oldest goes first.
const OFFERS_EACH: usize = 8;

/// How many offers a request holds in all.
const OFFERS: usize = 64;

/// A statement and the signature of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// What the statement was made of, beside the request.
    pub offer: Offer,
    /// The statement, byte for byte.
    pub statement: String,
    /// The signature, armoured as ssh-keygen writes it.
    pub signature: String,
}

/// An offer, and to whom it was made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offered {
    /// The uid.
    pub uid: u32,
    /// The offer.
    pub offer: Offer,
}

impl Record {
    /// Keeps an offer, so that a signature of it can be handed in later.
    pub fn offer(&mut self, uid: u32, offer: Offer) {
        let theirs = self.offers.iter().filter(|offered| offered.uid == uid).count();
        let oldest = if theirs >= OFFERS_EACH {
            self.offers.iter().position(|offered| offered.uid == uid)
        } else {
            (self.offers.len() >= OFFERS).then_some(0)
        };
        if let Some(oldest) = oldest {
            self.offers.remove(oldest);
        }
        self.offers.push(Offered { uid, offer });
    }

    /// What was offered to somebody, the oldest first.
    pub fn offered_to(&self, uid: u32) -> Vec<Offer> {
        let theirs = self.offers.iter().filter(|offered| offered.uid == uid);
        theirs.map(|offered| offered.offer.clone()).collect()
    }
}
