//! A live producer, as the coordinator knows it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::command::{Care, Command, Heartbeat, Lease, TopicReport};
use crate::folder::TopicId;
use crate::ids::{Epoch, Incarnation, Run};
use crate::time::Monotonic;

/// Least time between two snapshots of the same topic to the same producer.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(1);

/// A producer is commanded at least so often, so that it knows that its leader lives: see [`crate::worker::REGISTRY_PATIENCE`].
const KEEPALIVE: Duration = Duration::from_secs(3);

/// A producer that had budget and sent nothing for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Member {
    incarnation: Incarnation,
    heard_at: Monotonic,
    last: Option<Heartbeat>,
    sent: Option<(Command, Monotonic)>,
    snapshots: BTreeMap<TopicId, Monotonic>,
    /// Requests sent for each topic, and since when that number has not moved although there was budget.
    progress: BTreeMap<TopicId, (u64, Monotonic)>,
    /// Topics for which it has nothing under way and waits for money, and since when.
    poor: BTreeMap<TopicId, Monotonic>,
}

impl Member {
    pub(super) const fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            heard_at: Monotonic(0),
            last: None,
            sent: None,
            snapshots: BTreeMap::new(),
            progress: BTreeMap::new(),
            poor: BTreeMap::new(),
        }
    }

    pub(super) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether what is known is newer than `heartbeat`. A later life has a greater incarnation.
    pub(super) fn is_newer(&self, heartbeat: &Heartbeat) -> bool {
        let Some(last) = &self.last else { return false };
        (last.incarnation, last.seq) >= (heartbeat.incarnation, heartbeat.seq)
    }

    /// Whether the heartbeat follows the last command that was sent to this life.
    pub(super) fn follows(&self, heartbeat: &Heartbeat, epoch: Epoch) -> bool {
        self.incarnation == heartbeat.incarnation
            && self.sent.as_ref().is_some_and(|(sent, _)| heartbeat.command == (epoch, sent.version))
    }

    pub(super) fn heard(&mut self, heartbeat: Heartbeat, now: Monotonic) {
        self.heard_at = now;
        let orders = || self.sent.iter().flat_map(|(sent, _)| &sent.topics);
        for report in &heartbeat.topics {
            let order = orders().find(|order| order.topic == report.topic && order.run == report.run);
            let (sent, since) = self.progress.entry(report.topic.clone()).or_insert((report.sent, now));
            // Who waits for money can do nothing about it. Where there is no cap on it any more, nobody does, whatever was leased before.
            let poor = order.is_none_or(|order| order.capped_cost)
                && !report.request_cost.is_zero()
                && report.risked + report.request_cost > report.lease.cost;
            if poor && report.in_flight == 0 {
                self.poor.entry(report.topic.clone()).or_insert(now);
            } else {
                self.poor.remove(&report.topic);
            }
            let has_budget = report.sent < report.lease.requests && !poor;
            // Who is told what to aim at may have to wait for what others find.
            let may_ask = order.and_then(|order| order.aims.as_ref());
            let may_ask = may_ask.is_none_or(|aims| aims.iter().any(|aim| aim.number >= report.sent));
            if *sent != report.sent || report.in_flight > 0 || !has_budget || !may_ask {
                (*sent, *since) = (report.sent, now);
            }
        }
        let is_told = |topic: &TopicId| heartbeat.topics.iter().any(|report| report.topic == *topic);
        self.progress.retain(|topic, _| is_told(topic));
        self.poor.retain(|topic, _| is_told(topic));
        self.last = Some(heartbeat);
    }

    /// It could not be heard until now: its silence up to here says nothing of it.
    pub(super) fn deaf(&mut self, now: Monotonic) {
        self.heard_at = now;
        self.progress.values_mut().for_each(|(_, since)| *since = now);
    }

    pub(super) fn silent_for(&self, now: Monotonic) -> Duration {
        now.since(self.heard_at)
    }

    pub(super) const fn last(&self) -> Option<&Heartbeat> {
        self.last.as_ref()
    }

    pub(super) fn report(&self, topic: &TopicId, run: Run) -> Option<&TopicReport> {
        self.last.as_ref()?.topics.iter().find(|report| report.topic == *topic && report.run == run)
    }

    /// The lease in the last command that was sent to this life.
    pub(super) fn told(&self, topic: &TopicId, run: Run) -> Lease {
        let mut orders = self.sent.iter().flat_map(|(sent, _)| &sent.topics);
        let order = orders.find(|order| order.topic == *topic && order.run == run);
        order.map_or_else(Lease::default, |order| order.lease)
    }

    pub(super) fn is_stuck(&self, topic: &TopicId, now: Monotonic) -> bool {
        self.progress.get(topic).is_some_and(|(_, since)| now.since(*since) >= STUCK_AFTER)
    }

    pub(super) fn is_poor(&self, topic: &TopicId, now: Monotonic) -> bool {
        self.poor.get(topic).is_some_and(|since| now.since(*since) >= STUCK_AFTER)
    }

    /// Whether it follows an order not to ask about the topic, and has no request under way.
    pub(super) fn asks_nobody(&self, topic: &TopicId, run: Run) -> bool {
        let told = self.sent.as_ref().is_some_and(|(sent, _)| {
            let asks = sent.topics.iter().any(|order| order.topic == *topic && order.ask);
            !asks && self.last.as_ref().is_some_and(|last| last.command == (sent.epoch, sent.version))
        });
        told && self.report(topic, run).is_none_or(|report| report.in_flight == 0)
    }

    /// Whether besides it has nothing left of it.
    pub(super) fn has_settled(&self, topic: &TopicId, run: Run) -> bool {
        self.asks_nobody(topic, run) && self.report(topic, run).is_none_or(|report| report.unresolved == 0)
    }

    /// The command to send now: a changed one under its new version, or the last one again when it was not heard back, or long ago.
    pub(super) fn command_due(
        &mut self,
        wanted: Command,
        patience: Duration,
        now: Monotonic,
    ) -> Option<Command> {
        let command = match &self.sent {
            Some((sent, at))
                if sent.topics == wanted.topics && is_as(&wanted.care, &sent.care, now.since(*at)) =>
            {
                let heard = self.last.as_ref().is_some_and(|last| last.command == (sent.epoch, sent.version));
                if now.since(*at) < if heard { KEEPALIVE.max(patience) } else { patience } {
                    return None;
                }
                Command { care: wanted.care, ..sent.clone() }
            }
            Some(_) | None => wanted,
        };
        self.sent = Some((command.clone(), now));
        Some(command)
    }

    pub(super) fn wants_snapshots(&mut self, now: Monotonic) -> Vec<TopicId> {
        let Some(last) = &self.last else { return Vec::new() };
        let mut wanted = Vec::new();
        for report in last.topics.iter().filter(|report| report.filter.wants_snapshot) {
            let due = self.snapshots.get(&report.topic).is_none_or(|at| now.since(*at) >= SNAPSHOT_PAUSE);
            if due {
                self.snapshots.insert(report.topic.clone(), now);
                wanted.push(report.topic.clone());
            }
        }
        wanted
    }
}

fn is_as(care: &[Care], told: &[Care], ago: Duration) -> bool {
    let ago = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
    // A wait that has passed is left out.
    let lasts = |told: &&Care| told.rests || told.key_waits_ms > ago;
    let mut told = told.iter().filter(lasts);
    care.iter().all(|care| told.next().is_some_and(|told| care.is_as(told, ago))) && told.next().is_none()
}
