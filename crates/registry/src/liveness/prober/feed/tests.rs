//! The feed over a log that is written here.

use quorate_model::{
    Check, CheckName, CheckOutput, Endpoint, Health, InstanceKey, InstanceSpec, Lifetime, Probe, SpecParts, Takeover,
    Vantage, Verdict,
};
use quorate_state::{CheckReport, Command, Mutation, Outcome};
use tokio::runtime::Handle;

use super::*;
use crate::{
    Policy, Tasks,
    testing::{Script, member},
};

/// A cluster whose log is written here, and the list of its first member.
struct Rig {
    script: Script,
    lists: watch::Receiver<Arc<Assigned>>,
    index: u64,
    _tasks: Tasks,
}

impl Rig {
    fn start() -> Self {
        let (script, _requests) = Script::new(Some(1));
        script.found(5);
        let (given, lists) = watch::channel(Arc::default());
        let tasks = Tasks::new(Handle::current());
        tasks.spawn("feed", Policy::Essential, run(member(1), script.clone(), given));
        Self {
            script,
            lists,
            index: 1,
            _tasks: tasks,
        }
    }

    fn apply(&mut self, command: &Command) -> Outcome {
        self.index += 1;
        let outcome = self.script.apply(self.index, command);
        self.script.set_applied(self.index);
        outcome
    }

    fn name(&mut self, members: &[u64]) {
        let members = members.iter().copied().map(member).collect();
        self.apply(&Command::SetProbers { members });
    }

    /// An instance with a check that members make, and one that they do not.
    fn register(&mut self, service: &str, id: &str, points: u32) {
        let endpoint = Endpoint {
            address: "10.0.0.1".parse().unwrap(),
            port: "80".parse().unwrap(),
            protocol: None,
        };
        let check = Check {
            vantage: Vantage::new(points, Some(1)).unwrap(),
            ..Check::new(alive(), Probe::Tcp)
        };
        let told = Check::new("told".parse().unwrap(), Probe::Reported);
        let parts = SpecParts {
            checks: vec![told, check].try_into().unwrap(),
            ..SpecParts::new(endpoint.into())
        };
        self.apply(&Command::Mutate(Mutation::Register {
            key: key(service, id),
            spec: InstanceSpec::new(parts).unwrap(),
            takeover: Takeover::Forbidden,
            lifetime: Lifetime::Persistent,
            registered_at_ms: 0,
        }));
    }

    fn deregister(&mut self, service: &str, id: &str) {
        let (key, generation) = (key(service, id), None);
        self.apply(&Command::Mutate(Mutation::Deregister { key, generation }));
    }

    /// The next list.
    async fn list(&mut self) -> Arc<Assigned> {
        let changed = tokio::time::timeout(Duration::from_secs(10), self.lists.changed()).await;
        changed.expect("there is another list").unwrap();
        Arc::clone(&self.lists.borrow_and_update())
    }

    /// Lets time pass in which the list stays.
    async fn quiet(&mut self) {
        sleep(Duration::from_secs(10)).await;
        assert!(!self.lists.has_changed().unwrap());
    }
}

fn alive() -> CheckName {
    "alive".parse().unwrap()
}

fn key(service: &str, id: &str) -> InstanceKey {
    InstanceKey {
        namespace: "default".parse().unwrap(),
        service: service.parse().unwrap(),
        id: id.parse().unwrap(),
    }
}

fn listed(list: &Assigned) -> Vec<String> {
    let targets = list.services.values().flat_map(|group| group.iter());
    targets
        .map(|target| format!("{} {}", target.instance.key(), target.check().name))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_member_is_given_what_it_is_assigned() {
    let mut rig = Rig::start();
    rig.register("web", "a", 1);
    rig.quiet().await;
    rig.name(&[1]);
    let list = rig.list().await;
    assert_eq!(
        listed(&list),
        ["default/web/a alive"],
        "what is reported is nobody's to look at"
    );
    assert_eq!(list.revision.get(), 3);

    rig.register("api", "b", 1);
    let next = rig.list().await;
    assert_eq!(listed(&next), ["default/api/b alive", "default/web/a alive"]);
    let web = |list: &Assigned| Arc::clone(&list.services[&key("web", "a").service_key()]);
    assert!(
        Arc::ptr_eq(&web(&list), &web(&next)),
        "what has not changed is not made anew"
    );

    rig.deregister("web", "a");
    assert_eq!(listed(&*rig.list().await), ["default/api/b alive"]);
}

#[tokio::test(start_paused = true)]
async fn members_share_the_work_and_another_assignment_is_another_list() {
    let mut rig = Rig::start();
    rig.name(&[1, 2]);
    let before = rig.list().await;
    assert!(before.services.is_empty());
    for number in 0..40 {
        rig.register("web", &format!("i-{number}"), 1);
    }
    let half = listed(&*rig.list().await);
    assert!((10..=30).contains(&half.len()), "{half:?}");
    rig.name(&[1]);
    let all = rig.list().await;
    assert_eq!(listed(&all).len(), 40);
    assert!(all.revision > before.revision);
    rig.name(&[2]);
    assert_eq!(listed(&*rig.list().await), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_is_part_of_the_list_and_what_others_tell_is_seen_by_what_follows() {
    let mut rig = Rig::start();
    rig.name(&[1, 2]);
    rig.list().await;
    rig.register("web", "a", 2);
    let target = |list: &Assigned| list.services.values().next().unwrap()[0].clone();
    assert_eq!(target(&*rig.list().await).known(), Health::Unknown);
    let told = |rig: &mut Rig, reporter, verdict| {
        let state = State::clone(&rig.script.view());
        let item = CheckReport {
            key: key("web", "a"),
            generation: state.instance(&key("web", "a")).unwrap().generation(),
            check: alive(),
            verdict,
            output: CheckOutput::default(),
        };
        let report = Command::ReportChecks {
            probers: state.probers().unwrap().revision(),
            reporter: member(reporter),
            items: vec![item],
        };
        assert_eq!(rig.apply(&report), Outcome::ChecksReported { count: 1 });
    };
    told(&mut rig, 2, Verdict::Critical);
    let seen = target(&*rig.list().await);
    assert_eq!((seen.known(), seen.vote), (Health::Critical, None));
    told(&mut rig, 1, Verdict::Passing);
    let own = target(&*rig.list().await);
    assert_eq!(
        (own.known(), own.vote),
        (Health::Passing, Some(Verdict::Passing)),
        "one is enough to make it critical"
    );
    assert!(own.is_same_work(&seen));
}
