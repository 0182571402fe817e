//! Whose connection a request came over.

use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

/// The address at the other end. Behind a proxy it is the proxy's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Without a connection (a test of a handler alone) everybody is one.
        Ok(parts.extensions.get().copied().unwrap_or(Peer(Ipv4Addr::UNSPECIFIED.into())))
    }
}
