//! The conditions of rules, exceptions and raises.

use serde::{Deserialize, Serialize};

use super::CommandPattern;
use super::glob::{PathPattern, TokenPattern};
use super::quantity::Quantity;
use super::tables::Table;
use super::values::{Name, OneOrMany, given, read_from_text};
use crate::invocation::RequesterKind;

/// Conditions, all of which must hold; a list holds where one of its values does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// The program.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub command: Option<OneOrMany<CommandPattern>>,
    /// Its arguments, token by token; `**` is any number of them.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<TokenPattern>>,
    /// Flags, one of which is given.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub flags_any: Option<OneOrMany<FlagName>>,
    /// Flags, all of which are given.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub flags_all: Option<OneOrMany<FlagName>>,
    /// The only flags that may be given, for rules that allow: an option that nobody thought of
    /// (`--output`, `--exec`) then takes the command out of the rule. Empty: none at all.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub flags_only: Option<Vec<PermittedFlag>>,
    /// A flag with a number.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub flag: Option<FlagCondition>,
    /// Paths among its operands.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub paths: Option<OneOrMany<PathPattern>>,
    /// The login name that it is to run as.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub run_as: Option<OneOrMany<Name>>,
    /// The requester's login name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub users: Option<OneOrMany<Name>>,
    /// A group of the host that the requester is in.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub unix_groups: Option<OneOrMany<Name>>,
    /// What kind of requester. What restricts humans also restricts pipelines and agents, and what
    /// restricts pipelines also restricts agents; an allow or an exception is for that kind only.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub requester: Option<OneOrMany<RequesterKind>>,
    /// The host's name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub hosts: Option<OneOrMany<TokenPattern>>,
    /// Labels of the host, all of them.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub labels: Option<Table>,
    /// The working directory.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub cwd: Option<OneOrMany<PathPattern>>,
}

read_from_text!(FlagName, PermittedFlag);

/// A flag as rules write it: `-r`, `--recursive`, `-auto-approve`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(into = "String")]
pub struct FlagName(String);

impl FlagName {
    /// The flag with its dashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FlagName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = text.trim_start_matches('-');
        let dashes = text.len() - name.len();
        let readable = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'=');
        if matches!(dashes, 1 | 2) && !name.is_empty() && readable {
            Ok(Self(text))
        } else {
            Err(format!(
                "{text:?} is not a flag: write it with its dashes and without a value, for example -r or --recursive"
            ))
        }
    }
}

impl From<FlagName> for String {
    fn from(flag: FlagName) -> Self {
        flag.0
    }
}

/// A flag that may be given: `-n`, `--lines`, or with a glob that its value must match, after a
/// space: `-o {wide,yaml}` holds for `-o yaml`, `-oyaml` and `-o=yaml`.
#[derive(Clone, Debug, Serialize)]
#[serde(into = "String")]
pub struct PermittedFlag {
    pub(super) flag: FlagName,
    pub(super) value: Option<TokenPattern>,
}

impl TryFrom<String> for PermittedFlag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (flag, value) = match text.split_once(' ') {
            Some((flag, value)) => (flag, Some(TokenPattern::try_from(value.trim().to_owned())?)),
            None => (text.as_str(), None),
        };
        if value.as_ref().is_some_and(|value| value.as_str().is_empty()) {
            return Err(format!("{text:?} ends where the glob for the flag's value should stand"));
        }
        Ok(Self { flag: FlagName::try_from(flag.to_owned())?, value })
    }
}

impl From<PermittedFlag> for String {
    fn from(permitted: PermittedFlag) -> Self {
        let flag: String = permitted.flag.into();
        permitted.value.map_or(flag.clone(), |value| format!("{flag} {}", value.as_str()))
    }
}

/// A flag with a number, compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagCondition {
    /// The flag.
    pub name: FlagName,
    /// Greater than.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub gt: Option<Quantity>,
    /// Greater than or equal to.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub ge: Option<Quantity>,
    /// Less than.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub lt: Option<Quantity>,
    /// Less than or equal to.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub le: Option<Quantity>,
    /// Equal to.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub eq: Option<Quantity>,
}

/// How a flag's number is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Equal,
}

impl Comparison {
    /// The comparison as mathematics writes it.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
        }
    }
}

impl FlagCondition {
    /// The comparisons that are written, all of which must hold.
    pub(super) fn comparisons(&self) -> impl Iterator<Item = (Comparison, Quantity)> {
        [
            (Comparison::Greater, self.gt),
            (Comparison::GreaterOrEqual, self.ge),
            (Comparison::Less, self.lt),
            (Comparison::LessOrEqual, self.le),
            (Comparison::Equal, self.eq),
        ]
        .into_iter()
        .filter_map(|(comparison, bound)| bound.map(|bound| (comparison, bound)))
    }
}
