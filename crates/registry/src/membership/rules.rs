//! Which changes of the members a leader makes, and which it does not: decided from what it knows of them.

use std::{fmt, time::Duration};

use quorate_consensus::{Calling, Member, MemberRole, MembershipChange, Status};
use quorate_model::{MemberId, limits};

/// A member that lacks at most so many entries has caught up: they are sent in one message.
pub(super) const LAG_ENTRIES_MAX: u64 = 100;

/// The members as the leader sees them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roll<'a> {
    pub(super) status: &'a Status,
    /// Who leads.
    pub(super) leader: MemberId,
    /// Who has been silent for longer is not there.
    pub(super) silence_max: Duration,
}

/// What becomes of a change that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is made.
    Make(MembershipChange),
    /// It is so already.
    IsSo,
    /// Another member has to make it: the leader is to lose its vote, or to go.
    StepDown,
    /// It is not made, for this reason, which may pass within moments.
    NotYet(String),
    /// It is not made, for this reason.
    Refuse(String),
    /// It cannot be made by anybody at present: too few voters answer to commit it.
    NoQuorum(String),
    /// There is no such member.
    NotFound(MemberId),
}

/// Too few voters answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shortage {
    needed: usize,
    of: usize,
    silent: Vec<(MemberId, Option<Duration>)>,
}

// === impl Verdict ===

impl Verdict {
    /// What becomes of the change if it takes the vote of the leader.
    fn or_step_down(self, leader_goes: bool) -> Self {
        if leader_goes && matches!(self, Self::Make(_)) {
            return Self::StepDown;
        }
        self
    }
}

// === impl Roll ===

impl Roll<'_> {
    pub(super) fn promote(&self, id: MemberId) -> Verdict {
        let Some(member) = self.find(id) else {
            return Verdict::NotFound(id);
        };
        if votes(member) {
            return Verdict::IsSo;
        }
        if self.voters().len() >= limits::VOTERS_MAX {
            return Verdict::Refuse(format!(
                "there are {} voters, as many as there may be: demote or remove one first, or put member {id} in the \
                 place of one with `member replace`",
                limits::VOTERS_MAX
            ));
        }
        if let Some(reason) = self.is_behind(member) {
            return Verdict::NotYet(reason);
        }
        let voters: Vec<_> = self.voters().into_iter().chain([id]).collect();
        self.if_quorum(&voters, MembershipChange::Promote(id))
    }

    pub(super) fn demote(&self, id: MemberId) -> Verdict {
        let change = MembershipChange::Demote(id);
        match self.find(id) {
            None => Verdict::NotFound(id),
            Some(member) if votes(member) => self.without(id, change),
            Some(member) if member.info.calling == Calling::Learner => Verdict::IsSo,
            Some(_) => self.if_quorum(&self.voters(), change),
        }
    }

    pub(super) fn remove(&self, id: MemberId) -> Verdict {
        let change = MembershipChange::Remove(id);
        match self.find(id) {
            None => Verdict::NotFound(id),
            Some(member) if votes(member) => self.without(id, change),
            Some(_) => self.if_quorum(&self.voters(), change),
        }
    }

    pub(super) fn replace(&self, old: MemberId, new: MemberId) -> Verdict {
        if old == new {
            return Verdict::Refuse(format!("member {old} cannot take its own place: name two members"));
        }
        let Some(comes) = self.find(new) else {
            return Verdict::NotFound(new);
        };
        let Some(goes) = self.find(old) else {
            // Whoever asks again finds it done.
            return if votes(comes) {
                Verdict::IsSo
            } else {
                Verdict::NotFound(old)
            };
        };
        if let Some(reason) = self.is_behind(comes) {
            return Verdict::NotYet(reason);
        }
        let mut voters = self.voters();
        if voters == [old] {
            return Verdict::Refuse(format!(
                "member {old} is the only voter, and nobody could take over from it: promote member {new} first, \
                 then remove member {old}"
            ));
        }
        if votes(goes) {
            voters.retain(|voter| *voter != old && *voter != new);
            voters.push(new);
        }
        self.if_quorum(&voters, MembershipChange::Replace { old, new })
            .or_step_down(old == self.leader)
    }

    /// Why a voter cannot be handed leadership, if it cannot.
    pub(super) fn cannot_lead(&self, to: MemberId) -> Option<Verdict> {
        let Some(member) = self.find(to) else {
            return Some(Verdict::NotFound(to));
        };
        if !votes(member) {
            return Some(Verdict::Refuse(format!(
                "member {to} is a learner and cannot lead: promote it first"
            )));
        }
        self.is_behind(member).map(Verdict::NotYet)
    }

    /// The change that takes a voter out, if the cluster goes on working without it.
    fn without(&self, id: MemberId, change: MembershipChange) -> Verdict {
        let mut voters = self.voters();
        voters.retain(|voter| *voter != id);
        if voters.is_empty() {
            return Verdict::Refuse(format!(
                "member {id} is the last voter: a cluster without voters is none"
            ));
        }
        self.if_quorum(&voters, change).or_step_down(id == self.leader)
    }

    /// The change, if the voters of now can commit it and those of then could go on.
    fn if_quorum(&self, voters: &[MemberId], change: MembershipChange) -> Verdict {
        if let Some(problem) = self.cannot_commit() {
            return Verdict::NoQuorum(problem);
        }
        match self.shortage(voters) {
            Some(shortage) => Verdict::NotYet(format!(
                "the cluster would lose its quorum: then {shortage}; {}",
                shortage.advice()
            )),
            None => Verdict::Make(change),
        }
    }

    /// Why no change at all can be made, if too few of the voters answer.
    pub(super) fn cannot_commit(&self) -> Option<String> {
        let shortage = self.shortage(&self.voters())?;
        Some(format!("nothing can be committed at present: {shortage}"))
    }

    /// Why `voters` could commit nothing, if too few of them answer.
    fn shortage(&self, voters: &[MemberId]) -> Option<Shortage> {
        let silent = voters.iter().filter(|voter| !self.is_heard(**voter));
        let silent: Vec<_> = silent.map(|voter| (*voter, self.silence(*voter))).collect();
        let (of, needed) = (voters.len(), voters.len() / 2 + 1);
        (of - silent.len() < needed).then_some(Shortage { needed, of, silent })
    }

    /// What a member lacks to be relied upon: to be there, and to have the log.
    fn is_behind(&self, member: &Member) -> Option<String> {
        let id = member.id;
        if id == self.leader {
            return None;
        }
        if !self.is_heard(id) {
            return Some(format!("member {id} {}", silent_for(self.silence(id))));
        }
        let last_log = self.status.last_log.get();
        match member.matched {
            Some(matched) if last_log.saturating_sub(matched.get()) <= LAG_ENTRIES_MAX => None,
            Some(matched) => Some(format!(
                "member {id} has not caught up: it is at log index {matched} of {last_log}"
            )),
            None => Some(format!("member {id} has not caught up: it has nothing of the log yet")),
        }
    }

    pub(super) fn has_caught_up(&self, member: &Member) -> bool {
        self.is_behind(member).is_none()
    }

    pub(super) fn voters(&self) -> Vec<MemberId> {
        let voters = self.status.members.iter().filter(|member| votes(member));
        voters.map(|member| member.id).collect()
    }

    pub(super) fn find(&self, id: MemberId) -> Option<&Member> {
        self.status.members.iter().find(|member| member.id == id)
    }

    fn is_heard(&self, id: MemberId) -> bool {
        let answers = |silence| silence <= self.silence_max;
        id == self.leader || self.silence(id).is_some_and(answers)
    }

    fn silence(&self, id: MemberId) -> Option<Duration> {
        self.find(id)?.last_heard
    }
}

pub(super) fn votes(member: &Member) -> bool {
    match member.role {
        MemberRole::Voter => true,
        MemberRole::Learner => false,
    }
}

pub(super) fn silent_for(silence: Option<Duration>) -> String {
    match silence {
        Some(silence) => format!("has been silent for {:.1} s", silence.as_secs_f64()),
        None => "has not been heard of".to_owned(),
    }
}

// === impl Shortage ===

impl Shortage {
    /// What to do: the silent ones go first.
    fn advice(&self) -> String {
        let ids: Vec<_> = self.silent.iter().map(|(id, _)| id.to_string()).collect();
        format!("bring member {0} back, or remove it first", ids.join(" and "))
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { needed, of, silent } = self;
        let silent: Vec<_> = silent
            .iter()
            .map(|(id, silence)| format!("member {id} {}", silent_for(*silence)))
            .collect();
        write!(f, "{needed} of {of} voters are needed and {}", silent.join(", "))
    }
}

#[cfg(test)]
mod tests;
