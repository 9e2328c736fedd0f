//! Descriptors that no compiler of protos would write, made from those of the golden protos: the generator gives errors,
//! or code in which no two items have one name. It never panics.

use std::collections::HashSet;
use std::fmt::Write;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::{env, fs};

use fastrand::Rng;
use protoc_gen_gorums_rs::{Parameters, generate, split_descriptor_set};
use syn::{ImplItem, Item, ItemImpl, TraitItem};

use crate::support::protoc::{golden, protoc};

/// How many descriptors are tried, unless the variable `MUTATIONS` says how many, or from which one to which: `7..8`.
const MUTATIONS: u64 = 80;

/// The number of the field of a file's descriptor.
const SOURCE_CODE_INFO: u64 = 9;

/// Names that are keywords, that are the same in Rust, that generated code uses, or that are no names.
const NAMES: [&str; 44] = [
    "",
    "_",
    "__",
    "_1",
    "1",
    "a",
    "A",
    "a_",
    "b",
    "B",
    "T",
    "Self",
    "self",
    "super",
    "crate",
    "type",
    "Type",
    "fn",
    "Foo",
    "foo",
    "FOO",
    "foo_bar",
    "FooBar",
    "fooBar",
    "Foo_Bar",
    "FooOneOf",
    "FooClient",
    "FooServer",
    "foo_gorums",
    "set_foo",
    "push_foo",
    "get_foo",
    "key",
    "value",
    "google",
    "protobuf",
    "Option",
    "Vec",
    "String",
    "ä",
    "a b",
    "a\"b",
    "a\u{202e}b",
    "methods",
];

const TYPES: [&str; 10] = [
    ".",
    "..",
    "Foo",
    ".Foo",
    ".a.Foo",
    ".google.protobuf.Empty",
    ".google.protobuf.StringValue",
    ".a b",
    "",
    ".register.State",
];

const PARAMETERS: [&str; 14] = [
    "",
    "messages=false",
    "client=false",
    "server=false",
    "retain_enum_prefix",
    "enable_type_names",
    "boxed=.",
    "btree_map=.",
    "bytes=.",
    "compile_well_known_types",
    "include_file=mod.rs",
    "extern_path=.register=::register",
    "disable_comments=.",
    "default_package_filename=root",
];

#[test]
fn mutated_descriptors_give_errors_or_code_without_names_that_clash() {
    let sets = sets();
    let wanted = env::var("MUTATIONS").unwrap_or_default();
    let (first, end) = wanted.split_once("..").unwrap_or(("0", &wanted));
    let seeds = first.parse().unwrap_or(0)..end.parse().unwrap_or(MUTATIONS);
    let many = seeds.end.saturating_sub(seeds.start) > 1;
    // Panics of prost-build become errors, and their messages are noise.
    let hook = many.then(panic::take_hook);
    if many {
        panic::set_hook(Box::new(|_| {}));
    }
    let outcomes: Vec<_> = seeds.map(|seed| try_mutation(&sets, seed)).collect();
    if let Some(hook) = hook {
        panic::set_hook(hook);
    }
    let failed: Vec<_> = outcomes
        .iter()
        .filter_map(|outcome| outcome.as_ref().err())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // A few may all come out the same.
    let both = [Outcome::Errors, Outcome::Code];
    for outcome in both.into_iter().filter(|_| outcomes.len() > 20) {
        assert!(
            outcomes.contains(&Ok(outcome)),
            "no mutation gives {outcome:?}"
        );
    }
}

/// What the generator gives.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Errors,
    Code,
}

/// Generates code from a mutation of one of the sets, or says what is wrong with the generator.
fn try_mutation(sets: &[Vec<u8>], seed: u64) -> Result<Outcome, String> {
    let mut random = Rng::with_seed(seed);
    let set = &sets[random.usize(..sets.len())];
    let mut files = split_descriptor_set(set).expect("a descriptor set");
    // The last one is the golden proto, and the others are what it imports.
    let mutated = files.len() - 1;
    if random.u8(..4) > 0 {
        // Most of a descriptor tells of lines and comments: the rest is to be changed more often.
        let mut fields = fields(&files[mutated]).expect("a descriptor");
        fields.retain(|field| field.number != SOURCE_CODE_INFO);
        files[mutated] = encode(&fields);
    }
    for _ in 0..random.usize(1..6) {
        files[mutated] = mutate(&files[mutated], &mut random);
    }
    let names = file_names(&files);
    let parameters: Vec<_> = (0..random.usize(..3))
        .map(|_| PARAMETERS[random.usize(..PARAMETERS.len())])
        .filter(|parameter| !parameter.is_empty())
        .collect();
    let parsed = Parameters::parse(&parameters.join(",")).unwrap_or_default();
    let fail = |what: &str| Err(format!("seed {seed}, {parameters:?}: {what}"));

    let run = AssertUnwindSafe(|| generate(&files, &names[mutated..], &parsed));
    let generated = match catch_unwind(run) {
        Err(_) => return fail("the generator panics"),
        Ok(Err(problems)) if problems.to_string().is_empty() => {
            return fail("an error without a text");
        }
        Ok(Err(problems)) if problems.to_string().contains("is no Rust code") => {
            return fail(&problems.to_string());
        }
        Ok(Err(_)) => return Ok(Outcome::Errors),
        Ok(Ok(generated)) => generated,
    };
    for file in generated {
        let parsed = match syn::parse_file(&file.content) {
            Ok(parsed) => parsed,
            Err(error) => return fail(&format!("{}: {error}", file.name)),
        };
        let mut clashes = String::new();
        check_scope(&parsed.items, &file.name, &mut clashes);
        if !clashes.is_empty() {
            return fail(&clashes);
        }
    }
    Ok(Outcome::Code)
}

/// The descriptor sets of the golden protos.
fn sets() -> Vec<Vec<u8>> {
    let directory = fs::read_dir(golden()).expect("the golden files");
    let mut protos: Vec<_> = directory
        .map(|file| {
            file.expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| name.ends_with(".proto"))
        .collect();
    protos.sort();
    protos.iter().map(|name| descriptor_set(name)).collect()
}

/// The descriptor set of a golden proto and all that it imports.
fn descriptor_set(proto: &str) -> Vec<u8> {
    let out = tempfile::NamedTempFile::new().expect("a temporary file");
    let arguments = ["--include_imports", "--include_source_info", proto].map(str::to_owned);
    let set = format!("-o{}", out.path().display());
    let output = protoc(&golden(), arguments.into_iter().chain([set]));
    assert!(output.status.success(), "{proto}: {output:?}");
    fs::read(out.path()).expect("a descriptor set")
}

/// The names in the descriptors of the files.
fn file_names(files: &[Vec<u8>]) -> Vec<String> {
    let name = |file: &Vec<u8>| {
        let fields = fields(file)?;
        let name = fields.into_iter().rev().find(|field| field.number == 1)?;
        match name.value {
            Value::Bytes(bytes) => String::from_utf8(bytes).ok(),
            Value::Other(_) => None,
        }
    };
    files
        .iter()
        .map(|file| name(file).unwrap_or_default())
        .collect()
}

/// A field of an encoded message.
#[derive(Clone)]
struct Field {
    number: u64,
    value: Value,
}

#[derive(Clone)]
enum Value {
    Bytes(Vec<u8>),
    /// The wire type and the encoded value.
    Other((u64, Vec<u8>)),
}

/// The fields of an encoded message; none if the bytes are no message.
fn fields(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let take = |bytes: &mut &[u8], length: usize| {
            let (taken, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            Some(taken.to_vec())
        };
        let value = match key & 7 {
            0 => Value::Other((0, encoded(varint(&mut bytes)?))),
            1 => Value::Other((1, take(&mut bytes, 8)?)),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                Value::Bytes(take(&mut bytes, length)?)
            }
            5 => Value::Other((5, take(&mut bytes, 4)?)),
            _ => return None,
        };
        fields.push(Field {
            number: key >> 3,
            value,
        });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn encoded(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn encode(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in fields {
        match &field.value {
            Value::Bytes(value) => {
                bytes.extend(encoded(field.number << 3 | 2));
                bytes.extend(encoded(value.len() as u64));
                bytes.extend(value);
            }
            Value::Other((kind, value)) => {
                bytes.extend(encoded(field.number << 3 | kind));
                bytes.extend(value);
            }
        }
    }
    bytes
}

/// The message with one change somewhere inside.
fn mutate(message: &[u8], random: &mut Rng) -> Vec<u8> {
    let Some(mut fields) = fields(message).filter(|fields| !fields.is_empty()) else {
        return text(random);
    };
    let index = random.usize(..fields.len());
    // Changes of bytes mostly give what cannot be decoded.
    if random.u8(..) == 0 {
        let mut bytes = message.to_vec();
        let index = random.usize(..bytes.len());
        bytes[index] ^= 1 << random.u8(..8);
        return bytes;
    }
    match (random.u8(..10), &mut fields[index].value) {
        (0, _) => {
            fields.remove(index);
        }
        (1, _) => {
            let copy = fields[index].clone();
            fields.insert(random.usize(..=index), copy);
        }
        (2, _) => {
            let other = random.usize(..fields.len());
            fields.swap(index, other);
        }
        (_, Value::Bytes(bytes)) => *bytes = mutate(bytes, random),
        (_, Value::Other((0, value))) => *value = encoded(random.u64(..20)),
        (_, Value::Other((_, value))) => random.fill(value),
    }
    encode(&fields)
}

/// A name, or the name of a type.
fn text(random: &mut Rng) -> Vec<u8> {
    let texts = if random.u8(..4) == 0 {
        &TYPES[..]
    } else {
        &NAMES[..]
    };
    texts[random.usize(..texts.len())].as_bytes().to_vec()
}

/// The names in a namespace of a scope.
struct Names<'a> {
    scope: &'a str,
    names: HashSet<String>,
}

impl<'a> Names<'a> {
    fn new(scope: &'a str) -> Self {
        let names = HashSet::new();
        Self { scope, names }
    }

    fn add(&mut self, name: &impl ToString, clashes: &mut String) {
        let name = name.to_string();
        if self.names.contains(&name) {
            let _ = writeln!(clashes, "{} has two `{name}`", self.scope);
        }
        self.names.insert(name);
    }
}

/// Reports items that have the same name in the scope, and those inside them.
fn check_scope(items: &[Item], scope: &str, clashes: &mut String) {
    let mut types = Names::new(scope);
    for item in items {
        match item {
            Item::Mod(item) => {
                types.add(&item.ident, clashes);
                let inner = format!("{scope}::{}", item.ident);
                let (_, items) = item.content.as_ref().expect("an inline module");
                check_scope(items, &inner, clashes);
            }
            Item::Struct(item) => {
                types.add(&item.ident, clashes);
                let inner = format!("{scope}::{}", item.ident);
                let mut fields = Names::new(&inner);
                let names = item.fields.iter().filter_map(|field| field.ident.as_ref());
                names.for_each(|name| fields.add(name, clashes));
            }
            Item::Enum(item) => {
                types.add(&item.ident, clashes);
                let inner = format!("{scope}::{}", item.ident);
                let mut variants = Names::new(&inner);
                let names = item.variants.iter().map(|variant| &variant.ident);
                names.for_each(|name| variants.add(name, clashes));
            }
            Item::Trait(item) => {
                types.add(&item.ident, clashes);
                let inner = format!("{scope}::{}", item.ident);
                let mut functions = Names::new(&inner);
                for item in &item.items {
                    if let TraitItem::Fn(function) = item {
                        functions.add(&function.sig.ident, clashes);
                    }
                }
            }
            Item::Type(item) => types.add(&item.ident, clashes),
            Item::Impl(item) => check_impl(item, scope, clashes),
            _ => {}
        }
    }
}

fn check_impl(item: &ItemImpl, scope: &str, clashes: &mut String) {
    let inner = format!("{scope}: an impl");
    let mut functions = Names::new(&inner);
    for item in &item.items {
        if let ImplItem::Fn(function) = item {
            functions.add(&function.sig.ident, clashes);
        }
    }
}
