//! From the text of files to one document, each of its parts knowing the file it came from.

use std::ops::Range;

use serde::de::DeserializeOwned;

use super::diagnostic::{Diagnostic, Source};
use super::document::{Document, Part};
use super::locate::{Step, check_shape};

/// One document and the files that it came from.
pub(super) struct ReadDocument {
    pub(super) document: Document,
    files: Vec<File>,
}

/// A file, and which parts of the document it brought.
struct File {
    source: Source,
    groups: Range<usize>,
    requesters: Range<usize>,
    channels: Range<usize>,
    hosts: Range<usize>,
    rules: Range<usize>,
    tests: Range<usize>,
}

impl ReadDocument {
    /// Reads the main file and those beside it.
    pub(super) fn read(sources: Vec<Source>) -> Result<Self, Diagnostic> {
        let mut sources = sources.into_iter();
        let nothing = Source { name: "the policy".to_owned(), text: String::new() };
        let main = sources.next().unwrap_or(nothing);
        let document: Document = parse(&main)?;
        let first = File {
            source: main,
            groups: 0..document.groups.len(),
            requesters: 0..document.requesters.len(),
            channels: 0..document.channels.len(),
            hosts: 0..document.hosts.len(),
            rules: 0..document.rules.len(),
            tests: 0..document.tests.len(),
        };
        let mut read = Self { document, files: vec![first] };
        for source in sources {
            let part: Part = parse(&source)?;
            read.add(source, part);
        }
        Ok(read)
    }

    fn add(&mut self, source: Source, part: Part) {
        let document = &mut self.document;
        self.files.push(File {
            source,
            groups: append(&mut document.groups, part.groups),
            requesters: append(&mut document.requesters, part.requesters),
            channels: append(&mut document.channels, part.channels),
            hosts: append(&mut document.hosts, part.hosts),
            rules: append(&mut document.rules, part.rules),
            tests: append(&mut document.tests, part.tests),
        });
    }

    /// Something wrong at a place of the document, shown in the file that the place came from.
    pub(super) fn wrong(
        &self,
        place: &[Step],
        message: String,
        help: Option<String>,
    ) -> Diagnostic {
        let mut steps = place.to_vec();
        let mut file = self.files.first();
        if let [Step::Key(list), Step::Element(number), ..] = place {
            let holds = |file: &&File| file.range(list).is_some_and(|range| range.contains(number));
            if let Some((found, range)) =
                self.files.iter().find(holds).and_then(|file| Some((file, file.range(list)?)))
            {
                file = Some(found);
                steps.splice(1..2, [Step::Element(number - range.start)]);
            }
        }
        match file {
            Some(file) => Diagnostic::on(&file.source, &steps, message, help),
            None => {
                let nowhere = Source { name: "the policy".to_owned(), text: String::new() };
                Diagnostic::on(&nowhere, &[], message, help)
            }
        }
    }
}

impl File {
    fn range(&self, list: &str) -> Option<Range<usize>> {
        match list {
            "groups" => Some(self.groups.clone()),
            "requesters" => Some(self.requesters.clone()),
            "channels" => Some(self.channels.clone()),
            "hosts" => Some(self.hosts.clone()),
            "rules" => Some(self.rules.clone()),
            "tests" => Some(self.tests.clone()),
            _ => None,
        }
    }
}

fn append<T>(all: &mut Vec<T>, more: Vec<T>) -> Range<usize> {
    let start = all.len();
    all.extend(more);
    start..all.len()
}

fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Diagnostic> {
    let says_nothing = |line: &str| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    };
    if source.text.lines().all(says_nothing) {
        let help = "a policy begins with \"version: 1\" and \"name: …\" (\"hitl init\" writes one to \
                    start from); a further file that has nothing to add has to go";
        let message = "there is nothing in this file".to_owned();
        return Err(Diagnostic::at(source, (1, 1), message, Some(help.to_owned())));
    }
    check_shape(&source.text)
        .and_then(|()| serde_yaml::from_str(&source.text))
        .map_err(|error| Diagnostic::from_yaml(source, &error))
}
