//! Barriers, shared rounds and stated staleness, against a scripted quorum.

use std::sync::Mutex;

use futures::{FutureExt as _, future::join_all};
use tokio::{runtime::Handle, sync::mpsc, task::yield_now};

mod modes;

use super::*;
use crate::testing::{Asked, ManualClock, Script, TokioClock, deadline};

const LONG: Duration = Duration::from_secs(10);

fn reader(script: &Script, clock: Arc<dyn Clock>) -> Reader<Script> {
    reader_with(script, clock, Limits::default())
}

fn reader_with(script: &Script, clock: Arc<dyn Clock>, limits: Limits) -> Reader<Script> {
    Reader::start(script.clone(), clock, limits, &Tasks::new(Handle::current()))
}

fn set_up() -> (Script, mpsc::UnboundedReceiver<Asked>, Reader<Script>) {
    let (script, requests) = Script::new(Some(2));
    script.set_applied(1_000);
    let reader = reader(&script, Arc::new(TokioClock::default()));
    (script, requests, reader)
}

/// Lets all that can go on go on.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_linearizable_read_asks_the_leader_and_a_stale_one_nobody() {
    let (_script, mut requests, reader) = set_up();
    reader.read(Consistency::Stale, &deadline(LONG)).await.unwrap();
    assert!(requests.try_recv().is_err());

    let limit = deadline(LONG);
    let leader = async {
        let asked = requests.recv().await.unwrap();
        assert_eq!(asked.leader.get(), 2);
        asked.answer(Ok(5));
    };
    let (reading, ()) = tokio::join!(reader.read(Consistency::Linearizable, &limit), leader);
    reading.unwrap();
}

#[tokio::test(start_paused = true)]
async fn reads_that_come_while_a_round_is_under_way_share_the_next_one() {
    let (_script, mut requests, reader) = set_up();
    let (first, second) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let read_into = async |indexes: &Mutex<Vec<u64>>| {
        let confirmed = reader.confirmed(&deadline(LONG)).await.unwrap();
        indexes.lock().unwrap().push(confirmed.index.get());
    };
    let leader = async {
        let round = requests.recv().await.unwrap();
        let late = join_all((0..3).map(|_| read_into(&second)));
        let answer = async {
            settle().await;
            assert!(requests.try_recv().is_err(), "one round at a time");
            round.answer(Ok(5));
            let next = requests.recv().await.unwrap();
            assert!(
                second.lock().unwrap().is_empty(),
                "they join no round that began before them"
            );
            next.answer(Ok(8));
        };
        tokio::join!(late, answer);
    };
    tokio::join!(read_into(&first), read_into(&first), leader);
    assert_eq!(
        (first.into_inner().unwrap(), second.into_inner().unwrap()),
        (vec![5, 5], vec![8, 8, 8])
    );
    assert!(requests.try_recv().is_err(), "two rounds for five reads");
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_until_the_index_is_applied() {
    let (script, mut requests, reader) = set_up();
    let limit = deadline(LONG);
    let mut barrier = Box::pin(reader.barrier(&limit));
    let asked = tokio::select! {
        biased;
        _ = &mut barrier => panic!("nothing is confirmed yet"),
        asked = requests.recv() => asked.unwrap(),
    };
    asked.answer(Ok(1_001));
    settle().await;
    assert!((&mut barrier).now_or_never().is_none());
    assert_eq!(
        reader.freshness.as_of(),
        None,
        "it is not fresh before it has applied the index"
    );
    script.set_applied(1_001);
    barrier.await.unwrap();
    assert!(reader.freshness.as_of().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_round_that_fails_is_tried_again_with_whom_it_names() {
    let (_script, mut requests, reader) = set_up();
    let leaders = async {
        let hint = Some(crate::testing::member(3));
        requests
            .recv()
            .await
            .unwrap()
            .answer(Err(ReadIndexError::NotLeader(hint)));
        let asked = requests.recv().await.unwrap();
        assert_eq!(asked.leader.get(), 3);
        asked.answer(Ok(5));
    };
    let limit = deadline(LONG);
    let (barrier, ()) = tokio::join!(reader.barrier(&limit), leaders);
    barrier.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_quorum_the_error_says_so_at_the_deadline() {
    let (_script, mut requests, reader) = set_up();
    let leader = async {
        while let Some(asked) = requests.recv().await {
            asked.answer(Err(ReadIndexError::Unconfirmed("1 of 3 answered".to_owned())));
        }
    };
    let limit = deadline(LONG);
    let error = tokio::select! {
        error = reader.barrier(&limit) => error.unwrap_err(),
        () = leader => panic!("it asks as long as there is time"),
    };
    let problem = "1 of 3 answered".to_owned();
    assert_eq!(error, Error::NoQuorum { problem });
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_the_error_says_so_at_the_deadline() {
    let (script, _requests, reader) = set_up();
    script.set_leader(None);
    assert_eq!(reader.barrier(&deadline(LONG)).await, Err(Error::NoLeader));
}

#[tokio::test(start_paused = true)]
async fn a_silent_leader_holds_a_round_up_for_a_limited_time() {
    let (script, mut requests, reader) = set_up();
    let silent_then_new = async {
        let silent = requests.recv().await.unwrap();
        script.set_leader(Some(3));
        let asked = requests.recv().await.unwrap();
        assert_eq!(asked.leader.get(), 3);
        asked.answer(Ok(5));
        drop(silent);
    };
    let limit = deadline(LONG);
    let (barrier, ()) = tokio::join!(reader.barrier(&limit), silent_then_new);
    barrier.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_read_more_than_may_wait_is_turned_down() {
    let (script, mut requests) = Script::new(Some(2));
    let limits = Limits {
        reads_waiting_max: 1,
        ..Limits::default()
    };
    let reader = reader_with(&script, Arc::new(TokioClock::default()), limits);
    let limit = deadline(LONG);
    let mut under_way = Box::pin(reader.barrier(&limit));
    let _round = tokio::select! {
        biased;
        _ = &mut under_way => panic!("nothing is confirmed yet"),
        asked = requests.recv() => asked,
    };
    let mut waiting = Box::pin(reader.barrier(&limit));
    assert!((&mut waiting).now_or_never().is_none());
    let refused = reader.barrier(&limit).await.unwrap_err();
    assert!(matches!(refused, Error::Overloaded { .. }), "{refused}");
}

#[tokio::test]
async fn staleness_counts_from_when_the_round_began() {
    let (script, mut requests) = Script::new(Some(2));
    script.set_applied(5);
    let clock = Arc::new(ManualClock::default());
    let reader = reader(&script, Arc::clone(&clock) as Arc<dyn Clock>);
    assert_eq!(reader.reading().staleness, None, "nothing has been measured yet");

    clock.advance(Duration::from_secs(3));
    let leader = async {
        let asked = requests.recv().await.unwrap();
        clock.advance(Duration::from_secs(1));
        asked.answer(Ok(5));
    };
    let limit = deadline(LONG);
    let (barrier, ()) = tokio::join!(reader.barrier(&limit), leader);
    barrier.unwrap();
    assert_eq!(reader.reading().staleness, Some(Duration::from_millis(1_050)));

    clock.advance(Duration::from_secs(9));
    let cut_off = reader.reading().staleness;
    assert_eq!(cut_off, Some(Duration::from_millis(10_500)), "it keeps growing");
}

#[tokio::test]
async fn a_view_is_not_taken_for_fresher_than_it_was_when_it_was_loaded() {
    let (script, _requests) = Script::new(Some(2));
    let clock = Arc::new(ManualClock::default());
    let reader = reader(&script, Arc::clone(&clock) as Arc<dyn Clock>);
    reader.freshness.note(Duration::ZERO);
    clock.advance(Duration::from_secs(2));

    // A measurement that ends while the read takes its view is about a newer one, perhaps; and the time that
    // taking it takes counts.
    let (freshness, slow) = (Arc::clone(&reader.freshness), Arc::clone(&clock));
    script.before_view(move || {
        freshness.note(slow.now());
        slow.advance(Duration::from_secs(2));
    });
    assert_eq!(reader.reading().staleness, Some(Duration::from_millis(4_200)));
}

#[tokio::test(start_paused = true)]
async fn the_meter_keeps_measuring_and_makes_the_member_ready() {
    let (script, mut requests) = Script::new(Some(2));
    script.set_applied(5);
    let tasks = Tasks::new(Handle::current());
    let reader = Reader::start(
        script.clone(),
        Arc::new(TokioClock::default()),
        Limits::default(),
        &tasks,
    );
    let readiness = Readiness::default();
    reader.start_meter(readiness.clone(), &tasks);
    let mut ready = readiness.subscribe();
    for _ in 0..3 {
        requests.recv().await.unwrap().answer(Ok(5));
    }
    assert!(*ready.wait_for(|ready| *ready).await.unwrap());
    let staleness = reader.reading().staleness.unwrap();
    assert!(staleness <= Duration::from_millis(110), "{staleness:?}");

    // Cut off: nobody answers any more, and nobody is asked without a leader.
    let _unanswered = requests.recv().await;
    script.set_leader(None);
    ready.wait_for(|ready| !ready).await.unwrap();
    assert!(reader.reading().staleness.unwrap() > Duration::from_secs(5));
}
