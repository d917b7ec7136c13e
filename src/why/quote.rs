//! `igentai quote`: what the next items cost, or the next requests bring.

use igentai_webserver::quote_view;

use super::args::Quote;
use super::ask;
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::topics::inert::inert;

/// Tells what the next items cost, or the next requests bring; where that cannot be told, why.
pub(crate) async fn quote(arguments: Quote, common: &Common) -> Result<Exit, Failure> {
    let ahead = arguments.ahead();
    let (topic, quote) = ask(
        &arguments.whose,
        common,
        async |client, id| Ok(client.quote(id, ahead).await?),
        async |store, topic| {
            let quote = quote_view(store, topic, ahead).await?;
            quote.map_err(|why| Failure::new(Exit::Failed, format!("no quote can be given: {why}")))
        },
    )
    .await?;
    let text = if arguments.json {
        serde_json::to_string(&quote).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?
    } else {
        format!("{}: {}", inert(&topic.name), inert(&quote.text))
    };
    output::write_all(&mut output::standard_output(), &(text + "\n"))?;
    Ok(Exit::Done)
}
