//! The checks accept what is right and reject what is not: each is shown to be able to fail.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use super::{
    sample::{Terms, sample},
    *,
};
use crate::record::{
    About, Asked, Availability, Change, Content, Deed, Done, Effect, Freshness, Header, Holder, Instance, Key, Read,
    Refusal, Sent, Shown, Stamp, Write,
};

const KEY: Key = Key { service: 1, id: 1 };

/// A short history, written by hand.
#[derive(Default)]
struct History(Vec<Operation>);

impl History {
    /// From one moment to another; to the end of time if the second is 0.
    fn add(mut self, from: u64, to: u64, asked: Asked, outcome: Outcome) -> Self {
        let stamp = |place: u64| Stamp {
            place,
            at: Duration::from_millis(place * 100),
        };
        self.0.push(Operation {
            client: 1,
            called: stamp(from),
            returned: (to > 0).then(|| stamp(to)),
            asked,
            outcome,
        });
        self
    }

    fn write(self, from: u64, to: u64, deed: Deed, outcome: Outcome) -> Self {
        let sent = Sent {
            session: None,
            batch: None,
        };
        self.add(from, to, Asked::Write(Write { key: KEY, deed, sent }), outcome)
    }

    /// An acknowledged registration that began a generation.
    fn registered(self, from: u64, to: u64, value: u64, revision: u64, change: Change) -> Self {
        self.write(
            from,
            to,
            register(value),
            done(
                revision,
                Effect::Registered {
                    generation: revision,
                    change,
                },
            ),
        )
    }

    /// A list that shows one instance as it was registered at a revision, or nothing.
    fn list(self, from: u64, to: u64, at: u64, found: Option<(u64, u64)>) -> Self {
        self.read(from, to, Freshness::Linearizable, header(at, Some(0)), found)
    }

    fn read(self, from: u64, to: u64, freshness: Freshness, header: Header, found: Option<(u64, u64)>) -> Self {
        let about = About::Instances(KEY.service);
        let shown = Shown {
            header: Some(header),
            service_known: Some(found.is_some()),
            instances: found.into_iter().map(|(value, at)| instance(value, at)).collect(),
        };
        let is_final = to >= 90;
        let asked = Asked::Read(Read::new(about, freshness, is_final));
        self.add(from, to, asked, Outcome::Shown(shown))
    }

    fn record(self) -> Record {
        Record { operations: self.0 }
    }
}

fn header(revision: u64, staleness_ms: Option<u64>) -> Header {
    Header {
        epoch: 1,
        member: 1,
        term: 1,
        revision,
        staleness_ms,
    }
}

fn register(value: u64) -> Deed {
    Deed::Register {
        holder: Holder {
            owner: Some(1),
            incarnation: Some(value),
        },
        value,
        takeover: false,
    }
}

fn done(revision: u64, effect: Effect) -> Outcome {
    let header = Some(header(revision, None));
    Outcome::Done(Done {
        header,
        revision: None,
        effect,
    })
}

fn instance(value: u64, at: u64) -> Instance {
    Instance {
        key: KEY,
        holder: Holder {
            owner: Some(1),
            incarnation: Some(value),
        },
        content: Some(Content { base: value, value }),
        availability: Availability::Enabled,
        create_revision: at,
        modify_revision: at,
        generation: at,
    }
}

const UPDATE_OF_5: Deed = Deed::Update {
    generation: Some(5),
    value: 9,
};

#[track_caller]
fn accepted(history: History) {
    let report = check_all(&history.record());
    assert!(report.is_well(), "{report}");
}

/// Rejected by these checks, whatever the others say.
#[track_caller]
fn rejected(history: History, by: &[&str]) {
    let record = history.record();
    let report = check_all(&record);
    for check in by {
        assert!(
            report.violations.contains_key(check),
            "{check} accepts\n{record}{report}"
        );
    }
}

#[test]
fn a_history_without_fault_is_accepted() {
    let history = History::default()
        .registered(1, 3, 1, 5, Change::Created)
        .list(2, 4, 4, None)
        .list(5, 6, 5, Some((1, 5)))
        .write(
            7,
            9,
            UPDATE_OF_5,
            done(
                6,
                Effect::Changed {
                    generation: 5,
                    changed: true,
                },
            ),
        )
        .write(
            10,
            11,
            Deed::Deregister { generation: Some(4) },
            Outcome::Refused(Refusal::StaleGeneration),
        )
        .write(
            12,
            13,
            Deed::Deregister { generation: None },
            done(8, Effect::Deregistered { existed: true }),
        )
        .registered(14, 15, 2, 9, Change::Created)
        .list(90, 91, 9, Some((2, 9)));
    accepted(history);
}

#[test]
fn an_unknown_outcome_may_take_effect_late_or_never() {
    let unknown = || {
        History::default()
            .write(1, 0, register(1), Outcome::Unknown)
            .list(2, 3, 4, None)
    };
    accepted(unknown().list(90, 91, 5, None));
    accepted(unknown().list(4, 5, 6, Some((1, 6))).list(90, 91, 6, Some((1, 6))));
    // But not twice, nor before a state that was there when it was called.
    let twice = unknown()
        .list(4, 5, 6, Some((1, 6)))
        .write(
            6,
            7,
            Deed::Deregister { generation: None },
            done(7, Effect::Deregistered { existed: true }),
        )
        .list(90, 91, 9, Some((1, 9)));
    rejected(twice, &["linearizable", "revisions", "once"]);
    let early = History::default()
        .list(1, 2, 6, None)
        .write(3, 0, register(1), Outcome::Unknown)
        .list(90, 91, 8, Some((1, 5)));
    rejected(early, &["revisions"]);
}

#[test]
fn an_acknowledged_write_that_is_lost_is_found() {
    let history = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .list(90, 91, 7, None);
    rejected(history, &["linearizable", "revisions", "durable"]);
    let superseded = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .registered(3, 4, 2, 6, Change::Replaced)
        .list(90, 91, 7, Some((1, 5)));
    rejected(superseded, &["linearizable", "revisions", "durable"]);
    let unseen = History::default().registered(1, 2, 1, 5, Change::Created);
    rejected(unseen, &["durable"]);
}

#[test]
fn a_linearizable_answer_of_a_leader_that_was_deposed_is_found() {
    let history = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .list(3, 4, 4, None)
        .list(90, 91, 6, Some((1, 5)));
    rejected(history, &["linearizable", "revisions"]);
}

#[test]
fn understated_staleness_is_found() {
    let read = |stated_ms| {
        History::default()
            .registered(1, 2, 1, 5, Change::Created)
            .read(6, 7, Freshness::Stale, header(4, Some(stated_ms)), None)
            .list(90, 91, 6, Some((1, 5)))
    };
    accepted(read(400));
    rejected(read(399), &["stale"]);
    let beyond = History::default().read(6, 90, Freshness::Bounded(10), header(4, Some(11)), None);
    rejected(beyond, &["shape"]);
}

#[test]
fn an_effect_of_a_stale_generation_is_found() {
    let stale = done(
        7,
        Effect::Changed {
            generation: 6,
            changed: true,
        },
    );
    let history = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .registered(3, 4, 2, 6, Change::Replaced)
        .write(5, 6, UPDATE_OF_5, stale);
    rejected(history, &["linearizable", "revisions"]);
    let taken_out = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .registered(3, 4, 2, 6, Change::Replaced)
        .write(
            5,
            6,
            Deed::Deregister { generation: Some(5) },
            Outcome::Refused(Refusal::StaleGeneration),
        )
        .list(90, 91, 8, None);
    rejected(taken_out, &["linearizable", "revisions", "durable"]);
}

#[test]
fn an_effect_of_what_was_refused_or_never_asked_for_is_found() {
    for outcome in [Outcome::NotDone, Outcome::Refused(Refusal::Other)] {
        let history = History::default()
            .write(1, 2, register(1), outcome)
            .list(90, 91, 5, Some((1, 5)));
        rejected(history, &["linearizable", "revisions", "once"]);
    }
    rejected(History::default().list(90, 91, 5, Some((1, 5))), &["once"]);
}

#[test]
fn a_command_that_was_applied_twice_is_found() {
    let history = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .registered(3, 4, 2, 6, Change::Replaced)
        .list(90, 91, 8, Some((1, 8)));
    rejected(history, &["linearizable", "revisions", "once"]);
}

#[test]
fn revisions_against_time_and_two_states_of_one_revision_are_found() {
    let back = History::default()
        .registered(1, 2, 1, 5, Change::Created)
        .registered(3, 4, 2, 4, Change::Replaced);
    rejected(back, &["revisions"]);
    let at_least = History::default().read(1, 90, Freshness::AtLeast(9), header(8, None), None);
    rejected(at_least, &["revisions"]);
    let stale = |history: History, found| history.read(3, 90, Freshness::Stale, header(6, None), found);
    let history = History::default().registered(1, 2, 1, 5, Change::Created);
    rejected(stale(stale(history, Some((1, 5))), None), &["revisions"]);
}

#[test]
fn running_out_of_steps_is_no_pass() {
    let terms = Terms {
        clients: 4,
        steps: 400,
        lost: 0,
        sessions: false,
    };
    let violation = linearizable_within(&sample(1, terms), 1).unwrap_err();
    assert!(violation.what.contains("undecided"), "{violation}");
}

#[test]
fn what_a_real_state_machine_answers_is_accepted() {
    let seed = crate::seed();
    for number in 0..40 {
        let terms = Terms {
            clients: 6,
            steps: 3_000,
            lost: [0, 3, 8, 15][usize::try_from(number % 4).unwrap()],
            sessions: number % 3 > 0,
        };
        let record = sample(seed.wrapping_add(number), terms);
        let report = check_all(&record);
        assert!(report.is_well(), "{number}: {report}");
        assert!(report.count("durable", "acknowledged") > 100, "{report}");
    }
}

#[test]
fn one_answer_that_is_altered_is_found() {
    let seed = crate::seed();
    let mut rng = SmallRng::seed_from_u64(seed);
    let terms = Terms {
        clients: 5,
        steps: 1_200,
        lost: 0,
        sessions: false,
    };
    for number in 0..60 {
        let right = sample(seed.wrapping_add(number), terms);
        let mut wrong = right.clone();
        let before = alter(&mut wrong, &mut rng);
        let report = check_all(&wrong);
        assert!(!report.is_well(), "{number}: not found: {before}");
    }
}

/// Alters one answer so that it cannot be right: without lost answers and sessions all is determined. Tells which.
fn alter(record: &mut Record, rng: &mut SmallRng) -> String {
    loop {
        let number = rng.random_range(0..record.operations.len());
        let operation = &mut record.operations[number];
        let before = operation.to_string();
        let is_altered = match &mut operation.outcome {
            Outcome::Shown(shown) => alter_shown(shown, rng),
            Outcome::Done(done) => {
                alter_effect(&mut done.effect);
                true
            }
            Outcome::Refused(refusal) => {
                *refusal = if *refusal == Refusal::NotFound {
                    Refusal::StaleGeneration
                } else {
                    Refusal::NotFound
                };
                true
            }
            Outcome::NotDone | Outcome::Unknown => false,
        };
        if is_altered {
            return format!("{before}\nbecame {operation}");
        }
    }
}

fn alter_shown(shown: &mut Shown, rng: &mut SmallRng) -> bool {
    let count = shown.instances.len();
    if count == 0 {
        return false;
    }
    let place = rng.random_range(0..count);
    let instance = &mut shown.instances[place];
    match rng.random_range(0..6) {
        0 => instance.modify_revision -= 1,
        1 => instance.generation -= 1,
        2 => instance.create_revision -= 1,
        3 => instance.availability = Availability::Draining,
        4 => instance.content = None,
        _ => instance.holder.incarnation = Some(77),
    }
    // What drains already was not altered.
    instance.availability != Availability::Draining
}

fn alter_effect(effect: &mut Effect) {
    match effect {
        Effect::Registered { generation, .. } => *generation += 1,
        Effect::Changed { changed, .. } => *changed = !*changed,
        Effect::Deregistered { existed } => *existed = !*existed,
    }
}
