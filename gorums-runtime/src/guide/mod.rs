#![doc = include_str!("links.md")]
#![doc = include_str!("README.md")]

pub mod example;

/// A chapter of the guide. The definitions of `links.md` come first, so that they win over those for readers on GitHub.
macro_rules! chapters {
    ($($name:ident: $text:literal)*) => {$(
        #[cfg_attr(any(not(doctest), feature = "_guide"), doc = include_str!("links.md"))]
        #[cfg_attr(any(not(doctest), feature = "_guide"), doc = include_str!($text))]
        pub mod $name {}
    )*};
}

chapters! {
    services: "services.md"
    calls: "calls.md"
    quorum_systems: "quorum_systems.md"
    atomic_register: "atomic_register.md"
    nodes: "nodes.md"
    replicas: "replicas.md"
    interceptors: "interceptors.md"
    peers: "peers.md"
    testing: "testing.md"
    monitoring: "monitoring.md"
}
