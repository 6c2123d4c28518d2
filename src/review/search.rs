//! Finding requests by a word that somebody remembers.

use super::Record;

/// A text that is looked for, whatever its case.
#[derive(Clone, Debug)]
pub struct Search(String);

impl Search {
    /// A search for this text.
    pub fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }

    /// Whether it stands in the request's id, requester, command, directory, reason, ticket or rules.
    /// To be asked of a request as its viewer may know it: otherwise they could guess the rest.
    pub fn finds(&self, record: &Record) -> bool {
        let bound = &record.bound;
        let words: Vec<_> =
            bound.argv.iter().map(|word| String::from_utf8_lossy(word.as_bytes())).collect();
        self.is_in(&record.id.to_string())
            || self.is_in(record.id.characters())
            || self.is_in(&bound.requester.name)
            || self.is_in(&words.join(" "))
            || self.is_in(&String::from_utf8_lossy(bound.directory.as_bytes()))
            || bound.reason.as_deref().is_some_and(|reason| self.is_in(reason))
            || bound.ticket.as_deref().is_some_and(|ticket| self.is_in(ticket))
            || bound.rules.iter().any(|rule| self.is_in(rule))
    }

    /// Whether it stands in this text.
    pub fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::samples;

    #[test]
    fn a_request_is_found_by_what_a_person_remembers_of_it_in_any_case() {
        let mut record = samples::record();
        record.bound.ticket = Some("OPS-4711".into());
        for found in [
            "k7q2-mx4p",
            "K7Q2MX",
            "Alice",
            "DEPLOY.sh /srv/plan",
            "/srv/app",
            "Release 4",
            "ops-47",
            "deploys",
            "",
        ] {
            assert!(Search::new(found).finds(&record), "{found}");
        }
        for other in ["bob", "deploy.sh  /srv/plan", "hmac", &record.bound.nonce.clone()] {
            assert!(!Search::new(other).finds(&record), "{other}");
        }
    }
}
