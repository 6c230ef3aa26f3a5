//! Streams, which a request does not end with: which member is spoken to, and what it tells beside the matter.

use std::{sync::Arc, time::Duration};

use quorate_model::DoorAddress;
use quorate_proto::convert::InvalidField;
use tonic::{Request, Response, Status, transport::Channel};

use super::{Caller, Door, Failure};
use crate::{Answer, Header};

// === impl Caller ===

impl Caller {
    /// A door for a stream: one of those behind which somebody has answered last, at random, so that not all clients
    /// speak to the first member that they were given. None of `tried`, if there are others.
    pub(crate) fn draw_door(&self, tried: &[DoorAddress]) -> Arc<Door> {
        let doors = self.doors.in_order(false);
        let is_fresh = |door: &&Arc<Door>| !tried.contains(door.address());
        let is_awake = |door: &&Arc<Door>| is_fresh(door) && !door.is_resting();
        let mut choice: Vec<_> = doors.iter().filter(is_awake).collect();
        if choice.is_empty() {
            choice = doors.iter().filter(is_fresh).collect();
        }
        if choice.is_empty() {
            choice = doors.iter().collect();
        }
        let place = self.draw() % choice.len() as u64;
        let place = usize::try_from(place).expect("it is less than a number of doors");
        Arc::clone(choice[place])
    }

    /// Whether all doors are among those that were `tried`.
    pub(crate) fn is_round_over(&self, tried: &[DoorAddress]) -> bool {
        self.doors
            .in_order(false)
            .iter()
            .all(|door| tried.contains(door.address()))
    }

    /// Opens a stream through a door within `patience`, or says what stood in the way.
    pub(crate) async fn open<M, F, R>(&self, door: &Door, open: F, patience: Duration) -> Result<M, String>
    where
        F: Fn(Channel) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        // The stream has no deadline: what is asked of the door is to begin it.
        let send = |channel, _asked: Request<()>| open(channel);
        let opened = door.ask(&(), &send, patience).await;
        opened.map_err(Failure::into_message)
    }

    /// A message of a stream that has passed its check.
    pub(crate) fn received<M, T>(&self, door: &Door, message: M) -> Result<Answer<T>, String>
    where
        Answer<T>: TryFrom<M, Error = InvalidField>,
    {
        self.check(door, message).map_err(|error| {
            self.doors.forget(door);
            error.to_string()
        })
    }

    /// Takes note of what a message of a stream tells of the cluster. True if it is time to ask for the members.
    pub(crate) fn heard(&self, header: &Header) -> bool {
        self.doors.heard(header);
        self.doors.is_refresh_due()
    }

    /// Asks the member behind `door` for the members.
    pub(crate) async fn ask_for_members(&self, door: &Door) {
        self.refresh(door, Duration::MAX).await;
    }

    /// Takes note that a stream through `door` has broken, or that nothing came of it.
    pub(crate) fn broke(&self, door: &Door) {
        door.take_a_rest();
        self.doors.failed(door);
    }
}
