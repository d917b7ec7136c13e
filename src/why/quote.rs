//! `igentai quote`: what the next items cost, or the next requests bring.

use igentai_shared::store::Store;
use igentai_webserver::api::dto::{QuoteView, TopicView};
use igentai_webserver::quote_view;

use super::args::Quote;
use super::{Source, defined, source};
use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::topics::inert::inert;
use crate::topics::resolve;

/// Tells what the next items cost, or the next requests bring; where that cannot be told, why.
pub(crate) async fn quote(arguments: Quote, common: &Common) -> Result<Exit, Failure> {
    let (topic, quote) = match source(&arguments.whose, common).await? {
        Source::Server(client) => {
            let topic = resolve(&client, &arguments.whose.topic).await?.clone();
            let quote = client.quote(&topic.id, arguments.ahead()).await?;
            (topic, quote)
        }
        Source::Registry(store) => {
            let found = of_registry(store.as_ref(), &arguments).await;
            store.close().await;
            found?
        }
    };
    let text = if arguments.json {
        serde_json::to_string(&quote).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?
    } else {
        format!("{}: {}", inert(&topic.name), inert(&quote.text))
    };
    output::write_all(&mut output::standard_output(), &(text + "\n"))?;
    Ok(Exit::Done)
}

async fn of_registry(store: &dyn Store, arguments: &Quote) -> Result<(TopicView, QuoteView), Failure> {
    let (view, topic) = defined(store, &arguments.whose.topic).await?;
    let quote = quote_view(store, &topic, arguments.ahead()).await?;
    let quote = quote.map_err(|why| Failure::new(Exit::Failed, format!("no quote can be given: {why}")))?;
    Ok((view, quote))
}
