//! The side of the modules: PAM, from start to end, in the process apart.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;

use zeroize::Zeroizing;

use super::message::{AGAIN, ANSWER, Said, UNUSABLE};
use super::{Claim, SERVICE, Secret};
use crate::system::apart::{Channel, end_after};
use crate::system::pam::{Library, PamError, Reply, Style, Transaction};

/// How long, in seconds, modules may go on working when nobody waits for them any more: they are not
/// ended at once, so that those that count failures have counted. Longer than the patience of the
/// other side.
const LIMIT: u32 = super::asking::PATIENCE.as_secs() as u32 + 30;

/// Lets PAM find out whether it is them, and tells what came of it.
pub(super) fn serve(channel: &Channel, claim: &Claim) {
    end_after(LIMIT);
    let said = work(channel, claim);
    // Nobody there any more: nobody is authenticated.
    let _ = channel.send(&said.to_bytes());
}

fn work(channel: &Channel, claim: &Claim) -> Said {
    let library = match Library::load() {
        Ok(library) => library,
        Err(why) => return Said::NoLibrary(why.into_bytes()),
    };
    let terminal = claim.terminal.as_ref().map(|path| CString::new(path.as_os_str().as_bytes()));
    let (Ok(service), Ok(account), Ok(asked_by), Ok(terminal)) = (
        CString::new(SERVICE),
        CString::new(claim.account.as_str()),
        CString::new(claim.asked_by.as_str()),
        terminal.transpose(),
    ) else {
        return Said::NotStarted(b"a name holds a zero byte".to_vec());
    };
    let unusable = Cell::new(false);
    let mut listener = |style: Style, text: &[u8]| listen(channel, &unusable, style, text);
    let begun = Transaction::start(&library, &service, &account, &mut listener).and_then(
        |mut transaction| {
            transaction.describe(terminal.as_deref(), &asked_by)?;
            Ok(transaction)
        },
    );
    match begun {
        Ok(mut transaction) => find_out(channel, &unusable, &mut transaction, &account),
        Err(error) => Said::NotStarted(error.text.into_bytes()),
    }
}

fn find_out(
    channel: &Channel,
    unusable: &Cell<bool>,
    transaction: &mut Transaction<'_, '_>,
    account: &CStr,
) -> Said {
    loop {
        match transaction.authenticate() {
            Ok(()) => break,
            // Modules have many words for an answer that was none.
            Err(error) if unusable.take() || is_wrong(&error) => {
                let mut reply = [0_u8; 1];
                let asked = channel.send(&Said::Wrong.to_bytes()).is_ok();
                let answered = asked && matches!(channel.receive(&mut reply), Ok(1));
                end_after(LIMIT);
                if !answered || reply != [AGAIN] {
                    return Said::WrongForGood;
                }
            }
            Err(error) => return refused(error),
        }
    }
    // A module may have mapped the name to another account's.
    if transaction.user().as_deref() != Some(account) {
        return Said::Failed(b"a module changed whom it is about".to_vec());
    }
    match transaction.check_account() {
        Ok(()) => Said::Proved,
        Err(error) => refused(error),
    }
}

/// Whether it was not them, or there is no telling: `PAM_PERM_DENIED`, `PAM_AUTH_ERR`,
/// `PAM_CRED_INSUFFICIENT` and `PAM_USER_UNKNOWN`: an unknown account must look like a wrong password.
fn is_wrong(error: &PamError) -> bool {
    matches!(error.code, 6 | 7 | 8 | 10)
}

fn refused(error: PamError) -> Said {
    let text = error.text.into_bytes();
    match error.code {
        // PAM_MAXTRIES: no more tries here.
        11 => Said::WrongForGood,
        // PAM_NEW_AUTHTOK_REQD, PAM_AUTHTOK_EXPIRED.
        12 | 27 => Said::Account(text, true),
        // PAM_PERM_DENIED, PAM_AUTH_ERR and PAM_USER_UNKNOWN of the account, PAM_ACCT_EXPIRED.
        6 | 7 | 10 | 13 => Said::Account(text, false),
        _ => Said::Failed(text),
    }
}

/// Passes on what a module says, and hands it the answer.
fn listen(channel: &Channel, unusable: &Cell<bool>, style: Style, text: &[u8]) -> Reply {
    let text = text.to_vec();
    let (said, asks) = match style {
        Style::Hidden => (Said::Hidden(text), true),
        Style::Shown => (Said::Shown(text), true),
        Style::Error | Style::Information => (Said::Told(text), false),
    };
    if channel.send(&said.to_bytes()).is_err() {
        return Reply::GiveUp;
    }
    if !asks {
        return Reply::Heard;
    }
    // The person may take their time; who asks them ends this process when they have none left.
    end_after(0);
    let mut buffer = Zeroizing::new([0_u8; Secret::CAPACITY + 1]);
    let received = channel.receive(buffer.as_mut_slice());
    end_after(LIMIT);
    match received.ok().and_then(|length| buffer.get(..length)?.split_first()) {
        Some((&ANSWER, answer)) => {
            let mut secret = Secret::new();
            secret.extend(answer.iter().copied());
            Reply::Answer(secret)
        }
        // An answer that is none makes the module fail, and the try with it.
        Some((&UNUSABLE, _)) => {
            unusable.set(true);
            Reply::Answer(Secret::new())
        }
        _ => Reply::GiveUp,
    }
}
