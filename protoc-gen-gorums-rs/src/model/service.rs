//! One service.

use super::Method;
use crate::names;

/// One service of a package.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// The name in the proto.
    pub(crate) name: String,
    /// The name with the package.
    pub(crate) full_name: String,
    /// The file that declares it, and its index there.
    pub(crate) file: String,
    pub(crate) index: usize,
    pub(crate) deprecated: bool,
    pub(crate) methods: Vec<Method>,
}

impl Service {
    /// The stem of its types' names.
    pub(crate) fn type_name(&self) -> String {
        names::type_stem(&self.name)
    }

    /// The first part of the names of its modules.
    pub(crate) fn module_stem(&self) -> String {
        names::module_stem(&self.type_name())
    }

    /// The module of the code for quorum calls.
    pub(crate) fn gorums_module(&self) -> String {
        format!("{}_gorums", self.module_stem())
    }

    /// All modules that are generated for it, with those of tonic's client and server if they are wanted.
    pub(crate) fn modules(&self, client: bool, server: bool) -> impl Iterator<Item = String> {
        let stem = self.module_stem();
        let client = client.then(|| format!("{stem}_client"));
        let server = server.then(|| format!("{stem}_server"));
        client
            .into_iter()
            .chain(server)
            .chain([self.gorums_module()])
    }

    /// Whether it has a quorum spec.
    pub(crate) fn has_quorum_functions(&self) -> bool {
        self.methods.iter().any(Method::has_quorum_function)
    }
}
