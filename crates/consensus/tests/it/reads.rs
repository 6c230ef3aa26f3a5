//! Who was a leader and hung confirms nothing when it goes on, whatever it is answered only then.

use std::time::Duration;

use quorate_consensus::{ReadIndexError, Retention};
use quorate_model::MemberId;

use crate::cluster::{Cluster, allocate, eventually};

/// Shorter than the time after which a request that is not answered is given up.
const READ_TIME: Duration = Duration::from_secs(2);

#[tokio::test]
async fn answers_of_before_confirm_no_read_of_a_leader_that_was_deposed_since() {
    let cluster = Cluster::of(3, Retention::default()).await;
    let old = cluster.leader().await;
    let followers: Vec<u64> = (1..=3).filter(|id| *id != old).collect();
    cluster.write(old, 1).await;
    let (node, old_id) = (cluster.node(old), MemberId::try_from(old).unwrap());

    // Both followers have an entry, and the leader does not know: their answers do not arrive.
    for follower in &followers {
        cluster.network.hold(old, *follower, *follower);
    }
    let before = node.status().last_log;
    let write = node.propose(old_id, allocate(2), READ_TIME * 3);
    let fate = async {
        eventually("the entry on all members", || {
            let has_it = |id: &u64| cluster.node(*id).status().last_log > before;
            (1..=3).all(|id| has_it(&id)).then_some(())
        })
        .await;

        // Nor does anything else between them: the followers go on without their leader.
        for follower in &followers {
            cluster.network.hold(old, *follower, old);
            cluster.network.hold(*follower, old, *follower);
        }
        let new = eventually("another leader", || {
            let leader = cluster.node(followers[0]).leader().map(MemberId::get);
            leader.filter(|leader| *leader != old)
        })
        .await;
        let missed = cluster.write(new, 3).await.revision;

        // The old one asks for a confirmation, and only then gets the answers of before, one after the other.
        let read = node.read_index(old_id, READ_TIME);
        let answers = async {
            tokio::task::yield_now().await;
            for follower in &followers {
                cluster.network.release(old, *follower, *follower);
                eventually("the entry to be committed", || {
                    let applied = node.view().applied();
                    (applied > before).then_some(())
                })
                .await;
            }
        };
        let (read, ()) = tokio::join!(read, answers);
        match read {
            Ok(index) => panic!("confirmed up to {index}, although revision {missed} was acknowledged"),
            Err(ReadIndexError::Unconfirmed(_) | ReadIndexError::NotLeader(_)) => {}
        }
    };
    let (written, ()) = tokio::join!(write, fate);
    written.expect("the entry was on all members");
}
