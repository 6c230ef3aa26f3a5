//! A question to grpc.health.v1, on a connection of its own.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use hyper_util::rt::TokioIo;
use quorate_consensus::BoxIo;
use quorate_model::{Endpoint, GrpcProbe, GrpcServiceName};
use tonic::{Code, transport};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::Problem;

/// The largest answer: it holds one number.
const ANSWER_LEN_MAX: usize = 1 << 10;

/// Asks as `probe` says, and answers what is served if it is.
pub(super) async fn ask(io: BoxIo, probe: &GrpcProbe, endpoint: &Endpoint) -> Result<String, Problem> {
    let channel = channel(io, endpoint).await.map_err(|error| describe(&error))?;
    let request = HealthCheckRequest {
        service: probe
            .service
            .as_ref()
            .map(GrpcServiceName::to_string)
            .unwrap_or_default(),
    };
    let mut client = HealthClient::new(channel).max_decoding_message_size(ANSWER_LEN_MAX);
    match client.check(request).await {
        Ok(answer) => match answer.into_inner().status() {
            ServingStatus::Serving => Ok("SERVING".to_owned()),
            status @ (ServingStatus::Unknown | ServingStatus::NotServing | ServingStatus::ServiceUnknown) => {
                Err(status.as_str_name().to_owned())
            }
        },
        Err(status) if status.code() == Code::NotFound => Err("the server does not know this service".to_owned()),
        Err(status) => Err(format!("{:?}: {}", status.code(), status.message())),
    }
}

/// A channel over this one connection. It ends with the probe.
async fn channel(io: BoxIo, endpoint: &Endpoint) -> Result<transport::Channel, transport::Error> {
    let authority = format!("http://{endpoint}");
    let once = Mutex::new(Some(TokioIo::new(io)));
    let connector = tower::service_fn(move |_uri: http::Uri| {
        // Whoever asks for a second connection has lost the first: that is an answer too.
        let io = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        std::future::ready(io.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted)))
    });
    let endpoint = transport::Endpoint::try_from(authority)?;
    endpoint.connect_with_connector(connector).await
}

fn describe(error: &transport::Error) -> Problem {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = inner.to_string();
        cause = inner.source();
    }
    words
}
