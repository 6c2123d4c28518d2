//! A tree that a command changes in every way that an undo has to take back, for tests in which
//! something goes wrong on the way.

use std::fs;
use std::path::PathBuf;

use crate::tree::Tree;
use crate::undoing::{Place, id_of, site};
use crate::world::{Call, Ran, World};

/// Everything in `/srv/site` is snapshotted for every command.
pub const POLICY: &str = r#"
version: 1
name: ordeal
defaults: {decision: deny}
rules:
  - id: everything
    match: {command: "/**"}
    decision: allow
    risk: low
    snapshot: {paths: ["/srv/site/**"]}
"#;

/// What changes the tree: replaced and rewritten files, ones that go and ones that come, other
/// kinds in their places, other modes, owners, times and attributes.
const COMMAND: &str = "#!/bin/sh
set -e
cd /srv/site
sed -i s/80/81/ conf/app.conf
echo more >>data/log
rm conf/other.conf
rm -r data/deep
mkdir -p made/of
echo new >made/of/many
ln -sfn other.conf conf/link
rm data/pipe
mkdir data/pipe
rm data/dangling
echo file >data/dangling
chmod 700 data
chmod 4711 tidy.sh
chown 2003 tool.sh
touch -d 2001-01-01 data/empty
";

/// Files with several names: an undo rewrites them in place, so that they stay one.
const IN_PLACE: [&str; 2] = ["data/log", "conf/log"];

/// A world in which that happens.
pub struct Ordeal {
    pub world: World,
    /// The tree, from outside.
    pub root: PathBuf,
    /// How it is before the command.
    pub before: Tree,
}

impl Ordeal {
    /// Makes the tree in a world, where the world has its `/srv`.
    pub fn new(world: World) -> Self {
        let root = site(&world, Place::System, POLICY);
        fs::write(root.join("data/log"), "once\n").unwrap();
        fs::hard_link(root.join("data/log"), root.join("conf/log")).unwrap();
        world.install("ordeal", COMMAND);
        let before = Tree::of(&root);
        Self { world, root, before }
    }

    /// root's hitl, to whom everything is said.
    pub fn hitl(&self, words: &[&str]) -> Call<'_> {
        self.world.hitl("root", words)
    }

    /// The command that changes the tree, under hitl.
    pub fn command(&self) -> Call<'_> {
        self.hitl(&["run", "--json", "--", "ordeal"])
    }

    /// Lets it change the tree: the run's id, and the tree.
    #[track_caller]
    pub fn run(&self) -> (String, Tree) {
        let ran = self.command().run().exits(0);
        let after = Tree::of(&self.root);
        assert_ne!(after, self.before, "it changed nothing");
        (id_of(&ran), after)
    }

    /// Undoes a run wholly: the id of the undo.
    #[track_caller]
    pub fn undo(&self, id: &str, what: &str) -> String {
        let ran = self.hitl(&["undo", "--json", id]).run();
        assert_eq!(ran.code(), 0, "{what}: {ran:?}");
        assert_eq!(ran.json()["not_restored"], serde_json::json!([]), "{what}: {ran:?}");
        id_of(&ran)
    }

    /// Undoes a run, or finds that it is undone: the id of the undo.
    #[track_caller]
    pub fn undo_or_find_undone(&self, id: &str, what: &str) -> String {
        let ran = self.hitl(&["undo", "--json", id]).run();
        if ran.code() == 0 {
            assert_eq!(ran.json()["not_restored"], serde_json::json!([]), "{what}: {ran:?}");
            return id_of(&ran);
        }
        undone_by(&ran).unwrap_or_else(|| panic!("{what}: {ran:?}"))
    }

    /// The runs that hitl lists, the newest first.
    #[track_caller]
    pub fn runs(&self) -> Vec<serde_json::Value> {
        let ran = self.world.hitl("root", &["snapshots", "--json"]).run().exits(0);
        ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Asserts that every path of the tree is as it was in one of two states, with the content and
    /// as the kind of thing that it had there.
    #[track_caller]
    pub fn is_nowhere_between(&self, one: &Tree, two: &Tree, what: &str) {
        Tree::of(&self.root).is_nowhere_between(one, two, &IN_PLACE, what);
    }
}

/// By which run a run was undone, where an undo says that it is undone already.
pub fn undone_by(ran: &Ran) -> Option<String> {
    let said = ran.json()["error"]["message"].as_str()?.to_owned();
    let (_, by) = said.split_once("undone already (by run ")?;
    Some(by.get(..9)?.to_owned())
}
