//! What was found and done, as people and machines read it.

use std::fmt::Write as _;

use igentai_core::folder::TopicId;
use igentai_orchestrator::files::repair::{Deed, Finding, From, RepairError};
use serde_json::json;

use super::args::Repair;
use crate::exit::Failure;
use crate::output::{self, counted};
use crate::topics::inert::inert;

/// Shows all findings. Topics about which there is nothing to say are left out unless they were `named`.
pub(super) fn show(findings: &[super::Found], arguments: &Repair, named: bool) -> Result<(), Failure> {
    let mut text = String::new();
    for (from, topic, found) in findings {
        if arguments.json {
            let object = match found {
                Ok(finding) => json!({ "from": from, "finding": finding }),
                Err(error) => json!({ "from": from, "topic": topic, "error": error.to_string() }),
            };
            text.extend([object.to_string(), "\n".to_owned()]);
        } else {
            text.push_str(&said(*from, topic, found, named));
        }
    }
    if text.is_empty() && !arguments.json {
        text.push_str("nothing to repair: the registry holds what the files hold\n");
    } else if !arguments.json && !arguments.yes && findings.iter().any(is_open) {
        text.push_str(match arguments.from {
            Some(_) => "nothing was done; say --yes to do it\n",
            None => "nothing was done; choose one way with --from, and say --yes to do it\n",
        });
    }
    output::write_all(&mut output::standard_output(), &text)
}

fn is_open((_, _, found): &super::Found) -> bool {
    found.as_ref().is_ok_and(|finding| finding.deed.is_work())
}

fn said(from: From, topic: &TopicId, found: &Result<Finding, RepairError>, named: bool) -> String {
    let finding = match found {
        Ok(finding) if matches!(finding.deed, Deed::Nothing) && !named => return String::new(),
        Ok(finding) => finding,
        Err(error) => return format!("{topic}: {}\n", inert(&error.to_string())),
    };
    let mut text = format!("{topic}: the registry holds {}", finding.registry);
    match &finding.files {
        Some(_) if finding.deed == Deed::Misplaced => Ok(()),
        Some(files) => {
            write!(text, "; the files hold run {} with {}", files.run, counted(files.items, "item"))
        }
        None => write!(text, "; there are no files of it"),
    }
    .unwrap_or_default();
    if let Some(known) = &finding.known {
        write!(text, "; it is known to have held {known}").unwrap_or_default();
    }
    text.push('\n');
    for line in what(from, finding) {
        writeln!(text, "  {}", inert(&line)).unwrap_or_default();
    }
    text
}

fn what(from: From, finding: &Finding) -> Vec<String> {
    let done = finding.done;
    let word = |past: &str, future: &str| {
        if done { past.to_owned() } else { format!("--from {}: {future}", name(from)) }
    };
    let mut lines = Vec::new();
    let range = finding
        .only_in_files
        .map(|(first, last)| (counted(last + 1 - first, "item"), format!("numbers {first} to {last}")));
    match finding.deed {
        Deed::Nothing => lines.push("nothing to do".to_owned()),
        Deed::Foreign => {
            let registry = finding.files.as_ref().map_or("", |files| files.registry.as_str());
            lines.push(format!(
                "its folder is written from another registry, {registry}; --foreign takes it all the same"
            ));
        }
        Deed::Misplaced => {
            let name = finding.files.as_ref().map_or("", |files| files.name.as_str());
            lines.push(format!(
                "its folder was written for the topic “{name}”, and copied or renamed: nothing of it is taken; move it away, or give it its own name again"
            ));
        }
        Deed::Restore => {
            let (count, numbers) = range.unwrap_or_else(|| ("no item".to_owned(), "none".to_owned()));
            lines.push(format!(
                "{} {count} that only the files hold, {numbers}",
                word("brought back into the registry:", "would bring back into the registry"),
            ));
            if finding.renumbered > 0 {
                let own = counted(finding.renumbered, "item");
                lines.push(format!(
                    "the registry's own {own} beside them get the numbers behind, none is lost"
                ));
            }
        }
        Deed::Settle => lines.push(word(
            "the registry holds all that the files hold, and may go on",
            "the registry holds all that the files hold; it would be let go on",
        )),
        Deed::WriteAnew => {
            let to = finding.moved_to.as_ref().map(|to| to.display().to_string()).unwrap_or_default();
            lines.push(format!(
                "{} {to}, and the files are written anew from the registry",
                word("the folder was moved to", "the folder would be moved to")
            ));
            if let Some((count, numbers)) = range {
                lines.push(format!("{count} that only the files hold, {numbers}, would then be there alone"));
            }
        }
    }
    let there = finding.files.as_ref().map_or(0, |files| files.items).max(finding.registry.attributes);
    let gone = finding.known.map_or(0, |known| known.attributes.saturating_sub(there));
    if gone > 0 {
        lines.push(format!(
            "{} that it is known to have held are in neither; their numbers are given to others then",
            counted(gone, "item")
        ));
    }
    if finding.conflicts > 0 {
        lines.push(format!("{} for two items:", counted(finding.conflicts, "number") + " stand"));
        for conflict in &finding.first_conflicts {
            let (seq, files, registry) = (conflict.seq, &conflict.in_files, &conflict.in_registry);
            lines.push(format!("  line {seq}: “{files}” in the files, “{registry}” in the registry"));
        }
        // A registry that went on from an older state has other items from there on.
        if finding.same_behind > finding.conflicts {
            let same = counted(finding.same_behind, "line");
            lines.push(format!(
                "{same} behind the first of them are as in the registry, so the list was probably changed by hand: --from registry writes it anew, and keeps the old one"
            ));
        }
    }
    lines
}

const fn name(from: From) -> &'static str {
    match from {
        From::Files => "files",
        From::Registry => "registry",
    }
}
