//! What servers of this machine cost, as the operating system counts it.

use std::fs;

use tokio::time::Instant;

use crate::Error;

/// Where the fields begin behind the name of the process, which may hold anything: counted from the third one on.
const USER_TICKS_BEHIND_NAME: usize = 11;

/// The processor time that processes have had so far.
#[derive(Debug)]
pub(crate) struct Usage {
    at: Instant,
    ticks: u64,
}

// === impl Usage ===

impl Usage {
    /// That of these processes.
    pub(crate) fn of(pids: &[u32]) -> Result<Self, Error> {
        let mut ticks = 0;
        for &pid in pids {
            let stat = read(pid, "stat")?;
            ticks += ticks_in(&stat).ok_or_else(|| unreadable(pid, "its times are not where they should be"))?;
        }
        Ok(Self {
            at: Instant::now(),
            ticks,
        })
    }

    /// How many processors were busy with them since `before`, on average.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub(crate) fn cores_since(&self, before: &Self) -> f64 {
        let ticks = self.ticks.saturating_sub(before.ticks) as f64;
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        ticks / rustix::param::clock_ticks_per_second() as f64 / seconds.max(f64::EPSILON)
    }
}

/// The memory that these processes have in use together, in MiB.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn rss_mib(pids: &[u32]) -> Result<f64, Error> {
    let mut kib = 0;
    for &pid in pids {
        let status = read(pid, "status")?;
        kib += rss_kib_in(&status).ok_or_else(|| unreadable(pid, "its memory is not where it should be"))?;
    }
    Ok(kib as f64 / 1_024.0)
}

fn read(pid: u32, file: &str) -> Result<String, Error> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).map_err(|error| unreadable(pid, &error.to_string()))
}

fn unreadable(pid: u32, problem: &str) -> Error {
    let problem = problem.to_owned();
    Error::Process { pid, problem }
}

/// The ticks in user and kernel mode that a `stat` file tells.
fn ticks_in(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(USER_TICKS_BEHIND_NAME);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn rss_kib_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_any_name_is_read() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 1 0 100 1 1";
        assert_eq!(ticks_in(stat), Some(42));
        assert_eq!(ticks_in("7 (a) S"), None);
        assert_eq!(rss_kib_in("Name:\ta\nVmRSS:\t    2048 kB\n"), Some(2_048));
        assert_eq!(rss_kib_in("Name:\ta\n"), None);
    }

    #[tokio::test]
    async fn this_process_can_be_looked_at_and_one_that_is_not_there_cannot() {
        let own = std::process::id();
        let before = Usage::of(&[own]).unwrap();
        assert!(Usage::of(&[own]).unwrap().cores_since(&before) >= 0.0);
        assert!(rss_mib(&[own]).unwrap() > 1.0);
        assert!(matches!(Usage::of(&[0]), Err(Error::Process { pid: 0, .. })));
    }
}
