//! `igentai dead-letters`: a client of the HTTP API.

pub(crate) mod args;
mod show;
#[cfg(test)]
mod tests;

use std::io::{BufRead, IsTerminal, Write};

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
        Action::List { limit, json } => {
            let list = list(client, limit).await?;
            (if json { line(&list)? } else { show::table(&list) }, Exit::Done)
        }
        Action::Show { id, json } => {
            let request = client.request(Method::GET, &["dead-letters", &id], &[], None);
            let letter: DeadLetterView = client.json(request).await?;
            (if json { line(&letter)? } else { show::letter(&letter) }, Exit::Done)
        }
        Action::Replay(which) => settle(client, "replay", which).await?,
        Action::Drop(which) => settle(client, "drop", which).await?,
    };
    output::write_all(out, &text)?;
    Ok(exit)
}

async fn list(client: &Client, limit: u16) -> Result<DeadLetterList, ApiError> {
    let limit = limit.to_string();
    client.json(client.request(Method::GET, &["dead-letters"], &[("limit", &limit)], None)).await
}

async fn settle(client: &Client, act: &str, which: Settle) -> Result<(String, Exit), Failure> {
    let request = if which.all {
        let list = list(client, 1).await?;
        let count = list.waiting.and_then(|count| usize::try_from(count).ok());
        let count = count.unwrap_or(PAGE).min(args::MOST);
        if count == 0 {
            let nothing = SettledLetters { items: Vec::new(), done: 0, undone: 0 };
            return Ok((if which.json { line(&nothing)? } else { show::settled(&nothing, act) }, Exit::Done));
        }
        confirm(act, count, which.yes)?;
        SettleLetters { ids: None, first: Some(count) }
    } else {
        SettleLetters { ids: Some(which.ids), first: None }
    };
    let body = serde_json::to_vec(&request).map_err(|error| Failure::usage(error.to_string()))?;
    let request = client.request(Method::POST, &["dead-letters", act], &[], Some(body));
    let settled: SettledLetters = client.json(request).await?;
    let exit = if settled.undone == 0 { Exit::Done } else { Exit::Failed };
    Ok((if which.json { line(&settled)? } else { show::settled(&settled, act) }, exit))
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
