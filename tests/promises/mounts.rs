//! Other file systems in a tree: a mount point is on record and never entered, and nothing below it is
//! created or removed; what is mounted or unmounted between the command and the undo does not make the
//! undo write into something else.

use std::fs;
use std::path::Path;

use crate::disk::{FileSystem, bind, privately, succeeds, unmount};
use crate::stage::Stage;
use crate::witness::Witness;
use crate::world::can_have_a_world;

/// Works on a stage with this tree.
fn on_stage(file_system: FileSystem, tree: &[&str], work: impl FnOnce(&Stage, &Path) + Send) {
    if !can_have_a_world("a tree with mount points") {
        return;
    }
    let stage = Stage::new(file_system);
    privately(|| {
        stage.set();
        stage.make(tree);
        work(&stage, &stage.tree());
    });
}

/// What a run is known not to cover, as root is told it.
fn not_covered(stage: &Stage, id: &str) -> String {
    stage.world.hitl("root", &["snapshots", "show", id]).run().exits(0).stdout
}

#[test]
fn what_is_mounted_below_a_tree_is_neither_captured_nor_touched_and_that_is_said() {
    let tree = ["mkdir -p sub/mounted; printf before > sub/file; printf before > other"];
    on_stage(FileSystem::Ext4, &tree, |stage, tree| {
        let mounted = tree.join("sub/mounted");
        FileSystem::Tmpfs.mount(tree, &mounted);
        for name in ["kept", "removed", "changed"] {
            fs::write(mounted.join(name), "on another file system").unwrap();
        }
        let command = "rm -rf other sub/file sub/mounted/removed; printf x > sub/mounted/changed; \
                       printf x > sub/mounted/made; printf x > sub/made";
        let id = stage.run(&[command]).unwrap();
        let told = not_covered(stage, &id);
        assert!(told.contains("/srv/tree/sub/mounted"), "{told}");
        let below = Witness::of(&mounted);
        let undo = stage.undo("undo", &id).unwrap();
        Witness::of(&mounted).is(&below, "below the mount point, after the undo");
        assert_eq!(fs::read_to_string(tree.join("other")).unwrap(), "before");
        assert_eq!(fs::read_to_string(tree.join("sub/file")).unwrap(), "before");
        assert!(!tree.join("sub/made").exists());
        stage.undo("undo of the undo", &undo).unwrap();
        Witness::of(&mounted).is(&below, "below the mount point, after the undo of the undo");
        assert!(!tree.join("other").exists() && tree.join("sub/made").exists());
    });
}

#[test]
fn a_directory_of_the_same_file_system_that_is_bound_into_the_tree_is_a_mount_point_too() {
    let tree = ["mkdir -p bound ../elsewhere; printf before > ../elsewhere/file; printf x > other"];
    on_stage(FileSystem::Ext4, &tree, |stage, tree| {
        let elsewhere = tree.with_file_name("elsewhere");
        bind(&elsewhere, &tree.join("bound"));
        let command = "rm other; printf after > bound/file; printf x > bound/made";
        let id = stage.run(&[command]).unwrap();
        let told = not_covered(stage, &id);
        assert!(told.contains("/srv/tree/bound"), "{told}");
        let below = Witness::of(&elsewhere);
        stage.undo("undo", &id).unwrap();
        Witness::of(&elsewhere).is(&below, "what is bound, after the undo");
        assert_eq!(fs::read_to_string(tree.join("other")).unwrap(), "x");
    });
}

#[test]
fn what_a_command_changes_through_a_bind_mount_elsewhere_comes_back_in_both_places() {
    let tree = ["mkdir sub; printf before > sub/file; printf x > sub/removed; mkdir ../elsewhere"];
    on_stage(FileSystem::Xfs, &tree, |stage, tree| {
        let elsewhere = tree.with_file_name("elsewhere");
        bind(&tree.join("sub"), &elsewhere);
        let before = Witness::of(tree);
        let command = "cd ../elsewhere; printf after > file; rm removed; mkdir made";
        let id = stage.run(&[command]).unwrap();
        assert!(tree.join("sub/made").exists());
        stage.undo("undo", &id).unwrap();
        Witness::of(tree).is(&before, "after the undo");
        assert_eq!(fs::read_to_string(elsewhere.join("file")).unwrap(), "before");
        assert!(elsewhere.join("removed").exists() && !elsewhere.join("made").exists());
    });
}

#[test]
fn a_file_that_is_mounted_over_another_is_written_in_place() {
    let tree = ["printf under > file; printf before > ../over; touch -d @5.5 ../over"];
    on_stage(FileSystem::Ext4, &tree, |stage, tree| {
        let over = tree.with_file_name("over");
        bind(&over, &tree.join("file"));
        let before = Witness::of(tree);
        let id = stage.run(&["printf after > file; chmod 600 file"]).unwrap();
        assert_eq!(fs::read_to_string(&over).unwrap(), "after");
        stage.undo("undo", &id).unwrap();
        Witness::of(tree).is(&before, "after the undo");
        assert_eq!(fs::read_to_string(&over).unwrap(), "before");
        unmount(&tree.join("file"));
        assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "under");
    });
}

#[test]
fn what_was_mounted_over_a_changed_directory_since_is_not_written_into() {
    let tree = ["mkdir sub; printf before > sub/file; printf x > other"];
    on_stage(FileSystem::Ext4, &tree, |stage, tree| {
        let before = Witness::of(tree);
        let id = stage.run(&["printf after > sub/file; rm other; printf x > sub/made"]).unwrap();
        let after = Witness::of(tree);
        FileSystem::Tmpfs.mount(tree, &tree.join("sub"));
        // As if it were the same: a name that the undo removes, and one that it writes.
        fs::write(tree.join("sub/made"), "x").unwrap();
        fs::write(tree.join("sub/file"), "after").unwrap();
        let below = Witness::of(&tree.join("sub"));
        let refused = stage.world.hitl("root", &["undo", &id]).run();
        assert!(!refused.status.success(), "{refused:?}");
        refused.says("/srv/tree/sub");
        Witness::of(&tree.join("sub")).is(&below, "what is mounted, after the undo");
        unmount(&tree.join("sub"));
        Witness::of(tree).is(&after, "after the undo that was refused");
        stage.undo("undo", &id).unwrap();
        Witness::of(tree).is(&before, "after the undo");
    });
}

#[test]
fn what_comes_to_light_where_something_is_no_longer_mounted_stays_as_it_is() {
    let tree = ["mkdir sub; printf under > sub/file; printf before > other"];
    on_stage(FileSystem::Ext4, &tree, |stage, tree| {
        let sub = tree.join("sub");
        FileSystem::Tmpfs.mount(tree, &sub);
        fs::write(sub.join("file"), "over").unwrap();
        let id = stage.run(&["rm other sub/file"]).unwrap();
        unmount(&sub);
        let below = Witness::of(&sub);
        // It may be refused, for the mount point is not what it was; by force everything else comes
        // back.
        if stage.undo("undo", &id).is_err() {
            stage.world.hitl("root", &["undo", "--force", &id]).run();
        }
        assert_eq!(fs::read_to_string(tree.join("other")).unwrap(), "before");
        Witness::of(&sub).is(&below, "what came to light");
    });
}

#[test]
fn a_subvolume_of_btrfs_below_a_tree_comes_back_as_what_it_holds_or_is_said_not_to() {
    let tree = ["printf before > other"];
    on_stage(FileSystem::Btrfs, &tree, |stage, tree| {
        let (volume, snapshot) = (tree.join("volume"), tree.join("snapshot"));
        succeeds("btrfs", &["-q", "subvolume", "create"], &[&volume]);
        fs::write(volume.join("file"), "before").unwrap();
        succeeds("btrfs", &["-q", "subvolume", "snapshot", "-r"], &[&volume, &snapshot]);
        let before = Witness::of(tree);
        let id =
            stage.run(&["rm other; printf after > volume/file; printf x > volume/made"]).unwrap();
        let told = not_covered(stage, &id);
        stage.undo("undo", &id).unwrap();
        let differences = Witness::of(tree).differences(&before);
        if told.contains("/srv/tree/volume") {
            let about_it = |line: &String| line[2..].trim_start_matches("./").starts_with("volume");
            assert!(differences.iter().all(about_it), "{differences:?}");
        } else {
            assert_eq!(differences, [""; 0]);
        }
        assert_eq!(fs::read_to_string(snapshot.join("file")).unwrap(), "before");
    });
}
