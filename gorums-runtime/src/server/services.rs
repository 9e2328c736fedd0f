//! The standard services that a server may have beside its replicas.

use super::error::ServerError;
use super::router::Router;

/// Which of gRPC's standard services a server offers.
#[derive(Debug, Default)]
pub(super) struct Standard {
    #[cfg(feature = "health")]
    pub(super) health: bool,
    /// What the reflection service tells about.
    #[cfg(feature = "reflection")]
    pub(super) descriptor_sets: Vec<Vec<u8>>,
}

/// The services of a server, those that it was asked to add included.
pub(super) struct Services {
    router: Router,
    #[cfg(feature = "health")]
    health: Option<(tonic_health::server::HealthReporter, Vec<&'static str>)>,
}

impl Services {
    /// Those of `router`, and the standard ones that `standard` asks for.
    pub(super) async fn new(router: Router, standard: Standard) -> Result<Self, ServerError> {
        #[cfg(feature = "health")]
        let (router, health) = match standard.health {
            true => {
                let (router, reporter) = with_health(router).await;
                (router, Some(reporter))
            }
            false => (router, None),
        };
        #[cfg(feature = "reflection")]
        let router = with_reflection(router, &standard.descriptor_sets)?;
        // Without features there is nothing to ask for.
        let Standard { .. } = standard;
        Ok(Self {
            router,
            #[cfg(feature = "health")]
            health,
        })
    }

    pub(super) fn into_router(self) -> Router {
        self.router
    }

    /// What tells the health service's clients that the server shuts down.
    pub(super) fn farewell(&mut self) -> impl Future<Output = ()> + Send + use<> {
        #[cfg(feature = "health")]
        let health = self.health.take();
        async move {
            #[cfg(feature = "health")]
            if let Some((reporter, names)) = health {
                use tonic_health::ServingStatus::NotServing;
                for name in names {
                    reporter.set_service_status(name, NotServing).await;
                }
            }
        }
    }
}

#[cfg(feature = "health")]
async fn with_health(
    router: Router,
) -> (
    Router,
    (tonic_health::server::HealthReporter, Vec<&'static str>),
) {
    use tonic_health::ServingStatus::Serving;

    let (reporter, service) = tonic_health::server::health_reporter();
    // The empty name stands for the server as a whole.
    let names: Vec<_> = std::iter::once("").chain(router.names()).collect();
    for name in &names {
        reporter.set_service_status(*name, Serving).await;
    }
    (router.add_service(service), (reporter, names))
}

#[cfg(feature = "reflection")]
fn with_reflection(router: Router, descriptor_sets: &[Vec<u8>]) -> Result<Router, ServerError> {
    if descriptor_sets.is_empty() {
        return Ok(router);
    }
    let builder = || {
        let builder = tonic_reflection::server::Builder::configure();
        descriptor_sets.iter().fold(builder, |builder, set| {
            builder.register_encoded_file_descriptor_set(set)
        })
    };
    // Clients of either version are in use.
    Ok(router
        .add_service(builder().build_v1()?)
        .add_service(builder().build_v1alpha()?))
}
