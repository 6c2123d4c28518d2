//! The screen on which reviewers work: `hitl review`, and `hitl review --plain` for a screen reader.
//!
//! It has no privileges and decides nothing. What it shows it is told by `hitl pending --watch` and
//! `hitl show`, as JSON, and what a person decides on it is done by `hitl approve` and `hitl reject`,
//! each this very program, started anew: whatever is wrong with the screen, nobody can do more by it
//! than by typing those commands.
//!
//! Start with `state`, what is looked at; `keys` is what a key does to it, and asks for
//! `keys::Effect`s, which `run` sees to; `draw` draws it. `request` is what is known of a request,
//! `facts` what of it a reviewer must know, in which order, `layout` the lines of that, `list` the
//! lists, `prompt` the second step of a decision. `calls` are the commands in the background, `tty`
//! the terminal, `typed` the keys that it sends, `plain` the same work as a conversation.
//!
//! Everything that is shown went through [`crate::system::text`] first.

mod calls;
mod draw;
mod facts;
mod help;
mod keys;
mod layout;
mod list;
mod plain;
mod prompt;
mod request;
mod run;
mod spaces;
mod state;
mod tty;
mod typed;

#[cfg(test)]
mod tests;

use std::io;

pub use calls::Program;
pub use plain::converse;
pub use run::run;

/// How the screen was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Left {
    /// By its person.
    Closed,
    /// By this signal.
    Signalled(i32),
}

/// Why there is no screen.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// There is nobody to look at it.
    #[error(
        "hitl review draws on a terminal, and there is none here: \"hitl review --plain\" works \
         everywhere, and \"hitl pending --json\" is for programs"
    )]
    NoTerminal,
    /// The terminal cannot do it.
    #[error("this terminal (TERM=dumb) cannot be drawn on: use \"hitl review --plain\"")]
    Dumb,
    /// What is wrong with the terminal, or with starting a command.
    #[error("the screen had to end: {0}; \"hitl pending\" and \"hitl approve\" do the same work")]
    System(#[from] io::Error),
}
