//! What operators do to topics: compare-and-set on the registry, followed by a hint to the coordinator. Used by whoever speaks for an
//! operator, be it the HTTP API or the command line.

use std::collections::BTreeMap;

use igentai_core::folder::{TopicId, TopicIdError};
use igentai_core::ids::WorkerId;
use igentai_core::time::UnixMillis;
use igentai_core::topic::{
    EndReason, Overload, SeedList, Seeds, StartError, StartMode, StartRequest, Topic, TopicState, UsedUp,
};
use tracing::warn;

use crate::bus::{Bus, Exchange, Outgoing, PublishError};
use crate::store::{Head, Store, StoreError};
use crate::wire::{self, Hint};

mod caps;

/// How often a change is tried while somebody else changes the same topic.
const ATTEMPTS: usize = 10;

/// Names that may share a folder before a start is given up.
const MAX_NAMESAKES: usize = 8;

/// Why a topic was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The name cannot be used.
    #[error(transparent)]
    Name(#[from] TopicIdError),
    /// Its state does not allow it.
    #[error(transparent)]
    State(#[from] StartError),
    /// It would end at once; never empty.
    #[error("{}; raise or leave out what is used up, or begin afresh", caps::in_words(.0))]
    UsedUp(Vec<UsedUp>),
    /// It does not fit in beside the topics that are under way.
    #[error(transparent)]
    Overload(#[from] Overload),
    /// The registry does not serve.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too many other names take the same folder.
    #[error("too many other topics take the folder of `{0}`; choose another name")]
    Namesakes(String),
    /// Others keep changing it.
    #[error("others keep changing the topic; try again")]
    Contended,
}

/// How a change went.
#[derive(Clone, Debug, PartialEq)]
pub enum Altered {
    /// It was made: the topic as it is now.
    Made(Topic),
    /// There was nothing to change.
    AsItWas(Topic),
}

impl Altered {
    /// The topic, changed or not.
    #[must_use]
    pub fn topic(self) -> Topic {
        match self {
            Self::Made(topic) | Self::AsItWas(topic) => topic,
        }
    }
}

/// Starts a topic, new or ended. Of two starts at once the second finds it running.
pub async fn start(
    store: &dyn Store,
    request: &StartRequest,
    now: UnixMillis,
) -> Result<Topic, RegistryError> {
    start_from(store, request, now, |_| None).await
}

/// Starts a topic for a process that has the store alone: what an earlier one has left of it is nobody's work any more, whatever its state says.
pub async fn start_alone(
    store: &dyn Store,
    request: &StartRequest,
    now: UnixMillis,
) -> Result<Topic, RegistryError> {
    start_from(store, request, now, |left| left.abandoned(now)).await
}

/// Starts a topic from what `seen` makes of it, if it makes something else of it than what stands in the registry.
async fn start_from(
    store: &dyn Store,
    request: &StartRequest,
    now: UnixMillis,
    seen: impl Fn(&Topic) -> Option<Topic>,
) -> Result<Topic, RegistryError> {
    let place = Place::Named(TopicId::from_name(&request.name)?, &request.name);
    let begin = |id, current: Option<&Topic>, known: Option<Head>| {
        let seen = current.and_then(&seen);
        let mut topic = Topic::start(seen.as_ref().or(current), id, request.clone(), now)?;
        // What the registry has forgotten is over, too, for who begins afresh.
        if let Some(known) = known.filter(|_| request.mode == StartMode::Fresh) {
            topic.run = topic.run.max(known.run + 1);
        }
        Ok(Some(topic))
    };
    let started: Result<_, RegistryError> = write(store, place, begin).await;
    // It was changed by `begin`, which never leaves it as it was.
    let started = started.and_then(|topic| topic.map(Altered::topic).ok_or(RegistryError::Contended));
    if request.seeds.is_some()
        && let Err(error) = forget_seeds(store, &request.name).await
    {
        // The start stands as it is; the next one with a list tries again.
        warn!(topic = request.name, error = %error, "lists of known items that nobody names any more are not removed");
    }
    started
}

/// Forgets the lists that were kept for a topic, but for the one that it names: also where it was not started.
async fn forget_seeds(store: &dyn Store, name: &str) -> Result<(), RegistryError> {
    let (id, current, _) = Place::Named(TopicId::from_name(name)?, name).look(store).await?;
    let list = current.and_then(|topic| topic.seeds).map(|seeds| seeds.list);
    Ok(store.forget_other_seeds(&id, list.as_deref().unwrap_or_default()).await?)
}

/// Keeps a list of items for a topic of this name that is to be started with it, and says what to start it with.
pub async fn keep_seeds(store: &dyn Store, name: &str, list: &SeedList) -> Result<Seeds, RegistryError> {
    let (id, _, _) = Place::Named(TopicId::from_name(name)?, name).look(store).await?;
    let seeds = list.seeds();
    for (part, texts) in (0..).zip(list.parts()) {
        store.keep_seeds(&id, &seeds.list, part, texts).await?;
    }
    Ok(seeds)
}

/// Ends what an earlier process has left running, but for one topic. The caller has the store alone.
pub async fn abandon_others(store: &dyn Store, but: &TopicId, now: UnixMillis) -> Result<(), RegistryError> {
    for topic in store.topics().await?.iter().filter(|topic| topic.id != *but) {
        alter(store, &topic.id, |topic| Ok::<_, RegistryError>(topic.abandoned(now))).await?;
    }
    Ok(())
}

/// Refuses a start that would go on with caps that its run has used up, so that it would end at once. The numbers are those of the last
/// checkpoint: what was committed later is noticed by the coordinator.
pub async fn refuse_used_up(
    store: &dyn Store,
    request: &StartRequest,
    now: UnixMillis,
) -> Result<(), RegistryError> {
    let (id, current, _) =
        Place::Named(TopicId::from_name(&request.name)?, &request.name).look(store).await?;
    let Some(current) = current else { return Ok(()) };
    let topic = Topic::start(Some(&current), id, request.clone(), now)?;
    if topic.run == current.run { caps::refuse_used_up(store, &topic).await } else { Ok(()) }
}

/// Asks a topic to end. One that is ending or ended stays as it is; `None` when there is none.
pub async fn end(store: &dyn Store, id: &TopicId, reason: EndReason) -> Result<Option<Topic>, RegistryError> {
    Ok(alter(store, id, |topic| Ok::<_, RegistryError>(topic.end(reason))).await?.map(Altered::topic))
}

/// Changes a topic until nobody else was quicker. `change` says what it becomes, `None` to leave it as it is, and is asked again when somebody
/// was. The answer is `None` when there is no such topic.
pub async fn alter<E: From<RegistryError>>(
    store: &dyn Store,
    id: &TopicId,
    mut change: impl FnMut(&Topic) -> Result<Option<Topic>, E>,
) -> Result<Option<Altered>, E> {
    write(store, Place::Of(id), |_, current, _| current.map_or(Ok(None), &mut change)).await
}

/// Where a topic is looked for.
enum Place<'a> {
    Of(&'a TopicId),
    /// Where one of this name stands or may stand, by [`place`].
    Named(TopicId, &'a str),
}

impl Place<'_> {
    /// The id, the topic if it is there, and, for who may begin it, what it is known to have held if it was put back to an older state.
    async fn look(&self, store: &dyn Store) -> Result<(TopicId, Option<Topic>, Option<Head>), RegistryError> {
        match self {
            Self::Of(id) => Ok(((*id).clone(), store.topic(id).await?, None)),
            Self::Named(base, name) => {
                let topics = store.topics().await?;
                let (id, current) = place(&topics, base, name)?;
                let known = store.put_back(&id).await?;
                Ok((id, current.cloned(), known))
            }
        }
    }
}

/// What happened to a topic whose registry was put back to an older state, and what a person can do about it.
#[must_use]
pub fn put_back_in_words(topic: &TopicId, why: &StoreError) -> String {
    format!(
        "{why}. Nothing is asked, committed or written for this topic, so that no number is given twice. Bring the newer registry back; or look at what \
         `igentai repair {topic} --from files` would do (items that only the files hold come back into the registry), or `igentai repair {topic} --from registry` \
         (the files are written anew from what it holds, the old ones kept in .replaced/); or begin it afresh, with --fresh or the mode `fresh` (what the files hold is moved \
         to .replaced/)"
    )
}

/// Compare-and-set, as often as it takes. A write whose outcome is unknown has happened when what stands there is, or came from, what was
/// written.
async fn write<E: From<RegistryError>>(
    store: &dyn Store,
    place: Place<'_>,
    mut change: impl FnMut(TopicId, Option<&Topic>, Option<Head>) -> Result<Option<Topic>, E>,
) -> Result<Option<Altered>, E> {
    let mut tried: Option<Topic> = None;
    for _ in 0..ATTEMPTS {
        let (id, current, known) = place.look(store).await?;
        if let Some(current) =
            current.as_ref().filter(|current| tried.as_ref().is_some_and(|tried| grew(tried, current)))
        {
            return Ok(Some(Altered::Made(current.clone())));
        }
        let Some(next) = change(id, current.as_ref(), known)? else {
            return Ok(current.map(Altered::AsItWas));
        };
        if takes_more(current.as_ref(), &next) {
            next.refuse_overload(&store.topics().await.map_err(RegistryError::Store)?)
                .map_err(RegistryError::Overload)?;
        }
        let next = by_operator(next);
        match store.put_topic(&next, current.map(|current| current.version)).await {
            Ok(()) => return Ok(Some(Altered::Made(next))),
            Err(StoreError::Conflict { .. }) => {}
            Err(StoreError::Unknown(_)) => tried = Some(next),
            Err(error) => return Err(RegistryError::Store(error).into()),
        }
    }
    Err(RegistryError::Contended.into())
}

/// Whether a topic that is under way takes more than before from what all have together.
fn takes_more(before: Option<&Topic>, after: &Topic) -> bool {
    let before = before.filter(|before| !before.state.is_ended()).map_or(0, Topic::load);
    !after.state.is_ended() && after.load() > before
}

/// Whether `current` is `tried`, or what the coordinator made of it by taking it further.
fn grew(tried: &Topic, current: &Topic) -> bool {
    let taken_further = Topic {
        state: tried.state,
        ended_at: tried.ended_at,
        epoch: tried.epoch,
        version: tried.version,
        ..current.clone()
    };
    let on = stage(current.state) >= stage(tried.state) && current.version >= tried.version;
    on && taken_further == *tried
}

const fn stage(state: TopicState) -> u8 {
    match state {
        TopicState::Starting => 0,
        TopicState::Running => 1,
        TopicState::Ending(_) => 2,
        TopicState::Ended(_) => 3,
    }
}

/// The id under which a topic of this name stands or may stand, and the topic if it is there. A name that would take the folder of another gets
/// a hash behind it.
pub fn place<'a>(
    topics: &'a [Topic],
    base: &TopicId,
    name: &str,
) -> Result<(TopicId, Option<&'a Topic>), RegistryError> {
    if let Some(topic) = topics.iter().find(|topic| topic.name == name) {
        return Ok((topic.id.clone(), Some(topic)));
    }
    let mut places = places(base, name);
    let free = places.find(|id| topics.iter().all(|topic| topic.id != *id));
    free.map(|id| (id, None)).ok_or_else(|| RegistryError::Namesakes(name.to_owned()))
}

/// Whether a topic of this name may stand under the id; what does not is a copy, or was renamed.
#[must_use]
pub fn may_stand_in(id: &TopicId, name: &str) -> bool {
    TopicId::from_name(name).is_ok_and(|base| places(&base, name).any(|place| place == *id))
}

/// The ids under which a topic of this name may stand, in the order in which they are tried.
fn places(base: &TopicId, name: &str) -> impl Iterator<Item = TopicId> {
    let hashed =
        (0..MAX_NAMESAKES - 1).map(move |salts| base.with_hash(&format!("{name}{}", "'".repeat(salts))));
    std::iter::once(base.clone()).chain(hashed)
}

/// An operator's write is not fenced by any epoch.
#[must_use]
pub fn by_operator(topic: Topic) -> Topic {
    Topic { epoch: 0, ..topic }
}

/// Tells the coordinator of a change, which looks by itself too: this only makes it quicker.
pub async fn hint(bus: &dyn Bus, teller: &WorkerId, topic: &Topic) -> Result<(), PublishError> {
    let hint = Hint { topic: topic.id.clone() };
    bus.publish(Outgoing {
        exchange: Exchange::Status,
        routing_key: format!("webserver.{teller}"),
        content_type: wire::content_type::<Hint>(),
        message_id: format!("hint-{teller}-{}-{}", topic.id, topic.version),
        headers: BTreeMap::new(),
        payload: wire::encode(&hint),
    })
    .await
}

#[cfg(test)]
mod tests;
