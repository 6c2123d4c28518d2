//! The installed program: setuid root, out of everybody's reach, and the one that people call.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Finding, mend};
use crate::system::installation::{Hindrance, Program, hindrance, mend_nosuid};
use crate::system::mounts::Mounted;
use crate::system::text::{shell_word, visible_path};
use crate::system::{Scope, caller, trusted};

pub(super) fn examine(scope: Scope) -> Vec<Finding> {
    let Some(program) = Program::this() else {
        let sentence = "cannot find out which program this is: /proc does not say";
        return vec![Finding::failure("program", sentence, "mount -t proc proc /proc")];
    };
    match scope {
        Scope::User => of_a_user(&program),
        Scope::System if !program.is_among_programs() && !program.is_setuid_root() => {
            let sentence = format!(
                "{} is no installed hitl: for everybody but root it works in user scope",
                visible_path(&program.path)
            );
            vec![Finding::failure("program", sentence, program.install())]
        }
        Scope::System => {
            let mut findings = vec![setuid(&program)];
            findings.extend(reach(&program));
            findings.push(mount(&program));
            findings.push(no_new_privileges());
            findings.extend(shadows(&program));
            findings
        }
    }
}

/// Without privileges: fine for a program of one's own, not for the installed one.
fn of_a_user(program: &Program) -> Vec<Finding> {
    let Some(hindrance) = hindrance() else {
        let sentence = format!(
            "{} works in user scope: a seat belt, and no security boundary",
            visible_path(&program.path)
        );
        return vec![Finding::ok("program", sentence)];
    };
    let sentence = hindrance.to_string();
    let path = shell_word(&program.path);
    vec![match hindrance {
        Hindrance::NoNewPrivileges(_) => Finding::failure(
            "no-new-privileges",
            sentence,
            // What has set it is among the processes above this one.
            "ps -o pid,args -p \"$PPID\"; grep -H NoNewPrivs \"/proc/$PPID/status\"",
        ),
        Hindrance::Nosuid { at, .. } => {
            Finding::failure("program-mount", sentence, mend_nosuid(&at))
        }
        Hindrance::NotSetuid { mend, .. } => Finding::failure("program", sentence, mend),
        Hindrance::UserNamespace(_) => {
            Finding::failure("program", sentence, "nsenter -U -t 1 hitl doctor")
        }
        Hindrance::Traced { .. } | Hindrance::Unexplained(_) => {
            Finding::failure("program", sentence, format!("ls -l {path}; hitl doctor"))
        }
    }]
}

fn setuid(program: &Program) -> Finding {
    let shown = visible_path(&program.path);
    let mode = program.metadata.mode() & 0o7777;
    if program.path.to_string_lossy().ends_with(" (deleted)") {
        let sentence = "this program was replaced while it ran: ask the new one";
        return Finding::warning("program", sentence, Some("hitl doctor".to_owned()));
    }
    if program.metadata.uid() != 0 {
        let sentence = format!("{shown} belongs to uid {} instead of root", program.metadata.uid());
        return Finding::failure("program", sentence, program.mend());
    }
    if mode & 0o022 != 0 {
        let sentence =
            format!("{shown} can be written by its group or by everybody (mode {mode:04o})");
        return Finding::failure("program", sentence, program.mend());
    }
    if !program.is_setuid_root() {
        let sentence = format!(
            "{shown} is not setuid root (mode {mode:04o}): for everybody but root it works in user scope"
        );
        return Finding::failure("program", sentence, program.mend());
    }
    Finding::ok("program", format!("{shown} is setuid root (mode {mode:04o})"))
}

/// Who can write a directory above the program can put another one in its place.
fn reach(program: &Program) -> Option<Finding> {
    let directory = program.path.parent()?;
    Some(match trusted::check_directory(directory, Scope::System) {
        Ok(()) => Finding::ok("program-reach", "only root can put another program in its place"),
        // Outside of the directories of programs, the directory is somebody's, and stays so.
        Err(error) if !program.is_among_programs() => Finding::failure(
            "program-reach",
            error.to_string(),
            format!("{} && chmod u-s {}", program.install(), shell_word(&program.path)),
        ),
        Err(error) => Finding::failure("program-reach", error.to_string(), mend::untrusted(&error)),
    })
}

fn mount(program: &Program) -> Finding {
    match Mounted::below(&program.path) {
        Ok(mounted) if mounted.is_nosuid() => Finding::failure(
            "program-mount",
            format!(
                "the file system at {} is mounted nosuid: the setuid bit counts for nothing there",
                visible_path(&mounted.at)
            ),
            mend_nosuid(&mounted.at),
        ),
        Ok(_) => Finding::ok("program-mount", "the setuid bit counts where the program lies"),
        Err(error) => Finding::warning(
            "program-mount",
            format!("cannot find out how {} is mounted: {error}", visible_path(&program.path)),
            None,
        ),
    }
}

fn no_new_privileges() -> Finding {
    match nix::sys::prctl::get_no_new_privs() {
        Ok(true) => Finding::warning(
            "no-new-privileges",
            "this session was started with no_new_privs: what runs in it gains nothing by setuid programs, and nobody in it who is not root can use hitl",
            Some("grep -H NoNewPrivs \"/proc/$PPID/status\"".to_owned()),
        ),
        _ => Finding::ok("no-new-privileges", "setuid programs gain their privileges here"),
    }
}

/// Other programs of this name that the caller's shell would start instead, or could by mistake.
fn shadows(program: &Program) -> Vec<Finding> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    // Nothing is looked at that the caller could not look at.
    let found = caller().with_their_rights(|| copies(&search, program)).unwrap_or_default();
    let (before, after) = found;
    let mut findings: Vec<Finding> = before
        .iter()
        .map(|copy| {
            let sentence = format!(
                "{} comes before {} in PATH, so that \"hitl\" is another program",
                visible_path(copy),
                visible_path(&program.path)
            );
            Finding::failure("path", sentence, format!("rm {}", shell_word(copy)))
        })
        .collect();
    findings.extend(after.iter().map(|copy| {
        let sentence = format!("there is another hitl in PATH: {}", visible_path(copy));
        Finding::warning("path", sentence, Some(format!("rm {}", shell_word(copy))))
    }));
    if findings.is_empty() {
        findings.push(Finding::ok("path", "no other hitl in PATH"));
    }
    findings
}

/// The other programs called `hitl` in `PATH`: those before this one, and those after it.
fn copies(search: &std::ffi::OsStr, program: &Program) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let this = (program.metadata.dev(), program.metadata.ino());
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut met = false;
    for directory in std::env::split_paths(search).filter(|directory| directory.is_absolute()) {
        let path = directory.join("hitl");
        let Some(metadata) = executable(&path) else { continue };
        if (metadata.dev(), metadata.ino()) == this {
            met = true;
        } else if met {
            after.push(path);
        } else {
            before.push(path);
        }
    }
    // Where this program is not in PATH at all, nothing stands before it.
    if met { (before, after) } else { (Vec::new(), before) }
}

fn executable(path: &Path) -> Option<std::fs::Metadata> {
    path.metadata().ok().filter(|metadata| metadata.is_file() && metadata.mode() & 0o111 != 0)
}
