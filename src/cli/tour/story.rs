//! The story of the tour, step by step. Each step checks that it did what it said.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::narrator::Narrator;
use super::stage::Stage;
use crate::cli::failure::{ExitCode, Failure};

/// The configuration that the story is about.
const FILES: [(&str, &str); 4] = [
    (
        "nginx.conf",
        "worker_processes auto;\nevents { worker_connections 1024; }\nhttp {\n    include sites/*.conf;\n}\n",
    ),
    (
        "sites/shop.conf",
        "server {\n    listen 80;\n    server_name shop.example;\n    root /srv/shop/html;\n}\n",
    ),
    ("html/index.html", "<h1>Welcome to the shop</h1>\n"),
    ("tls/options.conf", "ssl_protocols TLSv1.2;\n"),
];

/// Tells the story on a stage.
///
/// # Errors
/// A failure with exit code 1 at the first step that did not do what it said.
pub(super) fn tell(stage: &Stage, narrator: &Narrator) -> Result<(), Failure> {
    let story = Story { stage, narrator, files: stage.files() };
    story.set_up()?;
    story.what_would_happen()?;
    story.autonomous()?;
    story.refused()?;
    if stage.has_two_people() {
        story.second_approver()?;
    } else {
        story.no_second_approver()?;
    }
    story.broken_and_undone()?;
    story.proven()?;
    narrator.say("\nEvery step did what it said. \"hitl --help\" goes on from here.")
}

struct Story<'t> {
    stage: &'t Stage,
    narrator: &'t Narrator,
    files: PathBuf,
}

/// Everything about a path that an undo must bring back.
#[derive(PartialEq)]
struct FileState {
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    content: Vec<u8>,
}

/// What a command of the tour printed.
struct Scene {
    stdout: String,
    text: String,
}

impl Story<'_> {
    fn set_up(&self) -> Result<(), Failure> {
        let policy = include_str!("policy.yaml").replace("{FILES}", &self.file(""));
        self.stage.install_policy(&policy)?;
        for (name, content) in FILES {
            let path = self.files.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
                // alice is shown no more than she can see.
                fs::set_permissions(parent, fs::Permissions::from_mode(0o755))?;
            }
            fs::write(&path, content)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
        }
        let who = if self.stage.has_two_people() {
            "Two people work here: alice, who does the work, and bob, who is in the group ops. They call an\n\
             installed hitl, each from a process of their own; the commands run as root."
        } else {
            "You are alone here: without root (and the right to make a mount namespace) the tour has no\n\
             second identity, so the step with the second approver only shows the request. Run the tour\n\
             as root to see it decided."
        };
        self.narrator.step(
            1,
            "A small web shop, and rules for it",
            &format!("{who}\n\nThe files are in {}. The policy says:\n", self.files.display()),
        )?;
        let rules: String = policy.lines().filter(|line| !line.starts_with('#')).fold(
            String::new(),
            |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            },
        );
        self.narrator.printed(&rules)
    }

    fn what_would_happen(&self) -> Result<(), Failure> {
        self.narrator.step(
            2,
            "Ask before you act",
            "\"hitl check\" says what would be decided about a command, and why. Nothing runs.",
        )?;
        let options = self.file("tls/options.conf");
        let edit = ["check", "--", "sed", "-i", "s/TLSv1.2/TLSv1.3/", options.as_str()];
        let scene = self.scene(self.requester(), &edit, ExitCode::Pending as i32)?;
        self.expect(scene.text.contains("approve"), "the check asks for an approval")
    }

    fn autonomous(&self) -> Result<(), Failure> {
        self.narrator.step(
            3,
            "What is autonomous just runs",
            "A rule allows reading. It runs at once, and it is on record.",
        )?;
        let scene = self.scene(self.requester(), &["run", "--", "ls", &self.file("sites")], 0)?;
        self.expect(scene.stdout.contains("shop.conf"), "ls lists the site")
    }

    fn refused(&self) -> Result<(), Failure> {
        self.narrator.step(
            4,
            "What must never happen is refused",
            "However it is spelled: flags in a cluster, a path with \"..\" in it.",
        )?;
        let target = self.file("html/..");
        self.scene(
            self.requester(),
            &["run", "--", "rm", "-fvr", &target],
            ExitCode::Denied as i32,
        )?;
        self.expect(self.files.join("nginx.conf").exists(), "the shop is still there")
    }

    fn second_approver(&self) -> Result<(), Failure> {
        self.narrator.step(
            5,
            "What matters waits for a second human",
            "alice asks. Her command waits, until bob, in another process, has looked at it and decided.",
        )?;
        let options = self.file("tls/options.conf");
        let asked = [
            "run",
            "--reason",
            "the audit wants TLS 1.3",
            "--",
            "sed",
            "-i",
            "s/TLSv1.2/TLSv1.3/",
            options.as_str(),
        ];
        self.show_command("alice", &asked)?;
        let waiting = self.stage.start("alice", &asked)?;
        let id = self.wait_for_request()?;
        self.narrator.say(&format!("    (alice's command waits; its request is {id})"))?;

        self.scene("alice", &["approve", &id], ExitCode::Denied as i32)?;
        self.scene("bob", &["pending"], 0)?;
        self.scene("bob", &["show", &id], 0)?;
        self.expect(
            self.read("tls/options.conf")?.contains("TLSv1.2"),
            "nothing has changed before the approval",
        )?;
        self.scene("bob", &["approve", &id, "-m", "yes, 1.2 is out"], 0)?;

        self.narrator.say("\nalice's command goes on at once:")?;
        let ended = waiting.end()?;
        self.narrator.printed(&String::from_utf8_lossy(&ended.stderr))?;
        self.expect(ended.status.success(), "alice's command succeeded")?;
        self.expect(self.read("tls/options.conf")?.contains("TLSv1.3"), "the file was changed")?;

        self.narrator.say("\nBefore it ran, its files were snapshotted. What it changed:")?;
        let scene = self.scene("alice", &["snapshots", "diff", &id], 0)?;
        self.expect(scene.stdout.contains("TLSv1.3"), "the diff shows the change")
    }

    fn no_second_approver(&self) -> Result<(), Failure> {
        self.narrator.step(
            5,
            "What matters waits for a second human",
            "With --no-wait the request is left for later, and the exit code is 75.",
        )?;
        let options = self.file("tls/options.conf");
        let asked = ["run", "--no-wait", "--", "sed", "-i", "s/TLSv1.2/TLSv1.3/", options.as_str()];
        self.scene("you", &asked, ExitCode::Pending as i32)?;
        let id = self.wait_for_request()?;
        self.scene("you", &["approve", &id], ExitCode::Denied as i32)?;
        self.scene("you", &["cancel", &id], 0)?;
        self.expect(self.read("tls/options.conf")?.contains("TLSv1.2"), "nothing has changed")
    }

    fn broken_and_undone(&self) -> Result<(), Failure> {
        self.narrator.step(
            6,
            "What went wrong is undone",
            "A typo in the configuration, and the wrong file removed. The rules allow both, because both\n\
             can be undone: the files are snapshotted before each command.",
        )?;
        let before = self.state()?;
        let requester = self.requester();
        let site = self.file("sites/shop.conf");
        let page = self.file("html/index.html");
        self.scene(requester, &["run", "--", "sed", "-i", "s/listen 80;/lisen 80;/", &site], 0)?;
        self.scene(requester, &["run", "--", "rm", &page], 0)?;
        self.expect(self.state()? != before, "the shop is broken")?;
        self.expect(!self.files.join("html/index.html").exists(), "the page is gone")?;

        self.scene(requester, &["snapshots"], 0)?;
        self.scene(requester, &["undo", "--last", "--dry-run"], 0)?;
        self.scene(requester, &["undo", "--last"], 0)?;
        self.scene(requester, &["undo", "--last"], 0)?;
        self.expect(
            self.state()? == before,
            "content, modes, owners and times are what they were",
        )?;
        self.narrator
            .say("\nContent, modes, owners and times of all files are what they were before.")
    }

    fn proven(&self) -> Result<(), Failure> {
        self.narrator.step(
            7,
            "What happened is on record, and the record holds",
            "Each entry carries the hash of the one before it.",
        )?;
        let administrator = self.stage.administrator();
        self.scene(administrator, &["audit", "show"], 0)?;
        self.scene(administrator, &["audit", "verify"], 0)?;

        let copy = self.stage.scratch().join("audit");
        copy_directory(&self.stage.audit_log(), &copy)?;
        let log = copy.join("000001.jsonl");
        let text = fs::read_to_string(&log)?;
        let tampered = text.replacen("lisen 80", "listen 8080", 1);
        self.expect(tampered != text, "there is something to tamper with")?;
        let line = text.lines().position(|line| line.contains("lisen 80")).unwrap_or_default();
        fs::write(&log, tampered)?;
        self.narrator.say(&format!(
            "\nNow somebody changes one word of a copy of the log, in the entry with the sequence number {line},\n\
             so that it says that alice had typed something else:"
        ))?;
        let path = copy.to_string_lossy().into_owned();
        let scene = self.scene(administrator, &["audit", "verify", &path], ExitCode::No as i32)?;
        self.expect(
            scene.text.contains(&line.to_string()) || scene.text.contains(&(line + 1).to_string()),
            "verification names the first bad entry",
        )
    }

    fn requester(&self) -> &'static str {
        self.stage.requester()
    }

    /// Prints a command, runs it, prints what it printed, and checks how it ended.
    fn scene(&self, who: &str, arguments: &[&str], expected: i32) -> Result<Scene, Failure> {
        self.show_command(who, arguments)?;
        let output = self.stage.run(who, arguments)?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let text = stdout.clone() + &String::from_utf8_lossy(&output.stderr);
        self.narrator.printed(&text)?;
        let ended = output.status.code();
        if expected != 0 && ended == Some(expected) {
            self.narrator.say(&format!("    (exit code {expected})"))?;
        }
        self.expect(
            ended == Some(expected),
            &format!("\"hitl {}\" exits with {expected} (it was {ended:?})", arguments.join(" ")),
        )?;
        Ok(Scene { stdout, text })
    }

    fn show_command(&self, who: &str, arguments: &[&str]) -> Result<(), Failure> {
        let words: Vec<&str> = std::iter::once("hitl").chain(arguments.iter().copied()).collect();
        self.narrator.command(who, &words)
    }

    /// The id of the one request that is pending, as soon as it is.
    fn wait_for_request(&self) -> Result<String, Failure> {
        let patience = std::time::Duration::from_secs(20);
        let started = std::time::Instant::now();
        while started.elapsed() < patience {
            let output = self.stage.run(self.stage.administrator(), &["pending", "--json"])?;
            let id = String::from_utf8_lossy(&output.stdout)
                .lines()
                .next()
                .and_then(|line| serde_json::from_str::<Value>(line).ok())
                .and_then(|request| request["id"].as_str().map(str::to_owned));
            if let Some(id) = id {
                return Ok(id);
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Err(Failure::new(ExitCode::No, "the tour failed: the request did not appear"))
    }

    fn expect(&self, held: bool, what: &str) -> Result<(), Failure> {
        if held {
            return Ok(());
        }
        Err(Failure::new(ExitCode::No, format!("the tour failed: it is not so that {what}")))
    }

    fn file(&self, name: &str) -> String {
        let path = if name.is_empty() { self.files.clone() } else { self.files.join(name) };
        path.to_string_lossy().into_owned()
    }

    fn read(&self, name: &str) -> Result<String, Failure> {
        Ok(fs::read_to_string(self.files.join(name))?)
    }

    /// All files of the shop.
    fn state(&self) -> Result<BTreeMap<PathBuf, FileState>, Failure> {
        let mut state = BTreeMap::new();
        let mut directories = vec![self.files.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                let metadata = path.symlink_metadata()?;
                let content = if metadata.is_file() { fs::read(&path)? } else { Vec::new() };
                if metadata.is_dir() {
                    directories.push(path.clone());
                }
                let facts = FileState {
                    mode: metadata.mode(),
                    owner: (metadata.uid(), metadata.gid()),
                    modified: (metadata.mtime(), metadata.mtime_nsec()),
                    content,
                };
                state.insert(path, facts);
            }
        }
        Ok(state)
    }
}

fn copy_directory(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
