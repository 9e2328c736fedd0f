//! One package.

use super::Service;
use crate::names;

/// One package to generate: one Rust module.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// The name in the proto, empty without a package.
    pub(crate) name: String,
    /// Its services, from all files of the package.
    pub(crate) services: Vec<Service>,
}

impl Package {
    /// The path of its module.
    pub(crate) fn modules(&self) -> Vec<String> {
        names::package_modules(&self.name)
    }
}
