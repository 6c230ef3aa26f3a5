//! Streams that stay silent, that nobody reads, and that are many.

use std::future::ready;

use futures::FutureExt as _;
use tokio::{
    sync::mpsc,
    time::{Instant, advance},
};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::*;

/// The time of the runtime, which passes by itself.
#[derive(Debug)]
struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall_ms(&self) -> u64 {
        0
    }
}

fn streams(limits: Limits) -> KeepAliveStreams {
    KeepAliveStreams::new(limits, Arc::new(PausedClock(Instant::now())), CancellationToken::new())
}

/// A stream whose frames are sent here, each answered at once with its number.
fn open(
    streams: &KeepAliveStreams,
    connection: Option<&ClientConnection>,
) -> Result<(mpsc::UnboundedSender<Frame>, Answers), Status> {
    let (frames, sent) = mpsc::unbounded_channel();
    let answer = |frame: Frame| {
        ready(frame.map(|frame| pb::KeepAliveResponse {
            frame: frame.frame,
            ..pb::KeepAliveResponse::default()
        }))
    };
    let answers = streams.open(connection, UnboundedReceiverStream::new(sent), answer)?;
    Ok((frames, answers))
}

fn frame(number: u64) -> pb::KeepAliveRequest {
    pb::KeepAliveRequest {
        frame: number,
        lease_ids: vec![1],
    }
}

fn reason(ended: Option<Answer>) -> Reason {
    Reason::of(&ended.expect("it says why it ends").unwrap_err())
}

fn refused(opened: Result<(mpsc::UnboundedSender<Frame>, Answers), Status>) -> Reason {
    Reason::of(&opened.err().expect("there is no place"))
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_frame_for_a_while_ends_and_says_to_open_another() {
    let streams = streams(Limits::default());
    let idle_max = Limits::default().keep_alive_idle_max;
    let (frames, mut answers) = open(&streams, None).unwrap();
    for number in 1..=3 {
        advance(idle_max.saturating_sub(Duration::from_millis(1))).await;
        frames.send(Ok(frame(number))).unwrap();
        assert_eq!(answers.next().await.unwrap().unwrap().frame, number);
    }
    let heard = Instant::now();
    assert_eq!(reason(answers.next().await), Reason::Idle);
    assert!(heard.elapsed() >= idle_max && heard.elapsed() < idle_max + Duration::from_secs(1));
    assert!(answers.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_that_nobody_reads_leaves_its_place_to_one_that_is_used() {
    let limits = Limits {
        keep_alive_streams_max: 2,
        ..Limits::default()
    };
    let streams = streams(limits);
    let (late, mut unread) = open(&streams, None).unwrap();
    let (frames, mut used) = open(&streams, None).unwrap();
    advance(limits.keep_alive_idle_max / 2).await;
    frames.send(Ok(frame(1))).unwrap();
    used.next().await.unwrap().unwrap();
    assert_eq!(refused(open(&streams, None)), Reason::Overloaded);

    advance(limits.keep_alive_idle_max / 2).await;
    let (_frames, _answers) = open(&streams, None).unwrap();
    assert_eq!(
        refused(open(&streams, None)),
        Reason::Overloaded,
        "the other one is in use"
    );
    late.send(Ok(frame(1))).unwrap();
    assert_eq!(reason(unread.next().await), Reason::Idle);
    frames.send(Ok(frame(2))).unwrap();
    assert_eq!(used.next().await.unwrap().unwrap().frame, 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_no_more_than_its_share() {
    let limits = Limits {
        keep_alive_streams_per_connection_max: 2,
        ..Limits::default()
    };
    let (streams, one, other) = (
        streams(limits),
        ClientConnection::default(),
        ClientConnection::default(),
    );
    let first = open(&streams, Some(&one)).unwrap();
    let _second = open(&streams, Some(&one)).unwrap();
    assert_eq!(refused(open(&streams, Some(&one.clone()))), Reason::Overloaded);
    let _other = open(&streams, Some(&other)).unwrap();
    drop(first);
    let _third = open(&streams, Some(&one)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_gives_its_place_back() {
    let limits = Limits {
        keep_alive_streams_max: 1,
        ..Limits::default()
    };
    let streams = streams(limits);
    let (frames, mut answers) = open(&streams, None).unwrap();
    assert!(answers.next().now_or_never().is_none());
    drop(frames);
    assert!(answers.next().await.is_none());
    drop(answers);
    let _again = open(&streams, None).unwrap();
}
