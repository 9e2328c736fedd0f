//! Credentials that are replaced while they are in use.

use std::sync::{Arc, PoisonError, RwLock};

use super::credentials::Credentials;
use super::error::CredentialsError;

/// Credentials that can be replaced while managers and servers use them. Clones share them, so that one call replaces
/// those of all managers and servers of a process.
///
/// Connections that exist go on with the credentials that they were made with, so no call is lost. Those that are made from
/// then on use the new ones.
///
/// ```no_run
/// # async fn example(router: gorums_runtime::server::Router) -> Result<(), Box<dyn std::error::Error>> {
/// use gorums_runtime::{Credentials, Manager, RotatingCredentials, Server};
///
/// fn load() -> Result<Credentials, Box<dyn std::error::Error>> {
///     let [certificate, key, authorities] = ["own.pem", "own.key", "ca.pem"].map(std::fs::read);
///     Ok(Credentials::from_pem(certificate?, key?, authorities?)?)
/// }
///
/// let credentials = RotatingCredentials::new(load()?);
/// let server = Server::new(router).tls(credentials.clone())?;
/// let manager = Manager::builder().address("replica-2.example.com:4000").tls(credentials.clone());
/// // When the files have changed:
/// credentials.replace(load()?)?;
/// # Ok(())
/// # }
/// ```
///
/// To change the authority, first give all processes credentials that trust both, then certificates of the new one, then
/// credentials that trust the new one alone. Connections that were made before outlive the old authority: restart their
/// processes, or limit how long they last, if they must not.
#[derive(Clone, Debug)]
pub struct RotatingCredentials(Arc<RwLock<Credentials>>);

impl RotatingCredentials {
    /// Begins with `credentials`.
    pub fn new(credentials: Credentials) -> Self {
        Self(Arc::new(RwLock::new(credentials)))
    }

    /// Returns the credentials of new connections.
    pub fn current(&self) -> Credentials {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    /// Replaces the credentials of new connections.
    ///
    /// # Errors
    ///
    /// If the new credentials have no certificate or no authorities and the current ones have: a server or a manager may
    /// need them. The current ones stay then.
    pub fn replace(&self, credentials: Credentials) -> Result<(), CredentialsError> {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if current.check_client().is_ok() {
            credentials.check_client()?;
        }
        if current.check_server().is_ok() {
            credentials.check_server()?;
        }
        *current = credentials;
        Ok(())
    }
}

impl From<Credentials> for RotatingCredentials {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}
