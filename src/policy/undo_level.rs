//! How far an undo must go for a command to run: the values of `undo.level`.

use serde::Serialize;

use super::values::read_from_text;
use crate::snapshot::CoverageLevel;

/// The least that an undo must cover, from lenient to strict.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(into = "String")]
pub enum UndoLevel {
    /// `best-effort`: something is captured, and the command has no effect beyond files.
    BestEffort,
    /// `exact-within`: all that it can write is captured, since the kernel keeps it inside of that.
    ExactWithin,
}

impl UndoLevel {
    /// The word for it, as policies write it.
    pub fn word(self) -> &'static str {
        self.level().word()
    }

    /// What is demanded.
    pub fn level(self) -> CoverageLevel {
        match self {
            Self::BestEffort => CoverageLevel::BestEffort,
            Self::ExactWithin => CoverageLevel::ExactWithin,
        }
    }
}

impl TryFrom<String> for UndoLevel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "best-effort" => Ok(Self::BestEffort),
            "exact-within" => Ok(Self::ExactWithin),
            "exact" => Err("no undo of this hitl is exact, since nothing watches every write: write exact-within, and confine: required beside it".to_owned()),
            "none" => Err("none demands nothing: leave level out".to_owned()),
            _ => Err(format!(
                "{text:?} is not how far an undo can go: write exact-within (the command can write only what is snapshotted) or best-effort"
            )),
        }
    }
}

impl From<UndoLevel> for String {
    fn from(level: UndoLevel) -> Self {
        level.word().to_owned()
    }
}

read_from_text!(UndoLevel);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_the_same_value_and_the_stricter_one_is_greater() {
        assert!(UndoLevel::ExactWithin > UndoLevel::BestEffort);
        for level in [UndoLevel::BestEffort, UndoLevel::ExactWithin] {
            let text = serde_json::to_string(&level).unwrap();
            assert_eq!(serde_json::from_str::<UndoLevel>(&text).unwrap(), level);
            assert_eq!(serde_yaml::from_str::<UndoLevel>(level.word()).unwrap(), level);
        }
        for wrong in ["required", "none", "Exact-Within", "~", "true"] {
            assert!(serde_yaml::from_str::<UndoLevel>(wrong).is_err(), "{wrong}");
        }
        let error = serde_yaml::from_str::<UndoLevel>("exact").unwrap_err().to_string();
        assert!(error.contains("exact-within"), "{error}");
    }
}
