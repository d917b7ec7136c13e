//! What a request is about, and what the cell is called that it stands for in logs and orders.

use super::{Category, Letters};
use crate::batch::ResponseMeta;

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aim {
    /// The whole topic.
    Whole,
    /// A part of it by letters.
    Part(Letters),
    /// A part of it by what items are.
    Category(Category),
    /// A task: no items, but which categories the topic falls into, or a category.
    Parts {
        /// The category; `None`: the topic.
        of: Option<Category>,
        /// As they follow from items that were found.
        by_items: bool,
    },
    /// A task: no items, but which of those that one answer alone has named do not belong to the topic.
    Judge,
}

/// Before the name of a category, and of what is to be cut, in the name of a cell.
const CATEGORY: &str = "category: ";
const PARTS: [(&str, bool); 2] = [("categories", false), ("clusters", true)];
const OF: &str = " of: ";
const JUDGE: &str = "judge";

impl Aim {
    /// What a response was about; `None` for a part of a kind that is not known here.
    #[must_use]
    pub fn of(meta: &ResponseMeta) -> Option<Self> {
        Self::named(meta.cell.as_deref())
    }

    /// By the name of the part; the whole topic has none.
    #[must_use]
    pub fn named(cell: Option<&str>) -> Option<Self> {
        match cell {
            None => Some(Self::Whole),
            Some(JUDGE) => Some(Self::Judge),
            Some(cell) => Letters::parse(cell)
                .map(Self::Part)
                .or_else(|| Self::category(cell))
                .or_else(|| Self::task(cell)),
        }
    }

    fn category(cell: &str) -> Option<Self> {
        cell.strip_prefix(CATEGORY).and_then(Category::parse).map(Self::Category)
    }

    fn task(cell: &str) -> Option<Self> {
        let (rest, by_items) =
            PARTS.iter().find_map(|(name, by_items)| Some((cell.strip_prefix(name)?, *by_items)))?;
        if rest.is_empty() {
            return Some(Self::Parts { of: None, by_items });
        }
        let of = Category::parse(rest.strip_prefix(OF)?)?;
        Some(Self::Parts { of: Some(of), by_items })
    }

    /// Whether it asks for something else than items.
    #[must_use]
    pub const fn is_task(&self) -> bool {
        matches!(self, Self::Parts { .. } | Self::Judge)
    }

    /// The name of the part.
    #[must_use]
    pub fn cell(&self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Part(letters) => Some(letters.to_string()),
            Self::Category(category) => Some(format!("{CATEGORY}{category}")),
            Self::Judge => Some(JUDGE.to_owned()),
            Self::Parts { of, by_items } => {
                let [(name, _), (by, _)] = PARTS;
                let name = if *by_items { by } else { name };
                Some(of.as_ref().map_or_else(|| name.to_owned(), |of| format!("{name}{OF}{of}")))
            }
        }
    }
}
