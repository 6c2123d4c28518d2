//! The program that sends: where it is, as whom it runs, and what is asked of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::Group;

use super::Told;
use super::delivery::{Delivery, LONGEST_REPORT, Report};
use crate::policy::ChannelKind;
use crate::system::Scope;
use crate::system::identity::{Account, IdentityError};
use crate::system::installation::Program;
use crate::system::text::visible_path;
use crate::system::trusted::{self, TrustError};
use crate::system::unprivileged::{Nobody, Unprivileged};

/// What the program is called.
const NAME: &str = "hitl-notify";

/// Where distributions put it.
const OF_THE_HOST: &str = "/usr/lib/hitl/hitl-notify";

/// The user that packages make for it, and the one that every host has.
const USERS: [&str; 2] = ["hitl", "nobody"];

/// How long one delivery may take with all its tries; the sender itself ends earlier.
const PATIENCE: Duration = Duration::from_secs(240);

/// The program, found fit to be started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender {
    /// The program.
    pub path: PathBuf,
    /// As whom it runs; `None`: as whoever this process is.
    pub identity: Option<Nobody>,
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// It is not installed.
    #[error("the program that sends is missing: {} (or {OF_THE_HOST}): install it from the same build as hitl", visible_path(.0))]
    Missing(PathBuf),
    /// Somebody else could have written it.
    #[error("the program that sends is not trusted: {0}")]
    Trust(#[from] TrustError),
    /// There is nobody to run it as.
    #[error(
        "the program that sends must run without privileges, and this host has neither a user hitl nor a user nobody"
    )]
    Nobody,
    /// The name service failed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// This process does not know where it is itself.
    #[error("cannot find out which program this is: is /proc mounted?")]
    NoProc,
}

impl Sender {
    /// The program that belongs to this hitl: in `../lib/hitl` as seen from its directory, beside it,
    /// or in `/usr/lib/hitl`. In system scope it, and every directory above it, must be root's.
    ///
    /// # Errors
    /// [`SenderError`].
    pub fn find(scope: Scope) -> Result<Self, SenderError> {
        let program = Program::this().ok_or(SenderError::NoProc)?;
        let directory = program.path.parent().unwrap_or(Path::new("/"));
        let installed = directory.parent().unwrap_or(Path::new("/")).join("lib/hitl").join(NAME);
        let beside = directory.join(NAME);
        let places = [installed.clone(), beside, PathBuf::from(OF_THE_HOST)];
        let path = places
            .into_iter()
            .find(|place| place.symlink_metadata().is_ok())
            .ok_or(SenderError::Missing(installed))?;
        let identity = match scope {
            Scope::User => None,
            Scope::System => {
                trusted::open(&path, scope)?;
                Some(nobody()?)
            }
        };
        Ok(Self { path, identity })
    }

    /// Has something sent, and waits for what comes of it.
    pub(super) fn send(&self, kind: ChannelKind, delivery: &Delivery) -> Told {
        let input = match serde_json::to_vec(delivery) {
            Ok(input) => input,
            Err(error) => return Told::not(error),
        };
        let unprivileged = Unprivileged {
            program: &self.path,
            identity: self.identity_for(kind),
            // Mail is handed over by programs that are setuid or setgid (postfix, exim, dma): without
            // that there is no mail. They get our own text alone, and this sender opens no connection.
            may_start_setuid: kind == ChannelKind::Email,
        };
        match unprivileged.ask(&input, LONGEST_REPORT, PATIENCE) {
            Ok(said) => Report::read(&said, delivery),
            Err(error) => Told::not(format!("the program that sends {error}")),
        }
    }

    /// wall(1) can write to terminals as root or with their group. It is setgid for that on some
    /// hosts, which counts for nothing without new privileges: so that group is all that it gets.
    fn identity_for(&self, kind: ChannelKind) -> Option<Nobody> {
        let mut identity = self.identity?;
        if kind == ChannelKind::Wall
            && let Ok(Some(terminals)) = Group::from_name("tty")
        {
            identity.gid = terminals.gid.as_raw();
        }
        Some(identity)
    }
}

fn nobody() -> Result<Nobody, SenderError> {
    for name in USERS {
        if let Some(account) = Account::by_name(name)? {
            if account.uid == 0 {
                continue;
            }
            return Ok(Nobody { uid: account.uid, gid: account.gid });
        }
    }
    Err(SenderError::Nobody)
}
