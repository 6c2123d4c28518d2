//! Who is in a group of this host.
#![allow(unsafe_code)] // The list of all users has no safe form.

use std::collections::BTreeSet;
use std::ffi::CStr;

use nix::unistd::{Group, User};

use super::identity::{Account, IdentityError};

/// The accounts in a group, by their login names: those that it lists, and those whose primary group
/// it is. Names that belong to nobody are left out. `None` where the host has no such group.
///
/// A directory service may refuse to list all its users; then those of its users who are in a group
/// by being in it primarily are missed.
///
/// # Errors
/// [`IdentityError::Lookup`] where the name service fails.
pub fn members_of(group: &str) -> Result<Option<Vec<Account>>, IdentityError> {
    let failed = |error| IdentityError::Lookup(group.to_owned(), error);
    let Some(found) = Group::from_name(group).map_err(failed)? else { return Ok(None) };
    let mut names: BTreeSet<String> = found.mem.into_iter().collect();
    names.extend(
        all_users()
            .into_iter()
            .filter_map(|(name, gid)| (gid == found.gid.as_raw()).then_some(name)),
    );
    let mut accounts = Vec::new();
    for name in names {
        accounts.extend(User::from_name(&name).map_err(failed)?.map(Account::from));
    }
    Ok(Some(accounts))
}

/// The login names that a group of this host lists, whether they are anybody's or not: without those
/// whose primary group it is, and therefore fast. None where the host has no such group.
///
/// # Errors
/// [`IdentityError::Lookup`] where the name service fails.
pub fn listed_in(group: &str) -> Result<Vec<String>, IdentityError> {
    let found =
        Group::from_name(group).map_err(|error| IdentityError::Lookup(group.to_owned(), error))?;
    Ok(found.map(|group| group.mem).unwrap_or_default())
}

/// The login names of this host with their primary groups, as far as it lists them.
fn all_users() -> Vec<(String, u32)> {
    let mut all = Vec::new();
    // SAFETY: hitl has one thread when it looks people up; each entry is copied before the next call
    // may overwrite it, and its name is a terminated string.
    unsafe {
        libc::setpwent();
        loop {
            let entry = libc::getpwent();
            let Some(entry) = entry.as_ref() else { break };
            let name = CStr::from_ptr(entry.pw_name).to_string_lossy().into_owned();
            all.push((name, entry.pw_gid));
        }
        libc::endpwent();
    }
    all
}
