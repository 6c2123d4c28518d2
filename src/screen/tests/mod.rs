//! The screen, drawn on a terminal of memory and worked with keys.

mod deciding;
mod seeing;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::draw::draw;
use super::keys::Effect;
use super::request::Request;
use super::state::{Live, Screen};
use crate::review::{self, samples};

/// When everything here happens, in milliseconds since boot.
const NOW_MS: u64 = 60_000;

/// A waiting request of this id, changed before it is told.
fn told(id: &str, change: impl FnOnce(&mut Value)) -> Request {
    let record = samples::record_at(id.parse().unwrap(), samples::moment(0));
    let mut value = review::view(&record, &samples::moment(60)).unwrap();
    change(&mut value);
    Request::read(&value.to_string(), NOW_MS).unwrap()
}

/// A screen on which these are listed.
fn screen(requests: Vec<Request>) -> Screen {
    let mut screen = Screen::new(NOW_MS);
    requests.into_iter().for_each(|request| screen.lists.put(request));
    screen.live = Live::Yes;
    screen.lists.arrange();
    screen
}

/// A queue as an ordinary morning has it: a batch, a critical one, one of an agent.
fn morning() -> Screen {
    let terminal = |terminal: &'static str| {
        move |value: &mut Value| {
            value["shown"]["terminal"] = terminal.into();
        }
    };
    let mut screen = screen(vec![
        told("K7Q2-MX4P", terminal("/dev/pts/3")),
        told("M3ZD-0001", |value| {
            terminal("/dev/pts/3")(value);
            value["bound"]["argv"] = json!(["systemctl", "restart", "app-web.service"]);
            value["created"] = "2026-11-23T17:54:21.000Z".into();
        }),
        told("P9WX-7A2B", |value| {
            terminal("/dev/pts/7")(value);
            value["created"] = "2026-11-23T17:54:22.000Z".into();
            value["shown"]["risk"] = "critical".into();
            value["bound"]["requester"]["name"] = "wilhelmina".into();
            value["bound"]["argv"] = json!(["psql", "-c", "ALTER ROLE app PASSWORD 'secret'"]);
        }),
        told("Q1AG-5555", |value| {
            value["shown"]["terminal"] = Value::Null;
            value["created"] = "2026-11-23T17:54:23.000Z".into();
            value["shown"]["risk"] = "low".into();
            value["remaining_ms"] = 30_000.into();
            value["bound"]["requester"] = json!({
                "uid": 2005, "name": "svc-agent", "login_uid": null, "kind": "agent"
            });
            let long = format!("/srv/{}", "long/".repeat(40));
            value["bound"]["argv"] = json!(["rsync", "-a", "--delete", "/srv/build/", long]);
        }),
        told("R7TY-00DD", |value| {
            value["state"] = "rejected".into();
            value["changed"] = "2026-11-23T18:00:00.000Z".into();
        }),
    ]);
    screen.settle(80, 24);
    screen
}

/// Everything on the screen, drawn that large.
fn canvas(screen: &mut Screen, colour: bool, columns: u16, rows: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    screen.settle(columns, rows);
    terminal.draw(|frame| draw(screen, colour, frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The text on the screen, a line a row.
fn drawn(screen: &mut Screen, columns: u16, rows: u16) -> String {
    let canvas = canvas(screen, false, columns, rows);
    let row = |y| {
        let text: String = (0..columns).map(|x| canvas[(x, y)].symbol().to_owned()).collect();
        text.trim_end().to_owned() + "\n"
    };
    (0..rows).map(row).collect()
}

/// Presses keys: what they ask for. A request that is asked for is told whole, as it is listed.
fn press(screen: &mut Screen, keys: &[KeyCode]) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys {
        let effect = screen.press(KeyEvent::new(*key, KeyModifiers::NONE));
        if let Some(Effect::Show(id)) = &effect {
            let whole = screen.lists.request(id).unwrap().clone();
            screen.is_whole_now(whole);
        }
        effects.extend(effect);
        screen.settle(80, 24);
    }
    effects
}

/// Types a word.
fn types(screen: &mut Screen, text: &str) -> Vec<Effect> {
    press(screen, &text.chars().map(KeyCode::Char).collect::<Vec<_>>())
}
