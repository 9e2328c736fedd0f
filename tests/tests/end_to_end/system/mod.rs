//! Systems of peers.

mod identity;
mod itself;
mod membership;
mod nested;
mod stop;
