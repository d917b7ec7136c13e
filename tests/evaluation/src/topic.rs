//! How igentai is asked to enumerate: the only place that says what its topic looks like.

use igentai_core::folder::TopicId;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{Limits, Share, StartRequest, Topic};
use igentai_test_support::world::World;

use crate::How;

pub(crate) fn topic(world: &World, how: &How, now: UnixMillis) -> Topic {
    let name = world.taxonomy().topic;
    let limits = Limits { completeness: how.until_complete.map(Share::new), ..Limits::default() };
    let request = StartRequest {
        name: name.to_owned(),
        items_per_request: Some(how.items),
        partition: Some(how.partition),
        probe_share: Some(how.probes),
        routing: Some(how.routing),
        provider_weights: Some(how.weights.clone()).filter(|weights| !weights.is_empty()),
        limits: Some(limits),
        ..StartRequest::default()
    };
    Topic::start(None, TopicId::from_name(name).unwrap(), request, now).unwrap()
}
