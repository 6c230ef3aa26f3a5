//! A record as text: one line for each operation.

use std::fmt;

use super::{
    About, Asked, Availability, Deed, Done, Effect, Freshness, Header, Holder, Instance, Key, Operation, Outcome, Read,
    Record, Shown, Stamp, Write,
};

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operations
            .iter()
            .try_for_each(|operation| writeln!(f, "{operation}"))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client,
            called,
            returned,
            asked,
            outcome,
        } = self;
        write!(f, "[{called}..")?;
        match returned {
            Some(returned) => write!(f, "{returned}")?,
            None => f.write_str("never")?,
        }
        write!(f, "] client {client}: {asked} -> {outcome}")
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {:.6}s", self.place, self.at.as_secs_f64())
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(write) => write.fmt(f),
            Self::Read(read) => read.fmt(f),
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, deed, sent } = self;
        write!(f, "{key} {deed}")?;
        if let Some(session) = sent.session {
            write!(f, " session={session}")?;
        }
        if let Some(batch) = sent.batch {
            write!(f, " batch={batch}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.id)
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register {
                holder,
                value,
                takeover,
            } => {
                write!(f, "register value={value} by {holder}")?;
                f.write_str(if *takeover { " takeover" } else { "" })?;
            }
            Self::Update { value, .. } => write!(f, "update value={value}")?,
            Self::Deregister { .. } => f.write_str("deregister")?,
            Self::SetAvailability { availability, .. } => write!(f, "set {}", availability.as_str())?,
        }
        match self.generation() {
            Some(generation) => write!(f, " generation={generation}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Some(owner) => write!(f, "owner-{owner}")?,
            None => f.write_str("nobody")?,
        }
        match self.incarnation {
            Some(incarnation) => write!(f, "+{incarnation:x}"),
            None => Ok(()),
        }
    }
}

impl Availability {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_final { "final " } else { "" })?;
        match self.about {
            About::Instance(key) => write!(f, "get {key}")?,
            About::Instances(service) => write!(f, "list {service}")?,
            About::Callable(service) => write!(f, "resolve {service}")?,
        }
        match self.freshness {
            Freshness::Stale => f.write_str(" stale"),
            Freshness::Bounded(ms) => write!(f, " bounded={ms}ms"),
            Freshness::AtLeast(revision) => write!(f, " at-least={revision}"),
            Freshness::Linearizable => f.write_str(" linearizable"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(done) => done.fmt(f),
            Self::Shown(shown) => shown.fmt(f),
            Self::Refused(refusal) => write!(f, "refused: {refusal:?}"),
            Self::NotDone => f.write_str("not done"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.effect {
            Effect::Registered { generation, change } => write!(f, "{change:?} generation={generation}")?,
            Effect::Changed { generation, changed } => write!(f, "changed={changed} generation={generation}")?,
            Effect::Deregistered { existed } => write!(f, "deregistered existed={existed}")?,
        }
        if let Some(revision) = self.revision {
            write!(f, " revision={revision}")?;
        }
        match self.header {
            Some(header) => write!(f, " {header}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(member {} term {} at {}", self.member, self.term, self.revision)?;
        if let Some(ms) = self.staleness_ms {
            write!(f, " stale<={ms}ms")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (place, instance) in self.instances.iter().enumerate() {
            f.write_str(if place > 0 { ", " } else { "" })?;
            instance.fmt(f)?;
        }
        f.write_str("]")?;
        if let Some(known) = self.service_known {
            write!(f, " known={known}")?;
        }
        match self.header {
            Some(header) => write!(f, " {header}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            holder,
            content,
            availability,
            create_revision,
            modify_revision,
            generation,
        } = self;
        write!(f, "{key} by {holder} {}", availability.as_str())?;
        match content {
            Some(content) => write!(f, " base={} value={}", content.base, content.value)?,
            None => f.write_str(" FOREIGN CONTENT")?,
        }
        write!(
            f,
            " created={create_revision} modified={modify_revision} generation={generation}"
        )
    }
}
