//! Real processes. Signals and orphans belong to a whole process, so each case runs in a process
//! of its own: the test binary starts itself for [`a_case_in_a_process_of_its_own`].

#![allow(unsafe_code, reason = "a mask is set between fork and exec")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use nix::sys::signal::SigSet;

use super::*;
use crate::execute::{Environment, pass_on, sanitise};
use crate::invocation::{Asked, resolve};
use crate::system::Scope;

const CASE: &str = "execute::run::tests::a_case_in_a_process_of_its_own";

/// A command that runs in a process of its own, which then ends as the command has ended.
fn case(argv: &[&OsStr]) -> Command {
    let mut command = case_beside_another_thread(argv);
    // The test harness runs a case in a second thread. Signals must come to that one, as they come to
    // the only one of hitl's: the first never takes any.
    // SAFETY: between fork and exec, one system call.
    unsafe {
        command.pre_exec(|| Ok(SigSet::all().thread_block()?));
    }
    command
}

/// The same where the process has another thread, which takes signals as well, and drops them.
fn case_beside_another_thread(argv: &[&OsStr]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", CASE, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("CASE_LENGTH", argv.len().to_string());
    for (index, argument) in argv.iter().enumerate() {
        command.env(format!("CASE_{index}"), argument);
    }
    command.stdin(Stdio::null());
    command
}

fn words<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(|word| OsStr::new(*word)).collect()
}

fn status(argv: &[&str]) -> ExitStatus {
    case(&words(argv)).stdout(Stdio::null()).status().unwrap()
}

fn output(command: &mut Command) -> Vec<u8> {
    // The test harness writes its own first lines; what the command wrote stands after the mark.
    let output = command.output().unwrap().stdout;
    let mark = b"<<<";
    let at = output.windows(mark.len()).position(|window| window == mark);
    output.get(at.unwrap() + mark.len()..).unwrap().to_vec()
}

#[test]
#[ignore = "started by the other tests, in a process of its own"]
#[allow(clippy::print_stdout)] // The mark that the other tests look for.
fn a_case_in_a_process_of_its_own() {
    use std::io::Write as _;
    let mut caller = sanitise().unwrap();
    caller.mask = SigSet::empty();
    let variable = |name: &str| std::env::var_os(name);
    let length: usize = variable("CASE_LENGTH").unwrap().to_str().unwrap().parse().unwrap();
    let argv = (0..length).map(|index| variable(&format!("CASE_{index}")).unwrap()).collect();
    let directory = variable("CASE_DIRECTORY").map(PathBuf::from);
    let search = ["/usr/bin".into(), "/bin".into()];
    let user = variable("CASE_USER").map(|user| user.to_str().unwrap().to_owned());
    let asked = Asked { argv, directory, user, ..Asked::default() };
    let mut invocation = resolve(asked, &search, Scope::here()).unwrap();
    if variable("CASE_REPLACED").is_some() {
        invocation.executable.inode += 1;
    }
    let environment = Environment(vec![("ONLY".into(), "this one".into())]);
    let milliseconds =
        variable("CASE_TIMEOUT").map(|text| text.to_str().unwrap().parse::<u64>().unwrap());
    let timeout = milliseconds.map(Duration::from_millis);
    print!("<<<");
    std::io::stdout().flush().unwrap();
    let run_as = invocation.run_as.clone();
    let launch = Launch {
        confinement: None,
        invocation: &invocation,
        run_as: &run_as,
        environment: &environment,
        timeout,
        caller: &caller,
        agreed: None,
    };
    match run(&launch, stage(&caller, &run_as, true).unwrap()) {
        Ok(ending) => pass_on(ending),
        Err(error) => {
            print!("{error}");
            std::io::stdout().flush().unwrap();
            std::process::exit(125);
        }
    }
}

#[test]
fn the_status_of_the_command_is_passed_through() {
    assert_eq!(status(&["true"]).code(), Some(0));
    assert_eq!(status(&["sh", "-c", "exit 7"]).code(), Some(7));
}

#[test]
fn the_end_of_the_command_is_seen_also_where_another_thread_takes_the_signal_for_it() {
    for _ in 0..20 {
        let mut case = case_beside_another_thread(&words(&["sh", "-c", "exit 7"]));
        assert_eq!(case.stdout(Stdio::null()).status().unwrap().code(), Some(7));
    }
}

#[test]
fn death_by_a_signal_is_seen_as_death_by_that_signal() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGKILL, libc::SIGSEGV, libc::SIGPIPE, 40] {
        let status = status(&["sh", "-c", &format!("kill -{signal} $$")]);
        assert_eq!(status.signal(), Some(signal));
        assert!(!status.core_dumped());
    }
}

#[test]
fn arguments_environment_and_directory_arrive_byte_for_byte() {
    let odd = OsString::from_vec(vec![b'a', 0xff, b'\n', b'b']);
    let argv: Vec<&OsStr> = vec!["printf".as_ref(), "%s|%s".as_ref(), &odd, "".as_ref()];
    assert_eq!(output(&mut case(&argv)), b"a\xff\nb|");
    assert_eq!(output(&mut case(&words(&["env"]))), b"ONLY=this one\n");
    let temporary = tempfile::tempdir().unwrap();
    let real = temporary.path().canonicalize().unwrap();
    let mut case = case(&words(&["pwd"]));
    assert_eq!(
        output(case.env("CASE_DIRECTORY", &real)),
        format!("{}\n", real.display()).as_bytes()
    );
}

#[test]
fn the_command_sees_the_name_that_was_typed() {
    let said = output(&mut case(&words(&["sh", "-c", "tr '\\0' ' ' </proc/$$/cmdline"])));
    assert!(said.starts_with(b"sh -c"), "{said:?}");
}

#[test]
fn what_cannot_be_executed_is_said_with_its_own_status() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("no-format");
    std::fs::write(&path, "neither a program nor #!\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).unwrap();
    assert_eq!(status(&[path.to_str().unwrap()]).code(), Some(126));
    std::fs::write(&path, "#!/no/such/interpreter\n").unwrap();
    assert_eq!(status(&[path.to_str().unwrap()]).code(), Some(127));
}

#[test]
fn what_stands_in_a_directory_that_others_can_write_runs_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("program");
    std::fs::copy("/bin/echo", &path).unwrap();
    std::fs::set_permissions(temporary.path(), PermissionsExt::from_mode(0o777)).unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(output(&mut case(&words(&[path, "ran"]))), b"ran\n");
    std::fs::write(path, "#!/bin/sh\necho \"script $1\"\n").unwrap();
    assert_eq!(output(&mut case(&words(&[path, "ran"]))), b"script ran\n");
}

#[test]
fn another_file_in_the_executables_place_does_not_run() {
    let mut case = case(&words(&["echo", "ran"]));
    let said = String::from_utf8(output(case.env("CASE_REPLACED", "1"))).unwrap();
    assert!(said.contains("no longer the one that was judged"), "{said}");
}

#[test]
fn a_signal_sent_to_hitl_reaches_the_command() {
    let script = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = case(&words(&["sh", "-c", script])).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    lines.find(|line| line.as_ref().unwrap().ends_with("ready")).unwrap().unwrap();
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "got");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn after_its_time_the_command_and_all_that_it_started_are_ended() {
    let temporary = tempfile::tempdir().unwrap();
    let note = temporary.path().join("pids");
    // One left behind by a parent that has ended, one in a session of its own, one that the
    // command waits for.
    let script = format!(
        "(sleep 1000 & echo $! >>{0}); setsid sleep 1000 & echo $! >>{0}; sleep 1000 & echo $! >>{0}; wait",
        note.display()
    );
    let mut case = case(&words(&["sh", "-c", &script]));
    let started = Instant::now();
    let status = case.env("CASE_TIMEOUT", "300").stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(124));
    assert!(started.elapsed() < GRACE, "nobody resisted SIGTERM");
    let pids = std::fs::read_to_string(note).unwrap();
    assert_eq!(pids.lines().count(), 3);
    for pid in pids.lines() {
        let left = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(left.is_empty() || left.contains(") Z "), "{left}");
    }
}

#[test]
fn a_command_that_ends_in_time_keeps_its_status() {
    let mut case = case(&words(&["sh", "-c", "exit 7"]));
    assert_eq!(case.env("CASE_TIMEOUT", "60000").status().unwrap().code(), Some(7));
}

#[test]
fn descriptors_of_the_caller_do_not_reach_the_command() {
    let listed = output(&mut case(&words(&["sh", "-c", "exec 9</dev/null; ls /proc/self/fd"])));
    assert!(String::from_utf8(listed).unwrap().contains('9'), "the check itself sees descriptors");
    let mut outer = Command::new("sh");
    let inner = case_beside_another_thread(&words(&["ls", "/proc/self/fd"]));
    outer.arg("-c").arg("exec 9</dev/null; exec \"$0\" \"$@\"");
    outer.arg(inner.get_program()).args(inner.get_args());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let listed = String::from_utf8(output(&mut outer)).unwrap();
    // 0, 1, 2, and the one with which ls reads the directory.
    assert_eq!(listed.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

#[test]
fn as_another_user_the_command_has_that_users_identity_and_no_way_back() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let mut case = case(&words(&["sh", "-c", "id -u; id -ru; id -G; umask; pwd >/dev/null"]));
    let said = String::from_utf8(output(case.env("CASE_USER", "nobody"))).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.first(), Some(&"65534"), "{said}");
    assert_eq!(lines.get(1), Some(&"65534"));
    assert!(!lines.get(2).unwrap().split(' ').any(|group| group == "0"));
    assert_eq!(lines.get(3), Some(&"0022"));
}
