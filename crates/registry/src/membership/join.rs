//! Nodes that ask to be let in: as learners, under an id that nobody ever had.

use std::time::Duration;

use quorate_consensus::{
    Applicant, AskError, Calling, JoinError, Member, MemberInfo, MembershipError, Status, request_join,
};
use quorate_model::{JoinNonce, MemberId, limits};
use quorate_state::{Command, Outcome, Rejection, snapshot::MEMBERSHIP_LEN_MAX};

use super::{
    Membership,
    reservation::reserved_for,
    rules::{silent_for, votes},
};
use crate::{Error, backoff::Backoff, deadline::Deadline, route::Repeat};

/// How long a member must have been silent before a node is let in to take its place.
const GONE_AFTER: Duration = Duration::from_secs(3);

/// What an encoded membership takes beside its members: two sets of voters, and the entry that it comes from.
const MEMBERSHIP_FRAME_LEN_MAX: usize = 512;

/// What a member takes in it beside its addresses: its id, its calling, and the lengths of the two.
const MEMBER_FRAME_LEN_MAX: usize = 32;

const OUT_OF_TIME: &str = "it took too long";

/// How a joining node stands to those that are members already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is none of them.
    New,
    /// It is this member already: it asks again because it has not heard the answer.
    Member(MemberId),
    /// It cannot be let in yet, and why.
    Early(String),
    /// It cannot be let in like this, and why.
    InTheWay(String),
}

/// What a joining node is looked at with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer<'a> {
    pub(super) info: &'a MemberInfo,
    /// The id that it was given before, if it asks again.
    pub(super) known: Option<MemberId>,
}

/// The members as their leader sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeadersView<'a> {
    pub(super) members: &'a [Member],
    pub(super) leader: MemberId,
    /// How long it has led: for so long it has listened.
    pub(super) led_for: Duration,
}

// === impl Membership ===

impl Membership {
    pub(super) async fn admit(&self, applicant: Applicant, deadline: &Deadline) -> Result<MemberId, JoinError> {
        let member_id = self.own_id();
        match self.consensus.leader() {
            Some(leader) if leader == member_id => self.admit_here(applicant, deadline).await,
            Some(leader) if applicant.quota > 0 => self.pass_on(leader, applicant, deadline).await,
            Some(leader) => Err(retry(format!("member {leader} leads, not member {member_id}"))),
            None => Err(retry("there is no leader at present")),
        }
    }

    /// Asks the leader to let the applicant in; the leader does not pass it on.
    async fn pass_on(
        &self,
        leader: MemberId,
        applicant: Applicant,
        deadline: &Deadline,
    ) -> Result<MemberId, JoinError> {
        let unknown = || retry(format!("the address of leader {leader} is not known here yet"));
        let address = self.consensus.member(leader).ok_or_else(unknown)?.info.peer_address;
        let applicant = Applicant { quota: 0, ..applicant };
        let time_left = deadline.left().map_err(|_| retry(OUT_OF_TIME))?;
        let answered = request_join(&self.connector, &address, &applicant, time_left).await;
        let admitted = answered.map_err(|error| match error {
            AskError::Unreachable { .. } => JoinError::Retry(error.to_string()),
            AskError::Refused { problem, .. } => JoinError::Refused(problem),
        })?;
        let own = self.consensus.identity();
        if admitted.cluster_id != own.cluster_id {
            return Err(retry(format!(
                "another cluster answers at {address}, the address of leader {leader}"
            )));
        }
        Ok(admitted.member_id)
    }

    async fn admit_here(&self, applicant: Applicant, deadline: &Deadline) -> Result<MemberId, JoinError> {
        let turn = deadline.wait_for(self.turn.lock()).await;
        let _turn = turn.map_err(|_| retry("other changes of the members are under way"))?;
        // What is asked is looked up before an id is given out: a node that is refused may ask for ever.
        self.catch_up(deadline).await?;
        let known = self.consensus.view().member_of(applicant.nonce);
        let status = self.consensus.status();
        if known.is_none()
            && let Some(reserved) = self.reservation(&status, &applicant.info)?
        {
            return self.claim(reserved, &applicant, deadline).await;
        }
        let info = &applicant.info;
        match self.standing(&status, Newcomer { info, known }) {
            Standing::New => {}
            Standing::Member(id) => return Ok(id),
            Standing::Early(reason) => return Err(JoinError::Retry(reason)),
            Standing::InTheWay(reason) => return Err(JoinError::Refused(reason)),
        }
        let id = self.allocate(applicant.nonce, deadline).await?;
        tell_if_it_will_not_vote(&status.members, id, &applicant.info);
        self.add(id, applicant.info, deadline).await?;
        Ok(id)
    }

    /// Waits until this member, which may lead only since a moment, has applied what it has.
    pub(super) async fn catch_up(&self, deadline: &Deadline) -> Result<(), JoinError> {
        let caught_up = self.consensus.wait_applied(self.consensus.status().last_log);
        let caught_up = deadline.wait_for(caught_up).await.map_err(|_| retry(OUT_OF_TIME))?;
        caught_up.map_err(|stopping| retry(stopping.to_string()))
    }

    pub(super) fn standing(&self, status: &Status, newcomer: Newcomer<'_>) -> Standing {
        let was_given = |id| self.consensus.view().last_member().is_some_and(|last| id <= last);
        let led_for = self.tenure.length(status.term, self.clock.now());
        let view = LeadersView {
            members: &status.members,
            leader: self.own_id(),
            led_for,
        };
        standing(view, newcomer, was_given)
    }

    /// The member that was added for a node at this address before the node came, if there is one.
    fn reservation(&self, status: &Status, info: &MemberInfo) -> Result<Option<MemberId>, JoinError> {
        let reserved = self.consensus.view().member_of(reserved_for(&info.peer_address));
        let Some(member) = status.members.iter().find(|member| Some(member.id) == reserved) else {
            return Ok(None);
        };
        fits(member, info).map_err(JoinError::Refused)?;
        Ok(Some(member.id))
    }

    /// Makes the applicant the member that was added for it. From then on nobody else can be.
    async fn claim(&self, id: MemberId, applicant: &Applicant, deadline: &Deadline) -> Result<MemberId, JoinError> {
        let command = Command::ClaimMember {
            id,
            reserved: reserved_for(&applicant.info.peer_address),
            nonce: applicant.nonce,
        };
        let claimed = self.propose_member(&command, deadline).await?;
        tracing::info!(member = %claimed, peer_address = %applicant.info.peer_address, "a member that was added has come");
        Ok(claimed)
    }

    /// The id that belongs to this nonce: the same one however often it is asked for.
    pub(super) async fn allocate(&self, nonce: JoinNonce, deadline: &Deadline) -> Result<MemberId, JoinError> {
        self.propose_member(&Command::AllocateMember { nonce }, deadline).await
    }

    /// Has a command applied whose outcome is a member id.
    pub(super) async fn propose_member(&self, command: &Command, deadline: &Deadline) -> Result<MemberId, JoinError> {
        let encoded = command.encode().map_err(|error| retry(error.to_string()))?;
        // The same nonce is given the same id.
        let applied = self.route.propose(encoded, Repeat::Harmless, deadline).await;
        let outcome = applied.map_err(|error: Error| retry(error.to_string()))?.outcome;
        if let Outcome::MemberAllocated(id) = outcome {
            return Ok(id);
        }
        let Outcome::Rejected(rejection) = outcome else {
            return Err(retry("the outcome is not a member id"));
        };
        if rejection == Rejection::NotFounded {
            return Err(retry(rejection.to_string()));
        }
        Err(JoinError::Refused(rejection.to_string()))
    }

    pub(super) async fn add(&self, id: MemberId, info: MemberInfo, deadline: &Deadline) -> Result<(), JoinError> {
        let peer_address = info.peer_address.clone();
        let mut backoff = Backoff::of_request();
        loop {
            let time_left = deadline.left().map_err(|_| retry(OUT_OF_TIME))?;
            match self.consensus.add_learner(id, info.clone(), time_left).await {
                Ok(()) => break,
                Err(MembershipError::InProgress) => backoff.pause().await,
                Err(MembershipError::Refused(reason)) => return Err(JoinError::Refused(reason)),
                Err(error @ (MembershipError::NotLeader(_) | MembershipError::OutcomeUnknown(_))) => {
                    return Err(retry(error.to_string()));
                }
            }
        }
        tracing::info!(member = %id, %peer_address, "a learner has joined");
        Ok(())
    }
}

fn retry(problem: impl Into<String>) -> JoinError {
    JoinError::Retry(problem.into())
}

/// A door belongs to one member: a node that comes back without its data comes under a new id, and the old one
/// must not be taken for it. Only who takes the place of a member that is gone may have its doors too.
pub(super) fn standing(
    view: LeadersView<'_>,
    newcomer: Newcomer<'_>,
    was_given: impl Fn(MemberId) -> bool,
) -> Standing {
    let Newcomer { info, known } = newcomer;
    let LeadersView { members, .. } = view;
    let others = || members.iter().filter(|member| Some(member.id) != known);
    let predecessor = predecessor(info.calling);
    let mut strangers = others().filter(|member| Some(member.id) != predecessor);
    if let Some(reason) = strangers.find_map(|other| shared_door(other, info)) {
        return Standing::InTheWay(reason);
    }
    match members.iter().find(|member| Some(member.id) == known) {
        Some(member) if member.info.peer_address == info.peer_address => return Standing::Member(member.id),
        Some(Member { id, info, .. }) => {
            return Standing::InTheWay(format!(
                "this node has joined as member {id} at the peer address {}: give it that address again, or wipe its \
                 data and let it join as a new member",
                info.peer_address
            ));
        }
        None if members.len() >= limits::MEMBERS_MAX => {
            return Standing::InTheWay(format!(
                "the cluster has {} members, as many as there may be: remove one first",
                members.len()
            ));
        }
        None => {}
    }
    if let Some(reason) = too_long(members, info) {
        return Standing::InTheWay(reason);
    }
    match predecessor {
        Some(old) => succession(view, old, was_given),
        None => Standing::New,
    }
}

/// Why the names of the members would be too long with those of a node, if they would: the membership is part of
/// every snapshot, which has so much room for it.
fn too_long(members: &[Member], info: &MemberInfo) -> Option<String> {
    let infos = members.iter().map(|member| &member.info).chain([info]);
    let doors = infos.map(|info| info.peer_address.to_string().len() + info.client_address.to_string().len());
    let len = MEMBERSHIP_FRAME_LEN_MAX + doors.map(|len| len + MEMBER_FRAME_LEN_MAX).sum::<usize>();
    (len > MEMBERSHIP_LEN_MAX).then(|| {
        format!(
            "with the addresses of this node, those of all members would take up to {len} bytes, and there is room \
             for {MEMBERSHIP_LEN_MAX}: give it shorter names, or remove a member first"
        )
    })
}

/// Whether a node can be let in to take the place of `old`.
fn succession(view: LeadersView<'_>, old: MemberId, was_given: impl Fn(MemberId) -> bool) -> Standing {
    let LeadersView {
        members,
        leader,
        led_for,
    } = view;
    let heir = members
        .iter()
        .find(|member| predecessor(member.info.calling) == Some(old));
    if let Some(heir) = heir {
        let id = heir.id;
        return Standing::InTheWay(format!(
            "member {id} is to take the place of member {old} already: remove member {id} if it is not to"
        ));
    }
    let Some(member) = members.iter().find(|member| member.id == old) else {
        // It has gone: there is room beside the others.
        if was_given(old) {
            return Standing::New;
        }
        return Standing::InTheWay(format!("there is no member {old} whose place could be taken"));
    };
    if old == leader {
        return in_place_of_leader(members, old);
    }
    let silence = member.last_heard.unwrap_or(led_for).min(led_for);
    if silence < GONE_AFTER {
        return Standing::Early(format!(
            "member {old} {}, too short a time to take its place: stop it, or let this node join without --replace \
             and use `quorate member replace`",
            silent_for(Some(silence))
        ));
    }
    Standing::New
}

/// A leader is there as long as it leads. It does not hear itself, which says nothing.
fn in_place_of_leader(members: &[Member], leader: MemberId) -> Standing {
    if !members.iter().any(|member| member.id != leader && votes(member)) {
        return Standing::InTheWay(format!(
            "member {leader} is the only voter, and nobody could take over from it: let this node join at addresses \
             of its own without --replace, and once it votes, take member {leader} out with `quorate member remove \
             {leader}`"
        ));
    }
    Standing::Early(format!(
        "member {leader} leads, so it is not gone: stop it, or let this node join at addresses of its own without \
         --replace and use `quorate member replace`"
    ))
}

fn predecessor(calling: Calling) -> Option<MemberId> {
    match calling {
        Calling::Successor(of) => Some(of),
        Calling::Voter | Calling::Learner => None,
    }
}

/// Whether a node with `info` is the one that `member` was added for.
pub(super) fn fits(member: &Member, info: &MemberInfo) -> Result<(), String> {
    let id = member.id;
    if member.info.client_address != info.client_address {
        return Err(format!(
            "member {id} was added for the peer address {} with the client address {}, not {}: start the node with \
             that one, or remove member {id}",
            member.info.peer_address, member.info.client_address, info.client_address
        ));
    }
    if let Calling::Successor(old) = info.calling {
        return Err(format!(
            "member {id} was added for this node: start it without --replace, and put it in the place of member \
             {old} with `quorate member replace`"
        ));
    }
    Ok(())
}

/// Why a node with `info` cannot stand beside `other`, if it claims one of its doors.
fn shared_door(other: &Member, info: &MemberInfo) -> Option<String> {
    let doors = [
        ("peer", &other.info.peer_address, &info.peer_address),
        ("client", &other.info.client_address, &info.client_address),
    ];
    let (door, address, _) = doors.into_iter().find(|(_, others, own)| others == own)?;
    let id = other.id;
    Some(format!(
        "the {door} address {address} belongs to member {id}: if that one is gone for good, start this node with \
         --replace {id}, or take it out first with `quorate member remove {id}`; otherwise join at another address"
    ))
}

fn tell_if_it_will_not_vote(members: &[Member], id: MemberId, info: &MemberInfo) {
    let voters = members.iter().filter(|member| votes(member)).count();
    if info.calling == Calling::Voter && voters >= limits::VOTERS_MAX {
        tracing::warn!(member = %id, voters, "no more voters are allowed: the new member stays a learner");
    }
}
