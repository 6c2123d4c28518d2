//! Who has authenticated where, and when: one small file a user and terminal, in a directory of the
//! state that only root can enter.
//!
//! A record counts for the user who proved to be them (never for whom the command runs as: the mistake
//! of sudo-rs, GHSA-c978), at the same terminal, in the same session, in the same boot, and for so
//! long by the clock that nobody can set back (CVE-2013-1775 of sudo). Anything odd about it makes it as
//! good as absent: then the password is asked for.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{RememberError, Seat};
use crate::system::durable::{self, DurableError};
use crate::system::{Directories, Moment, Scope, trusted};

/// The largest record that is read, in bytes.
const LARGEST: u64 = 4096;

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    v: u32,
    uid: u32,
    seat: Seat,
    boot: String,
    /// `CLOCK_BOOTTIME`, in milliseconds.
    at_ms: u64,
}

impl Entry {
    /// Whether this says that the user proved at this seat, no longer ago than that, to be them.
    fn holds(&self, uid: u32, seat: &Seat, within: Duration, now: &Moment) -> bool {
        // A boot without an id could be any boot.
        let same_boot = self.boot == now.boot_id.0 && self.boot != "unknown";
        let same = self.v == 1 && self.uid == uid && self.seat == *seat && same_boot;
        // What comes from the future was not written by this clock.
        let age = now.boot_ms.checked_sub(self.at_ms).map(Duration::from_millis);
        same && age.is_some_and(|age| age <= within)
    }
}

/// The store.
#[derive(Clone, Debug)]
pub struct Remembered {
    directory: PathBuf,
    scope: Scope,
}

impl Remembered {
    /// The store in this state directory.
    pub fn open(directories: &Directories) -> Self {
        Self { directory: directories.state.join("authenticated"), scope: directories.scope }
    }

    /// Whether a user has authenticated at this seat no longer ago than this.
    pub fn is_remembered(&self, uid: u32, seat: &Seat, within: Duration, now: &Moment) -> bool {
        let read = trusted::read(&self.file(uid, seat), self.scope, LARGEST);
        let entry = read.ok().and_then(|file| serde_json::from_slice::<Entry>(&file.bytes).ok());
        entry.is_some_and(|entry| entry.holds(uid, seat, within, now))
    }

    /// Remembers that a user has just authenticated at this seat.
    ///
    /// # Errors
    /// [`RememberError`]; nothing is remembered then.
    pub fn remember(&self, uid: u32, seat: &Seat, now: &Moment) -> Result<(), RememberError> {
        durable::create_directory(&self.directory)?;
        trusted::check_directory(&self.directory, self.scope)?;
        let entry = Entry {
            v: 1,
            uid,
            seat: seat.clone(),
            boot: now.boot_id.0.clone(),
            at_ms: now.boot_ms,
        };
        let file = self.file(uid, seat);
        let text = serde_json::to_vec(&entry).map_err(|error| DurableError {
            action: "write",
            path: file.clone(),
            source: error.into(),
        })?;
        Ok(durable::write(&file, &text)?)
    }

    /// Forgets a user, at every terminal: how many records of theirs there were.
    ///
    /// # Errors
    /// [`RememberError`]; what could not be removed is still remembered.
    pub fn forget(&self, uid: u32) -> Result<u64, RememberError> {
        let failed = |path: PathBuf| move |source| DurableError { action: "remove", path, source };
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(self.directory.clone())(error).into()),
        };
        let beginning = format!("{uid}-");
        let mut removed = 0;
        for entry in entries {
            let entry = entry.map_err(failed(self.directory.clone()))?;
            let theirs =
                entry.file_name().to_str().is_some_and(|name| name.starts_with(&beginning));
            if !theirs {
                continue;
            }
            match std::fs::remove_file(entry.path()) {
                Ok(()) => removed += 1,
                // Somebody else forgets at the same time.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(entry.path())(error).into()),
            }
        }
        if removed > 0 {
            durable::sync_directory(&self.directory)?;
        }
        Ok(removed)
    }

    /// One file a terminal, so that their number stays small.
    fn file(&self, uid: u32, seat: &Seat) -> PathBuf {
        self.directory.join(format!("{uid}-{:x}.json", seat.terminal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::BootId;

    const FIVE_MINUTES: Duration = Duration::from_secs(300);

    fn seat() -> Seat {
        Seat { terminal: 34817, session: 4700, leader_started: 987_654 }
    }

    fn moment(wall_ms: i64, boot_ms: u64, boot: &str) -> Moment {
        Moment { wall_ms, boot_ms, boot_id: BootId(boot.to_owned()) }
    }

    fn store() -> (tempfile::TempDir, Remembered) {
        let directory = tempfile::tempdir().unwrap();
        let store =
            Remembered { directory: directory.path().join("authenticated"), scope: Scope::here() };
        (directory, store)
    }

    #[test]
    fn a_record_holds_for_its_user_seat_boot_and_time_only() {
        let (_directory, store) = store();
        let then = moment(1_000_000, 600_000, "boot");
        store.remember(2001, &seat(), &then).unwrap();
        let holds =
            |uid, seat: &Seat, now: &Moment| store.is_remembered(uid, seat, FIVE_MINUTES, now);
        assert!(holds(2001, &seat(), &then));
        // The wall clock does not matter, forwards or backwards.
        assert!(holds(2001, &seat(), &moment(0, 900_000, "boot")));
        assert!(!holds(2001, &seat(), &moment(0, 900_001, "boot")));
        assert!(!holds(2001, &seat(), &moment(1_000_000, 900_001, "boot")));
        // From the future, or from another boot.
        assert!(!holds(2001, &seat(), &moment(1_000_000, 599_999, "boot")));
        assert!(!holds(2001, &seat(), &moment(1_000_000, 600_000, "next")));
        assert!(!holds(2002, &seat(), &then));
        for other in [
            Seat { terminal: 34818, ..seat() },
            Seat { session: 4701, ..seat() },
            Seat { leader_started: 987_655, ..seat() },
        ] {
            assert!(!holds(2001, &other, &then), "{other:?}");
        }
        store.remember(2001, &seat(), &moment(0, 600_000, "unknown")).unwrap();
        assert!(!holds(2001, &seat(), &moment(0, 600_000, "unknown")));
    }

    #[test]
    fn a_damaged_or_foreign_record_is_as_good_as_absent() {
        use std::os::unix::fs::PermissionsExt;
        let (_directory, store) = store();
        let now = moment(0, 600_000, "boot");
        let file = store.file(2001, &seat());
        let holds = || store.is_remembered(2001, &seat(), FIVE_MINUTES, &now);
        store.remember(2001, &seat(), &now).unwrap();
        let good = std::fs::read_to_string(&file).unwrap();
        for damaged in [
            String::new(),
            good[..good.len() - 1].to_owned(),
            good.replace("\"v\":1", "\"v\":2"),
            good.replace("600000", "-1"),
            format!("{good}{good}"),
            good.replace('}', ",\"more\":1}"),
            "x".repeat(5000),
        ] {
            std::fs::write(&file, &damaged).unwrap();
            assert!(!holds(), "{damaged}");
        }
        std::fs::write(&file, &good).unwrap();
        assert!(holds());
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o620)).unwrap();
        assert!(!holds());
        std::fs::remove_file(&file).unwrap();
        std::fs::write(file.with_extension("real"), &good).unwrap();
        std::os::unix::fs::symlink(file.with_extension("real"), &file).unwrap();
        assert!(!holds());
    }

    #[test]
    fn forgetting_is_about_one_user_at_every_terminal() {
        let (_directory, store) = store();
        let now = moment(0, 600_000, "boot");
        let other = Seat { terminal: 34818, ..seat() };
        assert_eq!(store.forget(2001).unwrap(), 0);
        for (uid, seat) in [(2001, &seat()), (2001, &other), (20011, &seat())] {
            store.remember(uid, seat, &now).unwrap();
        }
        assert_eq!(store.forget(2001).unwrap(), 2);
        assert!(!store.is_remembered(2001, &seat(), FIVE_MINUTES, &now));
        assert!(store.is_remembered(20011, &seat(), FIVE_MINUTES, &now));
    }
}
