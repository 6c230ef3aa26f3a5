//! The members of the cluster, for programs and for people.

use quorate_client::{Added, Answer, MemberList, Removed, Transferred};
use serde::Serialize;

use super::{
    View,
    json::{HeaderView, MemberView},
    table::{counted, or_nothing, table},
};

/// What `member list` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MembersView {
    header: HeaderView,
    members: Vec<MemberView>,
    last_log_index: u64,
    changing: bool,
}

/// What `member add` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddedView {
    header: HeaderView,
    member_id: u64,
}

/// What `member remove` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemovedView {
    header: HeaderView,
    existed: bool,
}

/// What `member replace`, `promote` and `demote` print.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoneView {
    header: HeaderView,
}

/// What `transfer-leader` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferredView {
    header: HeaderView,
    leader_id: u64,
}

impl View for MembersView {
    fn table(&self) -> String {
        let names = [
            "MEMBER",
            "VOTE",
            "MEANT TO BE",
            "CLIENT DOOR",
            "PEER DOOR",
            "MATCHED",
            "LAST HEARD",
        ];
        let leader = self.header.leader_id;
        let members = table(names, self.members.iter().map(|member| member.seen_row(leader)));
        let changing = if self.changing {
            "; a change of the voters is half done"
        } else {
            ""
        };
        format!(
            "{members}\n\n{}, log {}{changing}; {}",
            counted(self.members.len() as u64, "member"),
            self.last_log_index,
            self.header.line()
        )
    }
}

impl View for AddedView {
    fn table(&self) -> String {
        format!("member {} is kept for it; {}", self.member_id, self.header.line())
    }
}

impl View for RemovedView {
    fn table(&self) -> String {
        let done = if self.existed { "removed" } else { "it was not there" };
        format!("{done}; {}", self.header.line())
    }
}

impl View for DoneView {
    fn table(&self) -> String {
        format!("done; {}", self.header.line())
    }
}

impl View for TransferredView {
    fn table(&self) -> String {
        format!("member {} leads; {}", self.leader_id, self.header.line())
    }
}

impl MemberView {
    fn seen_row(&self, leader: u64) -> [String; 7] {
        let [id, vote, client, peer, matched] = self.row(leader);
        let heard = self.last_heard_ms.map(|ms| format!("{ms} ms ago")).unwrap_or_default();
        [
            id,
            vote,
            self.calling.to_owned(),
            client,
            peer,
            matched,
            or_nothing(&heard),
        ]
    }
}

impl From<&Answer<MemberList>> for MembersView {
    fn from(answer: &Answer<MemberList>) -> Self {
        let list = &answer.value;
        Self {
            header: (&answer.header).into(),
            members: list.members.iter().map(MemberView::from).collect(),
            last_log_index: list.last_log_index.get(),
            changing: list.changing,
        }
    }
}

impl From<&Answer<Added>> for AddedView {
    fn from(answer: &Answer<Added>) -> Self {
        Self {
            header: (&answer.header).into(),
            member_id: answer.value.member_id.get(),
        }
    }
}

impl From<&Answer<Removed>> for RemovedView {
    fn from(answer: &Answer<Removed>) -> Self {
        Self {
            header: (&answer.header).into(),
            existed: answer.value.existed,
        }
    }
}

impl From<&Answer<()>> for DoneView {
    fn from(answer: &Answer<()>) -> Self {
        Self {
            header: (&answer.header).into(),
        }
    }
}

impl From<&Answer<Transferred>> for TransferredView {
    fn from(answer: &Answer<Transferred>) -> Self {
        Self {
            header: (&answer.header).into(),
            leader_id: answer.value.leader_id.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use quorate_client::{Calling, Member};
    use quorate_model::LogIndex;

    use super::{super::tests::*, *};

    fn member(id: u64, voter: bool, matched: Option<u64>, calling: Calling) -> Member {
        Member {
            id: id.try_into().unwrap(),
            peer_address: format!("127.0.0.1:740{id}").parse().unwrap(),
            client_address: format!("127.0.0.1:730{id}").parse().unwrap(),
            voter,
            matched_index: matched.map(LogIndex::new),
            last_heard_ms: matched.filter(|_| id != 1).map(|_| 12),
            calling,
        }
    }

    #[test]
    fn member_list_prints_how_far_each_has_come() {
        let list = MemberList {
            members: vec![
                member(1, true, Some(43), Calling::Voter),
                member(3, false, None, Calling::Voter),
                member(4, false, Some(40), Calling::Learner),
            ],
            last_log_index: LogIndex::new(43),
            changing: true,
        };
        check("member-list", &MembersView::from(&answer(list)));
    }

    #[test]
    fn what_changes_the_members_prints_what_came_of_it() {
        let id = 4.try_into().unwrap();
        check("member-add", &AddedView::from(&answer(Added { member_id: id })));
        check("member-remove", &RemovedView::from(&answer(Removed { existed: true })));
        check("member-done", &DoneView::from(&answer(())));
        check(
            "transfer-leader",
            &TransferredView::from(&answer(Transferred { leader_id: id })),
        );
    }
}
