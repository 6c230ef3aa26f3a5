//! The desk over a quorum that follows a script.

use quorate_consensus::{Applied, ReadIndexError};
use quorate_model::{CheckOutput, Generation, Verdict};
use quorate_state::Outcome;
use tokio::{runtime::Handle, sync::mpsc::UnboundedReceiver};

use super::*;
use crate::{
    Limits,
    testing::{Asked, Script, TokioClock, member},
};

struct Rig {
    desk: Desk<Script>,
    script: Script,
    requests: UnboundedReceiver<Asked>,
    _tasks: Tasks,
}

impl Rig {
    fn start() -> Self {
        let (script, requests) = Script::new(Some(2));
        script.found(5);
        script.set_applied(9);
        let tasks = Tasks::new(Handle::current());
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::default());
        let reader = Reader::start(script.clone(), Arc::clone(&clock), Limits::default(), &tasks);
        let desk = open(member(1), script.clone(), reader, clock, &tasks);
        Self {
            desk,
            script,
            requests,
            _tasks: tasks,
        }
    }

    /// Waits for the question whether the leader is confirmed, and has it answered.
    async fn confirm(&mut self, answer: Result<u64, ReadIndexError>) {
        self.requests.recv().await.unwrap().answer(answer);
    }

    /// Waits until so many commands were proposed.
    async fn proposed(&self, count: usize) -> Vec<Command> {
        for _ in 0..10_000 {
            let proposed = self.script.proposed();
            if proposed.len() >= count {
                return proposed.iter().map(|bytes| Command::decode(bytes).unwrap()).collect();
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("fewer than {count} were proposed");
    }

    fn will_do(&self, count: usize) {
        let done = || {
            Ok(Applied {
                revision: Revision::new(10),
                outcome: Outcome::ChecksReported { count: 1 },
            })
        };
        self.script.answer_proposals((0..count).map(|_| done()));
    }
}

fn edge(number: u64, assignment: u64) -> Edge {
    Edge {
        key: quorate_model::InstanceKey {
            namespace: "default".parse().unwrap(),
            service: "web".parse().unwrap(),
            id: format!("i-{number}").parse().unwrap(),
        },
        generation: Generation::new(number),
        check: "alive".parse().unwrap(),
        assignment: Revision::new(assignment),
        verdict: Verdict::Critical,
        output: CheckOutput::cut("no answer"),
    }
}

fn told(command: &Command) -> (u64, usize) {
    let Command::ReportChecks {
        probers,
        reporter,
        items,
    } = command
    else {
        panic!("another command: {command:?}");
    };
    assert_eq!(*reporter, member(1));
    (probers.get(), items.len())
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_together_once_the_leader_is_confirmed() {
    let mut rig = Rig::start();
    rig.will_do(1);
    for number in 1..=3 {
        rig.desk.report(edge(number, 7));
    }
    sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.script.proposed().len(), 0, "nobody has confirmed the leader");
    rig.confirm(Ok(9)).await;
    let commands = rig.proposed(1).await;
    assert_eq!(told(&commands[0]), (7, 3));
    assert_eq!(rig.script.proposed_to(), [2]);
}

#[tokio::test(start_paused = true)]
async fn what_was_found_cut_off_is_not_told_later() {
    let mut rig = Rig::start();
    rig.will_do(1);
    // No leader for longer than one is waited for; then all is well again.
    rig.script.set_leader(None);
    rig.desk.report(edge(1, 7));
    sleep(Duration::from_secs(5)).await;
    rig.script.set_leader(Some(2));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(rig.script.proposed().len(), 0);

    rig.desk.report(edge(2, 7));
    rig.confirm(Ok(9)).await;
    assert_eq!(told(&rig.proposed(1).await[0]), (7, 1), "what is found afterwards is");
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_of_one_assignment_and_not_too_large() {
    let mut rig = Rig::start();
    rig.will_do(10);
    for number in 0..300 {
        rig.desk.report(edge(number, 7));
    }
    rig.desk.report(edge(300, 8));
    let mut all = Vec::new();
    while all.iter().map(|(_, count)| count).sum::<usize>() < 301 {
        rig.confirm(Ok(9)).await;
        let commands = rig.proposed(all.len() + 1).await;
        all = commands.iter().map(told).collect();
    }
    assert_eq!(all.last(), Some(&(8, 1)));
    assert!(all.iter().all(|(_, count)| *count <= ITEMS_MAX), "{all:?}");
    assert!(rig.script.proposed().iter().all(|bytes| bytes.len() <= BYTES_MAX));
}

#[tokio::test(start_paused = true)]
async fn what_finds_no_room_is_left_out() {
    let rig = Rig::start();
    for number in 0..10_000 {
        rig.desk.report(edge(number, 7));
    }
    assert!(!rig.desk.confirmed(), "nothing has been measured");
}
