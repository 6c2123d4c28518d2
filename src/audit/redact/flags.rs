//! Secrets by their place: behind a flag or in an assignment.

use super::names;

/// Where a word says the secret is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// In the word itself, from this byte on.
    Inside(usize),
    /// The next word.
    Next,
}

/// What of the value is secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Secret {
    /// All of it.
    Whole,
    /// What follows the first of these characters: `user:password`.
    After(char),
}

/// A flag whose value is a secret only with certain programs.
struct ProgramFlag {
    /// The programs' names; with a star at the end, all that begin so.
    programs: &'static [&'static str],
    /// A word that must stand before the flag as well.
    subcommand: Option<&'static str>,
    flags: &'static [&'static str],
    /// Whether the value may be glued to a short flag.
    glued: bool,
    /// Whether the value may be the next word.
    separate: bool,
    secret: Secret,
}

const PROGRAM_FLAGS: [ProgramFlag; 8] = [
    ProgramFlag {
        programs: &["mysql*", "mariadb*", "7z", "7za", "7zr"],
        subcommand: None,
        flags: &["-p"],
        // A separate word is the database: "-p" alone asks.
        glued: true,
        separate: false,
        secret: Secret::Whole,
    },
    ProgramFlag {
        programs: &["sshpass", "mongo*"],
        subcommand: None,
        flags: &["-p"],
        glued: true,
        separate: true,
        secret: Secret::Whole,
    },
    ProgramFlag {
        programs: &["docker", "podman", "buildah", "skopeo", "helm", "oc", "az"],
        subcommand: Some("login"),
        flags: &["-p"],
        glued: true,
        separate: true,
        secret: Secret::Whole,
    },
    ProgramFlag {
        programs: &["curl", "skopeo", "podman"],
        subcommand: None,
        flags: &["-u", "-U", "--user", "--proxy-user", "--creds", "--src-creds", "--dest-creds"],
        glued: true,
        separate: true,
        secret: Secret::After(':'),
    },
    ProgramFlag {
        programs: &["redis-cli"],
        subcommand: None,
        flags: &["-a"],
        glued: false,
        separate: true,
        secret: Secret::Whole,
    },
    ProgramFlag {
        programs: &["ldap*"],
        subcommand: None,
        flags: &["-w"],
        glued: true,
        separate: true,
        secret: Secret::Whole,
    },
    ProgramFlag {
        programs: &["smbclient", "rpcclient", "net"],
        subcommand: None,
        flags: &["-U", "--user"],
        glued: true,
        separate: true,
        secret: Secret::After('%'),
    },
    ProgramFlag {
        programs: &["mosquitto_*", "sqlcmd", "ipmitool", "zip", "unzip"],
        subcommand: None,
        flags: &["-P"],
        glued: true,
        separate: true,
        secret: Secret::Whole,
    },
];

/// Whether a word is another flag rather than the value of the flag before it. `-x` with more than
/// one letter may be a password that begins with a hyphen.
pub(super) fn is_flag(word: &str) -> bool {
    (word.starts_with("--") && word.len() > 2) || (word.starts_with('-') && word.len() == 2)
}

/// Where in, or after, this word a secret stands. `before` are the words before it.
pub(super) fn secret_in(word: &str, before: &[&str]) -> Option<(Place, Secret)> {
    by_name(word).or_else(|| PROGRAM_FLAGS.iter().find_map(|flag| flag.found(word, before)))
}

/// `--password`, `--password=…`, `-token=…`, `PASSWORD=…`, `-ePASSWORD=…`.
fn by_name(word: &str) -> Option<(Place, Secret)> {
    let name = word.trim_start_matches('-');
    let is_flag = name.len() < word.len();
    match name.find('=') {
        Some(at) => {
            let name = name.get(..at)?;
            let inside = word.len() - word.trim_start_matches('-').len() + at + 1;
            let secret = name.chars().all(names::is_name_letter) && names::is_secret(name);
            secret.then_some((Place::Inside(inside), Secret::Whole))
        }
        None => {
            let secret = is_flag
                && name.len() > 1
                && name.chars().all(names::is_name_letter)
                && names::is_secret(name);
            secret.then_some((Place::Next, Secret::Whole))
        }
    }
}

impl ProgramFlag {
    fn found(&self, word: &str, before: &[&str]) -> Option<(Place, Secret)> {
        if !word.starts_with('-') || !self.is_for(before) {
            return None;
        }
        self.flags.iter().find_map(|flag| self.place(flag, word)).map(|place| (place, self.secret))
    }

    fn place(&self, flag: &str, word: &str) -> Option<Place> {
        if let Some(rest) = word.strip_prefix(flag) {
            if rest.is_empty() {
                return self.separate.then_some(Place::Next);
            }
            if flag.starts_with("--") {
                return rest.starts_with('=').then_some(Place::Inside(flag.len() + 1));
            }
            return self.glued.then_some(Place::Inside(flag.len()));
        }
        // Short flags in one word: "curl -su user:password".
        let letter = flag.strip_prefix('-').filter(|letter| letter.len() == 1)?;
        let bundle = word.strip_prefix('-')?;
        let letters = bundle.chars().all(|letter| letter.is_ascii_alphabetic());
        (self.separate && letters && bundle.ends_with(letter)).then_some(Place::Next)
    }

    fn is_for(&self, before: &[&str]) -> bool {
        let runs = before.iter().any(|word| {
            let name = word.rsplit('/').next().unwrap_or(word);
            self.programs.iter().any(|program| match program.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == *program,
            })
        });
        runs && self.subcommand.is_none_or(|subcommand| before.contains(&subcommand))
    }
}
