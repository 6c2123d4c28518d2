//! How a yes and a no are made: in two deliberate steps, about what was on screen.

use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{drawn, morning, press, told, types};
use crate::screen::keys::Effect;
use crate::screen::prompt::{Answer, Decision, Meaning};
use crate::screen::run::words_of;
use crate::screen::state::Screen;

/// The decision among what keys asked for.
fn decided(effects: Vec<Effect>) -> Option<Decision> {
    effects.into_iter().find_map(|effect| match effect {
        Effect::Decide(decision) => Some(decision),
        _ => None,
    })
}

/// Opens what is selected and reads it to its end.
fn read(screen: &mut Screen) {
    press(screen, &[KeyCode::Enter, KeyCode::End]);
}

#[test]
fn a_yes_is_typed_in_two_steps_and_is_about_what_was_on_screen() {
    let mut screen = morning();
    read(&mut screen);
    let digest = screen.open_request().unwrap().digest.to_string();
    assert_eq!(decided(types(&mut screen, "ak7q2")), None);
    let decision = decided(press(&mut screen, &[KeyCode::Enter])).unwrap();
    let answer = Answer::Approve { host: None };
    assert_eq!(
        decision,
        Decision {
            id: "K7Q2-MX4P".into(),
            digest: digest.clone(),
            meaning: Meaning::MayRun,
            answer
        }
    );
    let digest = format!("--digest={digest}");
    assert_eq!(words_of(&decision), ["approve", &digest, "K7Q2-MX4P"]);
    // What is said of a run by break-glass is said as that, and of nothing that still waits.
    let review = Decision { meaning: Meaning::WasJustified, ..decision };
    assert_eq!(words_of(&review), ["approve", &digest, "--review", "K7Q2-MX4P"]);
}

#[test]
fn what_was_not_read_to_its_end_is_not_approved() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Char('a')]);
    assert!(drawn(&mut screen, 80, 24).contains("read it first, to its end"));
    press(&mut screen, &[KeyCode::Char('a')]);
    assert!(screen.prompt.is_none());
    assert!(drawn(&mut screen, 80, 24).contains("read it to its end first"));
    press(&mut screen, &[KeyCode::PageDown, KeyCode::Char('a')]);
    assert!(screen.prompt.is_some());
}

#[test]
fn what_fits_on_the_screen_is_read_by_being_there() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Enter]);
    drawn(&mut screen, 200, 60);
    press(&mut screen, &[KeyCode::Char('a')]);
    assert!(screen.prompt.is_some());
}

#[test]
fn a_critical_request_is_approved_only_by_the_name_of_its_host() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Down, KeyCode::Down]);
    read(&mut screen);
    assert_eq!(screen.open_request().unwrap().id.to_string(), "P9WX-7A2B");
    types(&mut screen, "a");
    for wrong in ["P9WX", "p9wx", "y", "DB1", "db", "db11"] {
        types(&mut screen, wrong);
        assert_eq!(decided(press(&mut screen, &[KeyCode::Enter])), None, "{wrong}");
    }
    types(&mut screen, "db1");
    let decision = decided(press(&mut screen, &[KeyCode::Enter])).unwrap();
    assert_eq!(decision.answer, Answer::Approve { host: Some("db1".into()) });
    assert!(words_of(&decision).contains(&"--host=db1".to_owned()));
}

#[test]
fn a_no_demands_a_reason() {
    let mut screen = morning();
    read(&mut screen);
    types(&mut screen, "r");
    for nothing in ["", "   "] {
        types(&mut screen, nothing);
        assert_eq!(decided(press(&mut screen, &[KeyCode::Enter])), None);
        assert!(drawn(&mut screen, 80, 24).contains("a no needs a reason"));
    }
    types(&mut screen, "--not today");
    let decision = decided(press(&mut screen, &[KeyCode::Enter])).unwrap();
    // Whatever it begins with, it is no option.
    assert!(words_of(&decision).contains(&"--message=--not today".to_owned()));
}

#[test]
fn escape_decides_nothing() {
    for key in ["a", "r"] {
        let mut screen = morning();
        read(&mut screen);
        types(&mut screen, key);
        types(&mut screen, "k7q2");
        let effects = press(&mut screen, &[KeyCode::Esc, KeyCode::Enter, KeyCode::Enter]);
        assert_eq!(decided(effects), None);
    }
}

#[test]
fn what_is_closed_meanwhile_is_not_decided() {
    let mut screen = morning();
    read(&mut screen);
    screen.put(told("K7Q2-MX4P", |value| {
        value["state"] = "cancelled".into();
        value["changed"] = "2030-01-01T00:00:00.000Z".into();
    }));
    screen.arrange();
    types(&mut screen, "a");
    assert!(screen.prompt.is_none());
    assert!(drawn(&mut screen, 80, 24).contains("K7Q2-MX4P is cancelled"));
}

#[test]
fn a_batch_is_walked_through_with_one_decision_each() {
    let mut screen = morning();
    press(&mut screen, &[KeyCode::Char('b')]);
    assert!(drawn(&mut screen, 80, 24).contains("batch 1 of 2"));
    press(&mut screen, &[KeyCode::Char('n')]);
    assert!(drawn(&mut screen, 80, 24).contains("batch 2 of 2"));
    assert!(drawn(&mut screen, 80, 24).contains("M3ZD-0001"));
    // Each is read for itself.
    types(&mut screen, "a");
    assert!(screen.prompt.is_none());
    press(&mut screen, &[KeyCode::End, KeyCode::Char('a')]);
    types(&mut screen, "m3zd");
    let decision = decided(press(&mut screen, &[KeyCode::Enter])).unwrap();
    assert_eq!(decision.id, "M3ZD-0001");
    press(&mut screen, &[KeyCode::Char('n')]);
    assert!(screen.layers.is_empty() && screen.walk.is_none());
    // What stands alone is no batch.
    press(&mut screen, &[KeyCode::Down, KeyCode::Down, KeyCode::Char('b')]);
    assert!(screen.layers.is_empty());
}

/// Keys that a person may hit without meaning anything by it.
fn any_key() -> impl Strategy<Value = KeyEvent> {
    let codes = prop_oneof![
        Just(KeyCode::Enter),
        Just(KeyCode::Esc),
        Just(KeyCode::Tab),
        Just(KeyCode::End),
        Just(KeyCode::Down),
        Just(KeyCode::Up),
        Just(KeyCode::PageDown),
        Just(KeyCode::Backspace),
        prop::sample::select("aaayYnb/?dgG ".chars().collect::<Vec<_>>()).prop_map(KeyCode::Char),
    ];
    let modifiers = prop_oneof![Just(KeyModifiers::NONE), Just(KeyModifiers::ALT)];
    (codes, modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

proptest! {
    #[test]
    fn no_enter_and_no_yes_approves_anything(keys in prop::collection::vec(any_key(), 0..60)) {
        let mut screen = morning();
        for key in keys {
            let effect = screen.press(key);
            if let Some(Effect::Show(id)) = &effect {
                let whole = screen.lists.request(id).unwrap().clone();
                screen.is_whole_now(whole);
            }
            screen.settle(80, 24);
            prop_assert!(!matches!(effect, Some(Effect::Decide(_))));
        }
    }
}

#[test]
fn a_question_about_a_request_that_is_closed_meanwhile_goes() {
    let mut screen = morning();
    read(&mut screen);
    types(&mut screen, "ak7");
    screen.put(told("K7Q2-MX4P", |value| {
        value["state"] = "expired".into();
        value["changed"] = "2030-01-01T00:00:00.000Z".into();
    }));
    screen.arrange();
    assert!(screen.prompt.is_none());
    assert!(drawn(&mut screen, 80, 24).contains("K7Q2-MX4P is expired: nothing is decided"));
}
