//! Regions, provinces, counties and the like of European countries: ISO 3166-2.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::{Item, Kind, Taxonomy, TaxonomyError};

const COUNTRIES: &str = "/usr/share/iso-codes/json/iso_3166-1.json";
const SUBDIVISIONS: &str = "/usr/share/iso-codes/json/iso_3166-2.json";
const PACKAGE: &str = "iso-codes";

/// Some are left out that have hundreds of small ones.
const TAKEN: [&str; 26] = [
    "AL", "AT", "BE", "BG", "BY", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
    "LT", "NL", "NO", "PL", "PT", "RO", "SE", "SK", "UA",
];

pub(super) fn fill(taxonomy: &mut Taxonomy) -> Result<(), TaxonomyError> {
    let countries: BTreeMap<String, String> = read(COUNTRIES, "3166-1", "alpha_2")?.into_iter().collect();
    let mut kinds = BTreeMap::new();
    for code in TAKEN {
        if let Some(name) = countries.get(code) {
            kinds.insert(code, taxonomy.kinds.len());
            taxonomy.kinds.push(Kind { name: name.clone(), parent: Some(0) });
        }
    }
    for (code, text) in read(SUBDIVISIONS, "3166-2", "code")? {
        let country = code.split('-').next().unwrap_or_default();
        // Names in several languages at once, or with their type behind a comma, are nothing that a model would say.
        let plain = !text.contains([',', ';', '[', '(', '/']);
        if let Some(kind) = kinds.get(country).filter(|_| plain) {
            taxonomy.items.push(Item { text, kind: *kind });
        }
    }
    Ok(())
}

/// Pairs of a code and a name.
fn read(path: &str, list: &str, code: &str) -> Result<Vec<(String, String)>, TaxonomyError> {
    let bytes = fs::read(path).map_err(|source| TaxonomyError::Missing {
        path: path.into(),
        package: PACKAGE,
        source,
    })?;
    let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let rows = value[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let pairs: Vec<_> =
        rows.iter().filter_map(|row| Some((text(&row[code])?, text(&row["name"])?))).collect();
    if pairs.is_empty() {
        let what = format!("a list `{list}` of codes and names");
        return Err(TaxonomyError::Malformed { path: path.into(), package: PACKAGE, what });
    }
    Ok(pairs)
}
