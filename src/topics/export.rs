//! `igentai topics export`: the whole set, page by page.

mod target;

use std::io::{BufWriter, ErrorKind, Write};

use igentai_webserver::api::dto::{Attribute, DoubtedItems, TopicView};

use self::target::Target;
use super::Trouble;
use super::args::{Doubted, Export, Format};
use super::client::Client;
use super::inert::{csv_cell, inert};
use crate::output;
use crate::seeds::exported::CSV_HEADER;

/// Writes the set.
pub(super) async fn export(
    client: &Client,
    topic: &TopicView,
    arguments: &Export,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let Some(path) = arguments.output.as_deref().filter(|path| !target::is_standard_output(path)) else {
        write(client, topic, arguments, out).await?;
        return Ok(());
    };
    let named =
        |error: std::io::Error| Trouble::Other(format!("{} cannot be written: {error}", path.display()));
    let (mut file, target) = Target::open(path).map_err(named)?;
    let mut buffered = BufWriter::new(&mut file);
    let count = match write(client, topic, arguments, &mut buffered).await {
        // Of a reader that went away the caller knows what to think.
        Err(Trouble::Output(error)) if error.kind() != ErrorKind::BrokenPipe => return Err(named(error)),
        written => written?,
    };
    drop(buffered);
    target.keep(&file).map_err(named)?;
    output::note(&format!("{} written to {}", output::counted(count, "item"), path.display()));
    Ok(())
}

async fn write(
    client: &Client,
    topic: &TopicView,
    arguments: &Export,
    out: &mut dyn Write,
) -> Result<u64, Trouble> {
    let (mut after, mut count) = (0, 0);
    let which = match arguments.doubted {
        Doubted::With => DoubtedItems::With,
        Doubted::Without => DoubtedItems::Without,
        Doubted::Only => DoubtedItems::Only,
    };
    if arguments.format == Format::Csv {
        writeln!(out, "{CSV_HEADER}")?;
    }
    loop {
        let page = client.attributes(&topic.id, after).await?;
        if page.run != topic.run && !(page.items.is_empty() && after == 0) {
            let what = "the topic was started afresh while it was read; export it again";
            return Err(Trouble::Other(what.to_owned()));
        }
        // A page that does not move on would go round for ever.
        if page.items.is_empty() || page.next_after <= after {
            out.flush()?;
            return Ok(count);
        }
        for item in page.items.iter().filter(|item| which.has(item.doubted)) {
            line(out, arguments.format, item)?;
            count += 1;
        }
        after = page.next_after;
    }
}

fn line(out: &mut dyn Write, format: Format, item: &Attribute) -> std::io::Result<()> {
    let Attribute { seq, text, doubted } = item;
    match format {
        Format::Text => writeln!(out, "{}", inert(text)),
        Format::Csv => writeln!(out, "{seq},{}", csv_cell(text)),
        Format::Jsonl => {
            let item = Attribute { seq: *seq, text: inert(text).into_owned(), doubted: *doubted };
            writeln!(out, "{}", serde_json::to_string(&item)?)
        }
    }
}
