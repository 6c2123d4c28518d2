//! `hitl tour`: the whole of hitl at work on files of its own. The real program on real files with a
//! state directory of its own; nothing is mocked, and nothing on this machine is changed.
//!
//! Every command is printed before it is run, so that a reader learns the tool; every step says what
//! it expects, and the tour fails where that is not what happens.

mod narrator;
mod stage;
mod story;

use super::arguments::TourArguments;
use super::failure::Failure;
use super::{Exit, Output};
use narrator::Narrator;
use stage::Stage;

/// Gives the tour.
pub(super) fn tour(arguments: &TourArguments, output: &Output) -> Result<Exit, Failure> {
    let narrator = Narrator::new(output.clone(), !arguments.no_pause);
    let mut stage = Stage::build()?;
    let told = story::tell(&stage, &narrator);
    if arguments.keep {
        output.say(&format!("the files of the tour are in {}", stage.keep().display()));
    }
    told?;
    Ok(Exit::Status(0))
}
