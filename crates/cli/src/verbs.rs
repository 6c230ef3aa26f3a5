//! What each command does.

mod bench;
mod change;
mod guard;
mod lease;
mod member;
mod operator;
mod read;
mod server;
mod snapshot;

use std::{future::Future, io, process::ExitCode};

use clap::CommandFactory as _;
use quorate_client::{Answer, Builder, Client, Error};
use quorate_model::{Availability, DoorAddress, InstanceId, NamespaceName, ServiceName};

use crate::{
    args::{Cli, ClientVerb, GlobalArgs, OutputFormat, Verb},
    dev,
    failure::Failure,
    output::{self, View},
};

/// Does what the command line says. A failure has not been told to anybody yet.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.verb {
        Verb::Server(args) => server::run(&args),
        Verb::Dev(args) => dev::run(&args),
        Verb::Client(verb) => ask(cli.global, verb),
        Verb::Snapshot(args) => snapshot::run(cli.global, &args),
        Verb::Bench(args) => bench::run(cli.global, &args),
        Verb::Completion(args) => completion(args.shell),
    }
}

/// Asks a cluster, on the calling thread: it has nothing to do beside its one request.
fn ask(global: GlobalArgs, verb: ClientVerb) -> Result<ExitCode, Failure> {
    let session = Session::open(global)?;
    on_this_thread(session.run(verb))?;
    Ok(ExitCode::SUCCESS)
}

fn on_this_thread(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::Failed(format!("the operating system does not let the command start: {error}")))?;
    runtime.block_on(work)
}

/// What a client verb has at hand.
struct Session {
    client: Client,
    builder: Builder,
    endpoints: Vec<DoorAddress>,
    namespace: NamespaceName,
    output: OutputFormat,
}

// === impl Session ===

impl Session {
    fn open(global: GlobalArgs) -> Result<Self, Failure> {
        let builder = Client::builder()
            .endpoints(global.endpoints.iter().cloned())
            .namespace(global.namespace.clone())
            .deadline(global.timeout);
        let client = builder.clone().discover(false).build();
        Ok(Self {
            client: client.map_err(|error| Failure::of_request(&error, &global.endpoints))?,
            builder,
            endpoints: global.endpoints,
            namespace: global.namespace,
            output: global.output,
        })
    }

    async fn run(&self, verb: ClientVerb) -> Result<(), Failure> {
        match verb {
            ClientVerb::Register(args) => change::register(self, &args).await,
            ClientVerb::Deregister(args) => change::deregister(self, &args).await,
            ClientVerb::Drain(args) => change::drain(self, &args).await,
            ClientVerb::Enable(args) => change::set_availability(self, &args, Availability::Enabled).await,
            ClientVerb::Disable(args) => change::set_availability(self, &args, Availability::Disabled).await,
            ClientVerb::Resolve(args) => read::resolve(self, &args).await,
            ClientVerb::Pick(args) => read::pick(self, &args).await,
            ClientVerb::Services(args) => read::services(self, args).await,
            ClientVerb::Instances(args) => read::instances(self, &args).await,
            ClientVerb::Override(args) => operator::overrides(self, &args).await,
            ClientVerb::Service(args) => operator::service(self, &args).await,
            ClientVerb::Lease(args) => lease::run(self, &args).await,
            ClientVerb::Guard(args) => guard::run(self, &args).await,
            ClientVerb::Status(args) => read::status(self, &args).await,
            ClientVerb::Member(args) => member::run(self, &args).await,
            ClientVerb::TransferLeader(args) => member::transfer_leader(self, &args).await,
        }
    }

    /// The answer to a request, or why there is none.
    async fn answer<T>(&self, request: impl Future<Output = Result<Answer<T>, Error>>) -> Result<Answer<T>, Failure> {
        request
            .await
            .map_err(|error| Failure::of_request(&error, &self.endpoints))
    }

    /// A client for what goes on: it follows members that come and go.
    fn following(&self) -> Result<Client, Failure> {
        let client = self.builder.clone().build();
        client.map_err(|error| Failure::of_request(&error, &self.endpoints))
    }

    fn print(&self, view: &impl View) -> Result<(), Failure> {
        output::print(view, self.output)
    }

    fn no_instance(&self, service: &ServiceName, id: &InstanceId) -> Failure {
        Failure::NotFound(format!("there is no instance {}/{service}/{id}", self.namespace))
    }

    fn no_service(&self, service: &ServiceName) -> Failure {
        let namespace = &self.namespace;
        Failure::NotFound(format!(
            "nobody has registered the service {service} in the namespace {namespace}"
        ))
    }
}

fn completion(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "quorate", &mut script);
    output::write(&mut io::stdout(), &script)?;
    Ok(ExitCode::SUCCESS)
}
