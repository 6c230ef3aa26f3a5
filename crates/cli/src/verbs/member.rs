//! Verbs about the members of the cluster.

use std::{future::Future, time::Duration};

use quorate_client::{Answer, Calling, Error, Member};
use quorate_model::{LogIndex, MemberId};
use tokio::time::{Instant, sleep};

use super::Session;
use crate::{
    args::{AddArgs, MemberArgs, MemberVerb, NamedArgs, PromoteArgs, ReplaceArgs, TransferLeaderArgs},
    failure::Failure,
    output::{AddedView, DoneView, MembersView, Progress, RemovedView, TransferredView},
};

/// Between two looks at a member that is waited for.
const PERIOD: Duration = Duration::from_millis(300);

/// A member that lacks at most so many entries has caught up, as the cluster counts.
const LAG_ENTRIES_MAX: u64 = 100;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// It is there, and has caught up.
    CaughtUp,
    /// It is what it is meant to be, too.
    InItsPlace,
}

pub(super) async fn run(session: &Session, args: &MemberArgs) -> Result<(), Failure> {
    match &args.verb {
        MemberVerb::List => list(session).await,
        MemberVerb::Add(args) => add(session, args).await,
        MemberVerb::Remove(args) => remove(session, args).await,
        MemberVerb::Replace(args) => replace(session, args).await,
        MemberVerb::Promote(args) => promote(session, args).await,
        MemberVerb::Demote(NamedArgs { id }) => done(session, session.client.demote_member(*id)).await,
    }
}

async fn list(session: &Session) -> Result<(), Failure> {
    let answer = session.answer(session.client.list_members()).await?;
    session.print(&MembersView::from(&answer))
}

async fn add(session: &Session, args: &AddArgs) -> Result<(), Failure> {
    let adding = session
        .client
        .add_member(&args.peer_address, &args.client_address, args.calling());
    let answer = session.answer(adding).await?;
    // First of all: the id is what the node is told apart by, whether it comes in time or not.
    session.print(&AddedView::from(&answer))?;
    match args.wait.time() {
        Some(time) => wait(session, answer.value.member_id, Wanted::InItsPlace, time).await,
        None => Ok(()),
    }
}

async fn remove(session: &Session, args: &NamedArgs) -> Result<(), Failure> {
    let answer = session.answer(session.client.remove_member(args.id)).await?;
    session.print(&RemovedView::from(&answer))?;
    if answer.value.existed {
        return Ok(());
    }
    Err(Failure::NotFound(format!("there is no member {} any more", args.id)))
}

async fn replace(session: &Session, args: &ReplaceArgs) -> Result<(), Failure> {
    if let Some(time) = args.wait.time() {
        wait(session, args.new, Wanted::CaughtUp, time).await?;
    }
    done(session, session.client.replace_member(args.old, args.new)).await
}

async fn promote(session: &Session, args: &PromoteArgs) -> Result<(), Failure> {
    if let Some(time) = args.wait.time() {
        wait(session, args.id, Wanted::CaughtUp, time).await?;
    }
    done(session, session.client.promote_member(args.id)).await
}

async fn done(session: &Session, request: impl Future<Output = Result<Answer<()>, Error>>) -> Result<(), Failure> {
    let answer = session.answer(request).await?;
    session.print(&DoneView::from(&answer))
}

pub(super) async fn transfer_leader(session: &Session, args: &TransferLeaderArgs) -> Result<(), Failure> {
    let answer = session.answer(session.client.transfer_leader(args.to)).await?;
    session.print(&TransferredView::from(&answer))
}

/// Waits until a member is as it is wanted, telling on stderr how it comes along.
async fn wait(session: &Session, id: MemberId, wanted: Wanted, time: Duration) -> Result<(), Failure> {
    let until = Instant::now() + time;
    let mut progress = Progress::start();
    loop {
        let lacks = match session.client.list_members().await {
            Ok(answer) => {
                let list = answer.value;
                let member = list.members.iter().find(|member| member.id == id);
                member.map_or_else(
                    || Some(format!("member {id} is not in the cluster")),
                    |member| lacks(member, list.last_log_index, wanted),
                )
            }
            Err(error) => Some(error.to_string()),
        };
        let Some(lacks) = lacks else {
            progress.end(&format!("member {id} is there and has caught up"));
            return Ok(());
        };
        if Instant::now() + PERIOD >= until {
            progress.end(&lacks);
            return Err(Failure::Unavailable(format!(
                "not within --wait-timeout: {lacks}; the request stands, see `quorate member list`"
            )));
        }
        progress.tell(&lacks);
        sleep(PERIOD).await;
    }
}

/// What a member lacks to be as it is wanted.
fn lacks(member: &Member, last_log: LogIndex, wanted: Wanted) -> Option<String> {
    let id = member.id;
    let last_log = last_log.get();
    let Some(matched) = member.matched_index else {
        return Some(format!("member {id} has not come yet"));
    };
    if last_log.saturating_sub(matched.get()) > LAG_ENTRIES_MAX {
        return Some(format!("member {id} is at log index {matched} of {last_log}"));
    }
    let is_in_its_place = member.voter || member.calling == Calling::Learner;
    match wanted {
        Wanted::InItsPlace if !is_in_its_place => Some(format!("member {id} does not vote yet")),
        Wanted::InItsPlace | Wanted::CaughtUp => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(matched: Option<u64>, voter: bool, calling: Calling) -> Member {
        Member {
            id: 4.try_into().unwrap(),
            peer_address: "10.0.0.4:7400".parse().unwrap(),
            client_address: "10.0.0.4:7300".parse().unwrap(),
            voter,
            matched_index: matched.map(LogIndex::new),
            last_heard_ms: None,
            calling,
        }
    }

    #[test]
    fn a_member_is_waited_for_until_it_is_there_and_has_caught_up_and_votes_if_it_is_to() {
        let lacks = |member: Member, wanted| lacks(&member, LogIndex::new(1_000), wanted);
        let absent = member(None, false, Calling::Voter);
        assert!(lacks(absent, Wanted::CaughtUp).unwrap().contains("has not come"));
        let behind = member(Some(1_000 - LAG_ENTRIES_MAX - 1), false, Calling::Voter);
        assert!(lacks(behind, Wanted::CaughtUp).unwrap().contains("899 of 1000"));
        let ready = || member(Some(1_000 - LAG_ENTRIES_MAX), false, Calling::Voter);
        assert_eq!(lacks(ready(), Wanted::CaughtUp), None);
        assert!(lacks(ready(), Wanted::InItsPlace).unwrap().contains("does not vote"));
        let voting = member(Some(1_000), true, Calling::Voter);
        assert_eq!(lacks(voting, Wanted::InItsPlace), None);
        let replica = member(Some(1_000), false, Calling::Learner);
        assert_eq!(lacks(replica, Wanted::InItsPlace), None);
    }
}
