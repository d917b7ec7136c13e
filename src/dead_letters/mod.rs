//! `igentai dead-letters`: a client of the HTTP API.

pub(crate) mod args;
mod show;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};

use igentai_shared::dead_letters::AT_ONCE;
use igentai_webserver::api::dto::{DeadLetterList, DeadLetterView, SettleLetters, SettledLetters};
use reqwest::Method;

use self::args::{Action, DeadLetters, Settle};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::topics::client::{ApiError, Client};

/// Letters on a page: the most that the server looks at.
const PAGE: usize = 1_000;

pub(crate) async fn dead_letters(arguments: DeadLetters) -> Result<Exit, Failure> {
    let client = Client::chosen(arguments.server.url.as_deref())?;
    act(&client, arguments.action, &mut output::standard_output()).await
}

/// Does one thing; what it shows goes to `out`.
async fn act(client: &Client, action: Action, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (text, exit) = match action {
        Action::Replay(which) => return settle(client, "replay", which, out).await,
        Action::Drop(which) => return settle(client, "drop", which, out).await,
        Action::List { limit, json } => {
            let list = list(client, limit).await?;
            (if json { line(&list)? } else { show::table(&list) }, Exit::Done)
        }
        Action::Show { id, json } => {
            let request = client.request(Method::GET, &["dead-letters", &id], &[], None);
            let letter: DeadLetterView = client.json(request).await?;
            (if json { line(&letter)? } else { show::letter(&letter) }, Exit::Done)
        }
    };
    output::write_all(out, &text)?;
    Ok(exit)
}

async fn list(client: &Client, limit: u16) -> Result<DeadLetterList, ApiError> {
    let limit = limit.to_string();
    client.json(client.request(Method::GET, &["dead-letters"], &[("limit", &limit)], None)).await
}

/// Settles letters in as many requests as it takes; what became of them is shown also where one of these fails.
async fn settle(client: &Client, act: &str, which: Settle, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Settle { ids, all, yes, json } = which;
    let mut settled = SettledLetters { items: Vec::new(), done: 0, undone: 0 };
    let ended = if all {
        let waiting = list(client, 1).await?.waiting.and_then(|count| usize::try_from(count).ok());
        let count = waiting.unwrap_or(PAGE).min(args::MOST);
        if count > 0 {
            confirm(act, count, yes)?;
        }
        settle_first(client, act, count, &mut settled).await
    } else {
        settle_named(client, act, ids, &mut settled).await
    };
    if ended.is_ok() || !settled.items.is_empty() {
        let text = if json { line(&settled)? } else { show::settled(&settled, act) };
        output::write_all(out, &text)?;
    }
    ended?;
    Ok(if settled.undone == 0 { Exit::Done } else { Exit::Failed })
}

/// Those at the head of the queue, and never more than were there: what is replayed and comes back would go round for ever.
async fn settle_first(
    client: &Client,
    act: &str,
    count: usize,
    settled: &mut SettledLetters,
) -> Result<(), Failure> {
    while settled.items.len() < count {
        let first = Some((count - settled.items.len()).min(AT_ONCE));
        let page = settle_page(client, act, &SettleLetters { ids: None, first }, settled).await?;
        // None are left; or some could not be settled, and are at the head of the queue again, in the way of others.
        if page.done == 0 || page.undone > 0 {
            break;
        }
    }
    Ok(())
}

async fn settle_named(
    client: &Client,
    act: &str,
    ids: Vec<String>,
    settled: &mut SettledLetters,
) -> Result<(), Failure> {
    let ids: Vec<String> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    for page in ids.chunks(AT_ONCE) {
        let request = SettleLetters { ids: Some(page.to_vec()), first: None };
        settle_page(client, act, &request, settled).await?;
    }
    Ok(())
}

/// How many are done and not, of one request.
struct Page {
    done: usize,
    undone: usize,
}

async fn settle_page(
    client: &Client,
    act: &str,
    request: &SettleLetters,
    settled: &mut SettledLetters,
) -> Result<Page, Failure> {
    let body = serde_json::to_vec(request).map_err(|error| Failure::usage(error.to_string()))?;
    let request = client.request(Method::POST, &["dead-letters", act], &[], Some(body));
    let SettledLetters { items, done, undone } = client.json(request).await?;
    settled.items.extend(items);
    settled.done += done;
    settled.undone += undone;
    Ok(Page { done, undone })
}

/// Asks whether so many are meant; without a terminal it must have been said.
fn confirm(act: &str, count: usize, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let letters = output::counted(u64::try_from(count).unwrap_or(u64::MAX), "dead letter");
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::usage(format!(
            "{act} {letters}? Say so with --yes, since nobody can be asked here"
        )));
    }
    let mut answer = String::new();
    output::draw(&format!("{act} {letters}? [y/N] "))
        .and_then(|()| stdin.lock().read_line(&mut answer))
        .map_err(|error| Failure::new(Exit::Failed, format!("nobody could be asked: {error}")))?;
    if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::new(Exit::Failed, "nothing was done"))
    }
}

fn line<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    text.map(|text| text + "\n").map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}
