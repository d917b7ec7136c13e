//! Live streams: what a reader gets is a suffix of the log from its cursor, without gap or repeat.
//!
//! * The [`hub`] is fed with the events of the bus, read once per server: the [`pump`] puts them in order, fills holes from the registry and looks at the
//!   registry every second, so that a lost event heals.
//! * A [`follower`] serves one reader: it subscribes to the hub first, replays from the registry what lies after the reader's cursor, and
//!   goes on live. One that falls behind reads from the registry again; its memory is bounded by one page.
//! * A [`cursor`] says where a reader is, in every topic; [`told`] keeps it, [`begin`] reads it again.

pub(crate) mod begin;
pub(crate) mod cursor;
pub(crate) mod follower;
mod hub;
mod inbox;
mod pump;
mod told;

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

pub(crate) use hub::Hub;

use crate::context::WebContext;
use crate::leader::Leader;

/// Messages between the bus and the hub.
const INBOX: usize = 256;

/// Starts the tasks that feed the hub; they end with the context's shutdown.
pub(crate) fn start(tasks: &TaskTracker, hub: &Arc<Hub>, leader: &Arc<Leader>, context: &WebContext) {
    let (inbox, messages) = mpsc::channel(INBOX);
    tasks.spawn(inbox::read_bus(context.clone(), inbox));
    let pump = pump::Pump::new(hub.clone(), context.store.clone(), leader.clone());
    tasks.spawn(pump.run(messages, context.shutdown.clone()));
}
