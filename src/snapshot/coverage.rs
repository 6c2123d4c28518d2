//! How far the undo of a command will go: said before it runs, and on record.
//!
//! The design knows one level more, `exact`: every write was seen, and nothing escaped. Only what
//! watches the command itself could promise that, so nothing yields it and no policy can demand it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Affected;

/// How far the undo of a command will go.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageLevel {
    /// Nothing that it changes comes back, or not all of it: nothing is captured, or what it does
    /// is more than a change of this host's files.
    None,
    /// What is captured comes back, and it may change other files.
    BestEffort,
    /// All that it writes is captured: the kernel keeps its writes (Landlock) inside of it. Modes,
    /// owners, times and attributes of other files, and what services do for it, are not kept.
    ExactWithin,
    /// As far as hitl knows it changes no file, so that nothing is to be undone.
    NothingToUndo,
}

impl CoverageLevel {
    /// The word for it, as policies, JSON and the log write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BestEffort => "best-effort",
            Self::ExactWithin => "exact-within",
            Self::NothingToUndo => "nothing-to-undo",
        }
    }

    /// What it means, as a clause for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::None => "what it does cannot be undone, or not all of it",
            Self::BestEffort => "what is snapshotted comes back, and it may change more",
            Self::ExactWithin => "it can write only what is snapshotted",
            Self::NothingToUndo => "as far as hitl knows, it changes no file",
        }
    }

    /// Whether it is as much as somebody demands. Where there is nothing to undo, every demand is met.
    pub fn meets(self, demanded: Self) -> bool {
        self.rank() >= demanded.rank()
    }

    fn rank(self) -> u8 {
        match self {
            Self::None => 0,
            Self::BestEffort => 1,
            Self::ExactWithin => 2,
            Self::NothingToUndo => 3,
        }
    }
}

impl fmt::Display for CoverageLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.word())
    }
}

/// What an undo will not cover.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotCovered {
    /// What it means for how far the undo goes.
    pub gap: Gap,
    /// A sentence for people, without its full stop.
    pub sentence: String,
}

/// What something that is not covered means for how far an undo goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gap {
    /// An effect that is no change of a file of this host, which nothing brings back: with one of
    /// them the level is `none`, whatever else is captured.
    Beyond,
    /// Files that may change and are not captured, or not wholly: best effort at most.
    Files,
    /// What every level leaves open, and what cannot be changed at all: it is said, and lowers
    /// nothing.
    Said,
}

impl NotCovered {
    /// An effect that is no change of a file of this host.
    pub fn beyond(sentence: impl Into<String>) -> Self {
        Self { gap: Gap::Beyond, sentence: sentence.into() }
    }

    /// Files that may change and are not captured.
    pub fn files(sentence: impl Into<String>) -> Self {
        Self { gap: Gap::Files, sentence: sentence.into() }
    }

    /// What is only to be said.
    pub fn said(sentence: impl Into<String>) -> Self {
        Self { gap: Gap::Said, sentence: sentence.into() }
    }
}

/// How far an undo will go, and what it will not cover.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coverage {
    /// How far.
    pub level: CoverageLevel,
    /// What not, a sentence each: what lowers the level first.
    pub not_covered: Vec<String>,
    /// How many of them lower it.
    pub lowering: usize,
}

impl Coverage {
    /// What lowers the level, a sentence each.
    pub fn reasons(&self) -> &[String] {
        self.not_covered.get(..self.lowering).unwrap_or_default()
    }

    /// Why the level is what it is, in one line: the first reasons, where there are any.
    pub fn because(&self) -> String {
        const NAMED: usize = 2;
        let reasons = self.reasons();
        let named = reasons.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
        match reasons.len() {
            0 => self.level.meaning().to_owned(),
            count if count > NAMED => format!("{named}; and {} more", count - NAMED),
            _ => named,
        }
    }
}

impl Default for Coverage {
    fn default() -> Self {
        Self { level: CoverageLevel::None, not_covered: Vec::new(), lowering: 0 }
    }
}

impl Affected {
    /// Whether anything is captured at all.
    pub fn is_captured(&self) -> bool {
        !self.declared.is_empty() || !self.operands.is_empty()
    }

    /// How far an undo will go, beside what was found while looking: sentences about files that are
    /// not captured, or not wholly.
    pub fn coverage(&self, found: &[String]) -> Coverage {
        self.covered(&self.not_covered, found)
    }

    /// The same, as far as its requester may know it, where they may not see everything. What was
    /// found is not told to them.
    pub fn coverage_told(&self) -> Option<Coverage> {
        self.not_covered_told.as_ref().map(|known| self.covered(known, &[]))
    }

    fn covered(&self, known: &[NotCovered], found: &[String]) -> Coverage {
        let with = |gap: Gap| known.iter().filter(move |one| one.gap == gap);
        let is_open = with(Gap::Files).next().is_some() || !found.is_empty();
        let level = match (self.is_captured(), is_open) {
            _ if with(Gap::Beyond).next().is_some() => CoverageLevel::None,
            (_, false) if self.changes_nothing => CoverageLevel::NothingToUndo,
            (true, false) if self.confined => CoverageLevel::ExactWithin,
            (true, _) => CoverageLevel::BestEffort,
            (false, true) => CoverageLevel::None,
            // It can write nothing at all, or is not known to.
            (false, false) => CoverageLevel::NothingToUndo,
        };
        let sentences = |gap: Gap| with(gap).map(|one| &one.sentence);
        let lowering = sentences(Gap::Beyond).chain(sentences(Gap::Files)).chain(found);
        let mut not_covered: Vec<String> = lowering.cloned().collect();
        let lowering = not_covered.len();
        not_covered.extend(sentences(Gap::Said).cloned());
        Coverage { level, not_covered, lowering }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_the_lowest_of_what_is_known() {
        use CoverageLevel::{BestEffort, ExactWithin, None, NothingToUndo};
        let beyond = || NotCovered::beyond("a daemon");
        let files = || NotCovered::files("other files");
        let said = || NotCovered::said("modes");
        let found = ["a mount point".to_owned()];
        let nothing: &[String] = &[];
        for (captured, confined, known, found, level) in [
            (false, false, vec![], nothing, NothingToUndo),
            (false, true, vec![said()], nothing, NothingToUndo),
            (false, false, vec![files()], nothing, None),
            (false, false, vec![beyond()], nothing, None),
            (true, false, vec![], nothing, BestEffort),
            (true, false, vec![files(), said()], nothing, BestEffort),
            (true, true, vec![said()], nothing, ExactWithin),
            (true, true, vec![said(), files()], nothing, BestEffort),
            (true, true, vec![said()], &found[..], BestEffort),
            (true, true, vec![said(), beyond()], nothing, None),
            (true, false, vec![files(), beyond()], &found[..], None),
        ] {
            let declared = if captured { vec!["/etc/app".to_owned()] } else { Vec::new() };
            let affected =
                Affected { declared, confined, not_covered: known, ..Affected::default() };
            let coverage = affected.coverage(found);
            assert_eq!(coverage.level, level, "{affected:?} {found:?}");
            assert_eq!(coverage.not_covered.len(), affected.not_covered.len() + found.len());
        }
        // What lowers the level is read first.
        let not_covered = vec![said(), files(), beyond()];
        let affected = Affected { not_covered, ..Affected::default() };
        assert_eq!(affected.coverage(&found).not_covered[0], "a daemon");
        // What a rule names is captured, and a command that only reads leaves nothing to undo.
        let declared = vec!["/etc/app".to_owned()];
        let reads = Affected { declared, changes_nothing: true, ..Affected::default() };
        assert_eq!(reads.coverage(&[]).level, NothingToUndo);
    }

    #[test]
    fn a_level_meets_what_is_demanded_of_it_and_less() {
        use CoverageLevel::{BestEffort, ExactWithin, None, NothingToUndo};
        for (level, demanded, met) in [
            (None, BestEffort, false),
            (None, ExactWithin, false),
            (BestEffort, BestEffort, true),
            (BestEffort, ExactWithin, false),
            (ExactWithin, ExactWithin, true),
            (ExactWithin, BestEffort, true),
            (NothingToUndo, ExactWithin, true),
        ] {
            assert_eq!(level.meets(demanded), met, "{level} {demanded}");
        }
    }
}
