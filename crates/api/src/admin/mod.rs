//! What only operators see and do.

pub(crate) mod agent_list;
pub(crate) mod alarms;
pub(crate) mod visibility;
