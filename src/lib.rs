//! hitl: privileged work that must not run on one person's, or one program's, say-so.
//!
//! The rooms, in the order in which a command walks through them:
//!
//! | room | what it holds |
//! |---|---|
//! | [`invocation`] | what is asked: argv, executable, directory, environment, run-as, requester, operands |
//! | [`policy`] | Decision Authority: the rules that say what is autonomous and what needs a human |
//! | [`authenticate`] | that a person is who they say, by PAM, and what is remembered of it |
//! | [`review`] | Oversight Mechanism: requests, what they are bound to, who may decide, waiting |
//! | [`signing`] | that a person said yes with a key of theirs: SSH signatures, and whose key is whose |
//! | [`snapshot`] | Rollback Capability: what a command can touch, capture, diff, undo |
//! | [`edit`] | what an edit needs around its write: the copy, who could exchange a file, the install |
//! | [`execute`] | the identity switch, the environment, signals, the child's status |
//! | [`notify`] | who is told what, and the program without privileges that tells them |
//! | [`audit`] | the hash-chained record that an outsider can verify |
//! | [`protocol`] | Intervention Protocol: the one function that walks a command through the rooms |
//! | [`doctor`] | whether an installation can do its work, and the command that mends it |
//! | [`system`] | what every room needs from the machine |
//! | [`front`] | whoever talks to the person: the unprivileged process, and the channel to it |
//! | [`screen`] | where reviewers work: `hitl review`, which has no privileges and acts by calling hitl |
//! | [`cli`] | arguments in, a call, output out |
//!
//! Rooms import neither [`cli`] nor each other's insides: what crosses a wall is a type in the
//! room's `mod.rs`. Only [`protocol`] knows them all, and [`doctor`] those that it examines.

pub mod audit;
pub mod authenticate;
pub mod cli;
pub mod doctor;
pub mod edit;
pub mod execute;
pub mod front;
pub mod invocation;
pub mod notify;
pub mod policy;
pub mod protocol;
pub mod review;
pub mod screen;
pub mod signing;
pub mod snapshot;
pub mod system;
