//! The command line explains itself: help, man pages, completions, version, colour; and the files
//! that are generated from it are those that the binary prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::world::HITL;

/// Every command, as it is typed.
const COMMANDS: [&str; 42] = [
    "",
    "run",
    "edit",
    "check",
    "list",
    "pending",
    "show",
    "approve",
    "reject",
    "review",
    "cancel",
    "wait",
    "forget",
    "snapshots",
    "snapshots list",
    "snapshots show",
    "snapshots diff",
    "snapshots pin",
    "snapshots unpin",
    "snapshots prune",
    "snapshots verify",
    "undo",
    "notify",
    "notify list",
    "notify test",
    "audit",
    "audit show",
    "audit verify",
    "policy",
    "policy check",
    "policy test",
    "signers",
    "signers list",
    "signers add",
    "signers check",
    "signers remove",
    "signers revoke",
    "init",
    "doctor",
    "completions",
    "man",
    "tour",
];

/// The completion scripts that are kept beside the sources, and the shells they are for.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "hitl.bash"), ("zsh", "_hitl"), ("fish", "hitl.fish")];

/// hitl with these words and nothing in its environment that it could listen to.
fn hitl(words: &[&str]) -> Command {
    let mut command = Command::new(HITL);
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command
}

#[track_caller]
fn run(words: &[&str], code: i32) -> Output {
    let output = hitl(words).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    output
}

#[track_caller]
fn printed(words: &[&str]) -> String {
    String::from_utf8(run(words, 0).stdout).unwrap()
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn kept(path: &str) -> String {
    fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn words(command: &str) -> Vec<&str> {
    command.split_whitespace().collect()
}

#[test]
fn every_command_teaches_with_examples_that_fit_a_screen() {
    for command in COMMANDS {
        for flag in ["--help", "-h"] {
            let help = printed(&[&words(command)[..], &[flag]].concat());
            assert!(help.contains(format!("Usage: hitl {command}").trim_end()), "{help}");
            assert!(help.contains("\nExamples:\n  "), "{command}: no examples\n{help}");
            for line in help.lines() {
                assert!(line.chars().count() <= 100, "{command}: too long: {line:?}");
                assert_eq!(line.trim_end(), line, "{command}: trailing spaces");
            }
        }
    }
}

#[test]
fn paragraphs_of_help_fill_the_lines_that_the_terminal_has() {
    for command in COMMANDS {
        let words = [&words(command)[..], &["--help"]].concat();
        let help = hitl(&words).env("COLUMNS", "80").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let prose = help.lines().collect::<Vec<_>>();
        for pair in prose.windows(2) {
            let [line, next] = [pair[0], pair[1]];
            let first = next.split(' ').next().unwrap();
            let both_are_prose =
                ![line, next].iter().any(|one| one.is_empty() || one.starts_with(' '));
            if both_are_prose && !line.ends_with(':') && !line.starts_with("Usage") {
                let would_be = line.chars().count() + 1 + first.chars().count();
                assert!(would_be > 80, "{command}: {line:?} ends early, before {next:?}");
            }
        }
    }
}

#[test]
fn no_command_is_missing_here() {
    for command in COMMANDS {
        let help = printed(&[&words(command)[..], &["--help"]].concat());
        let Some((_, listed)) = help.split_once("\nCommands:\n") else { continue };
        let listed = listed.lines().take_while(|line| !line.is_empty());
        // A line that goes on is indented deeper.
        for name in listed.filter(|line| !line.starts_with("   ")).map(|line| words(line)[0]) {
            // A flag that stands for it comes after a comma.
            let name = name.trim_end_matches(',');
            let whole = format!("{command} {name}");
            assert!(name == "help" || COMMANDS.contains(&whole.trim_start()), "{whole}");
        }
    }
}

#[test]
fn the_examples_in_help_are_command_lines_that_hitl_understands() {
    let mut understood = 0;
    for command in COMMANDS {
        let help = printed(&[&words(command)[..], &["--help"]].concat());
        let (_, examples) = help.split_once("\nExamples:\n").unwrap();
        for line in examples.lines().take_while(|line| line.is_empty() || line.starts_with("  ")) {
            // Up to the explanation beside it, or to what the shell does with it.
            let line = line.trim_start().split("   ").next().unwrap();
            let Some(line) = line.strip_prefix("hitl ") else { continue };
            let line = line.split([';', '|', '>', '&']).next().unwrap();
            let typed = shell_words(line);
            // Everything is parsed up to an option that makes it end before anything is done.
            let own = typed.iter().take_while(|word| *word != "--");
            let output = hitl(&[]).args(own).arg("--no-such-option").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("'--no-such-option'"), "hitl {line}: {said}");
            understood += 1;
        }
    }
    assert!(understood > 40, "{understood}");
}

/// Words in single or double quotes, or in none.
fn shell_words(line: &str) -> Vec<String> {
    let output =
        Command::new("bash").arg("-c").arg(format!("printf '%s\\n' {line}")).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn options_that_apply_everywhere_come_last_and_short() {
    for command in COMMANDS {
        let help = printed(&[&words(command)[..], &["--help"]].concat());
        let (own, global) = help.split_once("\nGlobal options:\n").unwrap();
        assert!(!own.contains("--state-dir"), "{command}: {help}");
        let lines = global.lines().take_while(|line| !line.is_empty()).count();
        assert!(lines <= 5, "{command}: {lines} lines of global options\n{help}");
    }
}

#[test]
fn an_unknown_option_or_command_is_a_usage_error_that_names_it() {
    for command in COMMANDS {
        let output = run(&[&words(command)[..], &["--no-such-option"]].concat(), 2);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("--no-such-option"), "{command}: {said}");
        assert!(output.stdout.is_empty(), "{command}");
    }
    let said = run(&["aprove"], 2).stderr;
    assert!(String::from_utf8_lossy(&said).contains("approve"), "it suggests what was meant");
    run(&[], 2);
    run(&["run"], 2);
    run(&["undo"], 2);
    run(&["undo", "K7Q2-MX4P", "--last"], 2);
    run(&["reject", "K7Q2-MX4P"], 2);
    run(&["run", "--wait", "5 minutes", "--", "true"], 2);
    run(&["run", "--wait", "5m", "--no-wait", "--", "true"], 2);
}

#[test]
fn the_version_is_that_of_the_package() {
    let expected = format!("hitl {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(printed(&["--version"]), expected);
    assert_eq!(printed(&["-V"]), expected);
}

#[test]
fn the_man_pages_beside_the_sources_are_those_that_hitl_prints() {
    let regenerate = "regenerate them with: cargo run -- man --directory man";
    let directory = tempfile::tempdir().unwrap();
    run(&["man", "--directory", directory.path().to_str().unwrap()], 0);
    let names = names_in(directory.path());
    assert_eq!(names_in(&root("man")), names, "the files in man/ are others; {regenerate}");
    for name in &names {
        let made = fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(kept(&format!("man/{name}")) == made, "man/{name} is out of date; {regenerate}");
        assert_eq!(printed(&["man", name]), made, "{name}");
    }
}

#[test]
fn the_completions_beside_the_sources_are_those_that_hitl_prints() {
    let files: Vec<&str> = COMPLETIONS.iter().map(|(_, file)| *file).collect();
    let mut sorted = files.clone();
    sorted.sort_unstable();
    assert_eq!(names_in(&root("completions")), sorted);
    for (shell, file) in COMPLETIONS {
        assert!(
            kept(&format!("completions/{file}")) == printed(&["completions", shell]),
            "completions/{file} is out of date; regenerate it with: cargo run -- completions {shell} > completions/{file}"
        );
    }
}

#[test]
fn completion_scripts_are_valid_for_their_shells() {
    for (shell, file) in COMPLETIONS {
        // Only the syntax: nothing is run.
        let output = Command::new(shell).arg("-n").arg(root("completions").join(file)).output();
        let output =
            output.unwrap_or_else(|error| panic!("{shell} (./tests/run installs it): {error}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let script = r#"
        source "$1"
        complete_line() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _hitl hitl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
            echo "${COMPREPLY[*]}"
        }
        complete_line hitl app
        complete_line hitl run --dr
        complete_line hitl policy te"#;
    let file = root("completions/hitl.bash");
    let output = Command::new("bash").args(["-c", script, "bash"]).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "approve\n--dry-run\ntest\n", "{output:?}");
}

#[test]
fn man_pages_are_well_formed_and_every_command_has_one() {
    for command in COMMANDS {
        let name = format!("hitl {command}").trim_end().replace(' ', "-");
        let page = kept(&format!("man/{name}.1"));
        assert!(page.contains(".SH EXAMPLES\n"), "{name}");
    }
    for name in names_in(&root("man")) {
        let output = Command::new("mandoc")
            .args(["-Tlint", "-Werror"])
            .arg(root("man").join(&name))
            .output()
            .unwrap_or_else(|error| panic!("mandoc (./tests/run installs it): {error}"));
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn a_page_is_found_by_its_name_and_a_wrong_name_is_told_the_right_ones() {
    assert!(printed(&["man"]).contains(".TH \"HITL\" 1"));
    assert!(printed(&["man", "hitl-run"]).contains("hitl\\-run \\- "));
    assert!(printed(&["man", "hitl-policy"]).contains(".Dt HITL-POLICY 5"));
    assert!(printed(&["man", "hitl-policy.1"]).contains(".TH \"HITL-POLICY\" 1"));
    assert!(printed(&["man", "hitl-audit"]).contains(".Dt HITL-AUDIT 5"));
    let said = run(&["man", "hitl-rum"], 2).stderr;
    assert!(String::from_utf8_lossy(&said).contains("hitl-run.1"));
}

#[test]
fn a_full_or_closed_standard_output_is_no_panic() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = hitl(&["man"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write"), "{output:?}");
    let (reader, writer) = nix::unistd::pipe().unwrap();
    drop(reader);
    let output = hitl(&["completions", "bash"]).stdout(writer).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
}

/// Whether a command that fails its one test says so in colour.
fn is_coloured(arguments: &[&str], variables: &[(&str, &str)]) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.yaml");
    fs::write(
        &policy,
        "version: 1\nname: x\ndefaults: {decision: deny}\n\
         tests: [{name: fails, run: ls, expect: {decision: allow}}]\n",
    )
    .unwrap();
    let output = hitl(&["policy", "test"])
        .arg(&policy)
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("FAILED"), "the word is there with and without colour: {said}");
    said.contains('\u{1b}')
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask_for_it() {
    assert!(!is_coloured(&[], &[]), "not where standard output is a pipe");
    assert!(is_coloured(&["--color", "always"], &[]));
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "0")]));
    assert!(!is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!is_coloured(&["--color", "never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(is_coloured(&["--color", "always"], &[("NO_COLOR", "1")]), "an option outranks them");
    assert!(is_coloured(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")]), "empty is not set");
    run(&["--color", "sometimes", "man"], 2);
}

/// The policy language is described whole: every field that the document has stands in its page.
#[test]
fn the_policy_page_names_every_field_that_a_policy_can_have() {
    let page = kept("man/hitl-policy.5");
    let described: Vec<&str> =
        page.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let mut fields = 0;
    for file in ["document", "channel", "rule", "require", "conditions"] {
        let source = kept(&format!("src/policy/{file}.rs"));
        let mut renamed = None;
        for line in source.lines().map(str::trim) {
            if let Some((_, rest)) = line.split_once("rename = \"") {
                renamed = rest.split('"').next();
            }
            let named = line.strip_prefix("pub ").filter(|rest| !rest.starts_with("fn "));
            let Some((name, _)) = named.and_then(|rest| rest.split_once(": ")) else {
                continue;
            };
            let name = renamed.take().unwrap_or(name);
            assert!(
                described.contains(&name),
                "hitl-policy(5) does not describe {name:?} ({file}.rs)"
            );
            fields += 1;
        }
    }
    assert!(fields > 60, "{fields}");
}

#[test]
fn the_example_in_the_policy_page_loads_and_passes_its_own_tests() {
    let page = kept("man/hitl-policy.5");
    let (_, example) = page.split_once(".Bd -literal -offset indent\nversion: 1\n").unwrap();
    let (example, _) = example.split_once(".Ed\n").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.yaml");
    fs::write(&file, format!("version: 1\n{example}")).unwrap();
    assert!(printed(&["policy", "test", file.to_str().unwrap()]).contains("7 passed, 0 failed"));
}

#[test]
fn the_program_in_the_audit_page_verifies_a_chain_without_hitl() {
    let page = kept("man/hitl-audit.5");
    let (_, program) = page.split_once("import hashlib").unwrap();
    let (program, _) = program.split_once(".Ed\n").unwrap();
    let program = format!("import hashlib{}", program.replace("\\e", "\\"));
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.yaml");
    fs::write(
        &policy,
        "version: 1\nname: x\ndefaults: {decision: deny}\n\
         rules: [{id: t, match: {command: \"true\"}, decision: allow}]\n",
    )
    .unwrap();
    let state = directory.path().join("state");
    let at = |words: &[&str]| {
        let output = hitl(words)
            .arg("--state-dir")
            .arg(&state)
            .env("HITL_POLICY", &policy)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let ran = hitl(&["run", "--state-dir"])
        .arg(&state)
        .args(["--", "true"])
        .env("HITL_POLICY", &policy)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let verified: serde_json::Value =
        serde_json::from_str(&at(&["audit", "verify", "--json"])).unwrap();
    let head = verified["head"].as_str().unwrap().trim_start_matches("sha256:");
    let python = || {
        let output = Command::new("python3")
            .args(["-c", &program])
            .current_dir(state.join("audit"))
            .output()
            .unwrap_or_else(|error| panic!("python3 (./tests/run installs it): {error}"));
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(python(), (true, format!("head {head}\n")));
    let log = state.join("audit/000001.jsonl");
    let changed = fs::read_to_string(&log).unwrap().replacen("privilege-requested", "x", 1);
    fs::write(&log, changed).unwrap();
    assert!(!python().0, "it finds what was changed");
}
