//! Sets up and runs a compilation.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use protoc_gen_gorums_rs::Parameters;

use crate::error::Error;
use crate::output;
use crate::source::{self, Compiler, Descriptors};

/// Sets up a compilation of .proto files.
///
/// ```no_run
/// use gorums_build::Parameters;
///
/// fn main() -> Result<(), gorums_build::Error> {
///     gorums_build::configure()
///         .parameters(Parameters::new().replica(false).type_attribute(".", "#[derive(Eq)]"))
///         .compile_protos(&["proto/storage.proto"], &["proto"])
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it compiles"]
pub struct Builder {
    parameters: Parameters,
    out_dir: Option<PathBuf>,
    descriptor_set: Option<PathBuf>,
    descriptor_set_out: Option<PathBuf>,
    compiler: Option<Compiler>,
    emit_rerun_if_changed: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            parameters: Parameters::default(),
            out_dir: None,
            descriptor_set: None,
            descriptor_set_out: None,
            compiler: None,
            emit_rerun_if_changed: true,
        }
    }
}

impl Builder {
    /// Sets the parameters of the generator, which are those of the protoc plugin.
    pub fn parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Writes to this directory instead of `OUT_DIR`. It is created if necessary. Code that is checked in, such as a crate of
    /// [`gen_crate`](Parameters::gen_crate), needs a directory of its own.
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// Reads the descriptors from this file instead of compiling .proto files.
    /// `protoc --include_imports --include_source_info --descriptor_set_out=FILE` writes such a file.
    pub fn descriptor_set(mut self, file: impl Into<PathBuf>) -> Self {
        self.descriptor_set = Some(file.into());
        self
    }

    /// Also writes the descriptors of the .proto files and their imports to this file. A relative path is below the
    /// directory of the code. gRPC's reflection service takes such a file:
    /// `server.reflection(include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin")))`.
    pub fn descriptor_set_out(mut self, file: impl Into<PathBuf>) -> Self {
        self.descriptor_set_out = Some(file.into());
        self
    }

    /// Compiles .proto files with this compiler instead of the first one that is found.
    pub fn compiler(mut self, compiler: Compiler) -> Self {
        self.compiler = Some(compiler);
        self
    }

    /// Sets whether cargo is told which files and variables the result depends on. The default is true.
    pub fn emit_rerun_if_changed(mut self, emit: bool) -> Self {
        self.emit_rerun_if_changed = emit;
        self
    }

    /// Compiles `protos` and what they import, looked up in the directories `includes`, and writes one file of
    /// Rust code per proto package. A file whose content stays the same is not touched.
    ///
    /// With a [`descriptor_set`](Self::descriptor_set), all packages in it are generated, and cargo only watches
    /// `protos` and `includes`.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, compiled or written, or when the options in a file are wrong; see [`Error`].
    pub fn compile_protos(
        &self,
        protos: &[impl AsRef<Path>],
        includes: &[impl AsRef<Path>],
    ) -> Result<(), Error> {
        let protos: Vec<&Path> = protos.iter().map(AsRef::as_ref).collect();
        let includes: Vec<&Path> = includes.iter().map(AsRef::as_ref).collect();
        let out_dir = match (&self.out_dir, self.parameters.crate_name()) {
            (Some(directory), _) => directory.clone(),
            (None, Some(name)) => {
                let name = name.to_owned();
                return Err(Error::CrateInOutDir { name });
            }
            (None, None) => env::var_os("OUT_DIR").ok_or(Error::NoOutDir)?.into(),
        };
        // Printed first, so that cargo runs the script again after a file that does not compile is corrected.
        let mut watched: BTreeSet<PathBuf> = protos.iter().map(PathBuf::from).collect();
        watched.extend(self.descriptor_set.clone());
        self.watch(&watched);

        let descriptors = match &self.descriptor_set {
            Some(file) => source::from_file(file)?,
            None => source::compile(self.compiler.as_ref(), &protos, &includes)?,
        };
        self.watch(&imports(&descriptors, &includes));

        let files = protoc_gen_gorums_rs::generate(
            &descriptors.files,
            &descriptors.names,
            &self.parameters,
        )?;
        output::write(&out_dir, files)?;
        match &self.descriptor_set_out {
            Some(file) => output::write_file(&out_dir.join(file), &descriptors.set),
            None => Ok(()),
        }
    }

    fn watch(&self, files: &BTreeSet<PathBuf>) {
        if !self.emit_rerun_if_changed {
            return;
        }
        println!("cargo:rerun-if-env-changed=PROTOC");
        for file in files {
            println!("cargo:rerun-if-changed={}", file.display());
        }
    }
}

/// The files of `descriptors` that are below one of `includes`, without those that a compiler has built in.
fn imports(descriptors: &Descriptors, includes: &[&Path]) -> BTreeSet<PathBuf> {
    let find = |name: &String| {
        includes
            .iter()
            .map(|include| include.join(name))
            .find(|path| path.exists())
    };
    descriptors.names.iter().filter_map(find).collect()
}

#[cfg(all(test, feature = "protox"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn imports_are_watched_as_far_as_they_are_the_users_files() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let [proto, types] = ["a.proto", "types.proto"].map(|name| folder.path().join(name));
        let imports_two = r#"import "types.proto"; import "gorums.proto";"#;
        fs::write(&proto, format!(r#"syntax = "proto3"; {imports_two}"#)).expect("it is writable");
        fs::write(&types, r#"syntax = "proto3";"#).expect("it is writable");

        let compiler = Some(Compiler::Protox);
        let includes = [folder.path()];
        let descriptors = source::compile(compiler.as_ref(), &[&proto], &includes);
        let watched = imports(&descriptors.expect("a good proto"), &includes);
        let expected = [proto, types];
        assert_eq!(watched, BTreeSet::from(expected));
    }
}
