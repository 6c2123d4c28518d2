//! What is on the screen.

use std::path::Path;

use proptest::prelude::*;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{canvas, drawn, morning, press, screen, told, types};
use crate::screen::list::Tab;
use crate::screen::request::Glass;
use crate::screen::state::{Live, Screen};

/// The sizes that the screen is made for.
const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

/// Compares with the file of that name, which `WRITE_SCREENS=1` writes anew: look at it then.
#[track_caller]
fn looks_as_before(name: &str, text: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/screen/tests/screens");
    let file = directory.join(format!("{name}.txt"));
    if std::env::var_os("WRITE_SCREENS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let before = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        text == before,
        "{name} looks otherwise than before (WRITE_SCREENS=1 keeps it):\n{text}"
    );
}

#[test]
fn every_view_looks_as_it_is_meant_to_at_every_size() {
    for (columns, rows) in SIZES {
        let size = format!("{columns}x{rows}");
        let mut screen = morning();
        looks_as_before(&format!("queue-{size}"), &drawn(&mut screen, columns, rows));
        press(&mut screen, &[KeyCode::Down, KeyCode::Down, KeyCode::Enter]);
        looks_as_before(&format!("detail-{size}"), &drawn(&mut screen, columns, rows));
        press(&mut screen, &[KeyCode::End, KeyCode::Char('a')]);
        looks_as_before(&format!("approve-{size}"), &drawn(&mut screen, columns, rows));
        press(&mut screen, &[KeyCode::Esc, KeyCode::Char('2')]);
        looks_as_before(&format!("history-{size}"), &drawn(&mut screen, columns, rows));
        press(&mut screen, &[KeyCode::Char('?')]);
        looks_as_before(&format!("help-{size}"), &drawn(&mut screen, columns, rows));
    }
}

#[test]
fn a_reviewer_reads_the_stakes_first_and_the_requesters_claim_late() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Enter]);
    let text = drawn(&mut screen, 80, 60);
    let order = [
        "K7Q2-MX4P  PENDING",
        "risk          HIGH: other humans approve",
        "rule deploys matches",
        "command       [0] bash",
        "[1] /srv/deploy.sh",
        "executable    /usr/bin/bash",
        "sha256:",
        "files         /srv/deploy.sh",
        "too large to be hashed",
        "asked by      alice (uid 1000), a human",
        "host          db1",
        "terminal      /dev/pts/3",
        "directory     /srv/app",
        "rules         deploys",
        "still needed  1 of group ops",
        "left",
        "their claim   \"release 4.2\"",
        "not checked",
        "snapshot of   /srv/app",
        "no undo for   what the script does over the network",
        "environment   LANG PATH",
        "digest",
    ];
    let mut from = 0;
    for part in order {
        let found = text[from..].find(part);
        from += found.unwrap_or_else(|| panic!("{part:?} is missing, or too early, in\n{text}"));
    }
}

/// The screens that a person comes to with these keys.
fn everywhere(mut screen: Screen, each: &mut dyn FnMut(&mut Screen)) {
    let keys = ["", "\n", "G", "a", "x", "\u{1b}", "r", "no", "\u{1b}", "q", "2", "?", "q", "/a"];
    for word in keys {
        let codes: Vec<KeyCode> = word
            .chars()
            .map(|character| match character {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                character => KeyCode::Char(character),
            })
            .collect();
        press(&mut screen, &codes);
        each(&mut screen);
    }
}

const HOSTILE: &str = "\u{1b}[2J\rx\nhitl: approved\u{9b}31m\u{202e}gnp\u{200b}\u{7}\u{e0041}\u{8}";

fn hostile() -> Screen {
    screen(vec![told("K7Q2-MX4P", |value| {
        value["bound"]["argv"] = json!(["sh", HOSTILE, format!("a{}b", " ".repeat(5000))]);
        value["bound"]["reason"] = HOSTILE.into();
        value["bound"]["ticket"] = HOSTILE.into();
        value["bound"]["directory"] = HOSTILE.into();
        value["bound"]["requester"]["name"] = HOSTILE.into();
        value["bound"]["host"]["name"] = HOSTILE.into();
        value["bound"]["rules"] = json!([HOSTILE]);
        value["bound"]["environment"]["names"] = json!([HOSTILE]);
        value["shown"]["terminal"] = HOSTILE.into();
        let quoted = format!("\"x{}y\" cannot be judged: {HOSTILE}", " ".repeat(3000));
        value["shown"]["reasons"] = json!([{"rule": null, "text": quoted}]);
        value["shown"]["not_covered"] = json!([HOSTILE]);
        value["shown"]["snapshot"] = json!([HOSTILE]);
        value["shown"]["kind_reason"] = HOSTILE.into();
        value["difference"] = json!(["+x"]);
    })])
}

#[test]
fn what_a_requester_writes_can_neither_act_on_the_terminal_nor_hide() {
    everywhere(hostile(), &mut |screen| {
        for character in drawn(screen, 80, 24).chars() {
            let is_harmless = character == '\n'
                || !(character.is_control()
                    || ('\u{200b}'..='\u{200f}').contains(&character)
                    || ('\u{202a}'..='\u{202e}').contains(&character)
                    || ('\u{e0000}'..='\u{e007f}').contains(&character));
            assert!(is_harmless, "{character:?} is raw");
        }
    });
    let mut screen = hostile();
    press(&mut screen, &[KeyCode::Enter]);
    let text = drawn(&mut screen, 120, 60);
    let spelled = r#""\e[2J\rx\nhitl: approved\u{9b}31m\u{202e}gnp\u{200b}\u{7}\u{e0041}\u{8}""#;
    assert!(text.contains(&format!("[1] {spelled}")), "{text}");
    assert!(text.contains("\"x\"‹3000 spaces›\"y\" cannot be judged"), "{text}");
    assert!(text.contains("[2] \"a\"‹5000 spaces›\"b\""), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("hitl: approved")), "{text}");
}

#[test]
fn without_colour_everything_says_the_same() {
    everywhere(morning(), &mut |screen| {
        let (plain, coloured) = (canvas(screen, false, 80, 24), canvas(screen, true, 80, 24));
        for (one, other) in plain.content().iter().zip(coloured.content()) {
            assert_eq!(one.symbol(), other.symbol());
            assert_eq!((one.fg, one.bg), (Color::Reset, Color::Reset));
        }
    });
    assert!(
        canvas(&mut morning(), true, 80, 24).content().iter().any(|cell| cell.fg != Color::Reset)
    );
}

#[test]
fn what_is_not_on_the_screen_is_said_to_be_there() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Enter]);
    assert!(drawn(&mut screen, 80, 24).contains("1–19 of "));
    press(&mut screen, &[KeyCode::PageDown]);
    assert!(drawn(&mut screen, 80, 24).contains(", the end"));
    assert!(drawn(&mut screen, 80, 60).contains("all "));
    press(&mut screen, &[KeyCode::Esc]);
    let text = drawn(&mut screen, 80, 24);
    assert!(text.lines().any(|line| line.contains("rsync -a") && line.ends_with('…')), "{text}");
    // A list that is longer than the screen says so as well.
    let many: Vec<_> = (0..50).map(|number| told(&format!("AAAA-{number:04}"), |_| {})).collect();
    let text = drawn(&mut super::screen(many), 80, 24);
    assert!(text.contains("rows 1–19 of 50"), "{text}");
}

#[test]
fn too_little_room_is_said_and_any_size_can_be_drawn() {
    for (columns, rows) in [(59, 15), (60, 14), (20, 3), (1, 1)] {
        let text = drawn(&mut morning(), columns, rows);
        let room = usize::from(columns) - 1;
        let said: String = "hitl review needs 60×15,".chars().take(room).collect();
        assert!(text.starts_with(said.trim_end()), "{text}");
    }
    everywhere(morning(), &mut |screen| {
        for (columns, rows) in [(60, 15), (61, 33), (79, 17), (500, 100)] {
            drawn(screen, columns, rows);
        }
    });
}

#[test]
fn a_run_by_break_glass_waits_for_its_review_among_what_waits() {
    let glass = json!({
        "lifted": ["no-shutdown"], "reviewers": ["security"],
        "review_by": {"wall_ms": 1_800_000_000_000_i64, "boot_ms": 1, "boot_id": "boot-1"}
    });
    let value = json!({"bound": {}, "shown": {"break_glass": glass}});
    let broken = Glass::deserialize(&value["shown"]["break_glass"]).unwrap();
    let mut request = told("K7Q2-MX4P", |value| {
        value["state"] = "finished".into();
        value["remaining_ms"] = Value::Null;
        value["review_overdue"] = true.into();
    });
    request.glass = Some(broken);
    let mut screen = screen(vec![request]);
    let text = drawn(&mut screen, 120, 30);
    assert!(text.contains("overdue") && text.contains("REVIEW: ran by break-glass"), "{text}");
    press(&mut screen, &[KeyCode::Enter]);
    let text = drawn(&mut screen, 120, 40);
    assert!(text.contains("BREAK-GLASS: no-shutdown denies this"), "{text}");
    assert!(
        text.contains("review OVERDUE: by security") && text.contains("not justified"),
        "{text}"
    );
    press(&mut screen, &[KeyCode::End, KeyCode::Char('a')]);
    assert!(drawn(&mut screen, 120, 40).contains("To find K7Q2-MX4P justified, type K7Q2"));
}

#[test]
fn nothing_that_is_asked_is_cut_where_there_is_little_room() {
    let mut screen = super::screen(vec![told("K7Q2-MX4P", |value| {
        value["shown"]["risk"] = "critical".into();
        value["bound"]["host"]["name"] = "db1.of.a.very.long.domain.example".into();
    })]);
    press(&mut screen, &[KeyCode::Enter, KeyCode::End, KeyCode::Char('a')]);
    let text = drawn(&mut screen, 60, 15);
    let asked: Vec<_> = text.lines().skip_while(|line| !line.contains("To approve")).collect();
    let asked = asked.join(" ").replace("  ", " ");
    assert!(asked.contains("in full, db1.of.a.very.long.domain.example, and Enter:"), "{text}");
    assert!(text.contains("live"), "{text}");
    press(&mut screen, &[KeyCode::Esc, KeyCode::Char('q')]);
    let text = drawn(&mut screen, 60, 15);
    assert!(text.contains("? help  q quit"), "{text}");
}

#[test]
fn an_empty_list_says_why_it_is_empty() {
    let mut empty = screen(Vec::new());
    assert!(drawn(&mut empty, 80, 24).contains("Nothing waits for a human."));
    empty.live = Live::No("this host has no policy".to_owned());
    let text = drawn(&mut empty, 80, 24);
    assert!(text.contains("this host has no policy") && text.contains("NOT LIVE"), "{text}");
    empty.live = Live::Reading;
    assert!(drawn(&mut empty, 80, 24).contains("Reading"));
    let mut screen = morning();
    types(&mut screen, "/nowhere");
    assert!(drawn(&mut screen, 80, 24).contains("Nothing here matches \"nowhere\"."));
}

#[test]
fn a_filter_looks_at_everything_that_a_request_says_and_at_no_name_of_a_field() {
    let mut screen = screen(vec![
        told("K7Q2-MX4P", |value| value["bound"]["reason"] = "the quarterly Report".into()),
        told("M3ZD-0001", |value| value["bound"]["environment"]["names"] = json!(["DEPLOY_ENV"])),
        told("P9WX-7A2B", |value| value["bound"]["argv"] = json!(["make", "release"])),
    ]);
    screen.settle(80, 24);
    for (words, found) in [
        ("report", &["K7Q2-MX4P"][..]),
        ("QUARTERLY alice", &["K7Q2-MX4P"]),
        ("deploy_env", &["M3ZD-0001"]),
        ("make release", &["P9WX-7A2B"]),
        ("p9wx", &["P9WX-7A2B"]),
        ("still_needed", &[]),
        ("alice", &["K7Q2-MX4P", "M3ZD-0001", "P9WX-7A2B"]),
    ] {
        types(&mut screen, "/");
        types(&mut screen, words);
        let ids: Vec<_> = screen.lists.queue.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, found, "{words}");
        press(&mut screen, &[KeyCode::Esc]);
        assert_eq!(screen.lists.queue.len(), 3, "Esc shows everything again");
    }
}

#[test]
fn what_is_selected_stays_selected_when_the_list_changes_around_it() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Down, KeyCode::Down]);
    assert_eq!(screen.selected_id(), Some("P9WX-7A2B"));
    screen.put(told("K7Q2-MX4P", |value| value["state"] = "expired".into()));
    screen.put(told("A000-0001", |value| {
        value["created"] = "2020-01-01T00:00:00.000Z".into();
        value["shown"]["terminal"] = Value::Null;
    }));
    screen.lists.arrange();
    screen.settle(80, 24);
    assert_eq!(screen.selected_id(), Some("P9WX-7A2B"));
    // When it has gone itself, what stands in its place is selected.
    screen.put(told("P9WX-7A2B", |value| value["state"] = "cancelled".into()));
    screen.lists.arrange();
    screen.settle(80, 24);
    assert_eq!(screen.selected_id(), Some("Q1AG-5555"));
    assert_eq!(screen.lists.history.len(), 3);
    assert_eq!(screen.tab, Tab::Queue);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_and_no_size_is_too_much(
        text in any::<String>(), columns in 60_u16..220, rows in 15_u16..70, scroll in 0_usize..500
    ) {
        let mut screen = screen(vec![told("K7Q2-MX4P", |value| {
            value["bound"]["argv"] = json!([text.replace('\\', ""), "x"]);
            value["bound"]["reason"] = text.as_str().into();
        })]);
        drawn(&mut screen, columns, rows);
        press(&mut screen, &[KeyCode::Enter]);
        screen.scroll_to(scroll);
        drawn(&mut screen, columns, rows);
    }
}
