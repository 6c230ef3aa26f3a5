//! How faults begin.

use std::{io, ops::Range, time::Duration};

use quorate_storage::{FailPoint, Slot};
use rand::{RngExt as _, seq::IndexedRandom as _};

use super::World;
use crate::{
    fault::{Active, End, Kind},
    node::Start,
    operator::Order,
};

/// A chance in so many that a fault strikes though it leaves no quorum.
const RECKLESS_ONE_IN: u32 = 4;

/// How long a disk waits for what it is to fail at: elections and purges do not come at will.
const PATIENCE: Duration = Duration::from_secs(3);

impl World<'_> {
    /// Lets a fault strike; nothing, if it cannot strike now.
    pub(super) fn strike(&mut self, kind: Kind) -> Option<Active> {
        match kind {
            Kind::Kill | Kind::PowerLoss => self.take_down(kind),
            Kind::PowerLossOfAll => self.take_all_down(),
            Kind::TornWrite | Kind::FailingDisk => self.fail_disk(kind),
            Kind::SlowDisk => self.slow_disk(),
            Kind::FullDisk => self.fill_disk(),
            Kind::Pause => self.pause(),
            Kind::PauseOfMost => self.pause_most(),
            Kind::Suspension => self.suspend(),
            Kind::Isolation | Kind::Deafness | Kind::Muteness => self.cut_off(kind),
            Kind::HeldLinks => self.hold_links(),
            Kind::BrokenLink => self.break_link(),
            Kind::CutOffClient => self.cut_off_client(),
            Kind::SlowLinks => self.slow_links(),
            Kind::LateRequests | Kind::RepeatedRequests => self.meddle(kind),
            Kind::UntoldRenewals => self.leave_untold(),
            Kind::Transfer => Some(self.order(kind, Vec::new(), Order::Transfer)),
            Kind::Stop => self.stop_node(),
            Kind::Replacement => self.replace(),
            Kind::Learner => self.add_learner(),
            Kind::Demotion => self.demote(),
            Kind::FarBehind => self.leave_behind(),
            Kind::ZoneLoss => self.silence_zone(),
        }
    }

    fn active(&mut self, kind: Kind, hosts: Vec<usize>, millis: Range<u64>, end: End) -> Active {
        let time = Duration::from_millis(self.rng.random_range(millis));
        Active {
            kind,
            hosts,
            until: Some(self.sim.elapsed() + time),
            end,
        }
    }

    /// A host that no fault has struck, half of the time the leader's; nothing, if that left no quorum. What ends by
    /// itself may leave none now and then.
    fn victim(&mut self, kind: Kind) -> Option<usize> {
        let free = self.free();
        let struck = self.living().len() - free.len();
        let spare = (self.plan.members - 1) / 2;
        let is_reckless = !kind.is_open_ended() && self.rng.random_range(0..RECKLESS_ONE_IN) == 0;
        if struck >= spare && !is_reckless {
            return None;
        }
        let leader = self.sightings.leader().filter(|host| free.contains(host));
        if let Some(leader) = leader
            && self.rng.random()
        {
            return Some(leader);
        }
        free.choose(&mut self.rng).copied()
    }

    /// The members that no fault has struck.
    fn free(&self) -> Vec<usize> {
        let struck = |host: &usize| self.active.iter().any(|active| active.hosts.contains(host));
        let living = self.living().into_iter();
        living
            .filter(|host| !struck(host) && self.hosts[*host].member().is_some() && self.hosts[*host].is_up())
            .collect()
    }

    fn name(&self, host: usize) -> String {
        self.hosts[host].name.to_string()
    }

    fn take_down(&mut self, kind: Kind) -> Option<Active> {
        let host = self.victim(kind)?;
        self.crash(host, kind == Kind::PowerLoss);
        self.count(kind);
        Some(self.active(kind, vec![host], 50..1_500, End::Start))
    }

    fn take_all_down(&mut self) -> Option<Active> {
        let hosts = self.free();
        if hosts.len() < self.living().len() {
            return None;
        }
        for host in &hosts {
            self.crash(*host, true);
        }
        self.count(Kind::PowerLossOfAll);
        Some(self.active(Kind::PowerLossOfAll, hosts, 20..400, End::Start))
    }

    /// Ends what runs on a host, at once.
    pub(super) fn crash(&mut self, host: usize, loses_power: bool) {
        let name = self.name(host);
        self.sim.crash(name);
        let host = &self.hosts[host];
        host.gate.open();
        host.note_crash();
        if loses_power {
            host.disk.power_loss();
        }
    }

    fn fail_disk(&mut self, kind: Kind) -> Option<Active> {
        let host = self.victim(kind)?;
        let points = [
            FailPoint::Put,
            FailPoint::Remove,
            FailPoint::Save(Slot::Vote),
            FailPoint::Save(Slot::Committed),
            FailPoint::Save(Slot::Purged),
        ];
        let point = *points.choose(&mut self.rng).expect("one of several");
        let after = self.rng.random_range(0..=1);
        if point == FailPoint::Save(Slot::Vote) {
            // Nobody asks for whether it comes about: whoever stands for election saves a vote.
            drop(self.orders.give(Order::Transfer));
        }
        self.hosts[host]
            .disk
            .fail_sync_after(point, after, io::ErrorKind::Other);
        Some(Active {
            kind,
            hosts: vec![host],
            until: None,
            end: End::Failed {
                torn: kind == Kind::TornWrite,
                patience: self.sim.elapsed() + PATIENCE,
            },
        })
    }

    fn slow_disk(&mut self) -> Option<Active> {
        let host = self.victim(Kind::SlowDisk)?;
        let time = Duration::from_millis(self.rng.random_range(100..1_500));
        self.hosts[host].disk.set_sync_time(time);
        self.count(Kind::SlowDisk);
        Some(self.active(Kind::SlowDisk, vec![host], 500..4_000, End::FastDisk))
    }

    fn fill_disk(&mut self) -> Option<Active> {
        let host = self.victim(Kind::FullDisk)?;
        self.sightings.take_read_only();
        self.hosts[host].disk.set_free_bytes(0);
        Some(Active {
            kind: Kind::FullDisk,
            hosts: vec![host],
            until: None,
            end: End::FreeDisk,
        })
    }

    fn silence_zone(&mut self) -> Option<Active> {
        if self.active.iter().any(|active| active.kind == Kind::ZoneLoss) {
            return None;
        }
        self.holders.silence(true);
        self.count(Kind::ZoneLoss);
        Some(self.active(Kind::ZoneLoss, Vec::new(), 2_000..9_000, End::Speak))
    }

    fn pause(&mut self) -> Option<Active> {
        let host = self.victim(Kind::Pause)?;
        self.hosts[host].gate.close();
        self.count(Kind::Pause);
        Some(self.active(Kind::Pause, vec![host], 300..4_000, End::Resume))
    }

    fn pause_most(&mut self) -> Option<Active> {
        let mut hosts = self.free();
        if hosts.len() < self.living().len() {
            return None;
        }
        let most = self.plan.members / 2 + 1;
        while hosts.len() > most {
            hosts.swap_remove(self.rng.random_range(0..hosts.len()));
        }
        for host in &hosts {
            self.hosts[*host].gate.close();
        }
        self.count(Kind::PauseOfMost);
        Some(self.active(Kind::PauseOfMost, hosts, 300..2_500, End::Resume))
    }

    fn suspend(&mut self) -> Option<Active> {
        let hosts = self.free();
        if hosts.len() < self.living().len() {
            return None;
        }
        for host in &hosts {
            self.hosts[*host].gate.close();
        }
        self.holders.suspend(true);
        self.count(Kind::Suspension);
        let millis = self.more_than_ttl_ms();
        Some(self.active(Kind::Suspension, hosts, millis, End::Resume))
    }

    /// How long it takes until leases that are not renewed are due, and up to half as long again.
    fn more_than_ttl_ms(&self) -> Range<u64> {
        let ttl_ms = u64::try_from(self.plan.ttl.as_millis()).expect("a few seconds");
        ttl_ms + ttl_ms / 8..ttl_ms + ttl_ms / 2
    }

    /// All who send to a host and hear from it.
    fn others(&mut self, host: usize) -> Vec<String> {
        let members = (0..self.hosts.len())
            .filter(|other| *other != host)
            .map(|other| self.name(other));
        let mut others: Vec<_> = members.collect();
        // Half of the time clients still reach it.
        if self.rng.random() {
            others.extend((1..=self.plan.clients).map(|client| format!("client-{client}")));
        }
        others
    }

    fn cut_off(&mut self, kind: Kind) -> Option<Active> {
        let host = self.victim(kind)?;
        let (name, others) = (self.name(host), self.others(host));
        for other in &others {
            if kind == Kind::Deafness {
                self.sim.partition_oneway(other.as_str(), name.as_str());
            } else if kind == Kind::Muteness {
                self.sim.partition_oneway(name.as_str(), other.as_str());
            } else {
                self.sim.partition(other.as_str(), name.as_str());
            }
        }
        self.count(kind);
        let links = others.into_iter().map(|other| (other, name.clone())).collect();
        Some(self.active(kind, vec![host], 300..7_000, End::Repair(links)))
    }

    fn hold_links(&mut self) -> Option<Active> {
        let host = self.victim(Kind::HeldLinks)?;
        let (name, others) = (self.name(host), self.others(host));
        for other in &others {
            self.sim.hold(other.as_str(), name.as_str());
        }
        self.count(Kind::HeldLinks);
        let links = others.into_iter().map(|other| (other, name.clone())).collect();
        Some(self.active(Kind::HeldLinks, vec![host], 300..4_000, End::Release(links)))
    }

    fn break_link(&mut self) -> Option<Active> {
        let mut free = self.free();
        if free.len() < 2 {
            return None;
        }
        let one = free.swap_remove(self.rng.random_range(0..free.len()));
        let other = free.swap_remove(self.rng.random_range(0..free.len()));
        let link = (self.name(one), self.name(other));
        self.sim.partition(link.0.as_str(), link.1.as_str());
        self.count(Kind::BrokenLink);
        Some(self.active(Kind::BrokenLink, vec![one, other], 500..4_000, End::Repair(vec![link])))
    }

    fn cut_off_client(&mut self) -> Option<Active> {
        let client = format!("client-{}", self.rng.random_range(1..=self.plan.clients));
        let mut members = self.free();
        if members.is_empty() {
            return None;
        }
        members.swap_remove(self.rng.random_range(0..members.len()));
        let links: Vec<_> = members.iter().map(|host| (client.clone(), self.name(*host))).collect();
        for (client, host) in &links {
            self.sim.partition(client.as_str(), host.as_str());
        }
        self.count(Kind::CutOffClient);
        // It strikes no host, but another fault must not repair or hold its links.
        Some(self.active(Kind::CutOffClient, members, 500..3_000, End::Repair(links)))
    }

    fn slow_links(&mut self) -> Option<Active> {
        let host = self.victim(Kind::SlowLinks)?;
        let (name, others) = (self.name(host), self.others(host));
        let most = Duration::from_millis(self.rng.random_range(50..500));
        for other in &others {
            self.sim
                .set_link_max_message_latency(other.as_str(), name.as_str(), most);
        }
        self.count(Kind::SlowLinks);
        let links = others.into_iter().map(|other| (other, name.clone())).collect();
        Some(self.active(Kind::SlowLinks, vec![host], 500..4_000, End::Hasten(links)))
    }

    fn meddle(&mut self, kind: Kind) -> Option<Active> {
        if self.relay.is_meddling() {
            return None;
        }
        if kind == Kind::LateRequests {
            self.relay.delay();
        } else {
            self.relay.repeat();
        }
        Some(self.active(kind, Vec::new(), 1_000..5_000, End::LeaveRequests))
    }

    /// What is known to a member is to be older than a lease gets without being renewed.
    fn leave_untold(&mut self) -> Option<Active> {
        let leader = self.sightings.leader()?;
        let host = self.victim(Kind::UntoldRenewals).filter(|host| *host != leader)?;
        if self.relay.leaves_untold() {
            return None;
        }
        self.relay
            .leave_untold(Some(std::sync::Arc::clone(&self.hosts[host].name)));
        let millis = self.more_than_ttl_ms();
        Some(self.active(Kind::UntoldRenewals, vec![host], millis, End::Lead))
    }

    fn order(&mut self, kind: Kind, hosts: Vec<usize>, order: Order) -> Active {
        let receipt = self.orders.give(order);
        Active {
            kind,
            hosts,
            until: None,
            end: End::Done(receipt),
        }
    }

    fn stop_node(&mut self) -> Option<Active> {
        let host = self.victim(Kind::Stop)?;
        self.hosts[host].terminate();
        Some(Active {
            kind: Kind::Stop,
            hosts: vec![host],
            until: None,
            end: End::Stopped,
        })
    }

    /// A host that has not been used yet.
    fn spare(&self) -> Option<usize> {
        (0..self.hosts.len()).find(|host| !self.hosts[*host].is_used())
    }

    /// Where a node that joins asks.
    fn known(&self) -> Vec<std::sync::Arc<str>> {
        let living = self.living().into_iter();
        living
            .map(|host| std::sync::Arc::clone(&self.hosts[host].name))
            .collect()
    }

    /// Whether the members are to change already: they change one after the other.
    fn is_changing(&self) -> bool {
        let changes = |kind| matches!(kind, Kind::Replacement | Kind::Learner | Kind::Demotion);
        self.active.iter().any(|active| changes(active.kind))
    }

    fn replace(&mut self) -> Option<Active> {
        let by = self.spare().filter(|_| !self.is_changing())?;
        let old = self.victim(Kind::Replacement)?;
        let member = self.hosts[old].member()?;
        self.crash(old, true);
        self.retired.insert(old);
        self.hosts[by].start(Start::Join {
            hosts: self.known(),
            learner: false,
            replace: Some(member),
        });
        Some(Active {
            kind: Kind::Replacement,
            hosts: vec![by],
            until: None,
            end: End::Replaced { by },
        })
    }

    fn add_learner(&mut self) -> Option<Active> {
        let host = self.spare().filter(|_| !self.is_changing())?;
        self.hosts[host].start(Start::Join {
            hosts: self.known(),
            learner: true,
            replace: None,
        });
        Some(Active {
            kind: Kind::Learner,
            hosts: vec![host],
            until: None,
            end: End::LearnerSeen { host },
        })
    }

    fn demote(&mut self) -> Option<Active> {
        if self.is_changing() || self.plan.members < 5 && self.free().len() < self.living().len() {
            return None;
        }
        let leader = self.sightings.leader();
        let free: Vec<_> = self.free().into_iter().filter(|host| Some(*host) != leader).collect();
        let host = *free.choose(&mut self.rng)?;
        let member = self.hosts[host].member()?;
        Some(self.order(Kind::Demotion, vec![host], Order::DemoteAndPromote(member)))
    }

    fn leave_behind(&mut self) -> Option<Active> {
        let host = self.victim(Kind::FarBehind)?;
        self.crash(host, false);
        Some(Active {
            kind: Kind::FarBehind,
            hosts: vec![host],
            until: None,
            end: End::LogGone,
        })
    }
}
