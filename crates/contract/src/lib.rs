//! Every shape that enters or leaves. Pure: bytes in, values out, and no panic on any bytes.
//!
//! Read in this order: [`agent`] (what an agent is sent, and what its answer means), [`signature`] (signing what we
//! send, verifying what we get), [`webhook`] (what buyers' endpoints are sent), [`rest`] (what buyers and developers
//! send and get).

pub mod agent;
pub mod rest;
pub mod signature;
pub mod webhook;
