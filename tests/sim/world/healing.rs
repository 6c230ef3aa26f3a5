//! How faults end, and what is said of the run when all have.

use std::time::Duration;

use rand::RngExt as _;

use super::World;
use crate::{
    fault::{Active, End, Kind},
    node::FREE_BYTES,
    operator::Order,
    telemetry,
    verdict::Verdict,
};

/// How long a host leads without having been told of renewals: longer than its grace.
const LEADS_UNTOLD: Duration = Duration::from_secs(2);

impl Active {
    /// Whether a node on this host may end because of it.
    pub(super) fn excuses(&self, host: usize) -> bool {
        let fails = matches!(self.end, End::Failed { .. });
        fails && self.hosts.contains(&host)
    }
}

impl World<'_> {
    pub(super) fn count(&mut self, kind: Kind) {
        *self.fired.entry(kind).or_default() += 1;
    }

    /// Ends those faults whose time is over, or whose end has come about.
    pub(super) fn end_faults(&mut self) {
        for active in std::mem::take(&mut self.active) {
            let is_over = match active.until {
                Some(until) => self.sim.elapsed() >= until,
                None => self.has_come_about(&active),
            };
            let next = if is_over { self.end(active) } else { Some(active) };
            self.active.extend(next);
        }
    }

    fn has_come_about(&mut self, active: &Active) -> bool {
        let host = active.hosts.first().copied();
        let ended = host.and_then(|host| self.hosts[host].ended());
        match &active.end {
            End::Failed { patience, .. } => {
                if let Some(host) = host.filter(|_| self.sim.elapsed() == *patience) {
                    self.hosts[host].disk.fail_syncs_after(0, std::io::ErrorKind::Other);
                }
                matches!(ended, Some(Err(_)))
            }
            End::Stopped => ended.is_some(),
            End::FreeDisk => self.sightings.take_read_only(),
            End::Done(receipt) => receipt.is_signed(),
            End::Replaced { by } => self.votes(*by) == Some(true),
            End::LearnerSeen { host } => self.votes(*host) == Some(false),
            End::LogGone => host.is_some_and(|host| self.log_is_gone(host)),
            // These have their time.
            End::Start
            | End::Resume
            | End::Repair(_)
            | End::Release(_)
            | End::Hasten(_)
            | End::FastDisk
            | End::LeaveRequests
            | End::Speak
            | End::Lead
            | End::Tell => true,
        }
    }

    /// Whether the member on a host has a vote, as the leader says; nothing, if it is no member.
    fn votes(&self, host: usize) -> Option<bool> {
        let id = self.hosts[host].member()?;
        let lately = self.sim.elapsed().saturating_sub(Duration::from_secs(1));
        let leader = self.sightings.leader()?;
        let status = self.sightings.of(leader, lately)?.value;
        let member = status.members.into_iter().find(|member| member.id == id)?;
        Some(member.voter)
    }

    /// Whether the leader's log no longer begins where that of a host ends.
    fn log_is_gone(&self, host: usize) -> bool {
        let last = |host: usize| self.hosts[host].disk.durable_indexes();
        let Some(leader) = self.sightings.leader().filter(|leader| *leader != host) else {
            return false;
        };
        matches!((last(leader), last(host)), (Some((first, _)), Some((_, end))) if first > end + 1)
    }

    /// Ends a fault; what it turns into, if it is not over with that.
    fn end(&mut self, active: Active) -> Option<Active> {
        let Active { kind, hosts, end, .. } = active;
        tracing::info!(kind = kind.name(), ?hosts, "a fault ends");
        match end {
            End::Start => self.start_again(&hosts),
            End::Resume => {
                for host in &hosts {
                    self.hosts[*host].gate.open();
                }
                self.holders.suspend(false);
            }
            End::Repair(links) => links
                .iter()
                .for_each(|(one, other)| self.sim.repair(one.as_str(), other.as_str())),
            End::Release(links) => links
                .iter()
                .for_each(|(one, other)| self.sim.release(one.as_str(), other.as_str())),
            End::Hasten(links) => {
                let most = self.plan.latency_max;
                let hasten = |(one, other): &(String, String)| {
                    self.sim
                        .set_link_max_message_latency(one.as_str(), other.as_str(), most);
                };
                links.iter().for_each(hasten);
            }
            End::FastDisk => hosts.iter().for_each(|host| {
                self.hosts[*host].disk.set_sync_time(self.plan.sync_times[*host]);
            }),
            End::FreeDisk => {
                self.count(kind);
                for host in &hosts {
                    self.hosts[*host].disk.set_free_bytes(FREE_BYTES);
                }
            }
            End::Failed { torn, .. } => self.repair_disk(kind, &hosts, torn),
            End::LeaveRequests => {
                if self.relay.stop_meddling() > 0 {
                    self.count(kind);
                }
            }
            End::Speak => self.holders.silence(false),
            End::Lead => return Some(self.let_lead(kind, hosts)),
            End::Tell => {
                self.count(kind);
                self.relay.leave_untold(None);
            }
            End::Done(_) | End::Replaced { .. } => self.count(kind),
            End::Stopped | End::LogGone => {
                self.count(kind);
                self.start_again(&hosts);
            }
            End::LearnerSeen { host } => return self.remove(kind, host),
        }
        None
    }

    /// Has a host lead that is not told of renewals. It is told again a moment later.
    fn let_lead(&mut self, kind: Kind, hosts: Vec<usize>) -> Active {
        for member in hosts.iter().filter_map(|host| self.hosts[*host].member()) {
            // Nobody asks for whether it comes about.
            drop(self.orders.give(Order::TransferTo(member)));
        }
        Active {
            kind,
            hosts,
            until: Some(self.sim.elapsed() + LEADS_UNTOLD),
            end: End::Tell,
        }
    }

    fn start_again(&mut self, hosts: &[usize]) {
        for host in hosts {
            let name = self.hosts[*host].name.to_string();
            self.sim.bounce(name);
        }
    }

    /// Some of what was not synced when the disk failed may be there all the same.
    fn repair_disk(&mut self, kind: Kind, hosts: &[usize], torn: bool) {
        self.count(kind);
        for host in hosts {
            self.crash(*host, false);
            let disk = &self.hosts[*host].disk;
            let unsynced = disk.unsynced_writes();
            let kept = if torn { self.rng.random_range(0..=unsynced) } else { 0 };
            self.hosts[*host].disk.power_loss_keeping(kept);
            self.hosts[*host].disk.heal();
        }
        self.start_again(hosts);
    }

    /// Has a member removed that was seen, and is gone for good then.
    fn remove(&mut self, kind: Kind, host: usize) -> Option<Active> {
        let id = self.hosts[host].member()?;
        self.retired.insert(host);
        let receipt = self.orders.give(Order::Remove(id));
        Some(Active {
            kind,
            hosts: vec![host],
            until: None,
            end: End::Done(receipt),
        })
    }

    /// What is to be said of the run.
    pub(super) fn judge(mut self, outcome: Result<(), String>) -> Verdict {
        self.problems.extend(outcome.err());
        let (compared, problems) = self.sightings.verdict();
        self.problems.extend(problems);
        self.problems.extend(self.invariants.problems());
        let (problems, counts) = self.holders.verdict();
        self.problems.extend(problems);
        let mut verdict = Verdict::of(&self.plan, &self.recorder.record(), self.problems);
        verdict.simulated_ms = u64::try_from(self.sim.elapsed().as_millis()).unwrap_or(u64::MAX);
        verdict.faults = self
            .fired
            .iter()
            .map(|(kind, count)| (kind.name().to_owned(), *count))
            .collect();
        verdict
            .counts
            .extend(counts.map(|(what, count)| (what.to_owned(), count)));
        verdict.hashes_compared = compared;
        verdict.snapshots_installed = telemetry::snapshots_installed();
        verdict.acknowledgements_checked = self.invariants.checked();
        verdict.note_coverage(&self.plan);
        verdict
    }
}
