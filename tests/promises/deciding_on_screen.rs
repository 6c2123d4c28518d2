//! What takes more than a yes, decided from the reviewer's screen: a signature with a key that has a
//! passphrase, and the review of a denial that was lifted.

use std::fs;

use crate::breaking_glass::{self, broken};
use crate::reviewing::{SMALL, at_the_screen, beginning};
use crate::signed::{self, DEPLOY};
use crate::world::World;
use crate::world_or_skip;

const PASSPHRASE: &str = "open sesame";

/// The host, as a request names it.
fn host_of(world: &World, id: &str) -> String {
    let shown = world.hitl("root", &["show", "--json", id]).run().exits(0).json();
    shown["bound"]["host"]["name"].as_str().unwrap().to_owned()
}

#[test]
fn an_approval_is_signed_from_the_screen_with_a_key_whose_passphrase_is_asked_for() {
    let office = signed::open(world_or_skip!());
    let world = &office.world;
    let key = office.registered_with("bob", "bob", PASSPHRASE, &["-t", "ed25519"]);
    let ssh = world.outside("home/bob/.ssh");
    fs::create_dir_all(&ssh).unwrap();
    for from in [key.clone(), key.with_extension("pub")] {
        fs::rename(&from, ssh.join(from.file_name().unwrap())).unwrap();
    }
    let id = world.ask("alice", &DEPLOY);
    // High enough for both statements that are shown before they are signed.
    let desk = at_the_screen(world, "bob", (80, 120));
    desk.press(&["Enter"]);
    desk.shows(" lines\n");
    desk.press(&["a"]);
    desk.shows("Esc do not");
    desk.types(beginning(&id));
    desk.press(&["Enter"]);
    // A wrong one first: nothing is decided, and the screen comes back.
    desk.shows("Enter passphrase");
    desk.types("no idea");
    desk.press(&["Enter"]);
    desk.shows("press any key");
    assert_eq!(world.state(&id), "pending");
    desk.press(&["x"]);
    // On the screen, where the key is taken for what it is.
    desk.shows(&format!("── {id}: nothing was decided"));
    desk.press(&["a"]);
    desk.shows("Esc do not");
    desk.types(beginning(&id));
    desk.press(&["Enter"]);
    desk.shows_times("Enter passphrase", 2);
    desk.types(PASSPHRASE);
    desk.press(&["Enter"]);
    desk.shows_times("press any key", 2);
    assert!(!desk.screen().contains(PASSPHRASE));
    desk.press(&["x"]);
    desk.shows("your yes is on record");
    assert_eq!(world.state(&id), "approved");
    assert_eq!(office.entry(&id, "approval-recorded")["hitl"]["presence"], "key");
    assert_eq!(office.entry(&id, "approval-recorded")["hitl"]["proof"], "signature");
}

#[test]
fn a_lifted_denial_is_among_what_waits_until_it_is_reviewed_there() {
    let world = breaking_glass::open(world_or_skip!());
    let desk = at_the_screen(&world, "bob", SMALL);
    desk.shows("Nothing waits for a human.");
    let id = broken(&world, &["cp", "/srv/new", "/srv/state"]);
    let screen = desk.shows(&id);
    assert!(screen.contains("[1 Queue 1]") && screen.contains("REVIEW"), "{screen}");
    desk.press(&["Enter"]);
    let screen = desk.shows("BREAK-GLASS: freeze denies this, and was lifted");
    assert!(screen.contains("to be reviewed by ops, security until"), "{screen}");
    desk.shows_no("reading …");
    desk.press(&["G"]);
    desk.shows("digest");
    desk.press(&["a"]);
    desk.shows("Esc do not");
    desk.types(&host_of(&world, &id));
    desk.press(&["Enter"]);
    desk.shows("press any key");
    world.audited(&id, "break-glass-reviewed", 1);
    desk.press(&["x"]);
    desk.shows("Nothing waits for a human.");
    desk.press(&["2", "Enter"]);
    desk.shows("bob: justified");

    // A no says that it was not, and why.
    let second = broken(&world, &["cp", "/srv/new", "/srv/state"]);
    desk.press(&["1"]);
    desk.shows(&second);
    desk.press(&["Enter"]);
    desk.shows("to be reviewed by");
    desk.shows_no("reading …");
    desk.press(&["r"]);
    desk.shows("Esc do not");
    desk.types("nothing was down");
    desk.press(&["Enter"]);
    desk.shows(&second);
    desk.shows_times("press any key", 2);
    let shown = world.hitl("root", &["show", "--json", &second]).run().exits(0).json();
    assert_eq!(shown["review"]["judgement"], "not-justified");
    assert_eq!(shown["review"]["message"], "nothing was down");
}
