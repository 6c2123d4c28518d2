//! Which rules a command can reach, found by the names of its executable, so that nothing is spent
//! on the others.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Decision;
use super::rule::Rule;
use crate::invocation::{ExecutableNames, PathLookup};

/// The rules by the last component of their commands.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    by_name: BTreeMap<String, Vec<usize>>,
    /// Rules without a command, or with one whose last component is a glob.
    any_name: Vec<usize>,
    /// Restricting rules by their literal path, which may be a link to a file of another name.
    links: BTreeMap<PathBuf, Vec<usize>>,
}

impl Index {
    pub(super) fn of(rules: &[Rule]) -> Self {
        let mut index = Self::default();
        for (number, rule) in rules.iter().enumerate() {
            let Some(commands) = &rule.matches.command else {
                index.any_name.push(number);
                continue;
            };
            for command in &commands.0 {
                match command.literal_name() {
                    Some(name) => index.by_name.entry(name.to_owned()).or_default().push(number),
                    None => index.any_name.push(number),
                }
                if let Some(path) =
                    command.literal_path().filter(|_| rule.decision != Decision::Allow)
                {
                    index.links.entry(path.to_owned()).or_default().push(number);
                }
            }
        }
        index
    }

    /// The numbers of the rules that can be about an executable of these names, in order.
    pub(super) fn reach(
        &self,
        names: &ExecutableNames,
        lookup: &dyn PathLookup,
    ) -> BTreeSet<usize> {
        let paths = names.named.iter().chain(&names.real);
        let typed = names.typed.as_path();
        let last_components: BTreeSet<&OsStr> = paths
            .filter_map(|path| path.file_name())
            .chain([typed.file_name().unwrap_or(typed.as_os_str())])
            .collect();
        let named = last_components
            .iter()
            .filter_map(|name| std::str::from_utf8(name.as_bytes()).ok())
            .filter_map(|name| self.by_name.get(name))
            .flatten();
        let linked = names.real.iter().flat_map(|real| {
            self.links
                .iter()
                // The others are reached by their name already.
                .filter(|(path, _)| path.file_name().is_some_and(|n| !last_components.contains(n)))
                .filter(|(path, _)| lookup.may_be_link(path) && lookup.real(path) == *real)
                .flat_map(|(_, rules)| rules)
        });
        named.chain(&self.any_name).chain(linked).copied().collect()
    }
}
