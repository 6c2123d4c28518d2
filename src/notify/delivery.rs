//! What the sender is given, and what it reports. Both are one line of JSON.

use serde::{Deserialize, Serialize};

use super::Told;
use super::facts::cut;
use crate::system::text::visible;

/// The most bytes of a report.
pub(super) const LONGEST_REPORT: usize = 4096;

/// The most bytes of an error in the audit log.
const LONGEST_ERROR: usize = 300;

/// Something to be sent, finished: whoever sends it needs no secret but what stands in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The format: 1.
    pub v: u32,
    /// How often it may be tried at most.
    pub tries: u32,
    /// How it is sent.
    pub means: Means,
}

/// How something is sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Means {
    /// By one POST.
    Http {
        /// Where to.
        url: String,
        /// Names and values, beside what HTTP itself needs.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// To a program.
    Program {
        /// An absolute path, and its arguments.
        argv: Vec<String>,
        /// What it reads on its standard input.
        input: String,
    },
}

impl Delivery {
    /// The format.
    pub const FORMAT: u32 = 1;
    /// The most bytes of a delivery.
    pub const LONGEST: u64 = 256 * 1024;
}

/// What came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The format: 1.
    pub v: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// The HTTP status or the exit status that came last.
    pub status: Option<u16>,
    /// How it ended.
    pub ending: Ending,
}

/// How a delivery ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Ending {
    /// It was taken.
    Taken,
    /// It was not: why, as a clause.
    Failed(String),
}

impl Report {
    /// What the sender says, read as what a stranger says: it has talked to one.
    pub(super) fn read(said: &[u8], delivery: &Delivery) -> Told {
        let report: Option<Report> = serde_json::from_slice(said).ok();
        let Some(report) = report.filter(|report| report.v == Delivery::FORMAT) else {
            return Told::not("the sender ended without a report that can be read");
        };
        Told {
            attempts: report.attempts.min(delivery.tries),
            status: report.status,
            error: match report.ending {
                Ending::Taken => None,
                Ending::Failed(error) => Some(cut(&visible(&error), LONGEST_ERROR)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delivery() -> Delivery {
        let means = Means::Program { argv: vec!["/bin/true".into()], input: String::new() };
        Delivery { v: 1, tries: 5, means }
    }

    #[test]
    fn a_report_is_what_a_stranger_says() {
        let told = |text: &str| Report::read(text.as_bytes(), &delivery());
        let good = told(r#"{"v":1,"attempts":2,"status":200,"ending":"taken"}"#);
        assert_eq!(good, Told { attempts: 2, status: Some(200), error: None });
        let hostile = told(
            r#"{"v":1,"attempts":4000000000,"status":null,"ending":{"failed":"\u001b[2J\n"}}"#,
        );
        assert_eq!(hostile.attempts, 5);
        assert_eq!(hostile.error.as_deref(), Some("\\e[2J\\n"));
        let long = format!(
            r#"{{"v":1,"attempts":1,"status":null,"ending":{{"failed":"{}"}}}}"#,
            "x".repeat(3000)
        );
        assert!(told(&long).error.unwrap().len() < 330);
        for bad in [
            "",
            "{}",
            "null",
            r#"{"v":2,"attempts":1,"status":200,"ending":"taken"}"#,
            r#"{"v":1,"attempts":1,"status":200}"#,
            r#"{"v":1,"attempts":1,"status":200,"ending":"taken","more":1}"#,
            r#"{"v":1,"attempts":-1,"status":200,"ending":"taken"}"#,
            r#"{"v":1,"attempts":1,"status":200,"ending":"taken"} {}"#,
        ] {
            assert!(told(bad).error.is_some(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_report_reads_as_success_unless_it_says_so(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Report::read(&bytes, &delivery()).error.is_some());
        }
    }
}
