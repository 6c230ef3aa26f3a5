//! Every decoder, with the test that holds it against hostile bytes. One that nobody has listed is an offence.
//!
//! `PROPTEST_CASES` makes those tests longer: see docs/benchmarks.md.

use crate::tree::{self, Offences, SourceFile};

/// Decoders of one source file, and the file of the tests that name them.
struct Fuzzed {
    source: &'static str,
    tests: &'static str,
    decoders: &'static [&'static str],
}

/// A part of other decoders, with one that it is reached through. That one is in [`FUZZED`].
struct Inner {
    source: &'static str,
    decoder: &'static str,
    through: &'static str,
}

const fn fuzzed(source: &'static str, tests: &'static str, decoders: &'static [&'static str]) -> Fuzzed {
    Fuzzed {
        source,
        tests,
        decoders,
    }
}

const fn inner(source: &'static str, decoder: &'static str, through: &'static str) -> Inner {
    Inner {
        source,
        decoder,
        through,
    }
}

const STORED: &str = "crates/storage/tests/it/fuzz.rs";
const STATES: &str = "crates/state/tests/it/fuzz.rs";
const REQUESTS: &str = "crates/proto/src/request/tests/fuzz.rs";
const ANSWERS: &str = "crates/client/src/answer/fuzz.rs";
const CODEC: &str = "crates/consensus/src/codec/fuzz.rs";
const PEERS: &str = "crates/consensus/src/network/wire/fuzz.rs";
const MEMBERS: &str = "crates/consensus/src/network/members/fuzz.rs";
const CONFIGURATION: &str = "crates/server/src/config/tests/fuzz.rs";

/// What is on disk, what members say to each other, what clients say to members, what members say to clients, what
/// operators write.
const FUZZED: &[Fuzzed] = &[
    fuzzed("crates/storage/src/record.rs", STORED, &["Record::check"]),
    fuzzed("crates/storage/src/mark.rs", STORED, &["Mark::open", "open_vote"]),
    fuzzed("crates/storage/src/watermark.rs", STORED, &["LogEnd::open"]),
    fuzzed("crates/storage/src/data_dir/format.rs", STORED, &["Format::open"]),
    fuzzed("crates/storage/src/data_dir.rs", STORED, &["DataDir::join_nonce"]),
    fuzzed(
        "crates/storage/src/snapshot/frame.rs",
        STORED,
        &["SavedSnapshot::next_chunk"],
    ),
    fuzzed(
        "crates/consensus/src/backup/saved.rs",
        "crates/consensus/src/backup/fuzz.rs",
        &["SavedState::read"],
    ),
    fuzzed("crates/state/src/command.rs", STATES, &["Command::decode"]),
    fuzzed("crates/state/src/outcome.rs", STATES, &["Outcome::decode"]),
    fuzzed("crates/state/src/snapshot/decoder.rs", STATES, &["Decoder::push"]),
    fuzzed(
        "crates/consensus/src/codec.rs",
        CODEC,
        &["decode_entry", "decode_log_id", "decode_vote"],
    ),
    fuzzed(
        "crates/consensus/src/codec/membership.rs",
        CODEC,
        &["decode_membership"],
    ),
    fuzzed(
        "crates/consensus/src/network/wire.rs",
        PEERS,
        &[
            "vote_from_wire",
            "log_id_from_wire",
            "membership_from_wire",
            "member_from_wire",
            "append_from_wire",
            "append_result_from_wire",
            "vote_request_from_wire",
            "vote_response_from_wire",
            "transfer_from_wire",
            "transfer_result_from_wire",
        ],
    ),
    fuzzed(
        "crates/consensus/src/network/members.rs",
        MEMBERS,
        &["request_from_wire", "list_from_wire", "outcome_from_wire"],
    ),
    fuzzed(
        "crates/consensus/src/network/server.rs",
        "crates/consensus/src/network/server.rs",
        &["applicant"],
    ),
    fuzzed(
        "crates/consensus/src/network/forward.rs",
        "crates/consensus/src/network/forward.rs",
        &["propose_result", "identity"],
    ),
    fuzzed(
        "crates/consensus/src/network/renewals.rs",
        "crates/consensus/src/network/renewals.rs",
        &["replication_from_wire", "leases_from_wire"],
    ),
    fuzzed(
        "crates/consensus/src/network/recall.rs",
        "crates/consensus/src/network/recall.rs",
        &["acknowledged"],
    ),
    fuzzed(
        "crates/consensus/src/network/identity.rs",
        "crates/consensus/src/network/identity.rs",
        &["CheckIdentity::check"],
    ),
    fuzzed(
        "crates/proto/src/request/write.rs",
        REQUESTS,
        &[
            "RegisterRequest",
            "UpdateRequest",
            "DeregisterRequest",
            "SetAvailabilityRequest",
        ],
    ),
    fuzzed("crates/proto/src/request/batch.rs", REQUESTS, &["WriteBatchRequest"]),
    fuzzed(
        "crates/proto/src/request/read.rs",
        REQUESTS,
        &[
            "GetInstanceRequest",
            "ResolveRequest",
            "ListServicesRequest",
            "ListInstancesRequest",
        ],
    ),
    fuzzed("crates/proto/src/request/pick.rs", REQUESTS, &["PickRequest"]),
    fuzzed(
        "crates/proto/src/request/lease.rs",
        REQUESTS,
        &[
            "GrantLeaseRequest",
            "RevokeLeaseRequest",
            "GetLeaseRequest",
            "ListLeasesRequest",
            "RenewRequest",
            "KeepAliveRequest",
        ],
    ),
    fuzzed(
        "crates/proto/src/request/operator.rs",
        REQUESTS,
        &[
            "SetOverrideRequest",
            "ClearOverrideRequest",
            "ListOverridesRequest",
            "SetServiceSettingsRequest",
            "GetServiceSettingsRequest",
        ],
    ),
    fuzzed(
        "crates/proto/src/request/guard.rs",
        REQUESTS,
        &["ListGuardsRequest", "RaiseGuardRequest", "DropGuardRequest"],
    ),
    fuzzed("crates/proto/src/request/check.rs", REQUESTS, &["ReportCheckRequest"]),
    fuzzed("crates/proto/src/convert/check.rs", REQUESTS, &["Check", "CheckState"]),
    fuzzed("crates/proto/src/convert/operator.rs", REQUESTS, &["ServiceSettings"]),
    fuzzed("crates/proto/src/convert/instance.rs", REQUESTS, &["Instance"]),
    fuzzed(
        "crates/frontend/src/grpc/edge/timing.rs",
        "crates/frontend/src/grpc/edge/timing.rs",
        &["TimeLeft::of"],
    ),
    fuzzed(
        "crates/proto/src/status.rs",
        "crates/proto/src/status/tests.rs",
        &["Reason::of", "retry_after"],
    ),
    fuzzed(
        "crates/client/src/answer/parse.rs",
        ANSWERS,
        &[
            "ResponseHeader",
            "RegisterResponse",
            "UpdateResponse",
            "SetAvailabilityResponse",
            "ReportCheckResponse",
            "DeregisterResponse",
            "GetInstanceResponse",
            "ResolveResponse",
            "ListInstancesResponse",
            "ListServicesResponse",
            "ServiceSummary",
            "StatusResponse",
            "Member",
        ],
    ),
    fuzzed("crates/client/src/answer/batch.rs", ANSWERS, &["WriteBatchResponse"]),
    fuzzed("crates/client/src/answer/pick.rs", ANSWERS, &["PickResponse"]),
    fuzzed(
        "crates/client/src/answer/lease.rs",
        ANSWERS,
        &[
            "GrantLeaseResponse",
            "RevokeLeaseResponse",
            "GetLeaseResponse",
            "ListLeasesResponse",
            "Lease",
            "RenewResponse",
            "Renewed",
        ],
    ),
    fuzzed("crates/client/src/keeper/link.rs", ANSWERS, &["KeepAliveResponse"]),
    fuzzed(
        "crates/client/src/answer/guard.rs",
        ANSWERS,
        &["ListGuardsResponse", "RaiseGuardResponse", "DropGuardResponse"],
    ),
    fuzzed(
        "crates/client/src/answer/members.rs",
        ANSWERS,
        &[
            "ListMembersResponse",
            "AddMemberResponse",
            "RemoveMemberResponse",
            "ReplaceMemberResponse",
            "PromoteMemberResponse",
            "DemoteMemberResponse",
            "TransferLeaderResponse",
        ],
    ),
    fuzzed(
        "crates/client/src/answer/operator.rs",
        ANSWERS,
        &[
            "SetOverrideResponse",
            "ClearOverrideResponse",
            "ListOverridesResponse",
            "Override",
            "GetServiceSettingsResponse",
            "SetServiceSettingsResponse",
        ],
    ),
    fuzzed("crates/server/src/config.rs", CONFIGURATION, &["Config::load"]),
    fuzzed(
        "crates/server/src/config/layers.rs",
        CONFIGURATION,
        &["from_environment"],
    ),
    fuzzed("crates/cli/src/args.rs", "crates/cli/src/args/tests.rs", &["Cli"]),
];

const INNER: &[Inner] = &[
    inner("crates/storage/src/data_dir/format.rs", "parse", "Format::open"),
    inner("crates/model/src/envelope.rs", "open", "Command::decode"),
    inner("crates/model/src/envelope.rs", "payload_len", "Command::decode"),
    inner("crates/model/src/envelope.rs", "decode", "Command::decode"),
    inner("crates/state/src/snapshot/decoder.rs", "decode", "Decoder::push"),
    inner("crates/storage/src/record.rs", "checksum", "Record::check"),
    inner("crates/storage/src/engine/sled.rs", "decode_record", "Record::check"),
    inner(
        "crates/storage/src/snapshot/frame.rs",
        "open_any",
        "SavedSnapshot::next_chunk",
    ),
    inner(
        "crates/storage/src/snapshot/frame.rs",
        "read_header_of_any",
        "SavedSnapshot::next_chunk",
    ),
    // The traits of which the codec of the consensus is the one implementation, and what hands entries to it.
    inner("crates/storage/src/codec.rs", "decode_entry", "decode_entry"),
    inner("crates/storage/src/codec.rs", "decode_log_id", "decode_log_id"),
    inner("crates/storage/src/codec.rs", "decode_vote", "decode_vote"),
    inner("crates/storage/src/raft_log.rs", "decode_entries", "decode_entry"),
    inner("crates/storage/src/raft_log.rs", "decode_entry", "decode_entry"),
    inner("crates/consensus/src/codec.rs", "decode", "decode_entry"),
    inner("crates/consensus/src/codec.rs", "decode_as", "decode_entry"),
    inner(
        "crates/consensus/src/network/wire.rs",
        "entry_from_wire",
        "append_from_wire",
    ),
    inner(
        "crates/consensus/src/network/wire.rs",
        "calling_from_wire",
        "member_from_wire",
    ),
    inner(
        "crates/consensus/src/network/members.rs",
        "seen_from_wire",
        "list_from_wire",
    ),
    inner(
        "crates/consensus/src/network/identity.rs",
        "word",
        "CheckIdentity::check",
    ),
    inner(
        "crates/consensus/src/network/identity.rs",
        "sender",
        "CheckIdentity::check",
    ),
    inner("crates/proto/src/request/key.rs", "$message", "RegisterRequest"),
    inner("crates/proto/src/request/key.rs", "from_wire", "RegisterRequest"),
    inner(
        "crates/proto/src/convert/operator.rs",
        "target_from_wire",
        "SetOverrideRequest",
    ),
    inner(
        "crates/consensus/src/network/renewals.rs",
        "leadership_from_wire",
        "replication_from_wire",
    ),
    inner(
        "crates/consensus/src/network/renewals.rs",
        "table_from_wire",
        "replication_from_wire",
    ),
    inner(
        "crates/proto/src/convert/guard.rs",
        "scope_from_wire",
        "RaiseGuardRequest",
    ),
    inner("crates/proto/src/request/lease.rs", "from_wire", "RenewRequest"),
    inner("crates/client/src/answer/lease.rs", "Kept", "GetLeaseResponse"),
    inner("crates/client/src/answer/guard.rs", "Guard", "ListGuardsResponse"),
    inner("crates/server/src/config/layers.rs", "from_file", "Config::load"),
];

/// What a function calls that makes something of bytes or of foreign text.
const CALLS: &[&str] = &[
    "envelope::open(",
    "from_le_bytes(",
    "from_be_bytes(",
    "Toml::from_str(",
    ".to_str()",
];

#[test]
fn every_decoder_is_held_against_hostile_bytes() {
    let mut offences = Offences::default();
    for file in tree::files("rs").iter().filter(|file| is_product(&file.path)) {
        check_listed(file, &mut offences);
    }
    offences.assert_none();
}

#[test]
fn every_decoder_that_is_listed_is_there_and_fuzzed() {
    let mut offences = Offences::default();
    for Fuzzed {
        source,
        tests,
        decoders,
    } in FUZZED
    {
        let (source, tests) = (tree::file(source), tree::file(tests));
        for decoder in *decoders {
            check_there(&source, decoder, &mut offences);
            if !is_attacked(decoder, &tests) {
                offences.add(&tests.path, 1, format!("no `Fuzz` has the name {decoder}"));
            }
        }
    }
    for Inner {
        source,
        decoder,
        through,
    } in INNER
    {
        check_there(&tree::file(source), decoder, &mut offences);
        if !FUZZED.iter().any(|fuzzed| fuzzed.decoders.contains(through)) {
            offences.add(
                source,
                1,
                format!("{decoder} is reached through {through}, which is not listed"),
            );
        }
    }
    offences.assert_none();
}

#[test]
fn the_checks_see_planted_offences() {
    let mut offences = Offences::default();
    let text = "fn decode_x() {}\nimpl TryFrom<pb::Y> for Y {}\nfn z() {\n    envelope::open(Kind::Z, b)\n}\n// fn \
                decode()\n\n#[cfg(test)]\nmod tests {\n    fn decode() {}\n}\n";
    let file = SourceFile::planted("crates/x/src/x.rs", text);
    check_listed(&file, &mut offences);
    check_there(&file, "X::gone", &mut offences);
    let unlisted = |decoder| format!("{decoder} decodes: fuzz it, and list it in tests/it/decoders.rs");
    let expected = [
        format!("crates/x/src/x.rs:1: {}", unlisted("decode_x")),
        format!("crates/x/src/x.rs:2: {}", unlisted("Y")),
        format!("crates/x/src/x.rs:4: {}", unlisted("z")),
        "crates/x/src/x.rs:1: no X::gone is here any more".to_owned(),
    ];
    assert_eq!(offences.found(), expected);
    assert!(!is_attacked(
        "decode",
        &SourceFile::planted("fuzz.rs", "Fuzz::new(\"decode_x\")")
    ));
    assert!(is_attacked(
        "decode_x",
        &SourceFile::planted("fuzz.rs", "fuzz(\"y, decode_x\")")
    ));
}

/// Code that runs in production, and that nobody has generated.
fn is_product(path: &str) -> bool {
    let parts = || path.split(['/', '.']);
    let is_test = |part| matches!(part, "tests" | "fuzz" | "testing" | "gen");
    path.starts_with("crates/") && parts().any(|part| part == "src") && !parts().any(is_test)
}

fn check_listed(file: &SourceFile, offences: &mut Offences) {
    for (number, decoder) in decoders(file) {
        let fuzzed = FUZZED.iter().filter(|fuzzed| fuzzed.source == file.path);
        let inner = INNER.iter().filter(|inner| inner.source == file.path);
        let mut listed = fuzzed.flat_map(|fuzzed| fuzzed.decoders.iter().map(|decoder| bare(decoder)));
        if !listed.any(|listed| listed == decoder) && !inner.map(|inner| inner.decoder).any(|inner| inner == decoder) {
            let problem = format!("{decoder} decodes: fuzz it, and list it in tests/it/decoders.rs");
            offences.add(&file.path, number, problem);
        }
    }
}

/// The decoders of a file, each with its line: functions of certain names, those that call one of [`CALLS`], and the
/// messages of which something is made.
fn decoders(file: &SourceFile) -> Vec<(usize, &str)> {
    let mut found: Vec<(usize, &str)> = Vec::new();
    let mut function = "";
    for (number, line) in file.lines().take_while(|(_, line)| *line != "mod tests {") {
        let line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        let declared = line.split_once("fn ").map(|(_, rest)| first_word(rest));
        function = declared.unwrap_or(function);
        let is_named = declared.is_some_and(|name| {
            name == "decode" || name.starts_with("decode_") || name == "from_wire" || name.ends_with("_from_wire")
        });
        let decoder = match message(line) {
            Some(message) => message,
            None if is_named || CALLS.iter().any(|call| line.contains(call)) => function,
            None => continue,
        };
        if !found.iter().any(|(_, known)| *known == decoder) {
            found.push((number, decoder));
        }
    }
    found
}

/// The message of `impl TryFrom<pb::Message> for …`.
fn message(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("impl TryFrom<")?;
    let (source, _) = rest.split_once("> for ")?;
    source.rsplit_once("::").map(|(_, message)| message)
}

fn check_there(file: &SourceFile, decoder: &str, offences: &mut Offences) {
    if !words(&file.text).any(|word| word == bare(decoder).trim_start_matches('$')) {
        offences.add(&file.path, 1, format!("no {decoder} is here any more"));
    }
}

/// Whether a string of the file, as the name of a `Fuzz` is, has the decoder among its words.
fn is_attacked(decoder: &str, tests: &SourceFile) -> bool {
    let mut strings = tests.text.split('"').skip(1).step_by(2);
    strings.any(|string| {
        let mut names = string.split(|sign: char| !sign.is_alphanumeric() && !matches!(sign, '_' | ':'));
        names.any(|name| name == decoder)
    })
}

/// A name without the type that it belongs to.
fn bare(decoder: &str) -> &str {
    decoder.rsplit("::").next().unwrap_or(decoder)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|sign: char| !sign.is_alphanumeric() && sign != '_')
}

fn first_word(text: &str) -> &str {
    words(text).next().unwrap_or_default()
}
