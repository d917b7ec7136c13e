//! Nouns of `WordNet`, in the form that wndb(5WN) describes.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::Path;

use super::{Item, Kind, Taxonomy, TaxonomyError};

const INDEX: &str = "/usr/share/wordnet/index.noun";
const DATA: &str = "/usr/share/wordnet/data.noun";
const PACKAGE: &str = "wordnet-base";

/// Everything below a sense of a noun. What has something below it is an item as well as a kind; of several parents the nearest to the
/// root counts.
pub(super) fn fill(taxonomy: &mut Taxonomy, lemma: &str, sense: usize) -> Result<(), TaxonomyError> {
    let (index, data) = (read(INDEX)?, read(DATA)?);
    let root =
        offset(&index, lemma, sense).ok_or_else(|| malformed(INDEX, format!("sense {sense} of {lemma}")))?;
    let mut seen = BTreeSet::from([root]);
    let mut queue = VecDeque::from([(root, 0)]);
    while let Some((parent, kind)) = queue.pop_front() {
        let (_, below) =
            synset(&data, parent).ok_or_else(|| malformed(DATA, format!("a synset at {parent}")))?;
        for child in below {
            let (text, further) =
                synset(&data, child).ok_or_else(|| malformed(DATA, format!("a synset at {child}")))?;
            if !seen.insert(child) {
                continue;
            }
            taxonomy.items.push(Item { text: text.clone(), kind });
            if !further.is_empty() {
                queue.push_back((child, taxonomy.kinds.len()));
                taxonomy.kinds.push(Kind { name: text, parent: Some(kind) });
            }
        }
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>, TaxonomyError> {
    fs::read(path).map_err(|source| TaxonomyError::Missing { path: path.into(), package: PACKAGE, source })
}

fn malformed(path: &str, what: String) -> TaxonomyError {
    TaxonomyError::Malformed { path: Path::new(path).to_owned(), package: PACKAGE, what }
}

/// Where the synset of a sense stands in the data.
fn offset(index: &[u8], lemma: &str, sense: usize) -> Option<usize> {
    let start = format!("{lemma} ");
    let line = index.split(|byte| *byte == b'\n').find(|line| line.starts_with(start.as_bytes()))?;
    let fields: Vec<&str> = std::str::from_utf8(line).ok()?.split_whitespace().collect();
    let senses: usize = fields.get(2)?.parse().ok()?;
    let first = fields.len().checked_sub(senses)?;
    fields.get(first + sense - 1).filter(|_| sense <= senses)?.parse().ok()
}

/// The first word of the synset at an offset, and where those stand that are kinds of it.
fn synset(data: &[u8], offset: usize) -> Option<(String, Vec<usize>)> {
    let line = data.get(offset..)?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let fields: Vec<&str> = line.split(" | ").next()?.split_whitespace().collect();
    if fields.first()?.parse() != Ok(offset) {
        return None;
    }
    let words = usize::from_str_radix(fields.get(3)?, 16).ok()?;
    let first = fields.get(4)?.replace('_', " ");
    let pointers = fields.get(4 + 2 * words + 1..)?;
    let below = pointers.chunks(4).filter(|pointer| pointer.first() == Some(&"~"));
    let below = below.filter_map(|pointer| pointer.get(1)?.parse().ok()).collect();
    Some((first, below))
}
