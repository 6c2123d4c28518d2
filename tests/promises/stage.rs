//! A world with a file system of its own below `/srv`, and what happens there: a tree is made, a
//! command changes it, the change is undone and, by the undo of the undo, done again.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::FileSystem;
use crate::undoing::ALLOW_ALL;
use crate::witness::{Witness, remove_tree};
use crate::world::{Ran, World};

/// What happens, in lines of bash that are run in the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// Makes the tree.
    pub tree: Vec<String>,
    /// Changes it: the command that is undone.
    pub command: Vec<String>,
}

/// Where it happens. It is made outside of [`crate::disk::privately`] and set inside.
pub struct Stage {
    pub file_system: FileSystem,
    pub world: World,
}

impl Stage {
    pub fn new(file_system: FileSystem) -> Self {
        let world = World::new();
        let snapshot = "    snapshot: {paths: [\"/srv/tree/**\"]}\n";
        world.policy(&format!("{ALLOW_ALL}{snapshot}"));
        Self { file_system, world }
    }

    /// Mounts what the rounds need, in this thread's namespace.
    pub fn set(&self) {
        self.file_system.mount(&self.world.outside("scratch"), &self.world.outside("srv"));
        // Nothing of these rounds outlives them: no disk has to wait for it.
        FileSystem::Tmpfs.mount(&self.world.outside(""), &self.world.outside("var-lib"));
        fs::create_dir(self.world.outside("var-lib/hitl")).unwrap();
        self.world.mode("var-lib/hitl", 0o700);
    }

    pub fn tree(&self) -> PathBuf {
        self.world.outside("srv/tree")
    }

    /// All of it, and whether each state is the expected one: what went wrong, a line each.
    pub fn plays(&self, scenario: &Scenario) -> Result<(), Vec<String>> {
        self.make(&scenario.tree);
        self.plays_on(&scenario.command)
    }

    /// The same on the tree that is there.
    pub fn plays_on(&self, command: &[impl AsRef<str>]) -> Result<(), Vec<String>> {
        let tree = self.tree();
        let before = Witness::of(&tree);
        let run = self.run(command)?;
        let after = Witness::of(&tree);
        let undo = self.undo("undo", &run)?;
        same(&tree, &before, "after the undo")?;
        self.undo("undo of the undo", &undo)?;
        same(&tree, &after, "after the undo of the undo")
    }

    /// Makes a tree in the place of the one that is there.
    pub fn make(&self, tree: &[impl AsRef<str>]) {
        remove_tree(&self.tree());
        fs::create_dir(self.tree()).unwrap();
        self.world.write("srv/make.sh", &script(tree));
        self.world.program("root", "/bin/bash", &["/srv/make.sh"]).run().exits(0);
    }

    /// Runs a command on it; the run's id.
    pub fn run(&self, command: &[impl AsRef<str>]) -> Result<String, Vec<String>> {
        self.world.write("srv/command.sh", &script(command));
        self.world.mode("srv/command.sh", 0o755);
        self.hitl("alice", &["run", "--json", "--", "/srv/command.sh"])
    }

    pub fn undo(&self, what: &str, id: &str) -> Result<String, Vec<String>> {
        self.hitl("root", &["undo", "--json", id]).map_err(|mut lines| {
            lines.insert(0, format!("the {what} fails:"));
            lines
        })
    }

    /// Calls hitl, as root where all that it says is to be seen; the run's id, where all went well.
    pub fn hitl(&self, user: &str, words: &[&str]) -> Result<String, Vec<String>> {
        let ran = self.world.hitl(user, words).run();
        let answer = json(&ran);
        let whole = answer["not_restored"].as_array().is_none_or(Vec::is_empty);
        match answer["id"].as_str() {
            Some(id) if ran.status.success() && whole => Ok(id.to_owned()),
            _ => Err(vec![
                format!("hitl {}: {}", words.join(" "), ran.status),
                ran.stdout,
                ran.stderr,
            ]),
        }
    }
}

/// A script of these lines. Some of them fail, and the script does not; should one of them wait for
/// ever, it is ended. At last all is written: where the data of a file lies is not settled before that
/// (xfs reserves more than is written, and tells it as data).
pub fn script(lines: &[impl AsRef<str>]) -> String {
    let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    format!(
        "#!/bin/bash\n\
         [ -n \"$TIMED\" ] || TIMED=1 exec timeout -k 1 100 /bin/bash \"$0\"\n\
         exec 2>/dev/null; PATH=/usr/sbin:/usr/bin:/sbin:/bin\n\
         shopt -s nullglob; cd /srv/tree || exit\n\
         {}\nsync -f .\nexit 0\n",
        lines.join("\n")
    )
}

fn same(tree: &Path, expected: &Witness, when: &str) -> Result<(), Vec<String>> {
    let differences = Witness::of(tree).differences(expected);
    if differences.is_empty() {
        return Ok(());
    }
    Err([vec![format!("{when} (- expected, + found):")], differences].concat())
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(ran.stdout.lines().last().unwrap_or_default()).unwrap_or_default()
}
