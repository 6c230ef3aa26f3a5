//! Whether each answer is one that can be given, whatever the state: complete in itself, and in order.

use super::{Stats, Violation};
use crate::record::{About, Asked, Availability, Freshness, Header, Instance, Outcome, Read, Record, Shown};

/// Checks each answer by itself.
///
/// # Errors
///
/// The answer that cannot be.
pub fn shape(record: &Record) -> Result<Stats, Violation> {
    let (mut answers, mut instances) = (0, 0);
    for operation in &record.operations {
        let problem = match (&operation.asked, &operation.outcome) {
            (Asked::Read(read), Outcome::Shown(shown)) => {
                answers += 1;
                instances += shown.instances.len() as u64;
                shown_problem(read, shown)
            }
            (Asked::Write(_), Outcome::Done(done)) => {
                let told = done.header.and_then(|header| header.staleness_ms);
                told.map(|_| "the answer to a write says how stale it is")
            }
            (Asked::Read(_) | Asked::Write(_), _) => None,
        };
        if let Some(problem) = problem {
            return Err(Violation::of(problem, [operation]));
        }
    }
    Ok(Stats::from([("answers", answers), ("instances", instances)]))
}

fn shown_problem(read: &Read, shown: &Shown) -> Option<&'static str> {
    let of_header = |header: Header| header_problem(read, header);
    let of_instance = |instance: &Instance| instance_problem(read, shown, instance);
    let sorted = shown.instances.is_sorted_by(|one, next| one.key < next.key);
    let is_known = shown.service_known;
    let has_any = !shown.instances.is_empty();
    let of_list = match read.about {
        _ if !sorted => Some("instances are not in order, or twice"),
        About::Instances(_) if is_known != Some(has_any) => {
            Some("a service is known if it has instances, and only then")
        }
        About::Callable(_) if has_any && is_known != Some(true) => Some("the service of an instance is not known"),
        About::Instance(_) if has_any != shown.header.is_some() => Some("an instance was shown without a header"),
        About::Instance(_) | About::Instances(_) | About::Callable(_) => None,
    };
    let header = shown.header.and_then(of_header);
    header
        .or(of_list)
        .or_else(|| shown.instances.iter().find_map(of_instance))
}

fn header_problem(read: &Read, header: Header) -> Option<&'static str> {
    match (read.freshness, header.staleness_ms) {
        (Freshness::Bounded(most), Some(ms)) if ms > most => Some("an answer is staler than it may be"),
        (Freshness::Bounded(_) | Freshness::Linearizable, None) => Some("an answer does not say how stale it is"),
        (Freshness::Bounded(_) | Freshness::Linearizable, Some(_)) | (Freshness::Stale | Freshness::AtLeast(_), _) => {
            None
        }
    }
}

fn instance_problem(read: &Read, shown: &Shown, instance: &Instance) -> Option<&'static str> {
    let revision = shown.header.map_or(u64::MAX, |header| header.revision);
    let revisions = [
        instance.create_revision,
        instance.generation,
        instance.modify_revision,
        revision,
    ];
    if !read.covers(instance.key) {
        return Some("an instance was shown that was not asked for");
    }
    if instance.content.is_none() {
        return Some("an instance has content that was never stated as a whole");
    }
    if !revisions.is_sorted() {
        return Some("an instance is created, then begins its generation, then is changed, then is shown");
    }
    let is_callable = instance.availability == Availability::Enabled;
    let wants_callable = matches!(read.about, About::Callable(_));
    (wants_callable && !is_callable).then_some("an instance was shown that is not to be called")
}
