//! What operators decide: overrides and settings.

use quorate_model::{
    Availability, InstanceSpec, LogTime, OverrideKind, OverrideTarget, ServiceSettings, SpecParts, Standing, Weight,
    limits,
};
use quorate_state::{Command, Effect, Event, Limit, Outcome, Rejection, Standings};

use crate::samples::{
    Node, batch, clear_override, deregister, disabled, held, key, minimum, parts, register, set_availability,
    set_override, set_settings, spec, take_over, through_a_snapshot, web, weighed, zone_out,
};

/// A spec in a zone.
fn in_zone(zone: &str) -> InstanceSpec {
    let mut parts: SpecParts = parts(80);
    parts.locality.zone = Some(zone.parse().expect("valid"));
    spec(parts)
}

fn standing(node: &Node, id: &str) -> Standing {
    let instance = node.state.instance(&key(id)).expect("it is there");
    node.state.standings(&web()).standing(&instance)
}

fn kinds(node: &Node, id: &str) -> Vec<OverrideKind> {
    standing(node, id).overrides.iter().collect()
}

/// The targets of all overrides of the default namespace.
fn targets(node: &Node) -> Vec<OverrideTarget> {
    let overrides = node.state.overrides_in(&web().namespace, None);
    overrides.map(|known| known.spec.target().clone()).collect()
}

#[test]
fn an_override_outlives_the_registration_that_it_is_about() {
    let mut node = Node::founded();
    node.apply(&set_override(disabled("a"), 0));
    for command in [
        register("a", held(80, "pod", 1)),
        register("a", held(80, "pod", 2)),
        take_over("a", held(80, "other", 1)),
        set_availability("a", Availability::Enabled, None),
    ] {
        node.apply(&command);
        assert_eq!(standing(&node, "a").availability, Availability::Disabled, "{command:?}");
    }
    node.apply(&deregister("a", None));
    node.apply(&register("a", held(80, "pod", 3)));
    assert_eq!(standing(&node, "a").availability, Availability::Disabled);
    node.state = through_a_snapshot(&node.state);
    assert_eq!(kinds(&node, "a"), [OverrideKind::Disable]);

    let cleared = Outcome::OverrideCleared { existed: true };
    assert_eq!(node.apply(&clear_override(disabled("a"))).0, cleared);
    assert_eq!(
        standing(&node, "a"),
        Standing::of(&node.state.instance(&key("a")).unwrap())
    );
    let absent = Outcome::OverrideCleared { existed: false };
    assert_eq!(node.apply_in_vain(&clear_override(disabled("a"))), absent);
}

#[test]
fn overrides_touch_what_they_name_and_nothing_else() {
    let mut node = Node::founded();
    node.apply(&register("a", in_zone("eu-1")));
    node.apply(&register("b", in_zone("eu-2")));
    node.apply(&register("c", held(80, "", 0)));
    node.apply(&set_override(weighed("a"), 0));
    node.apply(&set_override(zone_out(None, "eu-1"), 0));
    node.apply(&set_override(zone_out(Some("web"), "eu-2"), 0));
    node.apply(&set_override(zone_out(Some("api"), "eu-2"), 0));

    assert_eq!(kinds(&node, "a"), [OverrideKind::Weight, OverrideKind::ZoneOut]);
    assert_eq!(standing(&node, "a").weight, Weight::new(7));
    assert_eq!(kinds(&node, "b"), [OverrideKind::ZoneOut]);
    assert_eq!(standing(&node, "b").weight, Weight::default());
    assert_eq!(kinds(&node, "c"), []);
    assert_eq!(standing(&node, "c").availability, Availability::Enabled);

    let mut elsewhere = web();
    elsewhere.namespace = "other".parse().unwrap();
    assert_eq!(node.state.standings(&elsewhere), Standings::default());
}

#[test]
fn an_override_that_is_set_again_changes_only_by_what_is_stated() {
    let mut node = Node::founded();
    let set = |revision: u64, effect| Outcome::OverrideSet {
        revision: quorate_model::Revision::new(revision),
        effect,
    };
    let (outcome, events) = node.apply(&set_override(weighed("a"), 0));
    assert_eq!(outcome, set(2, Effect::Changed));
    let [
        Event::OverrideSet {
            current,
            previous: None,
        },
    ] = events.as_slice()
    else {
        panic!("expected one override, found {events:?}");
    };
    let mut late = set_override(weighed("a"), 0);
    if let Command::SetOverride { set_at_ms, .. } = &mut late {
        *set_at_ms += 1;
    }
    assert_eq!(node.apply_in_vain(&late), set(2, Effect::Unchanged));
    // An expiry is a change.
    let (outcome, events) = node.apply(&set_override(weighed("a"), 5));
    assert_eq!(outcome, set(4, Effect::Changed));
    assert!(matches!(events.as_slice(), [Event::OverrideSet { previous: Some(previous), .. }] if previous == current));
    assert_eq!(node.state.override_count(), 1);
}

#[test]
fn an_override_expires_by_the_log_time_and_only_when_it_is_told_to() {
    let mut node = Node::founded();
    node.apply_stamped(100, &set_override(disabled("a"), 50));
    node.apply_stamped(100, &set_override(disabled("b"), 20));
    node.apply_stamped(100, &set_override(disabled("c"), 0));
    assert_eq!(node.state.next_due(), Some(LogTime::from_ms(120)));

    let expired = |count| Outcome::OverridesExpired { count };
    assert_eq!(node.apply_stamped(119, &Command::ExpireOverrides), (expired(0), vec![]));
    node.apply_stamped(120, &deregister("z", None));
    assert_eq!(node.state.override_count(), 3, "nothing else hides one");
    // A leader whose clock is behind does not turn the time back.
    let (outcome, events) = node.apply_stamped(7, &Command::ExpireOverrides);
    assert_eq!(outcome, expired(1));
    assert!(
        matches!(events.as_slice(), [Event::OverrideCleared { previous }] if *previous.spec.target() == disabled("b"))
    );
    assert_eq!(node.state.log_time(), LogTime::from_ms(120));

    assert_eq!(node.apply_stamped(u64::MAX, &Command::ExpireOverrides).0, expired(1));
    assert_eq!((targets(&node), node.state.next_due()), (vec![disabled("c")], None));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn an_override_that_is_set_anew_forgets_when_it_was_to_expire() {
    let mut node = Node::founded();
    node.apply(&set_override(disabled("a"), 10));
    node.apply(&set_override(disabled("a"), 0));
    assert_eq!(node.state.next_due(), None);
    node.apply_stamped(11, &Command::ExpireOverrides);
    assert_eq!(targets(&node), [disabled("a")]);
}

#[test]
fn one_entry_lets_1024_overrides_expire_and_there_are_up_to_10_000() {
    let mut node = Node::founded();
    for number in 0..limits::OVERRIDES_MAX {
        node.apply(&set_override(disabled(&format!("i{number}")), 1));
    }
    let limit = Limit::Overrides;
    let over = Outcome::Rejected(Rejection::LimitExceeded { limit });
    assert_eq!(node.apply_in_vain(&set_override(disabled("one-more"), 1)), over);
    // What is there can still change.
    let changed = node.apply(&set_override(disabled("i7"), 2)).0;
    assert!(matches!(
        changed,
        Outcome::OverrideSet {
            effect: Effect::Changed,
            ..
        }
    ));

    let mut counts = vec![];
    while node.state.override_count() > 0 {
        let (outcome, events) = node.apply_stamped(9, &Command::ExpireOverrides);
        assert_eq!(
            outcome,
            Outcome::OverridesExpired {
                count: u32::try_from(events.len()).unwrap()
            }
        );
        counts.push(events.len());
    }
    assert_eq!((counts.len(), counts[0], counts[9]), (10, 1_024, 10_000 - 9 * 1_024));
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}

#[test]
fn overrides_are_listed_in_the_order_of_their_targets() {
    let mut node = Node::founded();
    let sorted = vec![
        zone_out(None, "eu-1"),
        zone_out(Some("api"), "eu-1"),
        disabled("a"),
        disabled("b"),
        weighed("a"),
        zone_out(Some("web"), "eu-1"),
    ];
    for target in sorted.iter().rev() {
        node.apply(&set_override(target.clone(), 0));
    }
    assert_eq!(targets(&node), sorted);
    let web = web();
    let of_web = node.state.overrides_in(&web.namespace, Some(&web.service));
    let of_web: Vec<_> = of_web.map(|known| known.spec.target().clone()).collect();
    assert_eq!(of_web, [&sorted[..1], &sorted[2..]].concat());
}

#[test]
fn settings_are_the_defaults_until_somebody_sets_them() {
    let mut node = Node::founded();
    assert_eq!(node.state.settings(&web()), ServiceSettings::default());
    let settings = ServiceSettings::default().patched(&minimum(3));
    let set = |settings, effect| Outcome::SettingsSet { settings, effect };
    assert_eq!(
        node.apply(&set_settings(minimum(3), false)).0,
        set(settings, Effect::Changed)
    );
    assert_eq!(
        node.apply_in_vain(&set_settings(minimum(3), false)),
        set(settings, Effect::Unchanged)
    );
    node.state = through_a_snapshot(&node.state);
    assert_eq!(
        (node.state.settings(&web()), node.state.settings_count()),
        (settings, 1)
    );

    // Back to the defaults, and then what is stated.
    let two = ServiceSettings::default().patched(&minimum(2));
    assert_eq!(node.apply(&set_settings(minimum(2), true)).0, set(two, Effect::Changed));
    let defaults = ServiceSettings::default();
    assert_eq!(
        node.apply(&set_settings(minimum(0), false)).0,
        set(defaults, Effect::Changed)
    );
    assert_eq!(node.state.settings_count(), 0, "what is as the defaults takes no room");
    assert_eq!(node.state.hash(), Node::founded().state.hash());
}

#[test]
fn up_to_10_000_services_have_settings_of_their_own() {
    let mut node = Node::founded();
    let of = |number: usize, count| {
        let mut command = set_settings(minimum(count), false);
        if let Command::SetServiceSettings { service, .. } = &mut command {
            service.service = format!("s{number}").parse().unwrap();
        }
        command
    };
    for number in 0..limits::SERVICE_SETTINGS_MAX {
        node.apply(&of(number, 1));
    }
    let limit = Limit::ServiceSettings;
    let over = Outcome::Rejected(Rejection::LimitExceeded { limit });
    assert_eq!(node.apply_in_vain(&of(10_000, 1)), over);
    let one_more_at_the_defaults = node.apply_in_vain(&of(10_000, 0));
    assert!(matches!(
        one_more_at_the_defaults,
        Outcome::SettingsSet {
            effect: Effect::Unchanged,
            ..
        }
    ));
    assert!(matches!(node.apply(&of(7, 2)).0, Outcome::SettingsSet { .. }));
    node.apply(&of(7, 0));
    assert!(matches!(node.apply(&of(10_000, 1)).0, Outcome::SettingsSet { .. }));
}

#[test]
fn the_log_time_moves_with_every_entry_that_carries_a_later_stamp() {
    let mut node = Node::default();
    let time = |node: &Node| node.state.log_time().as_ms();
    node.apply_stamped(5, &crate::samples::found());
    assert_eq!(time(&node), 5);
    node.apply_stamped(3, &deregister("a", None));
    assert_eq!(time(&node), 5);
    // A rejected command and one with values that are not allowed have passed as well.
    node.apply_stamped(8, &batch(Some((9, 1)), vec![]));
    assert_eq!(time(&node), 8);
    node.state.advance(quorate_model::LogIndex::new(9));
    assert_eq!(time(&node), 8);
    assert_eq!(through_a_snapshot(&node.state), node.state);
    assert_eq!(node.state.hash(), node.state.recomputed_hash());
}
