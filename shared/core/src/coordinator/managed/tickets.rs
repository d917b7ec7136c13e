//! What single requests aim at: a ticket for each request that a producer may send, issued a few ahead.
//!
//! A ticket is for the producer's request of that number. It is open until the log has the answer, or the producer says that it waits for fewer than
//! are open. What the frontier says is asked for next goes by what is open, so that no two requests look for the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::command::{OrderedAim, TopicReport};
use crate::coordinator::ledger::LiveLease;
use crate::decision::{Asked, Terms, What, Why};
use crate::fold::TopicFold;
use crate::frontier::{Aim, Outlook};
use crate::ids::{Incarnation, Seq, WorkerId};
use crate::judging::is_to;
use crate::log::Entry;

use super::journal::{Journal, Moment};

/// Tickets that a producer holds at most: a list in a command has no more than a thousand elements.
const MOST: usize = 900;

/// Who has failed so often and never answered is waited for no more before a topic is complete.
const TRIES: u64 = 2;

#[derive(Clone, Debug)]
struct Ticket {
    number: u64,
    /// The decision by which it was issued.
    decision: u64,
    aim: Aim,
    provider: Option<String>,
    items: u32,
    /// New items that the frontier expects of it.
    new: f64,
    leave_out: Vec<String>,
    /// What a judge is shown, by numbers.
    numbers: Vec<Seq>,
    /// The log has the answer. It keeps its number until the producer says that it is beyond it, since requests are sent in the order of their numbers.
    settled: bool,
}

#[derive(Debug)]
struct Holder {
    incarnation: Incarnation,
    next: u64,
    open: VecDeque<Ticket>,
}

#[derive(Debug, Default)]
pub(super) struct Tickets {
    holders: BTreeMap<WorkerId, Holder>,
    /// The last one is about the whole topic since that does not fall into parts.
    uncut: bool,
}

impl Tickets {
    /// The answer to a request is in the log.
    pub(super) fn settle(&mut self, entry: &Entry) {
        let Some(meta) = entry.response() else { return };
        let holder = self.holders.get_mut(&entry.head.producer);
        let Some(holder) = holder.filter(|holder| holder.incarnation == entry.head.incarnation) else {
            return;
        };
        let aim = Aim::of(meta);
        let is_its = |ticket: &&mut Ticket| {
            !ticket.settled && Some(&ticket.aim) == aim.as_ref() && is_to(meta, &ticket.numbers)
        };
        if let Some(ticket) = holder.open.iter_mut().find(is_its) {
            ticket.settled = true;
        }
    }

    /// Whether all requests are about the whole topic, since that does not fall into parts that models keep to.
    pub(super) const fn is_uncut(&self) -> bool {
        self.uncut
    }

    /// Forgets what producers hold that are gone, and what those that are there say they do not wait for. Who has tickets and sends nothing gives them back, so
    /// that others look there, if there is `somebody` who can. The answer is the decisions by which those were issued that are waited for no more.
    pub(super) fn review<'a>(
        &mut self,
        live: &[LiveLease],
        somebody: bool,
        report: impl Fn(&WorkerId) -> Option<&'a TopicReport>,
    ) -> Vec<u64> {
        let before: Vec<u64> = self.waited_for().map(|ticket| ticket.decision).collect();
        let lease = |producer: &WorkerId| live.iter().find(|one| one.producer == *producer);
        self.holders.retain(|producer, holder| {
            lease(producer).is_some_and(|one| one.incarnation == holder.incarnation)
        });
        for (producer, holder) in &mut self.holders {
            let Some(report) = report(producer) else { continue };
            holder.open.retain(|ticket| !ticket.settled || ticket.number >= report.sent);
            if somebody && lease(producer).is_some_and(|one| one.stuck || one.is_poor) {
                holder.open.retain(|ticket| ticket.number < report.sent);
                holder.next = report.sent;
            }
            let waits = usize::try_from(u64::from(report.in_flight) + u64::from(report.unresolved));
            let waits = waits.unwrap_or(usize::MAX);
            let sent = holder.open.iter().filter(|ticket| ticket.number < report.sent).count();
            // The oldest are those that were lost, or passed over under another leader.
            holder.open.drain(..sent.saturating_sub(waits));
        }
        let after: BTreeSet<u64> = self.waited_for().map(|ticket| ticket.decision).collect();
        before.into_iter().filter(|decision| !after.contains(decision)).collect()
    }

    /// Those whose answers are not in the log.
    fn waited_for(&self) -> impl Iterator<Item = &Ticket> {
        self.holders.values().flat_map(|holder| &holder.open).filter(|ticket| !ticket.settled)
    }

    /// Whether a provider has been asked that has not answered yet, so that nobody knows what it would add. Who only fails is not waited for.
    pub(super) fn wait_for_who_is_new(&self, fold: &TopicFold) -> bool {
        let failed =
            |provider: &str| fold.providers().get(provider).map_or(0, |totals| totals.failed_responses);
        let is_new = |provider: &str| fold.frontier().is_new(provider) && failed(provider) < TRIES;
        let mut asked = self.waited_for().filter(|ticket| ticket.aim != Aim::Judge);
        asked.any(|ticket| ticket.provider.as_deref().is_some_and(is_new))
    }

    /// Nobody is told what to ask for any more; the decisions by which those were issued that were waited for, or only those for judges.
    pub(super) fn give_back(&mut self, only_judges: bool) -> Vec<u64> {
        let waited_for = self.waited_for().filter(|ticket| !only_judges || ticket.aim == Aim::Judge);
        let waited_for = waited_for.map(|ticket| ticket.decision).collect();
        *self = Self::default();
        waited_for
    }

    /// Whether a judge is asked, or there is something to ask one.
    pub(super) fn has_to_judge(&self, fold: &TopicFold) -> bool {
        let (tasks, shown) = self.before_judges();
        tasks > 0 || fold.next_docket(&[], tasks, &shown).is_some()
    }

    /// How many judges are asked, and what they are shown.
    fn before_judges(&self) -> (u64, BTreeSet<Seq>) {
        let judges = || self.waited_for().filter(|ticket| ticket.aim == Aim::Judge);
        let shown = judges().flat_map(|ticket| ticket.numbers.iter().copied()).collect();
        (u64::try_from(judges().count()).unwrap_or(u64::MAX), shown)
    }

    /// Issues tickets, as many as there is work for and producers can use: to judges, or what the frontier says.
    pub(super) fn issue<'a>(
        &mut self,
        (terms, is_judged): (&Terms, bool),
        fold: &TopicFold,
        live: &[LiveLease],
        (journal, moment): (&mut Journal, Moment),
        lease: impl Fn(&LiveLease) -> u64,
        report: impl Fn(&WorkerId) -> Option<&'a TopicReport>,
    ) {
        loop {
            let mut issued = false;
            for one in live.iter().filter(|one| !one.stuck && !one.is_poor) {
                let sent = report(&one.producer).map_or(0, |report| report.sent);
                let ahead = usize::try_from(one.places + (one.places / 2).max(1)).unwrap_or(usize::MAX);
                let ahead = ahead.min(MOST);
                let holder = self.holders.entry(one.producer.clone()).or_insert_with(|| Holder {
                    incarnation: one.incarnation,
                    next: sent,
                    open: VecDeque::new(),
                });
                holder.next = holder.next.max(sent);
                if holder.waits() >= ahead || holder.open.len() >= MOST || holder.next >= lease(one) {
                    continue;
                }
                let number = holder.next;
                let next = if is_judged {
                    self.for_a_judge(fold, &terms.providers)
                } else {
                    self.for_the_frontier(terms, fold)
                };
                let Some((ticket, why)) = next else { return };
                if why != Why::Judge {
                    self.uncut = why == Why::Uncut;
                }
                let asked = Asked {
                    producer: one.producer.clone(),
                    incarnation: one.incarnation,
                    request: number,
                    cell: ticket.aim.cell(),
                    provider: ticket.provider.clone(),
                    items: ticket.items,
                    new: ticket.new,
                    why,
                };
                let decision = journal.note(moment, What::Asked(asked));
                let ticket = Ticket { number, decision, ..ticket };
                if let Some(holder) = self.holders.get_mut(&one.producer) {
                    holder.next += 1;
                    holder.open.push_back(ticket);
                    issued = true;
                }
            }
            if !issued {
                return;
            }
        }
    }

    /// A ticket without its numbers, and why it is issued.
    fn for_the_frontier(&self, terms: &Terms, fold: &TopicFold) -> Option<(Ticket, Why)> {
        let under_way = self.under_way();
        if is_enough(terms, fold, &under_way) {
            return None;
        }
        let wish = terms.wish(&under_way);
        let Outlook::Ask { aim, provider, items, new, why } = fold.frontier().next(&wish) else {
            return None;
        };
        let leave_out = fold.frontier().leave_out(&aim, provider.as_deref());
        Some((Ticket { provider, items, new, leave_out, ..Ticket::about(aim) }, why))
    }

    /// The same for a judge.
    fn for_a_judge(&self, fold: &TopicFold, providers: &[String]) -> Option<(Ticket, Why)> {
        let (tasks, shown) = self.before_judges();
        let docket = fold.next_docket(providers, tasks, &shown)?;
        let (items, provider) = (docket.asks_for(), docket.provider);
        let (numbers, leave_out) = docket.items.into_iter().unzip();
        Some((Ticket { provider, items, leave_out, numbers, ..Ticket::about(Aim::Judge) }, Why::Judge))
    }

    /// Whether a producer that has sent so many requests has something to ask next.
    pub(super) fn has_next(&self, producer: &WorkerId, sent: u64) -> bool {
        self.next_of(producer, sent).is_some()
    }

    fn next_of(&self, producer: &WorkerId, sent: u64) -> Option<&Ticket> {
        let mut open = self.holders.get(producer).into_iter().flat_map(|holder| &holder.open);
        open.find(|ticket| ticket.number >= sent)
    }

    /// Whom a producer that has sent so many requests is to ask next, where that is said.
    pub(super) fn asks_next(&self, producer: &WorkerId, sent: u64) -> Option<&str> {
        self.next_of(producer, sent)?.provider.as_deref()
    }

    /// In the order in which they were issued, so that sums of it are always the same.
    fn under_way(&self) -> Vec<(Aim, f64)> {
        let mut open: Vec<&Ticket> = self.waited_for().collect();
        open.sort_unstable_by_key(|ticket| ticket.decision);
        open.into_iter().map(|ticket| (ticket.aim.clone(), ticket.new)).collect()
    }

    /// What a producer's requests shall aim at that it has not sent yet, as far as it is sure to be written down; no more than weighs so much. The next one is always
    /// told, if need be without what it leaves out.
    pub(super) fn of(
        &self,
        producer: &WorkerId,
        sent: u64,
        room: usize,
        journal: &Journal,
    ) -> Vec<OrderedAim> {
        let open = self.holders.get(producer).into_iter().flat_map(|holder| &holder.open);
        let mut left = room;
        let fits = |aim: &OrderedAim| {
            let fits = aim.load() <= left;
            left = left.saturating_sub(aim.load());
            fits
        };
        let is_told = |ticket: &&Ticket| ticket.number >= sent && journal.is_saved(ticket.decision);
        let mut open = open.filter(is_told).peekable();
        let first = open.peek().map(|ticket| (*ticket).clone());
        let mut aims: Vec<OrderedAim> = open.map(Ticket::order).take_while(fits).collect();
        if let Some(first) = first.filter(|_| aims.is_empty()) {
            // A judge has to be shown something.
            let shown = first.numbers.len().min(1);
            let (leave_out, numbers) = (first.leave_out.iter().take(shown), first.numbers.iter().take(shown));
            let (leave_out, numbers) = (leave_out.cloned().collect(), numbers.copied().collect());
            aims.push(Ticket { leave_out, numbers, ..first }.order());
        }
        aims
    }
}

/// Whether what is under way is thought to bring as many items as there may be at the most.
#[expect(clippy::cast_precision_loss, reason = "an expectation")]
fn is_enough(terms: &Terms, fold: &TopicFold, under_way: &[(Aim, f64)]) -> bool {
    let cap = terms.ends.as_ref().and_then(|ends| ends.max_attributes);
    let coming: f64 = under_way.iter().map(|(_, new)| new).sum();
    cap.is_some_and(|cap| coming > 0.0 && coming >= cap.saturating_sub(fold.attributes()) as f64)
}

impl Holder {
    /// Tickets whose answers are not in the log.
    fn waits(&self) -> usize {
        self.open.iter().filter(|ticket| !ticket.settled).count()
    }
}

impl Ticket {
    fn about(aim: Aim) -> Self {
        Self {
            number: 0,
            decision: 0,
            aim,
            provider: None,
            items: 0,
            new: 0.0,
            leave_out: Vec::new(),
            numbers: Vec::new(),
            settled: false,
        }
    }

    fn order(&self) -> OrderedAim {
        OrderedAim {
            number: self.number,
            cell: self.aim.cell(),
            provider: self.provider.clone(),
            items: self.items,
            leave_out: self.leave_out.clone(),
            numbers: self.numbers.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
