//! gRPC's health and reflection services, which a server may offer beside its replicas.

#[cfg(feature = "health")]
use tonic_health::pb::health_server::HealthServer;

use super::error::ServerError;
#[cfg(feature = "health")]
use super::health::Health;
use super::router::Router;

/// Which of gRPC's standard services a server offers.
#[derive(Debug, Default)]
pub(super) struct Standard {
    #[cfg(feature = "health")]
    pub(super) health: Option<Health>,
    /// The services that the reflection service describes.
    #[cfg(feature = "reflection")]
    pub(super) descriptor_sets: Vec<Vec<u8>>,
}

/// All services of a server, including the standard ones.
pub(super) struct Services {
    router: Router,
    #[cfg(feature = "health")]
    health: Option<Health>,
}

impl Services {
    /// The services of `router`, and the standard ones that `standard` asks for.
    pub(super) async fn new(router: Router, standard: Standard) -> Result<Self, ServerError> {
        #[cfg(feature = "health")]
        let router = match &standard.health {
            Some(health) => with_health(router, health).await,
            None => router,
        };
        #[cfg(feature = "health")]
        let health = standard.health;
        #[cfg(feature = "reflection")]
        let router = with_reflection(router, &standard.descriptor_sets)?;
        // Without either feature, `standard` has no fields.
        #[cfg(not(any(feature = "health", feature = "reflection")))]
        let Standard {} = standard;
        Ok(Self {
            router,
            #[cfg(feature = "health")]
            health,
        })
    }

    pub(super) fn into_router(self) -> Router {
        self.router
    }

    /// Returns a future that makes the health service report that nothing is ready.
    pub(super) fn farewell(&mut self) -> impl Future<Output = ()> + Send + use<> {
        #[cfg(feature = "health")]
        let health = self.health.take();
        async move {
            #[cfg(feature = "health")]
            if let Some(health) = health {
                health.stop().await;
            }
        }
    }
}

#[cfg(feature = "health")]
async fn with_health(router: Router, health: &Health) -> Router {
    health.serve(router.names()).await;
    router.add_service(HealthServer::new(health.service()))
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
