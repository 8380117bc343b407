//! Certificates, and the ways through proxies: the clients against fakes behind TLS.

mod front;
mod kubernetes;
mod prometheus;
mod rest;

pub use front::head;
