//! As whom a command is to run: `-u` and `-g`, with sudo's meaning.

use nix::unistd::{getegid, geteuid, getgroups};

use super::{InvocationError, RunAs};
use crate::system::identity::{Account, IdentityError, UnixGroup};
use crate::system::{ByteString, Caller, Scope, caller};

/// Settles user and groups. In system scope the default is root, or the caller where only a group is
/// named, and `-g` replaces the primary group; in user scope it can only be the caller, whose
/// `account` is given.
///
/// # Errors
/// [`InvocationError`] for unknown names, and for anybody else in user scope.
pub(super) fn settle(
    scope: Scope,
    user: Option<&str>,
    group: Option<&str>,
    account: Option<Account>,
) -> Result<RunAs, InvocationError> {
    match scope {
        Scope::System => privileged(user, group, account),
        Scope::User => unprivileged(user, group, account),
    }
}

fn privileged(
    user: Option<&str>,
    group: Option<&str>,
    account: Option<Account>,
) -> Result<RunAs, InvocationError> {
    let account = match (user, group) {
        (Some(user), _) => Account::named(user)?,
        // sudo(8), -g: "If no -u option is specified, the command will be run as the invoking user."
        (None, Some(_)) => account.unwrap_or_else(nameless),
        // Not by name: root is uid 0, whatever it is called here. A host without a password file
        // (a bare container) still has it.
        (None, None) => Account::by_uid(0)?.unwrap_or_else(|| Account {
            name: "root".to_owned(),
            uid: 0,
            gid: 0,
            home: "/root".into(),
            shell: "/bin/sh".into(),
        }),
    };
    let gid = match group {
        Some(group) => UnixGroup::named(group)?.gid,
        None => account.gid,
    };
    let groups = account.groups()?.into_iter().map(|group| group.gid).chain([gid]).collect();
    Ok(RunAs { gid, groups: sorted(groups), ..of_account(&account) })
}

fn unprivileged(
    user: Option<&str>,
    group: Option<&str>,
    account: Option<Account>,
) -> Result<RunAs, InvocationError> {
    let (uid, gid) = (geteuid(), getegid().as_raw());
    if let Some(user) = user
        && Account::named(user)?.uid != uid.as_raw()
    {
        return Err(InvocationError::NoPrivileges(format!("user {user:?}")));
    }
    if let Some(group) = group
        && UnixGroup::named(group)?.gid != gid
    {
        return Err(InvocationError::NoPrivileges(format!("group {group:?}")));
    }
    let groups = getgroups()
        .map_err(|error| IdentityError::Lookup(format!("the groups of {uid}"), error))?
        .into_iter()
        .map(nix::unistd::Gid::as_raw)
        .collect();
    let account = account.unwrap_or_else(nameless);
    Ok(RunAs { uid: uid.as_raw(), gid, groups: sorted(groups), ..of_account(&account) })
}

fn of_account(account: &Account) -> RunAs {
    RunAs {
        user: account.name.clone(),
        uid: account.uid,
        gid: account.gid,
        groups: Vec::new(),
        home: ByteString::from(account.home.as_path()),
        shell: ByteString::from(account.shell.as_path()),
    }
}

/// The caller, where the host has no account for them.
fn nameless() -> Account {
    let Caller { uid, gid, .. } = caller();
    Account {
        name: format!("#{uid}"),
        uid: *uid,
        gid: *gid,
        home: "/".into(),
        shell: "/bin/sh".into(),
    }
}

fn sorted(mut groups: Vec<u32>) -> Vec<u32> {
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_the_default_and_a_group_replaces_the_primary_one() {
        let root = settle(Scope::System, None, None, None).unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        let with_group = settle(Scope::System, Some("#0"), Some("#54321"), None).unwrap();
        assert_eq!((with_group.uid, with_group.gid), (0, 54321));
        assert!(with_group.groups.contains(&54321));
        let alone = settle(Scope::System, None, Some("#54321"), None).unwrap();
        assert_eq!((alone.uid, alone.gid), (caller().uid, 54321), "a group alone is for oneself");
    }

    #[test]
    fn without_privileges_one_runs_as_oneself_or_not_at_all() {
        let own = settle(Scope::User, Some(&format!("#{}", geteuid())), None, None).unwrap();
        assert_eq!(own.uid, geteuid().as_raw());
        let other = if geteuid().is_root() { "daemon" } else { "root" };
        let error = settle(Scope::User, Some(other), None, None).unwrap_err();
        assert!(error.to_string().contains("without privileges"), "{error}");
    }
}
