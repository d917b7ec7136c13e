//! The models of a world: what each knows, costs, and is like.

use igentai_core::cost::Price;

use super::taxonomy::Taxonomy;

/// What a model knows of a topic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Knows {
    /// All of it.
    Everything,
    /// What comes to mind first.
    Popular {
        /// So much of it, at most 100.
        percent: usize,
    },
    /// Every so many of the kinds.
    Kinds {
        /// Which ones, counted from 0.
        part: usize,
        /// Of how many parts.
        of: usize,
    },
}

impl Knows {
    /// The items known.
    pub(super) fn of(self, taxonomy: &Taxonomy, by_rank: &[usize]) -> Vec<usize> {
        let mut known: Vec<usize> = match self {
            Self::Everything => by_rank.to_vec(),
            Self::Popular { percent } => by_rank[..by_rank.len() * percent / 100].to_vec(),
            Self::Kinds { part, of } => {
                by_rank.iter().copied().filter(|item| taxonomy.items[*item].kind % of == part).collect()
            }
        };
        known.sort_unstable();
        known
    }
}

/// What a model is like. Rates are probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct Traits {
    /// Its name.
    pub name: String,
    /// What it knows.
    pub knows: Knows,
    /// What it charges.
    pub price: Price,
    /// Seconds before the first token.
    pub seconds: f64,
    /// Its speed after that.
    pub tokens_per_second: f64,
    /// That a request fails.
    pub failures: f64,
    /// That an item which the prompt bars is left out.
    pub obedience: f64,
    /// Barred items that it bears in mind, if there is a bound: of more, each is heeded as much less.
    pub attention: Option<usize>,
    /// Names after which it stops, however many were asked for, if there is a bound.
    pub stops: Option<usize>,
    /// It stops at any number of names between this and that, another one in each answer, if it does.
    pub stops_from: Option<usize>,
    /// That an item does not come to mind in an answer, whether popular or not.
    pub forgets: f64,
    /// That the list is filled up with others where too few fit.
    pub pads: f64,
    /// That a name is spelled in an unusual way.
    pub sloppiness: f64,
    /// That a name is made up.
    pub inventions: f64,
    /// That an item that it is shown is judged wrongly.
    pub misjudges: f64,
    /// That there is talk around the list.
    pub chatter: f64,
    /// That it declines.
    pub refusals: f64,
}

impl Default for Traits {
    fn default() -> Self {
        Self {
            name: "small".to_owned(),
            knows: Knows::Everything,
            price: Price::per_million(0.15, 0.60),
            seconds: 0.6,
            tokens_per_second: 80.0,
            failures: 0.01,
            obedience: 0.9,
            attention: None,
            stops: None,
            stops_from: None,
            forgets: 0.1,
            pads: 0.1,
            sloppiness: 0.1,
            inventions: 0.02,
            misjudges: 0.03,
            chatter: 0.03,
            refusals: 0.005,
        }
    }
}

impl Traits {
    /// A model without faults.
    #[must_use]
    pub fn honest() -> Self {
        Self {
            failures: 0.0,
            obedience: 1.0,
            forgets: 0.0,
            pads: 0.0,
            sloppiness: 0.0,
            inventions: 0.0,
            misjudges: 0.0,
            chatter: 0.0,
            refusals: 0.0,
            ..Self::default()
        }
    }
}

/// Which models there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// One.
    One,
    /// Three of unequal prices that know the same.
    Same,
    /// Three, the cheaper of which know only what is popular.
    Collapsed,
    /// Three that each know other kinds.
    Complementary,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::One, Self::Same, Self::Collapsed, Self::Complementary];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Same => "same",
            Self::Collapsed => "collapsed",
            Self::Complementary => "complementary",
        }
    }

    /// The one of a name.
    pub fn named(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|family| family.name() == name).ok_or(format!("there are {names}"))
    }

    /// Its models, the cheapest first.
    #[must_use]
    pub fn models(self) -> Vec<Traits> {
        let knows = match self {
            Self::One => return vec![Traits::default()],
            Self::Same => [Knows::Everything; 3],
            Self::Collapsed => {
                [Knows::Popular { percent: 30 }, Knows::Popular { percent: 60 }, Knows::Everything]
            }
            Self::Complementary => [0, 1, 2].map(|part| Knows::Kinds { part, of: 3 }),
        };
        let tiers = [
            ("small", 0.15, 0.6, 0.6, 120.0),
            ("medium", 0.5, 2.0, 0.8, 80.0),
            ("large", 2.5, 10.0, 1.2, 50.0),
        ];
        let models =
            tiers.into_iter().zip(knows).map(|((name, input, output, seconds, pace), knows)| Traits {
                name: name.to_owned(),
                knows,
                price: Price::per_million(input, output),
                seconds,
                tokens_per_second: pace,
                ..Traits::default()
            });
        models.collect()
    }
}
