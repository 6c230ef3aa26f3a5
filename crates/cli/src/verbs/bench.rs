//! Verbs that measure.

use std::process::ExitCode;

use quorate_bench::{Error, HoldPlan};
use quorate_client::Client;
use quorate_model::DoorAddress;

use super::on_this_thread;
use crate::{
    args::{BenchArgs, BenchVerb, GlobalArgs, HoldArgs},
    failure::Failure,
    output::{self, FiguresView, FindMaxView},
};

pub(super) fn run(global: GlobalArgs, args: &BenchArgs) -> Result<ExitCode, Failure> {
    let BenchVerb::Hold(args) = &args.verb;
    args.check()?;
    on_this_thread(hold(global, args))?;
    Ok(ExitCode::SUCCESS)
}

async fn hold(global: GlobalArgs, args: &HoldArgs) -> Result<(), Failure> {
    let endpoints = if args.is_of_a_peer() {
        Vec::new()
    } else {
        reachable(&global).await?
    };
    let plan: HoldPlan = args.plan(endpoints);
    if args.find_max {
        let found = quorate_bench::find_max(&plan, args.most).await.map_err(of_bench)?;
        return output::print(&FindMaxView::from(&found), global.output);
    }
    let figures = quorate_bench::hold(&plan).await.map_err(of_bench)?;
    output::print(&FiguresView::from(&figures), global.output)
}

/// The endpoints behind which a member answers: among the defaults there may be some without.
async fn reachable(global: &GlobalArgs) -> Result<Vec<DoorAddress>, Failure> {
    let (mut reachable, mut last) = (Vec::new(), None);
    for door in &global.endpoints {
        let builder = Client::builder().endpoints([door.clone()]).deadline(global.timeout);
        let client = builder.discover(false).build();
        let client = client.map_err(|error| Failure::of_request(&error, &global.endpoints))?;
        match client.status().await {
            Ok(_) => reachable.push(door.clone()),
            Err(error) => {
                output::say(format_args!("{door} is left out: {error}"));
                last = Some(error);
            }
        }
    }
    match last {
        Some(error) if reachable.is_empty() => Err(Failure::of_request(&error, &global.endpoints)),
        Some(_) | None => Ok(reachable),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the end of a chain")]
fn of_bench(error: Error) -> Failure {
    let message = error.to_string();
    match error {
        Error::Plan(_) | Error::Process { .. } => Failure::Usage(message),
        Error::Target(_) => Failure::Unavailable(message),
    }
}
