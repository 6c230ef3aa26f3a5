//! The operator: does one thing after the other with the members of the cluster, until it succeeds.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quorate_client::{Client, Error};
use quorate_model::MemberId;

/// Between two tries, and between two looks for something to do.
const PAUSE: Duration = Duration::from_millis(100);

/// What an operator does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Has another member lead.
    Transfer,
    /// Has this one lead, if it can: it is told once.
    TransferTo(MemberId),
    /// Takes a member out.
    Remove(MemberId),
    /// Takes a vote, and gives it back.
    DemoteAndPromote(MemberId),
}

/// Whether an order has been carried out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Receipt(Arc<AtomicBool>);

/// What is to be done. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders(Arc<Mutex<VecDeque<(Order, Receipt)>>>);

// === impl Receipt ===

impl Receipt {
    pub(crate) fn is_signed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Orders ===

impl Orders {
    /// Gives an order.
    pub(crate) fn give(&self, order: Order) -> Receipt {
        let receipt = Receipt::default();
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        orders.push_back((order, receipt.clone()));
        receipt
    }

    /// Carries out what is ordered, for ever.
    pub(crate) async fn carry_out(self, client: Client) -> turmoil::Result {
        loop {
            let next = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((order, receipt)) = next else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            while let Err(error) = carry_out(&client, order).await {
                tracing::debug!(?order, %error, "the operator tries again");
                tokio::time::sleep(PAUSE).await;
            }
            receipt.0.store(true, Ordering::Relaxed);
        }
    }
}

async fn carry_out(client: &Client, order: Order) -> Result<(), Error> {
    match order {
        Order::Transfer => client.transfer_leader(None).await.map(drop),
        Order::TransferTo(id) => {
            drop(client.transfer_leader(Some(id)).await);
            Ok(())
        }
        Order::Remove(id) => client.remove_member(id).await.map(drop),
        Order::DemoteAndPromote(id) => {
            client.demote_member(id).await?;
            client.promote_member(id).await.map(drop)
        }
    }
}
