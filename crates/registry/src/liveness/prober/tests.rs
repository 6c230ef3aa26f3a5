//! The prober over connections that follow a script, in time that passes by itself.

mod asking;
mod harness;

use std::time::Duration;

use harness::{Rig, Target, seconds};
use quorate_model::{Health, Verdict};
use tokio::time::sleep;

use self::harness::Behavior::{Accept, Never, Refuse};

#[tokio::test(start_paused = true)]
async fn what_answers_passes_once_it_has_answered_often_enough() {
    let mut rig = Rig::start(&[Target::new(1, Accept)]);
    let (edge, at) = rig.edge().await;
    assert_eq!((edge.verdict, edge.output.as_str()), (Verdict::Passing, "connected"));
    assert_eq!((edge.check.as_str(), edge.assignment.get()), ("alive", 7));
    assert!(at <= seconds(2), "the second look is a second after the first: {at:?}");
}

#[tokio::test(start_paused = true)]
async fn what_stops_answering_falls_after_so_many_intervals_and_rises_again() {
    let mut rig = Rig::start(&[Target::new(1, Accept).found(Health::Passing)]);
    rig.quiet_for(seconds(60)).await;
    rig.now_does(1, Refuse);
    let since = rig.now();
    let (edge, at) = rig.edge().await;
    assert_eq!(edge.verdict, Verdict::Critical);
    assert!(
        edge.output.as_str().starts_with("cannot connect to 10.0.0.1:80"),
        "{}",
        edge.output
    );
    assert!(
        at.saturating_sub(since) <= seconds(30) && at.saturating_sub(since) > seconds(20),
        "{:?}",
        at.saturating_sub(since)
    );

    rig.list(&[Target::new(1, Accept).found(Health::Critical)]);
    rig.now_does(1, Accept);
    let (edge, back) = rig.edge().await;
    assert_eq!(edge.verdict, Verdict::Passing);
    assert!(back.saturating_sub(at) <= seconds(20), "two good results are enough");
}

#[tokio::test(start_paused = true)]
async fn one_bad_result_among_good_ones_is_no_news() {
    let mut rig = Rig::start(&[Target::new(1, Accept).found(Health::Passing)]);
    for _ in 0..4 {
        rig.now_does(1, Never);
        rig.looks(1, 2).await;
        rig.now_does(1, Accept);
        rig.looks(1, 1).await;
    }
    rig.quiet_for(seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_once_and_again_only_if_it_is_lost() {
    let mut rig = Rig::start(&[Target::new(1, Accept)]);
    let (first, at) = rig.edge().await;
    let (again, later) = rig.edge().await;
    assert_eq!(again, first, "nobody has taken it");
    assert!(later.saturating_sub(at) >= seconds(5));
    rig.list(&[Target::new(1, Accept).found(Health::Passing)]);
    rig.quiet_for(seconds(600)).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_cut_off_says_nothing_and_begins_anew_afterwards() {
    let mut rig = Rig::start(&[Target::new(1, Refuse).found(Health::Passing)]);
    rig.looks(1, 2).await;
    rig.confirm(false);
    rig.quiet_for(seconds(300)).await;
    rig.confirm(true);
    let since = rig.now();
    let (edge, at) = rig.edge().await;
    assert_eq!(edge.verdict, Verdict::Critical);
    assert!(
        at.saturating_sub(since) > seconds(20),
        "three results of the time since then: {:?}",
        at.saturating_sub(since)
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_began_or_ended_cut_off_counts_for_nothing() {
    let never = || Target::new(1, Never).found(Health::Passing);
    let mut rig = Rig::start(&[never()]);
    for _ in 0..6 {
        // It begins confirmed and ends two seconds later, when nothing is.
        rig.looks(1, 1).await;
        sleep(seconds(1)).await;
        rig.confirm(false);
        sleep(seconds(2)).await;
        rig.confirm(true);
    }
    for _ in 0..6 {
        rig.confirm(false);
        rig.looks(1, 1).await;
        sleep(seconds(1)).await;
        rig.confirm(true);
        sleep(seconds(2)).await;
    }
    rig.confirm(false);
    rig.quiet_for(seconds(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_away_is_not_told_and_not_looked_at() {
    let mut rig = Rig::start(&[Target::new(1, Never).found(Health::Passing).falls_after(1)]);
    rig.looks(1, 1).await;
    rig.list(&[]);
    rig.quiet_for(seconds(120)).await;
    assert_eq!(rig.count(1), 1);
    assert_eq!(rig.open(1), 0, "the probe was broken off");
}

#[tokio::test(start_paused = true)]
async fn another_generation_begins_at_nothing() {
    let bad = || Target::new(1, Refuse).found(Health::Passing);
    let mut rig = Rig::start(&[bad()]);
    rig.looks(1, 2).await;
    rig.list(&[bad().generation(99)]);
    let since = rig.now();
    let (edge, at) = rig.edge().await;
    assert_eq!(edge.generation.get(), 99);
    assert!(at.saturating_sub(since) > seconds(20), "{:?}", at.saturating_sub(since));
}

#[tokio::test(start_paused = true)]
async fn another_assignment_goes_on_where_it_was() {
    let bad = || Target::new(1, Refuse).found(Health::Passing);
    let mut rig = Rig::start(&[bad()]);
    rig.looks(1, 2).await;
    rig.list_at(8, &[bad(), Target::new(2, Accept).found(Health::Passing)]);
    let since = rig.now();
    let (edge, at) = rig.edge().await;
    assert_eq!(edge.assignment.get(), 8);
    assert!(
        at.saturating_sub(since) <= seconds(10),
        "one more bad result is enough: {:?}",
        at.saturating_sub(since)
    );
}

#[tokio::test(start_paused = true)]
async fn this_member_tells_what_it_finds_though_all_together_find_otherwise() {
    let outvoted = Target::new(1, Refuse).found(Health::Passing).voted(Verdict::Critical);
    let mut rig = Rig::start(&[outvoted]);
    rig.quiet_for(seconds(60)).await;
    rig.now_does(1, Accept);
    assert_eq!(rig.edge().await.0.verdict, Verdict::Passing);
}

#[tokio::test(start_paused = true)]
async fn looks_are_spread_over_the_interval() {
    let targets: Vec<Target> = (1..=100)
        .map(|id| Target::new(id, Accept).found(Health::Passing))
        .collect();
    let mut rig = Rig::start(&targets);
    for second in 1..=10 {
        rig.quiet_for(seconds(1)).await;
        let looks = rig.count_all();
        assert!(looks >= second * 6 && looks <= second * 14, "{looks} in {second} s");
    }
    rig.quiet_for(seconds(10)).await;
    assert_eq!(rig.count_all(), 200);
}

#[tokio::test(start_paused = true)]
async fn many_that_come_together_are_spread_once_they_are_known() {
    let of = |health: Health| -> Vec<Target> { (1..=200).map(|id| Target::new(id, Accept).found(health)).collect() };
    let mut rig = Rig::start(&of(Health::Unknown));
    for _ in 0..200 {
        let (edge, at) = rig.edge().await;
        assert!(edge.verdict == Verdict::Passing && at <= seconds(2), "{at:?}");
    }
    rig.list(&of(Health::Passing));
    rig.quiet_for(seconds(12)).await;
    let before = rig.count_all();
    rig.quiet_for(seconds(1)).await;
    let looks = rig.count_all() - before;
    assert!((10..=30).contains(&looks), "{looks} of 200 in a tenth of the interval");
}

#[tokio::test(start_paused = true)]
async fn what_never_answers_costs_the_others_nothing() {
    // Far more than there are places, each of which would hold its place for two seconds of every ten.
    let dead = (1..=1_500).map(|id| Target::new(id, Never).found(Health::Critical));
    let well = (2_001..=2_050).map(|id| Target::new(id, Accept).found(Health::Passing));
    let targets: Vec<Target> = dead.chain(well).collect();
    let mut rig = Rig::start(&targets);
    rig.quiet_for(seconds(100)).await;
    for id in 2_001..=2_050 {
        let looks = rig.count(id);
        assert!((9..=11).contains(&looks), "{id} was looked at {looks} times");
    }
    assert!(rig.most_open() <= 256, "{}", rig.most_open());

    rig.now_does(2_001, Refuse);
    let since = rig.now();
    let (edge, at) = rig.edge().await;
    assert_eq!(edge.key.id.as_str(), "i-2001");
    assert!(
        at.saturating_sub(since) <= seconds(31),
        "{:?}",
        at.saturating_sub(since)
    );
}

#[tokio::test(start_paused = true)]
async fn what_never_answers_costs_the_others_nothing_though_it_is_given_little_time() {
    // Twice as many as there are places, if each is looked at every second.
    let (little, second) = (Duration::from_millis(300), seconds(1));
    let brisk = |id, behavior| Target::new(id, behavior).waits_every(little, second);
    let dead = (1..=1_800).map(|id| brisk(id, Never).found(Health::Critical));
    let well = (2_001..=2_050).map(|id| brisk(id, Accept).found(Health::Passing));
    let targets: Vec<Target> = dead.chain(well).collect();
    let mut rig = Rig::start(&targets);
    rig.quiet_for(seconds(100)).await;
    for id in 2_001..=2_050 {
        let looks = rig.count(id);
        assert!((98..=101).contains(&looks), "{id} was looked at {looks} times");
    }
    assert!(rig.most_open() <= 256, "{}", rig.most_open());
}

#[tokio::test(start_paused = true)]
async fn what_is_given_an_hour_leaves_room_for_the_others() {
    let patient = (1..=300).map(|id| Target::new(id, Never).waits(seconds(3_600)));
    let slow = (301..=310).map(|id| Target::new(id, Never).found(Health::Passing));
    let new = (401..=410).map(|id| Target::new(id, Accept));
    let targets: Vec<Target> = patient.chain(slow).chain(new).collect();
    let mut rig = Rig::start(&targets);
    let mut told = 0;
    while told < 20 {
        let (_, at) = rig.edge().await;
        assert!(at <= seconds(60), "{told} of them have been told by {at:?}");
        told += rig.take_told();
    }
    assert!(rig.most_open() <= 64 + 20, "{}", rig.most_open());
}

#[tokio::test(start_paused = true)]
async fn five_thousand_that_are_well_tell_nothing() {
    let targets: Vec<Target> = (1..=5_000)
        .map(|id| Target::new(id, Accept).found(Health::Passing))
        .collect();
    let mut rig = Rig::start(&targets);
    rig.quiet_for(Duration::from_secs(60)).await;
    let looks = rig.count_all();
    assert!((29_000..=31_000).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_looks_in_the_same_order() {
    let order = || async {
        let targets: Vec<Target> = (1..=50)
            .map(|id| Target::new(id, Accept).found(Health::Passing))
            .collect();
        let mut rig = Rig::start(&targets);
        rig.quiet_for(seconds(30)).await;
        rig.order()
    };
    assert_eq!(order().await, order().await);
}
