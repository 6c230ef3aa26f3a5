//! One connection through a proxy: two pumps, and how they end.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy, sink},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until},
};

use super::{Cut, Direction, Flow, Setting, Shared};

/// Read at a time: small, so that a pace is one, and a reset comes in the middle of something.
const PIECE_BYTES: usize = 4 << 10;

/// Pieces under way in one direction: more than a delay of half a second needs here.
const QUEUE_LEN: usize = 1 << 10;

/// Bytes under way, and when they are due.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

/// One direction of a connection.
struct Pump<'a> {
    direction: Direction,
    setting: watch::Receiver<Setting>,
    shared: &'a Shared,
}

/// Passes bytes on in both directions until both are at their end, or all is cut.
pub(super) async fn run(
    mut caller: TcpStream,
    mut server: TcpStream,
    setting: watch::Receiver<Setting>,
    shared: &Shared,
) {
    let cuts = setting.borrow().cuts;
    let _ = (caller.set_nodelay(true), server.set_nodelay(true));
    let pump = |direction| Pump {
        direction,
        setting: setting.clone(),
        shared,
    };
    let mut all = setting.clone();
    let end = {
        let (from_caller, to_caller) = caller.split();
        let (from_server, to_server) = server.split();
        let there = pump(Direction::ToServer).run(from_caller, to_server);
        let back = pump(Direction::ToCaller).run(from_server, to_caller);
        tokio::select! {
            biased;
            Ok(setting) = all.wait_for(|setting| setting.cuts > cuts) => Err(setting.cut),
            end = async { tokio::try_join!(there, back) } => end.map(|_| ()),
            else => return,
        }
    };
    match end {
        Ok(()) => {}
        Err(Cut::Reset) => {
            shared.counts.resets.fetch_add(1, Ordering::Relaxed);
            reset(caller);
            reset(server);
        }
        Err(Cut::HalfOpen) => {
            shared.counts.half_open.fetch_add(1, Ordering::Relaxed);
            reset(server);
            // Until the caller has found out by itself.
            let _ = copy(&mut caller, &mut sink()).await;
        }
    }
}

/// Ends a connection with a reset, whatever is under way.
pub(super) fn reset(stream: TcpStream) {
    // Without this its peer is told in order, if it is still there to be told.
    let _ = stream.set_zero_linger();
    drop(stream);
}

// === impl Pump ===

impl Pump<'_> {
    /// Passes everything on until its end, which is passed on as well.
    async fn run(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Result<(), Cut> {
        let (sender, receiver) = mpsc::channel(QUEUE_LEN);
        let setting = self.setting.clone();
        let direction = self.direction;
        tokio::try_join!(take(from, sender, setting, direction), self.give(to, receiver)).map(|_| ())
    }

    async fn give(mut self, mut to: WriteHalf<'_>, mut pieces: mpsc::Receiver<Piece>) -> Result<(), Cut> {
        let counts = &self.shared.counts;
        while let Some(piece) = pieces.recv().await {
            if piece.due > Instant::now() {
                counts.delayed.fetch_add(1, Ordering::Relaxed);
                sleep_until(piece.due).await;
            }
            if self.flow() == Flow::Held {
                counts.held.fetch_add(1, Ordering::Relaxed);
                let direction = self.direction;
                let is_over = |setting: &Setting| setting.flow(direction) != Flow::Held;
                self.setting.wait_for(is_over).await.map_err(|_| Cut::Reset)?;
            }
            let passed = self.may_pass(&piece.bytes);
            to.write_all(passed).await.map_err(|_| Cut::Reset)?;
            if passed.len() < piece.bytes.len() {
                return Err(Cut::Reset);
            }
            if let Flow::Throttled { bytes_per_s } = self.flow() {
                counts.throttled.fetch_add(1, Ordering::Relaxed);
                let bytes = u32::try_from(piece.bytes.len()).expect("a piece is small");
                sleep(Duration::from_secs(1) * bytes / u32::try_from(bytes_per_s).unwrap_or(u32::MAX)).await;
            }
        }
        // The other direction may go on.
        let _ = to.shutdown().await;
        Ok(())
    }

    fn flow(&self) -> Flow {
        self.setting.borrow().flow(self.direction)
    }

    /// The part of a piece that comes before a reset: all of it, if none is to come.
    fn may_pass<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let Flow::ResetAfter { .. } = self.flow() else {
            return bytes;
        };
        let wanted = bytes.len() as u64;
        let take = |left: u64| Some(left.saturating_sub(wanted));
        let left = &self.shared.left_bytes;
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let passed = before.unwrap_or_default().min(wanted);
        &bytes[..usize::try_from(passed).expect("no more than the piece has")]
    }
}

/// Reads until the end, and says of each piece when it is due.
async fn take(
    mut from: ReadHalf<'_>,
    pieces: mpsc::Sender<Piece>,
    setting: watch::Receiver<Setting>,
    direction: Direction,
) -> Result<(), Cut> {
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let len = from.read(&mut buffer).await.map_err(|_| Cut::Reset)?;
        let delay = match setting.borrow().flow(direction) {
            Flow::Delayed(delay) => delay,
            Flow::Open | Flow::Throttled { .. } | Flow::Held | Flow::ResetAfter { .. } => Duration::ZERO,
        };
        let piece = Piece {
            due: Instant::now() + delay,
            bytes: buffer[..len].to_vec(),
        };
        if len == 0 || pieces.send(piece).await.is_err() {
            return Ok(());
        }
    }
}
