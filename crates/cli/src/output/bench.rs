//! Figures, for programs and for people.

use quorate_bench::{Figures, FindMax, Peer};
use serde::Serialize;

use super::{View, table::table};

/// What `bench hold` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FiguresView {
    peer: &'static str,
    leases: usize,
    false_lapses: u64,
    late_renewals: u64,
    renewals_per_second: f64,
    log_entries_from_renewals: u64,
    server_cores: Option<f64>,
    rss_mib: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    grant_seconds: f64,
}

/// What `bench hold --find-max` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FindMaxView {
    held: Option<usize>,
    rounds: Vec<FiguresView>,
}

const NAMES: [&str; 11] = [
    "PEER",
    "LEASES",
    "FALSE LAPSES",
    "LATE",
    "RENEWALS/S",
    "LOG ENTRIES",
    "CORES",
    "MIB",
    "P50 MS",
    "P99 MS",
    "MAX MS",
];

impl View for FiguresView {
    fn table(&self) -> String {
        let granted = format!("granted in {} s", self.grant_seconds);
        format!("{}\n\n{granted}", table(NAMES, [self.row()]))
    }
}

impl View for FindMaxView {
    fn table(&self) -> String {
        let rounds = table(NAMES, self.rounds.iter().map(FiguresView::row));
        let held = match self.held {
            Some(held) => format!("{held} leases were held"),
            None => "not even the first round was held".to_owned(),
        };
        format!("{rounds}\n\n{held}")
    }
}

// === impl FiguresView ===

impl FiguresView {
    fn row(&self) -> [String; 11] {
        let optional = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string());
        [
            self.peer.to_owned(),
            self.leases.to_string(),
            self.false_lapses.to_string(),
            self.late_renewals.to_string(),
            self.renewals_per_second.to_string(),
            self.log_entries_from_renewals.to_string(),
            optional(self.server_cores),
            optional(self.rss_mib),
            self.p50_ms.to_string(),
            self.p99_ms.to_string(),
            self.max_ms.to_string(),
        ]
    }
}

impl From<&Figures> for FiguresView {
    fn from(figures: &Figures) -> Self {
        Self {
            peer: match figures.peer {
                Peer::Quorate => "quorate",
                Peer::Etcd => "etcd",
            },
            leases: figures.leases,
            false_lapses: figures.false_lapses,
            late_renewals: figures.late_renewals,
            renewals_per_second: rounded(figures.renewals_per_second),
            log_entries_from_renewals: figures.log_entries_from_renewals,
            server_cores: figures.server_cores.map(rounded),
            rss_mib: figures.rss_mib.map(rounded),
            p50_ms: rounded(figures.p50_ms),
            p99_ms: rounded(figures.p99_ms),
            max_ms: rounded(figures.max_ms),
            grant_seconds: rounded(figures.grant_seconds),
        }
    }
}

impl From<&FindMax> for FindMaxView {
    fn from(found: &FindMax) -> Self {
        Self {
            held: found.held,
            rounds: found.rounds.iter().map(FiguresView::from).collect(),
        }
    }
}

/// To a thousandth: more than that is noise.
fn rounded(figure: f64) -> f64 {
    (figure * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::{super::tests::*, *};

    fn figures(peer: Peer, false_lapses: u64) -> Figures {
        let looked_at = (peer == Peer::Quorate).then_some(0.123_456);
        Figures {
            peer,
            leases: 10_000,
            false_lapses,
            late_renewals: 0,
            renewals_per_second: 2_000.000_4,
            log_entries_from_renewals: 2,
            server_cores: looked_at,
            rss_mib: looked_at.map(|cores| cores * 1_000.0),
            p50_ms: 1.5,
            p99_ms: 12.0,
            max_ms: 40.062_5,
            grant_seconds: 3.25,
        }
    }

    #[test]
    fn bench_hold_prints_its_figures() {
        check("bench-hold", &FiguresView::from(&figures(Peer::Quorate, 0)));
        check("bench-hold-etcd", &FiguresView::from(&figures(Peer::Etcd, 1)));
    }

    #[test]
    fn bench_hold_find_max_prints_each_round() {
        let found = FindMax {
            rounds: vec![figures(Peer::Quorate, 0), figures(Peer::Quorate, 7)],
            held: Some(10_000),
        };
        check("bench-hold-find-max", &FindMaxView::from(&found));
    }
}
