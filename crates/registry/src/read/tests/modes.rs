//! Bounded reads are never older than their bound, and reads of a revision hold what they were asked for, or say that
//! they do not.

use quorate_model::LogIndex;

use super::*;

const EPOCH: u64 = 5;

fn bounded(ms: u64) -> Consistency {
    Consistency::Bounded {
        max_staleness: MaxStaleness::from_ms(ms).unwrap(),
    }
}

fn at_least(revision: u64) -> Consistency {
    Consistency::AtLeast {
        epoch: Some(Epoch::new(EPOCH)),
        revision: Revision::new(revision),
    }
}

/// A member of a cluster that is founded, and has applied all of the log.
fn set_up() -> (Script, mpsc::UnboundedReceiver<Asked>, Reader<Script>, Arc<TokioClock>) {
    let (script, requests) = Script::new(Some(2));
    script.found(EPOCH);
    script.set_applied(100);
    let clock = Arc::new(TokioClock::default());
    let reader = reader(&script, Arc::clone(&clock) as Arc<dyn Clock>);
    (script, requests, reader, clock)
}

/// Answers every request for a read index after `delay`.
async fn lead(requests: &mut mpsc::UnboundedReceiver<Asked>, delay: Duration, index: u64) {
    while let Some(asked) = requests.recv().await {
        tokio::time::sleep(delay).await;
        asked.answer(Ok(index));
    }
}

/// Waits for a read while the leader answers.
async fn led<T>(
    read: impl Future<Output = T>,
    requests: &mut mpsc::UnboundedReceiver<Asked>,
    delay: Duration,
    index: u64,
) -> T {
    tokio::select! {
        value = read => value,
        () = lead(requests, delay, index) => panic!("the requests do not end"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_bounded_read_asks_nobody_while_the_view_is_fresh_enough() {
    let (_script, mut requests, reader, clock) = set_up();
    tokio::time::sleep(Duration::from_secs(1)).await;
    reader.freshness.note(clock.now());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let reading = reader.read(bounded(105), &deadline(LONG)).await.unwrap();
    assert_eq!(reading.staleness, Some(Duration::from_millis(105)));
    assert!(requests.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_bounded_read_is_never_older_than_its_bound() {
    let (_script, mut requests, reader, _) = set_up();
    for max_ms in [11, 20, 37, 105, 106, 1_000] {
        for pause_ms in [0, 5, 10, 90, 100, 101, 950] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            let limit = deadline(LONG);
            let read = reader.read(bounded(max_ms), &limit);
            let reading = led(read, &mut requests, Duration::from_millis(10), 100).await.unwrap();
            let stated = reading.staleness.unwrap();
            assert!(
                stated <= Duration::from_millis(max_ms),
                "{stated:?} with a bound of {max_ms} ms"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bound_that_no_confirmation_can_meet_is_refused_at_the_deadline() {
    let (_script, mut requests, reader, clock) = set_up();
    let limit = deadline(LONG);
    let read = reader.read(bounded(10), &limit);
    let refused = led(read, &mut requests, Duration::from_millis(10), 100)
        .await
        .unwrap_err();
    assert!(matches!(refused, Error::NoQuorum { .. }), "{refused}");
    assert!(clock.now() >= LONG);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_cut_off_answers_stale_reads_and_refuses_others_in_time() {
    let (_script, mut requests, reader, clock) = set_up();
    reader.freshness.note(clock.now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    let cut_off = async {
        // A leader that is there for all it knows, and does not answer.
        let mut silent = Vec::new();
        while let Some(asked) = requests.recv().await {
            silent.push(asked);
        }
    };
    let reads = async {
        let stale = reader.read(Consistency::Stale, &deadline(LONG)).await.unwrap();
        assert_eq!(stale.staleness, Some(Duration::from_secs(21)), "labelled");
        let seen = reader.read(at_least(100), &deadline(LONG)).await.unwrap();
        assert_eq!(seen.state.revision().get(), 100, "what is there needs nobody");
        for consistency in [bounded(20_000), at_least(101), Consistency::Linearizable] {
            let started = clock.now();
            let refused = reader.read(consistency, &deadline(LONG)).await.unwrap_err();
            assert!(matches!(refused, Error::NoQuorum { .. }), "{consistency:?}: {refused}");
            assert!(clock.now() <= started + LONG + Duration::from_millis(1));
        }
    };
    tokio::select! {
        () = cut_off => panic!("the requests do not end"),
        () = reads => {}
    }
}

#[tokio::test(start_paused = true)]
async fn an_at_least_read_waits_for_its_revision() {
    let (script, mut requests, reader, _) = set_up();
    let limit = deadline(LONG);
    let mut read = Box::pin(reader.read(at_least(103), &limit));
    assert!((&mut read).now_or_never().is_none());
    requests.recv().await.unwrap().answer(Ok(110));
    for applied in [101, 102] {
        script.set_applied(applied);
        settle().await;
        assert!((&mut read).now_or_never().is_none(), "{applied}");
    }
    script.set_applied(103);
    let reading = read.await.unwrap();
    assert_eq!(
        reading.state.applied(),
        LogIndex::new(103),
        "it need not have all that is committed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_at_least_read_needs_no_leader_when_its_revision_comes_by_itself() {
    let (script, _requests, reader, _) = set_up();
    script.set_leader(None);
    let limit = deadline(LONG);
    let come = async {
        settle().await;
        script.set_applied(200);
    };
    let (reading, ()) = tokio::join!(reader.read(at_least(101), &limit), come);
    assert_eq!(reading.unwrap().state.revision().get(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_revision_beyond_what_is_committed_is_refused_at_once() {
    let (_script, mut requests, reader, _) = set_up();
    let limit = deadline(LONG);
    let read = reader.read(at_least(111), &limit);
    let refused = led(read, &mut requests, Duration::ZERO, 110).await.unwrap_err();
    let (asked, reached) = (Revision::new(111), Revision::new(110));
    assert_eq!(refused, Error::RevisionAhead { asked, reached });
}

#[tokio::test(start_paused = true)]
async fn a_state_of_another_history_is_refused_whatever_its_revision() {
    let (_script, mut requests, reader, _) = set_up();
    for revision in [1, 100, 1_000] {
        let (asked, current) = (Epoch::new(4), Epoch::new(EPOCH));
        let other = Consistency::AtLeast {
            epoch: Some(asked),
            revision: Revision::new(revision),
        };
        let refused = reader.read(other, &deadline(LONG)).await.unwrap_err();
        assert_eq!(refused, Error::EpochMismatch { asked, current });
    }
    let any = Consistency::AtLeast {
        epoch: None,
        revision: Revision::new(100),
    };
    reader.read(any, &deadline(LONG)).await.unwrap();
    assert!(requests.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_member_that_knows_no_cluster_yet_waits_until_it_does() {
    let (script, mut requests) = Script::new(Some(2));
    let reader = reader(&script, Arc::new(TokioClock::default()));
    let limit = deadline(LONG);
    let mut read = Box::pin(reader.read(at_least(3), &limit));
    assert!((&mut read).now_or_never().is_none());
    requests.recv().await.unwrap().answer(Ok(9));
    settle().await;
    assert!((&mut read).now_or_never().is_none());
    script.found(EPOCH);
    script.set_applied(9);
    assert_eq!(read.await.unwrap().state.revision().get(), 9);
}
