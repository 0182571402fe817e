//! The limits: the least that anybody would have to do, with none of our code in it.

pub mod answer; // a server that only answers
pub mod call; // a client that only signs, sends and parses
pub mod commit; // a database that only commits
