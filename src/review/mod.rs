//! Oversight Mechanism: what is pending, what exactly it is bound to, and who decided what.
//!
//! A [`Record`] is one request with its whole life. What a decision is about is its [`Bound`]: its
//! digest covers everything that the command's effect depends on, and all of it is taken again just
//! before the command starts. Records are kept by a [`RequestStore`], under one lock, each state
//! change one atomic rename.
//!
//! Start with `record`, the types of a request, `lifecycle`, the steps that it can take, `deciders`,
//! whose word counts in them, and `glass`, what is different where a denial is lifted; `overdue` is what
//! happens to it while nobody acts. `statement` is what somebody signs who decides with a key, `signed`
//! what is kept of that. `file_store` keeps the records, `stock` reads all of them at once, `waiting` sleeps
//! until one changes and `watching` until any does. `shown`, `queue` and `view` are what people and
//! programs see, `viewer` is how much of it.

mod bound;
mod candidates;
mod claim;
mod commitment;
mod deciders;
mod error;
mod file_store;
mod glass;
mod id;
mod lifecycle;
mod lines;
mod overdue;
mod paint;
mod person;
mod plan;
mod queue;
mod quorum;
mod record;
mod record_file;
mod runner;
mod search;
mod shown;
mod signed;
mod statement;
mod stock;
mod view;
mod viewer;
mod waiting;
mod watching;
mod wording;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod lives;
#[cfg(test)]
pub(crate) mod samples;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use bound::Difference;
pub use claim::Claim;
pub use commitment::Salt;
pub use error::StoreError;
pub use file_store::FileStore;
pub use glass::is_a_reason;
pub use lines::made_visible;
pub use plan::{Plan, PlanError, parse_ticket};
pub use queue::{review_rows, rows};
pub use quorum::{Yes, missing};
pub use record::{
    Approval, Approver, Bound, BoundEnvironment, BoundRequester, BreakGlass, Confined, Counted,
    Edited, Judgement, Proof, Record, Rejection, Review, Runner, Seen, Shown, State, UndoShown,
};
pub use search::Search;
pub use shown::{describe, describe_with_plan};
pub use signed::{Offered, Signed};
pub use statement::{Offer, Ruling};
pub use view::view;
pub use viewer::Viewer;
pub use watching::{StoreWatch, Woken};
pub use wording::{input_text, kind_text, risk_text, run_as_text, undigested};

/// The id of a request and of the run it may become: eight Crockford base32 characters, written
/// `K7Q2-MX4P`. Unique among the requests and runs that are still there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestId(pub(crate) String);

/// Who could decide a request, for people: never part of any decision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Candidates {
    /// By the names of the policy's groups.
    groups: BTreeMap<String, Group>,
}

/// The people of one of the policy's groups who could decide.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Some of them, by login name.
    pub people: Vec<String>,
    /// How many there are beside them.
    pub more: usize,
}

/// What a wait for decisions ended with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Waited {
    /// The request has left `pending`.
    Decided(Box<Record>),
    /// The time the caller was ready to wait is over; the request is still pending.
    TimeUp(Box<Record>),
}

/// Requests as a store has them.
#[derive(Debug, Default)]
pub struct Listing {
    /// The requests that can be read, oldest first.
    pub records: Vec<Record>,
    /// Those that cannot: one damaged file hides no other.
    pub damaged: Vec<StoreError>,
}

/// All requests that are not closed, and what was done to make them so.
#[derive(Debug, Default)]
pub struct Stock {
    /// The requests that are not closed.
    pub live: Listing,
    /// Those that time, a reboot or a dead runner has closed, as they are written now. Each is
    /// returned by one call only, so that it is audited once.
    pub closed: Vec<Record>,
}

/// Where requests are kept.
///
/// Time changes requests without anybody writing: one whose time is over reads as `expired`, one
/// from before a reboot as `void`, one whose runner is gone as `unknown`. [`take_stock`] writes that
/// down.
///
/// [`take_stock`]: RequestStore::take_stock
pub trait RequestStore {
    /// An id that no request here has.
    ///
    /// # Errors
    /// [`StoreError`].
    fn fresh_id(&self) -> Result<RequestId, StoreError>;

    /// Stores a new request, durably.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Clash`] where the id is taken.
    fn insert(&self, record: &Record) -> Result<(), StoreError>;

    /// The request that a person means: an id, or the beginning of one. Requests that `may_see`
    /// refuses do not exist for them. Live requests come before closed ones.
    ///
    /// # Errors
    /// [`StoreError::NotAnId`], [`StoreError::Unknown`], [`StoreError::Ambiguous`].
    fn find(&self, typed: &str, may_see: &dyn Fn(&Record) -> bool)
    -> Result<RequestId, StoreError>;

    /// Reads one request, as it stands now.
    ///
    /// # Errors
    /// [`StoreError`].
    fn load(&self, id: &RequestId) -> Result<Record, StoreError>;

    /// All requests that are not closed, oldest first; with `closed` the closed ones as well.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self, closed: bool) -> Result<Listing, StoreError>;

    /// The runs of lifted denials that nobody has reviewed yet, oldest first. One whose end a killed
    /// process left among the live requests is there once stock was taken ([`take_stock`]).
    ///
    /// [`take_stock`]: RequestStore::take_stock
    ///
    /// # Errors
    /// [`StoreError`].
    fn unreviewed(&self) -> Result<Listing, StoreError>;

    /// Changes one request under the store's lock: reads it as it stands now, lets `change` change
    /// it, and writes it durably. Nothing is written where `change` fails, and what a request is
    /// bound to never changes.
    ///
    /// # Errors
    /// [`StoreError`], and what `change` fails with.
    fn update(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
    ) -> Result<Record, StoreError>;

    /// The sole right to take an approved request from here to its start. It ends when it is
    /// dropped, and with its process.
    ///
    /// # Errors
    /// [`StoreError::WrongState`] where it is not approved, or another process is starting it.
    fn claim(&self, id: &RequestId) -> Result<Claim, StoreError>;

    /// Closes one request, as [`RequestStore::update`] changes it. `recorded` puts it on record, under
    /// the lock as well, once it is closed for good. Where that fails, or dies, the request stays
    /// closed, and the next [`close_overdue`](RequestStore::close_overdue) puts it on record: a no
    /// that is on record and does not count would be worse than one that counts and is not yet.
    ///
    /// # Errors
    /// [`StoreError`], and what `change` and `recorded` fail with.
    fn close(
        &self,
        id: &RequestId,
        change: &mut dyn FnMut(&mut Record) -> Result<(), StoreError>,
        recorded: &mut dyn FnMut(&Record) -> Result<(), StoreError>,
    ) -> Result<Record, StoreError>;

    /// All requests that are not closed, each read once; writes down what time, a reboot or a dead
    /// runner has done, and takes the store's lock only where there is something of that to write.
    ///
    /// Those that are closed by it are `recorded` before they leave the live ones, together with those
    /// that a killed process closed and did not record: each once, and twice only where hitl dies just
    /// after it.
    ///
    /// # Errors
    /// [`StoreError`], and what `recorded` fails with.
    fn take_stock(
        &self,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Stock, StoreError>;

    /// What [`take_stock`](RequestStore::take_stock) closes.
    ///
    /// # Errors
    /// As [`take_stock`](RequestStore::take_stock).
    fn close_overdue(
        &self,
        recorded: &mut dyn FnMut(&[Record]) -> Result<(), StoreError>,
    ) -> Result<Vec<Record>, StoreError> {
        Ok(self.take_stock(recorded)?.closed)
    }

    /// Sleeps until the request is no longer pending, or `patience` is over (`None`: until its own
    /// deadline). `tick` is called at once, about once a second, whenever the request has changed
    /// and whenever a signal has arrived, with the record as it stands; it ends the wait by
    /// returning `false`. It is told whether there is something to read on `also` (a terminal,
    /// say), which ends a sleep too.
    ///
    /// # Errors
    /// [`StoreError`].
    fn wait(
        &self,
        id: &RequestId,
        patience: Option<Duration>,
        also: Option<BorrowedFd<'_>>,
        tick: &mut dyn FnMut(&Record, bool) -> bool,
    ) -> Result<Waited, StoreError>;
}
