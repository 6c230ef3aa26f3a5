//! What each command does.

mod change;
mod read;
mod server;

use std::{future::Future, io, process::ExitCode};

use clap::CommandFactory as _;
use quorate_client::{Answer, Client, Error};
use quorate_model::{Availability, DoorAddress, InstanceId, NamespaceName, ServiceName};

use crate::{
    args::{Cli, GlobalArgs, OutputFormat, Verb},
    dev,
    failure::Failure,
    output::{self, View},
};

/// Does what the command line says. A failure has not been told to anybody yet.
pub(crate) fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let global = cli.global;
    let done = match cli.verb {
        Verb::Server(args) => return server::run(&args),
        Verb::Dev(args) => return dev::run(&args),
        Verb::Completion(args) => return completion(args.shell),
        Verb::Register(args) => block_on(global, async |session| change::register(session, &args).await),
        Verb::Deregister(args) => block_on(global, async |session| change::deregister(session, &args).await),
        Verb::Drain(args) => block_on(global, async |session| {
            change::set_availability(session, &args, Availability::Draining).await
        }),
        Verb::Enable(args) => block_on(global, async |session| {
            change::set_availability(session, &args, Availability::Enabled).await
        }),
        Verb::Disable(args) => block_on(global, async |session| {
            change::set_availability(session, &args, Availability::Disabled).await
        }),
        Verb::Resolve(args) => block_on(global, async |session| read::resolve(session, &args).await),
        Verb::Services(args) => block_on(global, async |session| read::services(session, args).await),
        Verb::Instances(args) => block_on(global, async |session| read::instances(session, &args).await),
        Verb::Status(args) => block_on(global, async |session| read::status(session, &args).await),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// What a client verb has at hand.
struct Session {
    client: Client,
    endpoints: Vec<DoorAddress>,
    namespace: NamespaceName,
    output: OutputFormat,
}

// === impl Session ===

impl Session {
    fn open(global: GlobalArgs) -> Result<Self, Failure> {
        let client = Client::builder()
            .endpoints(global.endpoints.iter().cloned())
            .namespace(global.namespace.clone())
            .deadline(global.timeout)
            .build()
            .map_err(|error| Failure::of_request(&error, &global.endpoints))?;
        Ok(Self {
            client,
            endpoints: global.endpoints,
            namespace: global.namespace,
            output: global.output,
        })
    }

    /// The answer to a request, or why there is none.
    async fn answer<T>(&self, request: impl Future<Output = Result<Answer<T>, Error>>) -> Result<Answer<T>, Failure> {
        request
            .await
            .map_err(|error| Failure::of_request(&error, &self.endpoints))
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

/// Runs a client verb on the calling thread: it has nothing to do beside its one request.
fn block_on(global: GlobalArgs, verb: impl AsyncFnOnce(&Session) -> Result<(), Failure>) -> Result<(), Failure> {
    let session = Session::open(global)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| Failure::Failed(format!("the operating system does not let the command start: {error}")))?;
    runtime.block_on(verb(&session))
}

fn completion(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "quorate", &mut script);
    output::write(&mut io::stdout(), &script)?;
    Ok(ExitCode::SUCCESS)
}
