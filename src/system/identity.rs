//! Users and groups, through NSS (so that directories like LDAP count), never by reading files.

use std::ffi::CString;
use std::path::PathBuf;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// A user of this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// The login name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group's id.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell.
    pub shell: PathBuf,
}

/// A group of this host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnixGroup {
    /// The group's name.
    pub name: String,
    /// The group's id.
    pub gid: u32,
}

/// Why a user or group could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Nobody of that name or number.
    #[error("unknown user {0:?}: see \"getent passwd\" for the users of this host")]
    UnknownUser(String),
    /// No group of that name or number.
    #[error("unknown group {0:?}: see \"getent group\" for the groups of this host")]
    UnknownGroup(String),
    /// `#-1` and 4294967295 mean "leave unchanged" to the kernel: CVE-2019-14287.
    #[error("{0:?} is not the id of any user or group: ids go from #0 to #4294967294")]
    InvalidId(String),
    /// The name service failed.
    #[error("cannot look up {0:?}: {1}")]
    Lookup(String, nix::Error),
}

impl Account {
    /// The account with this uid, `None` where the host knows none.
    ///
    /// # Errors
    /// [`IdentityError::Lookup`] where the name service fails.
    pub fn by_uid(uid: u32) -> Result<Option<Self>, IdentityError> {
        User::from_uid(Uid::from_raw(uid))
            .map(|user| user.map(Self::from))
            .map_err(|error| IdentityError::Lookup(format!("#{uid}"), error))
    }

    /// The account with this login name, `None` where the host knows none.
    ///
    /// # Errors
    /// [`IdentityError::Lookup`] where the name service fails.
    pub fn by_name(name: &str) -> Result<Option<Self>, IdentityError> {
        User::from_name(name)
            .map(|user| user.map(Self::from))
            .map_err(|error| IdentityError::Lookup(name.to_owned(), error))
    }

    /// The account that `-u` names: a login name, or `#` and a uid.
    ///
    /// # Errors
    /// [`IdentityError`] for an unknown user and for ids that mean "unchanged" to the kernel.
    pub fn named(text: &str) -> Result<Self, IdentityError> {
        let found = match parse_id(text)? {
            Some(uid) => Self::by_uid(uid)?,
            None => Self::by_name(text)?,
        };
        found.ok_or_else(|| IdentityError::UnknownUser(text.to_owned()))
    }

    /// All groups of this account, the primary one first, the others in order of their ids. A
    /// group without a name in the name service is called by its number.
    ///
    /// # Errors
    /// [`IdentityError::Lookup`] where the name service fails.
    pub fn groups(&self) -> Result<Vec<UnixGroup>, IdentityError> {
        let lookup = |error| IdentityError::Lookup(self.name.clone(), error);
        let name = CString::new(self.name.as_str()).map_err(|_| lookup(nix::Error::EINVAL))?;
        let mut ids: Vec<u32> = getgrouplist(&name, Gid::from_raw(self.gid))
            .map_err(lookup)?
            .into_iter()
            .map(Gid::as_raw)
            .filter(|gid| *gid != self.gid)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.insert(0, self.gid);
        ids.into_iter().map(UnixGroup::by_gid).collect()
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
            shell: user.shell,
        }
    }
}

impl UnixGroup {
    /// The group that `-g` names: a name, or `#` and a gid (which need not have a name).
    ///
    /// # Errors
    /// [`IdentityError`] for an unknown group and for ids that mean "unchanged" to the kernel.
    pub fn named(text: &str) -> Result<Self, IdentityError> {
        match parse_id(text)? {
            Some(gid) => Self::by_gid(gid),
            None => match Group::from_name(text) {
                Ok(Some(group)) => Ok(Self { name: group.name, gid: group.gid.as_raw() }),
                Ok(None) => Err(IdentityError::UnknownGroup(text.to_owned())),
                Err(error) => Err(IdentityError::Lookup(text.to_owned(), error)),
            },
        }
    }

    fn by_gid(gid: u32) -> Result<Self, IdentityError> {
        match Group::from_gid(Gid::from_raw(gid)) {
            Ok(group) => {
                Ok(Self { name: group.map_or_else(|| format!("#{gid}"), |group| group.name), gid })
            }
            Err(error) => Err(IdentityError::Lookup(format!("#{gid}"), error)),
        }
    }
}

/// The login uid of this process: who logged in, whatever they became since. `None` where the
/// kernel does not know (unset, or no audit support): unknown, never "equal" and never "different".
pub fn login_uid() -> Option<u32> {
    std::fs::read_to_string("/proc/self/loginuid")
        .ok()?
        .trim()
        .parse()
        .ok()
        .filter(|uid| *uid != u32::MAX)
}

fn parse_id(text: &str) -> Result<Option<u32>, IdentityError> {
    let invalid = || IdentityError::InvalidId(text.to_owned());
    match text.strip_prefix('#') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let id: u32 = digits.parse().map_err(|_| invalid())?;
            if id == u32::MAX { Err(invalid()) } else { Ok(Some(id)) }
        }
        Some(_) => Err(invalid()),
        None if text == "4294967295" || text == "-1" => Err(invalid()),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_mean_unchanged_to_the_kernel_name_nobody() {
        for text in ["#-1", "#4294967295", "#4294967296", "4294967295", "-1", "#", "#0x0", "# 0"] {
            assert!(Account::named(text).is_err(), "{text}");
            assert!(UnixGroup::named(text).is_err(), "{text}");
        }
        assert_eq!(Account::named("#0").unwrap().name, "root");
    }
}
