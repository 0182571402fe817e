//! The limits: the least that anybody would have to do, with none of our code in it.

pub(crate) mod answer; // a server that only answers
pub(crate) mod call; // a client that only signs, sends and parses
pub(crate) mod commit; // a database that only commits
pub(crate) mod frames; // a writer that only writes to its readers
pub(crate) mod held; // a client that only holds calls open
