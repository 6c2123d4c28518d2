//! Whatever is changed is seen, and named.

use super::*;
use proptest::prelude::*;

/// A log of two runs, as bytes: the segment and its head marker.
struct Copy {
    fixture: Fixture,
    segment: Vec<u8>,
}

impl Copy {
    fn new() -> Self {
        let fixture = Fixture::with_runs(2);
        let segment = std::fs::read(fixture.segment()).unwrap();
        Self { fixture, segment }
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        self.segment.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    fn first_bad(&self, changed: &[u8]) -> Option<u64> {
        std::fs::write(self.fixture.segment(), changed).unwrap();
        self.fixture.verify().first_bad.map(|finding| finding.sequence)
    }
}

#[test]
fn any_single_changed_byte_is_seen_and_its_entry_named() {
    let copy = Copy::new();
    let mut sequence = 0;
    for position in 0..copy.segment.len() {
        for flip in [0x01, 0x20] {
            let mut changed = copy.segment.clone();
            changed[position] ^= flip;
            let found = copy.first_bad(&changed);
            assert!(found.is_some(), "byte {position} ^ {flip}");
            // A link that was changed shows at either of the entries that it joins.
            let found = found.unwrap();
            assert!(found == sequence || found + 1 == sequence, "byte {position}: {found}");
        }
        sequence += u64::from(copy.segment[position] == b'\n');
    }
}

#[test]
fn a_changed_outcome_or_user_is_named_exactly() {
    let copy = Copy::new();
    let text = String::from_utf8(copy.segment.clone()).unwrap();
    for (sequence, line) in text.lines().enumerate().skip(1) {
        let changed = line.replace("\"user1\"", "\"user9\"");
        assert_ne!(changed, line);
        let found = copy.first_bad(text.replacen(line, &changed, 1).as_bytes());
        assert_eq!(found, Some(sequence as u64));
    }
}

#[test]
fn dropped_swapped_doubled_and_cut_lines_are_seen() {
    let copy = Copy::new();
    let lines = copy.lines();
    for at in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        assert_eq!(copy.first_bad(&dropped.concat()), Some(at as u64), "dropped {at}");
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at].clone());
        assert!(copy.first_bad(&doubled.concat()).is_some(), "doubled {at}");
        for other in 0..at {
            let mut swapped = lines.clone();
            swapped.swap(at, other);
            assert_eq!(copy.first_bad(&swapped.concat()), Some(other as u64), "{at}, {other}");
        }
        assert_eq!(copy.first_bad(&lines[..at].concat()), Some(at as u64), "cut before {at}");
    }
    std::fs::remove_file(copy.fixture.segment()).unwrap();
    assert_eq!(copy.fixture.verify().first_bad.unwrap().sequence, 0);
}

#[test]
fn without_the_head_marker_verification_says_that_a_cut_would_not_be_seen() {
    let copy = Copy::new();
    std::fs::remove_file(copy.fixture.path().join("head")).unwrap();
    assert_eq!(copy.first_bad(&copy.lines()[..5].concat()), None);
    assert!(copy.fixture.verify().notes.iter().any(|note| note.contains("no head marker")));
}

#[test]
fn a_cut_log_goes_on_and_never_forgets_it() {
    let copy = Copy::new();
    std::fs::write(copy.fixture.segment(), copy.lines()[..5].concat()).unwrap();
    copy.fixture.append(&allowed_run(7));
    copy.fixture.append(&allowed_run(8));
    let finding = copy.fixture.verify().first_bad.unwrap();
    assert_eq!(finding.sequence, 5);
    assert!(finding.what.contains("up to 8 had been acknowledged"), "{}", finding.what);
    // Gone altogether, it begins anew with the same confession.
    std::fs::remove_file(copy.fixture.segment()).unwrap();
    copy.fixture.append(&allowed_run(9));
    assert!(copy.fixture.verify().first_bad.unwrap().what.contains("had been acknowledged"));
}

#[test]
fn a_changed_last_entry_is_not_covered_up_by_the_next_append() {
    let copy = Copy::new();
    let text = String::from_utf8(copy.segment.clone()).unwrap();
    let last = text.lines().last().unwrap();
    let changed = text.replace(last, &last.replace("\"user1\"", "\"user9\""));
    std::fs::write(copy.fixture.segment(), changed).unwrap();
    copy.fixture.append(&allowed_run(7));
    assert_eq!(copy.fixture.verify().first_bad.unwrap().sequence, 8);
}

#[test]
fn a_damaged_entry_is_not_taken_for_junk_when_the_head_marker_is_lost() {
    let copy = Copy::new();
    let mut lines = copy.lines();
    lines[3][0] = b'[';
    std::fs::write(copy.fixture.segment(), lines.concat()).unwrap();
    std::fs::remove_file(copy.fixture.path().join("head")).unwrap();
    assert_eq!(copy.fixture.verify().first_bad.unwrap().sequence, 3);
    copy.fixture.append(&allowed_run(7));
    assert_eq!(copy.fixture.verify().first_bad.unwrap().sequence, 3);
    lines[0][0] = b'[';
    std::fs::write(copy.fixture.segment(), lines.concat()).unwrap();
    std::fs::remove_file(copy.fixture.path().join("head")).unwrap();
    let refused = copy.fixture.log().append(&allowed_run(8), &at(0));
    assert!(matches!(refused, Err(AuditError::NoBeginning(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn inserted_and_deleted_bytes_are_seen(
        position in any::<prop::sample::Index>(), inserted in proptest::collection::vec(any::<u8>(), 1..40), length in 1..300_usize,
    ) {
        let copy = Copy::new();
        let position = position.index(copy.segment.len());
        let mut longer = copy.segment.clone();
        longer.splice(position..position, inserted);
        prop_assert!(longer == copy.segment || copy.first_bad(&longer).is_some());
        let mut shorter = copy.segment.clone();
        shorter.drain(position..(position + length).min(copy.segment.len()));
        prop_assert!(copy.first_bad(&shorter).is_some());
    }

    #[test]
    fn no_file_is_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), head in proptest::collection::vec(any::<u8>(), 0..200)) {
        let copy = Copy::new();
        let mut mixed = copy.lines()[..3].concat();
        mixed.extend(bytes);
        std::fs::write(copy.fixture.path().join("head"), head).unwrap();
        copy.first_bad(&mixed);
        for stored in read(&copy.fixture.path(), Filter::default()).unwrap() {
            render(&stored.unwrap(), true);
        }
    }
}
