//! What a decision is bound to: its digest, and what has changed since.

use std::fmt;

use super::wording::{input_text, kind_text, run_as_text, undigested};
use super::{Bound, BoundRequester};
use crate::invocation::BoundFile;
use crate::system::canonical::{self, CanonicalError};
use crate::system::text::{visible, visible_argument, visible_bytes};
use crate::system::{ByteString, Digest};

/// One thing that is not as it was when the request was made. All three texts are safe to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What changed: `the file /srv/deploy.sh`, `argument 3`.
    pub what: String,
    /// As it was.
    pub was: String,
    /// As it is.
    pub is: String,
}

impl Difference {
    /// Several differences as the reason for which a request is void.
    pub fn sentence(differences: &[Difference]) -> String {
        differences.iter().map(Difference::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} changed: {} → {}", self.what, self.was, self.is)
    }
}

impl Bound {
    /// The format that this version writes and reads.
    pub const FORMAT: u32 = 1;

    /// The digest that a decision is about: SHA-256 over the canonical JSON.
    ///
    /// # Errors
    /// [`CanonicalError`] where something has no canonical form.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }

    /// A nonce for a new request: 128 bits from the kernel, in hex.
    ///
    /// # Errors
    /// Where the kernel gives no randomness.
    pub fn fresh_nonce() -> Result<String, getrandom::Error> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes)?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Everything that is not the same in `now`, which was taken again. Nonce, expiry, and
    /// what the requester says about it (reason, ticket, plan) belong to the request itself and are not
    /// compared.
    pub fn differences(&self, now: &Bound) -> Vec<Difference> {
        // Taken apart by name: whoever adds a field must decide here how it is compared.
        let Bound {
            v,
            argv,
            executable,
            directory,
            operands,
            environment,
            run_as,
            input,
            host,
            boot_id,
            requester,
            policy,
            rules,
            reason: _,
            ticket: _,
            plan: _,
            break_glass,
            nonce: _,
            expires_ms: _,
        } = self;
        let mut found = Differences(Vec::new());
        found.compare("the format of the request", v, &now.v, u32::to_string);
        found.arguments(argv, &now.argv);
        found.file("the executable", executable, &now.executable);
        found.compare("the working directory", directory, &now.directory, path);
        found.operands(operands, &now.operands);
        found.environment_names(&environment.names, &now.environment.names);
        if environment.names == now.environment.names {
            // Only the commitment can be shown: the values may be secrets.
            let commitment = |values: &Digest| format!("hmac-{values}");
            let what = "a value in the environment";
            found.compare(what, &environment.values, &now.environment.values, commitment);
        }
        found.compare("the user that it runs as", run_as, &now.run_as, run_as_text);
        found.compare("standard input", input, &now.input, |input| input_text(*input).to_owned());
        found.compare("the host", host, &now.host, |host| {
            format!("{} ({})", visible(&host.name), visible(&host.id))
        });
        // A boot id says nothing to a person; that there was a reboot does.
        if *boot_id != now.boot_id {
            found.push("the boot (the machine was restarted)", &boot_id.0, &now.boot_id.0);
        }
        found.compare("the requester", requester, &now.requester, requester_text);
        found.compare("the policy", policy, &now.policy, Digest::to_string);
        found.compare("the set of rules that match", rules, &now.rules, |rules| {
            if rules.is_empty() { "none".to_owned() } else { visible(&rules.join(", ")) }
        });
        found.compare("whether a denial is lifted", break_glass, &now.break_glass, |lifted| {
            if *lifted { "it is lifted" } else { "it is not" }.to_owned()
        });
        found.0
    }
}

/// Collects what differs.
struct Differences(Vec<Difference>);

impl Differences {
    fn push(&mut self, what: impl Into<String>, was: impl Into<String>, is: impl Into<String>) {
        self.0.push(Difference { what: what.into(), was: was.into(), is: is.into() });
    }

    fn compare<T: PartialEq>(&mut self, what: &str, was: &T, is: &T, text: impl Fn(&T) -> String) {
        if was != is {
            self.push(what, text(was), text(is));
        }
    }

    fn arguments(&mut self, was: &[ByteString], is: &[ByteString]) {
        let text = |argument: Option<&ByteString>| {
            argument.map_or_else(
                || "not there".to_owned(),
                |argument| visible_argument(argument.as_bytes()),
            )
        };
        for index in 0..was.len().max(is.len()) {
            let (old, new) = (was.get(index), is.get(index));
            if old != new {
                let what =
                    if index == 0 { "the command".to_owned() } else { format!("argument {index}") };
                self.push(what, text(old), text(new));
            }
        }
    }

    fn file(&mut self, what: &str, was: &BoundFile, is: &BoundFile) {
        if was.path != is.path {
            self.push(what, path(&was.path), path(&is.path));
        } else if was != is {
            let what = format!("{what} {}", path(&was.path));
            // The digest says most; where it is the same, or unknown, the rest tells them apart.
            if was.sha256 != is.sha256 {
                self.push(what, content(was), content(is));
            } else {
                self.push(what, place(was), place(is));
            }
        }
    }

    fn operands(&mut self, was: &[BoundFile], is: &[BoundFile]) {
        let before = self.0.len();
        for old in was {
            match is.iter().find(|new| new.path == old.path) {
                Some(new) => self.file("the file", old, new),
                None => self.push(
                    format!("the file {}", path(&old.path)),
                    content(old),
                    "gone, or no longer a regular file",
                ),
            }
        }
        for new in is {
            if !was.iter().any(|old| old.path == new.path) {
                self.push(
                    format!("the file {}", path(&new.path)),
                    "not there, or not a regular file",
                    content(new),
                );
            }
        }
        // The same files named in another order or another number of times.
        if self.0.len() == before && was != is {
            let names = |files: &[BoundFile]| {
                files.iter().map(|file| path(&file.path)).collect::<Vec<_>>().join(", ")
            };
            self.push("the list of files among the arguments", names(was), names(is));
        }
    }

    fn environment_names(&mut self, was: &[ByteString], is: &[ByteString]) {
        let what = |name: &ByteString| format!("the environment variable {}", path(name));
        let before = self.0.len();
        for name in was.iter().filter(|name| !is.contains(name)) {
            self.push(what(name), "set", "not set");
        }
        for name in is.iter().filter(|name| !was.contains(name)) {
            self.push(what(name), "not set", "set");
        }
        if self.0.len() == before && was != is {
            let count = |names: &[ByteString]| format!("{} names", names.len());
            self.push("the list of environment variables", count(was), count(is));
        }
    }
}

fn path(bytes: &ByteString) -> String {
    visible_bytes(bytes.as_bytes())
}

fn content(file: &BoundFile) -> String {
    file.sha256.map_or_else(|| undigested(file), |digest| digest.to_string())
}

fn place(file: &BoundFile) -> String {
    format!("inode {} on device {}, {} bytes", file.inode, file.device, file.size)
}

fn requester_text(requester: &BoundRequester) -> String {
    let login = requester.login_uid.map_or_else(|| "unknown".to_owned(), |uid| uid.to_string());
    format!(
        "{} (uid {}, login uid {login}, {})",
        visible(&requester.name),
        requester.uid,
        kind_text(requester.kind)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::InputKind;
    use crate::review::samples;

    fn changed(change: impl FnOnce(&mut Bound)) -> Vec<String> {
        let was = samples::bound();
        let mut is = was.clone();
        change(&mut is);
        assert_ne!(was.digest().unwrap(), is.digest().unwrap(), "the digest covers it");
        was.differences(&is).iter().map(Difference::to_string).collect()
    }

    #[test]
    fn nothing_changed_is_no_difference() {
        assert_eq!(samples::bound().differences(&samples::bound()), []);
    }

    #[test]
    fn what_changed_is_named_in_words() {
        let zero = Digest::from_bytes([0; 32]);
        let zeros = "0".repeat(64);
        type Change = Box<dyn FnOnce(&mut Bound)>;
        let cases: Vec<(Change, String)> = vec![
            (
                Box::new(|bound| bound.argv[1] = "other".into()),
                "argument 1 changed: /srv/deploy.sh → other".into(),
            ),
            (
                Box::new(|bound| bound.argv.push("\u{1b}[2J".into())),
                "argument 3 changed: not there → \"\\e[2J\"".into(),
            ),
            (
                Box::new(move |bound| bound.executable.sha256 = Some(zero)),
                format!(
                    "the executable /usr/bin/bash changed: {} → sha256:{zeros}",
                    Digest::of(b"bash")
                ),
            ),
            (
                Box::new(|bound| bound.executable.inode = 9),
                "the executable /usr/bin/bash changed: inode 12 on device 66, 4 bytes → inode 9 \
                 on device 66, 4 bytes"
                    .into(),
            ),
            (
                Box::new(|bound| bound.executable.path = "/tmp/bash".into()),
                "the executable changed: /usr/bin/bash → /tmp/bash".into(),
            ),
            (
                Box::new(|bound| bound.directory = "/".into()),
                "the working directory changed: /srv/app → /".into(),
            ),
            (
                Box::new(move |bound| bound.operands[0].sha256 = Some(zero)),
                format!(
                    "the file /srv/deploy.sh changed: {} → sha256:{zeros}",
                    Digest::of(b"echo hello")
                ),
            ),
            (
                Box::new(|bound| drop(bound.operands.remove(0))),
                format!(
                    "the file /srv/deploy.sh changed: {} → gone, or no longer a regular file",
                    Digest::of(b"echo hello")
                ),
            ),
            (
                Box::new(move |bound| bound.environment.values = zero),
                format!(
                    "a value in the environment changed: hmac-{} → hmac-sha256:{zeros}",
                    samples::bound().environment.values
                ),
            ),
            (
                Box::new(|bound| bound.environment.names.push("LD_PRELOAD".into())),
                "the environment variable LD_PRELOAD changed: not set → set".into(),
            ),
            (
                Box::new(|bound| bound.input = InputKind::Pipe),
                "standard input changed: a terminal → a pipe".into(),
            ),
            (
                Box::new(|bound| bound.boot_id.0 = "later".into()),
                "the boot (the machine was restarted) changed: boot-1 → later".into(),
            ),
            (
                Box::new(|bound| bound.requester.login_uid = None),
                "the requester changed: alice (uid 1000, login uid 1000, a human) → alice (uid \
                 1000, login uid unknown, a human)"
                    .into(),
            ),
            (
                Box::new(|bound| bound.rules.clear()),
                "the set of rules that match changed: deploys → none".into(),
            ),
            (
                Box::new(|bound| bound.host.name = "db2".into()),
                "the host changed: db1 (c0ffee) → db2 (c0ffee)".into(),
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(changed(change), [expected]);
        }
    }

    #[test]
    fn every_other_field_is_compared_too() {
        for change in [
            (|bound: &mut Bound| bound.run_as.uid = 7) as fn(&mut Bound),
            |bound| bound.run_as.groups.push(4),
            |bound| bound.run_as.shell = "/bin/rbash".into(),
            |bound| bound.policy = Digest::of(b"other"),
            |bound| bound.v = 2,
            |bound| bound.operands.reverse(),
            |bound| bound.operands[1].size += 1,
        ] {
            assert_eq!(changed(change).len(), 1);
        }
    }

    #[test]
    fn nonce_expiry_and_reason_belong_to_the_request_and_are_not_compared() {
        let was = samples::bound();
        let mut is = was.clone();
        is.nonce = Bound::fresh_nonce().unwrap();
        is.expires_ms += 1;
        is.reason = None;
        assert_eq!(was.differences(&is), []);
        assert_ne!(was.digest().unwrap(), is.digest().unwrap());
    }
}
