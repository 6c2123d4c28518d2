//! `hitl man`: the man pages. Those of the commands are made from the command line's own definition,
//! those of the two formats are written by hand.

use std::path::Path;

use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::arguments::{Arguments, ManArguments};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, help};
use crate::system::durable;
use crate::system::text::visible_path;

/// The pages that are written by hand, each with its file name.
const WRITTEN: [(&str, &str); 2] = [
    ("hitl-policy.5", include_str!("../../man/hitl-policy.5")),
    ("hitl-audit.5", include_str!("../../man/hitl-audit.5")),
];

/// One man page.
struct Page {
    /// The file's name: `hitl-run.1`.
    file: String,
    /// The page in roff.
    roff: String,
}

impl Page {
    /// The name without the section.
    fn name(&self) -> &str {
        self.file.rsplit_once('.').map_or(&self.file, |(name, _)| name)
    }
}

/// Prints a page, or writes all of them.
pub(super) fn man(arguments: &ManArguments, output: &Output) -> Result<Exit, Failure> {
    let pages = pages()?;
    if let Some(directory) = &arguments.directory {
        for page in &pages {
            write(directory, page)?;
        }
        output.say(&format!("wrote {} pages to {}", pages.len(), visible_path(directory)));
        return Ok(Exit::Status(0));
    }
    let wanted = &arguments.page;
    let Some(page) = pages.iter().find(|page| page.file == *wanted || page.name() == wanted) else {
        let names: Vec<_> = pages.iter().map(|page| page.file.as_str()).collect();
        return Err(Failure::new(
            ExitCode::Usage,
            format!("there is no page {wanted:?}; there are {}", names.join(", ")),
        ));
    };
    output.print(&page.roff)?;
    Ok(Exit::Status(0))
}

fn write(directory: &Path, page: &Page) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::new(
            ExitCode::Failed,
            format!("cannot create {}: {error}", visible_path(directory)),
        )
    })?;
    let path = directory.join(&page.file);
    durable::write(&path, page.roff.as_bytes())?;
    // Man pages are for everybody to read.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&path, mode)?;
    Ok(())
}

/// All pages: those of the formats, then one for hitl, each command, each command of a command.
fn pages() -> Result<Vec<Page>, Failure> {
    let mut pages: Vec<Page> = WRITTEN
        .iter()
        .map(|(file, roff)| Page { file: (*file).to_owned(), roff: (*roff).to_owned() })
        .collect();
    let mut root = Arguments::command().disable_help_subcommand(true);
    root.build();
    let everywhere: Vec<String> = root
        .get_arguments()
        .filter(|argument| argument.get_help_heading() == Some(help::GLOBAL_OPTIONS))
        .map(|argument| argument.get_id().to_string())
        .collect();
    collect(&root, "hitl", &everywhere, &mut pages)?;
    Ok(pages)
}

/// The page of a command and those of its own commands. What applies `everywhere` stands on the
/// first page alone.
fn collect(
    command: &clap::Command,
    name: &str,
    everywhere: &[String],
    pages: &mut Vec<Page>,
) -> Result<(), Failure> {
    let is_root = command.get_name() == name;
    let mut shown = command.clone().display_name(name.to_owned());
    if !is_root {
        for argument in everywhere {
            shown = shown.mut_arg(argument, |argument| argument.hide(true));
        }
    }
    pages.push(Page { file: format!("{name}.1"), roff: page(shown, name, is_root)? });
    for inner in command.get_subcommands() {
        collect(inner, &format!("{name}-{}", inner.get_name()), everywhere, pages)?;
    }
    Ok(())
}

fn page(command: clap::Command, name: &str, is_root: bool) -> Result<String, Failure> {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let more = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (paragraphs, sections) = parts(&more);
    let has_arguments = command.get_arguments().any(|argument| !argument.is_hide_set());
    let has_commands = command.has_subcommands();
    let man = Man::new(command);
    // By hand, since the library leaves an empty date out, and the version for one.
    let title = name.to_uppercase();
    let mut roff =
        format!(".TH \"{title}\" 1 \"\" \"hitl {}\" \"hitl\"\n", env!("CARGO_PKG_VERSION"))
            .into_bytes();
    let mut top = Roff::new();
    let (first, rest) = about.split_once("\n\n").unwrap_or((&about, ""));
    let first = first.trim_end_matches('.');
    top.control("SH", ["NAME"]).text([roman(format!("{name} - {first}"))]);
    top.to_writer(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    let mut description = Roff::new();
    description.control("SH", ["DESCRIPTION"]);
    let said = if rest.is_empty() { format!("{first}.") } else { rest.to_owned() };
    description.text([roman(said)]);
    for paragraph in paragraphs {
        description.control("PP", []).text([roman(paragraph)]);
    }
    description.to_writer(&mut roff)?;
    if has_commands {
        man.render_subcommands_section(&mut roff)?;
    }
    if has_arguments {
        man.render_options_section(&mut roff)?;
    }
    let mut bottom = Roff::new();
    for (heading, lines) in sections {
        bottom.control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
        for line in lines {
            bottom.text([roman(line)]);
        }
        bottom.control("fi", []);
    }
    let others = if is_root {
        "hitl-policy(5), hitl-audit(5)"
    } else {
        "hitl(1), hitl-policy(5), hitl-audit(5)"
    };
    bottom.control("SH", ["SEE ALSO"]);
    if !is_root {
        bottom.text([roman("The options that every command takes are described in hitl(1).")]);
        bottom.control("PP", []);
    }
    bottom.text([roman(others)]);
    bottom.to_writer(&mut roff)?;
    // Each part comes with definitions that one page needs once.
    let definitions = Roff::new().render();
    let body = String::from_utf8_lossy(&roff).replace(&definitions, "");
    Ok(format!("{definitions}{body}"))
}

/// The paragraphs of what `--help` adds, and its sections with their lines.
fn parts(text: &str) -> (Vec<String>, Vec<(&str, Vec<&str>)>) {
    let mut paragraphs = Vec::new();
    let mut sections: Vec<(&str, Vec<&str>)> = Vec::new();
    for block in text.split("\n\n") {
        let heading = block.lines().next().filter(|line| help::SECTIONS.contains(line));
        match (heading, sections.last_mut()) {
            (Some(heading), _) => {
                let lines = block.lines().skip(1).map(unindented).collect();
                sections.push((heading.trim_end_matches(':'), lines));
            }
            // A section can have several blocks: they are indented.
            (None, Some((_, lines))) if block.starts_with("  ") => {
                lines.push("");
                lines.extend(block.lines().map(unindented));
            }
            (None, _) if block.is_empty() => {}
            (None, _) => paragraphs.push(block.lines().collect::<Vec<_>>().join(" ")),
        }
    }
    (paragraphs, sections)
}

fn unindented(line: &str) -> &str {
    line.strip_prefix("  ").unwrap_or(line)
}
