//! The limits of the registry, each with its reason.
//!
//! Those on single values are enforced where the value is parsed; those on counts where the state machine
//! applies a command, so that every member decides alike.

/// Longest name of a namespace, service or instance, in characters: three of them fit any label or log line.
pub const NAME_LEN_MAX: usize = 128;

/// Longest name of a zone, region or protocol, in characters.
pub const SHORT_NAME_LEN_MAX: usize = 64;

/// Longest owner, in bytes: room for a pod name or a UUID with a prefix.
pub const OWNER_LEN_MAX: usize = 64;

/// Longest version, in characters.
pub const VERSION_LEN_MAX: usize = 128;

/// Longest version requirement, in bytes: two bounds of the longest version, roughly.
pub const VERSION_REQUIREMENT_LEN_MAX: usize = 256;

/// Longest tag, in bytes.
pub const TAG_LEN_MAX: usize = 256;

/// Most tags of one instance: a filter looks at each.
pub const TAGS_MAX: usize = 64;

/// Longest metadata key, in characters.
pub const METADATA_KEY_LEN_MAX: usize = 128;

/// Most metadata keys of one instance.
pub const METADATA_KEYS_MAX: usize = 64;

/// Most bytes of all metadata keys and values of one instance together.
pub const METADATA_LEN_MAX: usize = 8 << 10;

/// Longest host name, in characters (RFC 1123; 255 octets on the DNS wire).
pub const HOST_NAME_LEN_MAX: usize = 253;

/// Longest label of a host name, in characters (RFC 1123).
pub const HOST_LABEL_LEN_MAX: usize = 63;

/// Most endpoints of one instance.
pub const ENDPOINTS_MAX: usize = 16;

/// Most metadata selectors of one filter: as many as an instance can have keys.
pub const SELECTORS_MAX: usize = METADATA_KEYS_MAX;

/// Longest key by which an instance is picked, in bytes: room for a path or a session, and hashed with every pick.
pub const HASH_KEY_LEN_MAX: usize = 1 << 10;

/// Most bytes of what a registrant states about one instance, as [`crate::InstanceSpec::encoded_len`] counts
/// them: bounds a log entry, an event and the memory of a million instances.
pub const INSTANCE_LEN_MAX: usize = 16 << 10;

/// Most instances of one service: one answer lists them all.
pub const INSTANCES_PER_SERVICE_MAX: usize = 10_000;

/// Most instances of one cluster: the catalog lives in the memory of every member.
pub const INSTANCES_PER_CLUSTER_MAX: usize = 1_000_000;

/// Longest reason of an override, in bytes: a sentence and a link.
pub const OVERRIDE_REASON_LEN_MAX: usize = 256;

/// Longest time after which an override expires, in milliseconds: a year. What is to last longer is set for ever.
pub const OVERRIDE_EXPIRY_MS_MAX: u64 = 31_536_000_000;

/// Most overrides of one cluster: operators set them by hand or by script, and each is looked at by many answers.
pub const OVERRIDES_MAX: usize = 10_000;

/// Most overrides that one log entry lets expire: as many events as any entry may have.
pub const OVERRIDES_PER_EXPIRY_MAX: usize = BATCH_ITEMS_MAX;

/// Most services of one cluster whose settings differ from the defaults: operators set them by hand or by script.
pub const SERVICE_SETTINGS_MAX: usize = 10_000;

/// Shortest time to live of a lease, in milliseconds: a renewal takes a round trip, and each may be tried again.
pub const LEASE_TTL_MS_MIN: u64 = 2_000;

/// Longest time to live of a lease, in milliseconds: a day.
pub const LEASE_TTL_MS_MAX: u64 = 86_400_000;

/// Time to live of a lease that is granted without one, in milliseconds.
pub const LEASE_TTL_MS_DEFAULT: u64 = 15_000;

/// Shortest time that a lapsed lease stays, in milliseconds: a renewal that was late still finds it.
pub const REMOVE_AFTER_MS_MIN: u64 = 1_000;

/// Longest time that a lapsed lease stays, in milliseconds: twice the longest time to live.
pub const REMOVE_AFTER_MS_MAX: u64 = 2 * LEASE_TTL_MS_MAX;

/// Most leases of one frame of renewals: some 100 KiB, and answered as one.
pub const LEASES_PER_FRAME_MAX: usize = 10_000;

/// Longest time that an instance drains, in milliseconds: a day. What is to last longer drains without end.
pub const DRAIN_MS_MAX: u64 = 86_400_000;

/// Longest time that a guard lasts which an operator raises, in milliseconds: a day. It can be raised again.
pub const GUARD_MS_MAX: u64 = 86_400_000;

/// How long a guard lasts at most unless told otherwise, in milliseconds: ten minutes, in which somebody has looked.
pub const GUARD_MS_DEFAULT: u64 = 600_000;

/// Most leases of one cluster: one for each process that could register one instance at least.
pub const LEASES_MAX: usize = 1 << 20;

/// Most instances that one lease keeps: what its lapse, its revival or its end changes fits into one log entry.
pub const INSTANCES_PER_LEASE_MAX: usize = 256;

/// Most events of one log entry: they are delivered together.
pub const EVENTS_PER_ENTRY_MAX: usize = 1_024;

/// Fewest instances that must lapse within one TTL before their share is looked at: in a handful, one that dies is a
/// large share and no fault of the network.
pub const GUARD_LAPSES_MIN: usize = 5;

/// Share of the instances of a zone, a namespace or the cluster, in percent, above which lapses within one TTL raise a
/// guard. That of a service is one of its settings, with the same default.
pub const GUARD_SHARE_PERCENT: u8 = 15;

/// Most guards, raised or dropped lately, that the cluster remembers: with so many, that of the cluster is raised.
pub const GUARDS_MAX: usize = 10_000;

/// Sequences of one lease whose outcomes are kept: more writes than a process has under way at once.
pub const OUTCOME_WINDOW: u64 = 1_024;

/// Most outcomes kept for one lease: 32 of the largest batches under way at once. Bounds what revoking a lease
/// costs, and what one client can take of the room of all.
pub const KEPT_OUTCOMES_PER_LEASE_MAX: usize = 32_768;

/// Most outcomes kept in one cluster: they live in the memory of every member. Where there are as many, those of the
/// lease that was used the longest ago are forgotten.
pub const KEPT_OUTCOMES_MAX: usize = 1 << 21;

/// Most writes of one log entry: as many events has an entry at most.
pub const BATCH_ITEMS_MAX: usize = 1_024;

/// Largest request, in bytes.
pub const REQUEST_LEN_MAX: usize = 1 << 20;

/// Largest log entry, in bytes: storage engines and peers are tuned for small values.
pub const LOG_ENTRY_LEN_MAX: usize = 64 << 10;

/// Largest chunk of a snapshot, in bytes: never blocks a peer stream for long.
pub const SNAPSHOT_CHUNK_LEN_MAX: usize = 64 << 10;

/// Most join nonces that the cluster remembers. A join retries within minutes; a thousand later joins do not
/// come in between.
pub const JOIN_NONCES_MAX: usize = 1_024;

/// Hops that a write may be forwarded: to the leader and no further, so that it cannot circle.
pub const FORWARD_QUOTA: u32 = 1;

/// Most members of a cluster, voters and learners: their names and addresses have to fit into one log entry and
/// into the header of a snapshot.
pub const MEMBERS_MAX: usize = 64;

/// Most voters of a cluster: each one more slows down every write.
pub const VOTERS_MAX: usize = 7;

/// Most checks of one instance: each is a connection every few seconds.
pub const CHECKS_MAX: usize = 8;

/// Shortest time between two probes of one check, in milliseconds: more would be load and not news.
pub const CHECK_INTERVAL_MS_MIN: u64 = 1_000;

/// Longest time between two probes of one check, in milliseconds: an hour.
pub const CHECK_INTERVAL_MS_MAX: u64 = 3_600_000;

/// Shortest time that a probe may be given, in milliseconds: what lies between two regions.
pub const CHECK_TIMEOUT_MS_MIN: u64 = 100;

/// Most results in a row that a check may ask for before it changes its mind.
pub const CHECK_STREAK_MAX: u8 = 10;

/// Most members that probe the same thing: as many as there are voters.
pub const CHECK_VANTAGE_POINTS_MAX: u8 = 7;

/// Longest text that a change of the health of a check is told with, in bytes: a line for whoever looks.
pub const CHECK_OUTPUT_LEN_MAX: usize = 256;

/// Longest path of an HTTP probe with its query, in bytes.
pub const PROBE_PATH_LEN_MAX: usize = 1 << 10;

/// Most headers that an HTTP probe sends.
pub const PROBE_HEADERS_MAX: usize = 16;

/// Longest name of a header that an HTTP probe sends, in bytes.
pub const PROBE_HEADER_NAME_LEN_MAX: usize = 128;

/// Longest value of a header that an HTTP probe sends, in bytes: room for a token.
pub const PROBE_HEADER_VALUE_LEN_MAX: usize = 2 << 10;

/// Longest text that an HTTP probe looks for in a body, in bytes.
pub const PROBE_BODY_TEXT_LEN_MAX: usize = 1 << 10;

/// Longest name of a service that a gRPC probe asks for, in bytes.
pub const PROBE_GRPC_SERVICE_LEN_MAX: usize = 256;

/// Most bytes of the certificates that a check trusts, in PEM: two or three of the largest.
pub const PROBE_CA_LEN_MAX: usize = 8 << 10;
