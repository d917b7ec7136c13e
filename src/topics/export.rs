//! `igentai topics export`: the whole set, page by page.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use igentai_webserver::api::dto::{Attribute, TopicView};

use super::Trouble;
use super::args::{Export, Format};
use super::client::Client;
use super::inert::{csv_cell, inert};
use crate::output;

/// Writes the set. A file has its name only when it is whole.
pub(super) async fn export(
    client: &Client,
    topic: &TopicView,
    arguments: &Export,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let Some(path) = &arguments.output else {
        write(client, topic, arguments.format, out).await?;
        return Ok(());
    };
    let partial = beside(path);
    let named =
        |error: std::io::Error| Trouble::Other(format!("{} cannot be written: {error}", path.display()));
    let mut file = BufWriter::new(File::create(&partial).map_err(named)?);
    let written = write(client, topic, arguments.format, &mut file).await;
    let whole = match written {
        Ok(count) => file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| {
            file.sync_all()?;
            std::fs::rename(&partial, path)?;
            Ok(count)
        }),
        Err(error) => {
            drop(std::fs::remove_file(&partial));
            return Err(error);
        }
    };
    let count = whole.map_err(named)?;
    output::note(&format!("{count} items written to {}", path.display()));
    Ok(())
}

async fn write(
    client: &Client,
    topic: &TopicView,
    format: Format,
    out: &mut dyn Write,
) -> Result<u64, Trouble> {
    let (mut after, mut count) = (0, 0);
    if format == Format::Csv {
        writeln!(out, "seq,text")?;
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
        for item in &page.items {
            line(out, format, item)?;
            count += 1;
        }
        after = page.next_after;
    }
}

fn line(out: &mut dyn Write, format: Format, item: &Attribute) -> std::io::Result<()> {
    let Attribute { seq, text } = item;
    match format {
        Format::Text => writeln!(out, "{}", inert(text)),
        Format::Csv => writeln!(out, "{seq},{}", csv_cell(text)),
        Format::Jsonl => {
            let item = Attribute { seq: *seq, text: inert(text).into_owned() };
            writeln!(out, "{}", serde_json::to_string(&item)?)
        }
    }
}

fn beside(path: &Path) -> std::path::PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".partial");
    path.with_file_name(name)
}
