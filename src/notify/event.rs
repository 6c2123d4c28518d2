//! What people are told of.

use crate::review::State;

/// Something that has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A request waits for humans.
    Pending,
    /// A human has approved, and more must.
    Approval,
    /// Everything needed was given.
    Approved,
    /// A human said no.
    Rejected,
    /// Nobody decided, or used the approval, in time.
    Expired,
    /// The requester took it back.
    Cancelled,
    /// Something that it was bound to has changed.
    Void,
    /// Nobody knows how its command ended.
    Lost,
    /// A command has ended.
    Finished,
    /// A command was refused.
    Denied,
    /// Somebody has used emergency access.
    BreakGlass,
    /// Somebody else has reviewed that.
    Reviewed,
    /// Somebody tries whether a channel works.
    Test,
}

impl Event {
    /// The word for programs: the `type` of a webhook, `hitl.event` in the audit log.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "request.pending",
            Self::Approval => "request.approval",
            Self::Approved => "request.approved",
            Self::Rejected => "request.rejected",
            Self::Expired => "request.expired",
            Self::Cancelled => "request.cancelled",
            Self::Void => "request.void",
            Self::Lost => "request.lost",
            Self::Finished => "command.finished",
            Self::Denied => "command.denied",
            Self::BreakGlass => "break-glass.used",
            Self::Reviewed => "break-glass.reviewed",
            Self::Test => "notification.test",
        }
    }

    /// What it means that a request has come to this state.
    pub fn of_state(state: State) -> Self {
        match state {
            State::Pending => Self::Approval,
            State::Approved => Self::Approved,
            State::Running | State::Finished => Self::Finished,
            State::Rejected => Self::Rejected,
            State::Expired => Self::Expired,
            State::Cancelled => Self::Cancelled,
            State::Void => Self::Void,
            State::Unknown => Self::Lost,
        }
    }

    /// What has happened, as it goes on after the id of a request.
    pub(super) fn sentence(self) -> &'static str {
        match self {
            Self::Pending => "waits for approval",
            Self::Approval => "was approved by one, and needs more",
            Self::Approved => "is approved",
            Self::Rejected => "was rejected",
            Self::Expired => "has expired",
            Self::Cancelled => "was taken back",
            Self::Void => "is void",
            Self::Lost => "was lost: nobody knows how it ended",
            Self::Finished => "has ended",
            Self::Denied => "was denied",
            Self::BreakGlass => "uses BREAK-GLASS",
            Self::Reviewed => "was reviewed",
            Self::Test => "is a test",
        }
    }
}
