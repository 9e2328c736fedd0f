//! Systems of peers.

mod clients;
mod identity;
mod itself;
mod membership;
mod multicast;
mod nested;
mod simulated_client;
mod stop;
mod tls;
