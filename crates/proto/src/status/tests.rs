//! The table is consistent, survives the wire, and is what the documentation says.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use proptest::{prelude::*, sample::select};
use quorate_fuzz::Fuzz;
use tonic::metadata::MetadataValue;

use super::*;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");

#[test]
fn words_are_unique_and_say_what_the_variant_says() {
    let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.word()).collect();
    assert_eq!(words.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        let letters = reason.word().replace('_', "").to_lowercase();
        assert_eq!(letters, format!("{reason:?}").to_lowercase());
    }
}

#[test]
fn every_reason_is_found_again_in_its_status() {
    for reason in Reason::ALL.iter().copied() {
        let status = reason.status("why");
        assert_eq!(Reason::of(&status), reason);
        assert_eq!(status.code(), reason.row().code);
        assert_eq!(status.message(), "why");
        let wait = reason.row().retry_after_ms.map(|ms| Duration::from_millis(ms.into()));
        assert_eq!(retry_after(&status), wait);
    }
}

#[test]
fn a_reason_survives_the_trailers_of_a_real_answer() {
    let sent = Reason::StaleGeneration.status("generation 7 is over");
    let answer: tonic::codegen::http::Response<()> = sent.into_http();
    let received = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(Reason::of(&received), Reason::StaleGeneration);
    assert_eq!(received.message(), "generation 7 is over");
}

#[test]
fn a_message_that_quotes_too_much_is_cut_and_still_says_it() {
    let status = Reason::InvalidArgument.status("ä".repeat(MESSAGE_LEN_MAX));
    assert!(status.message().len() <= MESSAGE_LEN_MAX);
    assert!(status.message().ends_with("ä…"));
}

#[test]
fn a_stated_wait_is_rounded_up_and_read_back() {
    let status = Reason::Overloaded.status_retry_after("busy", Duration::from_micros(1_001));
    assert_eq!(retry_after(&status), Some(Duration::from_millis(2)));
}

#[test]
fn a_foreign_status_is_judged_by_its_code() {
    assert_eq!(Reason::of(&Status::out_of_range("too large")), Reason::RequestTooLarge);
    assert_eq!(
        Reason::of(&Status::unimplemented("no such method")),
        Reason::Unimplemented
    );
    for lost in [
        Status::unavailable("broken pipe"),
        Status::cancelled("Timeout expired"),
        Status::unknown("h2"),
        Status::internal("h2 protocol error"),
        Status::resource_exhausted("h2: enhance your calm"),
    ] {
        assert_eq!(Reason::of(&lost), Reason::OutcomeUnknown);
    }
}

#[test]
fn an_unknown_word_falls_back_to_the_code() {
    let mut status = Status::not_found("gone");
    status
        .metadata_mut()
        .insert(REASON_KEY, "PROBE_NOT_FOUND".parse().unwrap());
    assert_eq!(Reason::of(&status), Reason::NotFound);
}

#[test]
fn what_may_be_sent_to_any_member_is_an_unavailability_and_nothing_else() {
    for reason in Reason::ALL {
        let row = reason.row();
        let passing = matches!(row.http, 429 | 503 | 504 | 507) && *reason != Reason::OutcomeUnknown;
        assert_eq!(row.retry == Retry::AnyMember, passing, "{reason}");
        assert!(
            row.retry == Retry::AnyMember || row.retry_after_ms.is_none(),
            "{reason}"
        );
    }
}

#[test]
fn the_documentation_holds_the_table() {
    let mut expected = String::new();
    for reason in Reason::ALL {
        let row = reason.row();
        let retry = match row.retry {
            Retry::Never => "no",
            Retry::AnyMember => "any member",
            Retry::SameKeyOnly => "same key only",
        };
        let after = row.retry_after_ms.map_or("–".to_owned(), |ms| format!("{ms} ms"));
        let code = code_name(row.code);
        writeln!(
            expected,
            "| `{}` | {code} | {} | {retry} | {after} | {} |",
            row.word, row.http, row.meaning
        )
        .unwrap();
    }
    let document = fs::read_to_string(DOCUMENT).unwrap();
    let found: String = document
        .lines()
        .filter(|line| line.starts_with("| `"))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_eq!(
        found, expected,
        "docs/errors.md differs; the table should be:\n{expected}"
    );
}

/// `FailedPrecondition` → `FAILED_PRECONDITION`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for (at, letter) in format!("{code:?}").char_indices() {
        if at > 0 && letter.is_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[test]
fn hostile_trailers_say_nothing() {
    let with = |key, bytes: &[u8]| {
        let mut metadata = MetadataMap::new();
        let value = MetadataValue::try_from(bytes).ok()?;
        metadata.insert(key, value);
        Some(Status::with_metadata(Code::Unknown, "", metadata))
    };
    let words = select(Reason::ALL).prop_map(|reason| reason.word().into());
    Fuzz::new("Reason::of", words).one_way(|bytes| {
        let status = with(REASON_KEY, bytes);
        status.is_some_and(|status| Reason::of(&status).word().as_bytes() == bytes)
    });
    let waits = any::<u64>().prop_map(|ms| ms.to_string().into_bytes());
    Fuzz::new("retry_after", waits).one_way(|bytes| {
        let status = with(RETRY_AFTER_KEY, bytes);
        status.is_some_and(|status| retry_after(&status).is_some())
    });
}
