//! Systems of peers.

mod clients;
mod identity;
mod itself;
mod membership;
mod nested;
mod stop;
