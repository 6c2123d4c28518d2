//! `hitl man`: the man pages, made from the command line's own definition.

use std::path::Path;

use clap::CommandFactory;

use super::arguments::{Arguments, ManArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output};
use crate::system::durable;

/// One man page.
pub(super) struct Page {
    /// `hitl` or `hitl-run`: the file is `hitl-run.1`.
    pub name: String,
    /// The page in roff.
    pub roff: String,
}

/// Prints a page, or writes all of them.
pub(super) fn man(arguments: &ManArguments, output: &Output) -> Result<Exit, Failure> {
    let pages = pages()?;
    if let Some(directory) = &arguments.directory {
        for page in &pages {
            write(directory, page)?;
        }
        output.say(&format!("wrote {} pages to {}", pages.len(), directory.display()));
        return Ok(Exit::Status(0));
    }
    let Some(page) = pages.iter().find(|page| page.name == arguments.page) else {
        let names: Vec<_> = pages.iter().map(|page| page.name.as_str()).collect();
        return Err(Failure::new(
            ExitCode::Usage,
            format!("there is no page {:?}; there are {}", arguments.page, names.join(", ")),
        ));
    };
    output.print(&page.roff)?;
    Ok(Exit::Status(0))
}

fn write(directory: &Path, page: &Page) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::new(ExitCode::Failed, format!("cannot create {}: {error}", directory.display()))
    })?;
    let path = directory.join(format!("{}.1", page.name));
    durable::write(&path, page.roff.as_bytes())?;
    // Man pages are for everybody to read.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&path, mode)?;
    Ok(())
}

/// All pages: one for hitl, one for each command, one for each command of a command.
pub(super) fn pages() -> Result<Vec<Page>, Failure> {
    let mut root = Arguments::command();
    root.build();
    let mut pages = Vec::new();
    collect(&root, "hitl", &mut pages)?;
    Ok(pages)
}

fn collect(command: &clap::Command, name: &str, pages: &mut Vec<Page>) -> Result<(), Failure> {
    let mut roff = Vec::new();
    clap_mangen::Man::new(command.clone().name(name.to_owned()).display_name(name.to_owned()))
        .title(name.to_uppercase())
        .manual("hitl")
        .source(format!("hitl {}", env!("CARGO_PKG_VERSION")))
        .render(&mut roff)?;
    pages.push(Page { name: name.to_owned(), roff: String::from_utf8_lossy(&roff).into_owned() });
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        collect(inner, &format!("{name}-{}", inner.get_name()), pages)?;
    }
    Ok(())
}
