//! The `hitl` command: sanitise, parse, dispatch, exit. Everything else is in the library.

use std::process::exit;

use hitl::cli::{self, Exit, ExitCode};
use hitl::execute;

fn main() {
    let caller = match execute::sanitise() {
        Ok(caller) => caller,
        Err(error) => {
            cli::complain(&error);
            exit(ExitCode::Failed as i32);
        }
    };
    match cli::main(caller) {
        Exit::Status(status) => exit(status),
        Exit::As(ending) => execute::pass_on(ending),
    }
}
