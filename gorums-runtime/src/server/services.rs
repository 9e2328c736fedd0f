//! gRPC's health and reflection services, which a server may offer beside its replicas.

use super::error::ServerError;
use super::router::Router;

/// Which of gRPC's standard services a server offers.
#[derive(Debug, Default)]
pub(super) struct Standard {
    #[cfg(feature = "health")]
    pub(super) health: bool,
    /// The services that the reflection service describes.
    #[cfg(feature = "reflection")]
    pub(super) descriptor_sets: Vec<Vec<u8>>,
}

/// All services of a server, including the standard ones.
pub(super) struct Services {
    router: Router,
    #[cfg(feature = "health")]
    health: Option<(tonic_health::server::HealthReporter, Vec<&'static str>)>,
}

impl Services {
    /// The services of `router`, and the standard ones that `standard` asks for.
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
        // Without either feature, `standard` has no fields.
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

    /// Returns a future that makes the health service report every service as not serving.
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
    // The empty name stands for the whole server.
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
    // Clients of both versions are in use.
    Ok(router
        .add_service(builder().build_v1()?)
        .add_service(builder().build_v1alpha()?))
}
