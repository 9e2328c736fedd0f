//! The names of generated files.

use crate::model::Package;
use crate::parameters::Parameters;

/// The name of the package's file.
///
/// In one directory, files are called as prost-build calls them; with directories, as protoc-gen-prost does, which leaves
/// the package's name as it is.
pub(crate) fn file_name(package: &Package, parameters: &Parameters) -> String {
    let modules = package.modules();
    let stem = match modules.as_slice() {
        [] => parameters.default_package_filename.clone(),
        modules if parameters.flat_output_dir => modules.join("."),
        _ => package.name.clone(),
    };
    let extension = match parameters.messages {
        true => "rs",
        false => "gorums.rs",
    };
    let root = code_root(parameters);
    let directory = directory(package, parameters);
    format!("{root}{directory}{stem}.{extension}")
}

/// The name of the file that protoc-gen-prost writes for the package.
pub(crate) fn prost_file_name(package: &Package, parameters: &Parameters) -> String {
    // It takes the default name as it is, without an extension.
    let name = match package.name.as_str() {
        "" => parameters.default_package_filename.clone(),
        package => format!("{package}.rs"),
    };
    format!("{}{name}", directory(package, parameters))
}

/// The directory of the package's file inside that of all code.
fn directory(package: &Package, parameters: &Parameters) -> String {
    let modules = match parameters.flat_output_dir {
        true => Vec::new(),
        false => package.modules(),
    };
    let modules = modules.iter().map(|module| format!("{module}/"));
    modules.collect()
}

/// The directory of all code: in a crate, that of the file with the modules.
fn code_root(parameters: &Parameters) -> &str {
    let included_by = match parameters.gen_crate {
        Some(_) => parameters.included_by(),
        None => None,
    };
    included_by.map_or("", directory_of)
}

/// A path's directory, with a slash at the end, or nothing.
fn directory_of(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..=end])
}

/// The path of the file `name` as seen from the file `from`.
pub(crate) fn relative(name: &str, from: &str) -> String {
    let directory = directory_of(from);
    match name.strip_prefix(directory) {
        Some(rest) => rest.to_owned(),
        None => "../".repeat(directory.matches('/').count()) + name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str) -> Package {
        Package {
            name: name.to_owned(),
            services: Vec::new(),
        }
    }

    fn name(package: &str, parameters: &Parameters) -> String {
        file_name(&self::package(package), parameters)
    }

    #[test]
    fn files_are_called_as_prost_calls_them() {
        let parameters = Parameters::new();
        assert_eq!(name("a.bC", &parameters), "a.b_c.rs");
        assert_eq!(name("", &parameters), "_.rs");
        assert_eq!(
            name("", &parameters.default_package_filename("root")),
            "root.rs"
        );
    }

    #[test]
    fn code_without_messages_sits_beside_them() {
        assert_eq!(
            name("a.b", &Parameters::new().messages(false)),
            "a.b.gorums.rs"
        );
    }

    #[test]
    fn directories_and_files_are_those_of_protoc_gen_prost() {
        let parameters = Parameters::new().flat_output_dir(false);
        assert_eq!(name("a.bC", &parameters), "a/b_c/a.bC.rs");
        assert_eq!(name("", &parameters), "_.rs");
        let beside = parameters.messages(false);
        assert_eq!(name("a.bC", &beside), "a/b_c/a.bC.gorums.rs");
        assert_eq!(prost_file_name(&package("a.bC"), &beside), "a/b_c/a.bC.rs");
        let flat = beside.flat_output_dir(true);
        assert_eq!(prost_file_name(&package("a.bC"), &flat), "a.bC.rs");
        assert_eq!(prost_file_name(&package(""), &flat), "_");
    }

    #[test]
    fn the_code_of_a_crate_is_beside_the_file_with_its_modules() {
        let parameters = Parameters::new().gen_crate("c");
        assert_eq!(name("a.b", &parameters), "src/a.b.rs");
        let nested = parameters.clone().flat_output_dir(false);
        assert_eq!(name("a.b", &nested), "src/a/b/a.b.rs");
        let inner = parameters.include_file("src/code/mod.rs");
        assert_eq!(name("a.b", &inner), "src/code/a.b.rs");
        let no_crate = Parameters::new().include_file("src/mod.rs");
        assert_eq!(name("a.b", &no_crate), "a.b.rs");
    }

    #[test]
    fn a_path_begins_where_the_including_file_is() {
        assert_eq!(relative("a.rs", "mod.rs"), "a.rs");
        assert_eq!(relative("src/a/a.rs", "src/lib.rs"), "a/a.rs");
        assert_eq!(relative("a.rs", "b/c/mod.rs"), "../../a.rs");
        assert_eq!(relative("bc/a.rs", "b/mod.rs"), "../bc/a.rs");
    }
}
