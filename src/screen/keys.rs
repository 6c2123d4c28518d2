//! What a key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::facts::Tone;
use super::help;
use super::list::Tab;
use super::prompt::{About, Decision, Entered, Prompt};
use super::state::{Detail, Layer, Page, Screen, Walk};

/// What is to be done outside of the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// Leave.
    Quit,
    /// Stop, as ^Z asks.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Ask for a request whole.
    Show(String),
    /// Ask for the text of a request's plan.
    ShowPlan(String),
    /// Ask for what a run's snapshot holds.
    ShowSnapshot(String),
    /// Ask for the list of snapshots.
    ListSnapshots,
    /// Ask for the requests whose plan holds this.
    Search(String),
    /// Watch again.
    Watch,
    /// Decide.
    Decide(Decision),
}

impl Screen {
    /// A key was pressed.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Effect> {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            match key.code {
                KeyCode::Char('c') if self.prompt.is_some() => self.leave_prompt(),
                KeyCode::Char('c') => return Some(Effect::Quit),
                KeyCode::Char('z') => return Some(Effect::Suspend),
                KeyCode::Char('l') => return Some(Effect::Redraw),
                KeyCode::Char('u') => {
                    if let Some(prompt) = &mut self.prompt {
                        prompt.typed.clear();
                    }
                }
                KeyCode::Char('h') => {
                    if let Some(prompt) = &mut self.prompt {
                        prompt.takes_back();
                    }
                }
                KeyCode::Char('f') if self.prompt.is_none() => self.page(1),
                KeyCode::Char('b') if self.prompt.is_none() => self.page(-1),
                _ => {}
            }
            return None;
        }
        if key.modifiers.contains(KeyModifiers::ALT) {
            // A terminal says so where Esc and a key come fast after each other.
            let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
            return self.press(plain(KeyCode::Esc)).or_else(|| self.press(plain(key.code)));
        }
        if self.is_too_small() {
            return (key.code == KeyCode::Char('q')).then_some(Effect::Quit);
        }
        if self.prompt.is_some() {
            return self.press_in_prompt(key.code);
        }
        self.message = None;
        self.press_anywhere(key.code)
    }

    fn press_anywhere(&mut self, key: KeyCode) -> Option<Effect> {
        match key {
            KeyCode::Char('q') if self.layers.is_empty() => return Some(Effect::Quit),
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::Backspace => self.back(),
            KeyCode::Char('j') | KeyCode::Down => self.step(1),
            KeyCode::Char('k') | KeyCode::Up => self.step(-1),
            KeyCode::Char(' ') | KeyCode::PageDown => self.page(1),
            KeyCode::PageUp => self.page(-1),
            KeyCode::Char('g') | KeyCode::Home => self.jump(0),
            KeyCode::Char('G') | KeyCode::End => self.jump(usize::MAX),
            KeyCode::Char(number @ '1'..='3') => {
                let index = number as usize - '1' as usize;
                return self.go_to(Tab::ALL[index]);
            }
            KeyCode::Char('4') => self.open_help(),
            KeyCode::Tab => return self.go_to(Tab::ALL[(self.tab as usize + 1) % Tab::ALL.len()]),
            KeyCode::BackTab => {
                let before = self.tab as usize + Tab::ALL.len() - 1;
                return self.go_to(Tab::ALL[before % Tab::ALL.len()]);
            }
            KeyCode::Char('?') => self.open_help(),
            KeyCode::Char('/') if self.layers.is_empty() => {
                self.prompt = Some(Prompt::filter(&self.lists.filter.text));
            }
            KeyCode::Char('R') => return Some(self.refresh()),
            KeyCode::Enter | KeyCode::Char('d') if self.layers.is_empty() => return self.open(),
            KeyCode::Char('p') => return self.open_plan(),
            KeyCode::Char('b') => return self.begin_walk(),
            KeyCode::Char('n') if self.walk.is_some() => return self.walk_on(),
            KeyCode::Char('a') => return self.begin_decision(true),
            KeyCode::Char('r') => return self.begin_decision(false),
            _ => {}
        }
        None
    }

    fn press_in_prompt(&mut self, key: KeyCode) -> Option<Effect> {
        let prompt = self.prompt.as_mut()?;
        match key {
            KeyCode::Esc => {
                if prompt.about == About::Filter {
                    self.lists.filter.set("");
                    self.lists.arrange();
                }
                self.leave_prompt();
                return None;
            }
            KeyCode::Char(character) => prompt.types(character),
            KeyCode::Backspace => prompt.takes_back(),
            KeyCode::Enter => match prompt.enters() {
                Entered::Nothing => {}
                Entered::Filter => {
                    let text = prompt.typed.clone();
                    self.prompt = None;
                    return (!text.trim().is_empty()).then_some(Effect::Search(text));
                }
                Entered::Decided(decision) => {
                    self.prompt = None;
                    return Some(Effect::Decide(decision));
                }
            },
            _ => {}
        }
        if let Some(Prompt { about: About::Filter, typed, .. }) = &self.prompt {
            let typed = typed.clone();
            self.lists.filter.set(&typed);
            self.lists.arrange();
        }
        None
    }

    fn leave_prompt(&mut self) {
        let decided_nothing = self.prompt.take().is_some_and(|one| one.request().is_some());
        if decided_nothing {
            self.message = Some((Tone::Aside, "nothing is decided".to_owned()));
        }
    }

    /// One layer back; without one, the filter goes.
    fn back(&mut self) {
        match self.layers.pop() {
            Some(Layer::Detail(_)) => self.walk = None,
            Some(Layer::Page(_)) => {}
            None => {
                self.lists.filter.set("");
                self.lists.arrange();
            }
        }
    }

    fn step(&mut self, by: isize) {
        if self.layers.is_empty() {
            let (lists, tab, selection) = self.selected();
            selection.step(lists, tab, by);
        } else {
            self.scroll_to(self.scroll().saturating_add_signed(by));
        }
    }

    /// A page further, with a line of the one before still there.
    fn page(&mut self, direction: isize) {
        let height = isize::try_from(self.body.height).unwrap_or(1).saturating_sub(1).max(1);
        self.step(direction * height);
    }

    fn jump(&mut self, to: usize) {
        if self.layers.is_empty() {
            let (lists, tab, selection) = self.selected();
            selection.to(lists, tab, to);
        } else {
            self.scroll_to(to);
        }
    }

    fn go_to(&mut self, tab: Tab) -> Option<Effect> {
        self.layers.clear();
        self.walk = None;
        self.tab = tab;
        (tab == Tab::Snapshots).then_some(Effect::ListSnapshots)
    }

    fn refresh(&mut self) -> Effect {
        if self.tab == Tab::Snapshots { Effect::ListSnapshots } else { Effect::Watch }
    }

    fn open_help(&mut self) {
        let lines = help::LINES.lines().map(str::to_owned).collect();
        let title = "Help".to_owned();
        self.layers.push(Layer::Page(Page { title, lines: Some(lines), scroll: 0 }));
    }

    /// Opens what is selected.
    fn open(&mut self) -> Option<Effect> {
        let id = self.selected_id()?.to_owned();
        if self.tab == Tab::Snapshots {
            let title = format!("Snapshot {id}");
            self.layers.push(Layer::Page(Page { title, lines: None, scroll: 0 }));
            return Some(Effect::ShowSnapshot(id));
        }
        Some(self.open_detail(id))
    }

    pub(super) fn open_detail(&mut self, id: String) -> Effect {
        self.layers.clear();
        self.layers.push(Layer::Detail(Detail { id: id.clone(), scroll: 0, whole: None }));
        Effect::Show(id)
    }

    fn open_plan(&mut self) -> Option<Effect> {
        let selected = || self.selected_id().and_then(|id| self.lists.request(id));
        let request = if self.layers.is_empty() { selected() } else { self.open_request() };
        let request = request?;
        let id = request.id.to_string();
        if request.bound.plan.is_none() {
            self.say(Tone::Aside, format!("{id} has no plan attached"));
            return None;
        }
        let title = format!("Plan of {id}: their claim, not checked");
        self.layers.push(Layer::Page(Page { title, lines: None, scroll: 0 }));
        Some(Effect::ShowPlan(id))
    }

    fn begin_walk(&mut self) -> Option<Effect> {
        if self.tab != Tab::Queue || !self.layers.is_empty() {
            return None;
        }
        let id = self.selected_id()?.to_owned();
        let ids = self.lists.batch_of(&id);
        if ids.len() < 2 {
            self.say(Tone::Aside, format!("{id} stands alone: Enter opens it"));
            return None;
        }
        let at = ids.iter().position(|one| *one == id).unwrap_or(0);
        self.walk = Some(Walk { ids, at });
        Some(self.open_detail(id))
    }

    /// To the next request of the batch that still waits.
    pub(super) fn walk_on(&mut self) -> Option<Effect> {
        let walk = self.walk.as_mut()?;
        let lists = &self.lists;
        let waits = |id: &String| lists.request(id).is_some_and(super::request::Request::waits);
        let after = (walk.at + 1..walk.ids.len()).find(|at| walk.ids.get(*at).is_some_and(waits));
        let Some(at) = after else {
            self.layers.clear();
            self.walk = None;
            self.say(Tone::Good, "that was the last of the batch".to_owned());
            return None;
        };
        walk.at = at;
        let id = walk.ids.get(at)?.clone();
        Some(self.open_detail(id))
    }

    /// The first step of a yes or a no. Only what is read whole is decided about.
    fn begin_decision(&mut self, is_yes: bool) -> Option<Effect> {
        if self.layers.is_empty() && self.tab != Tab::Snapshots {
            let effect = self.open()?;
            self.say(
                Tone::Strong,
                "read it first, to its end; then press the key again".to_owned(),
            );
            return Some(effect);
        }
        let request = self.open_request()?;
        let id = request.id.to_string();
        if !request.waits() {
            let state = request.state;
            self.say(Tone::Caution, format!("{id} is {state}: there is nothing to decide"));
        } else if !self.is_whole() {
            self.say(Tone::Caution, format!("{id} is still being read: a moment"));
        } else if is_yes && !self.was_read(request) {
            let text = "read it to its end first: Space turns the page, G goes to the end";
            self.say(Tone::Caution, text.to_owned());
        } else {
            let prompt = if is_yes { Prompt::approve(request) } else { Prompt::reject(request) };
            self.prompt = Some(prompt);
        }
        None
    }

    /// Says something at the foot of the screen, until the next key.
    pub(super) fn say(&mut self, tone: Tone, text: String) {
        self.message = Some((tone, text));
    }
}
