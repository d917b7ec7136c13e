//! Requests and answers of the API. Clients may use these types: they read what they write.

mod answer;
mod decisions;
mod letters;
mod parts;
mod quote;
mod read;
mod request;
mod rules;
mod schemas;
mod statistics;

pub use answer::{
    Attribute, AttributePage, AttributesEvent, CompletenessView, Curve, CurvePoint, DecidedEvent,
    DoubtedItems, FilterView, Format, FrequencyCounts, Hello, Numbers, PhrasingNumbers, PhrasingState,
    ProviderNumbers, ProviderStateName, Reset, ResetReason, SeedNumbers, StateName, Sums, TopicList,
    TopicView,
};
pub use decisions::{
    AskedView, ChangeView, DecisionKind, DecisionPage, DecisionView, EndingView, RoutedView, ShareView,
    WhyName,
};
pub use letters::{
    DeadLetter, DeadLetterList, DeadLetterView, LetterContent, LetterOutcome, SettleLetters, SettledLetter,
    SettledLetters,
};
pub use parts::{BroughtView, PartStateName, PartView, PartsView, ProbesView};
pub use quote::{QuoteView, RangeView};
pub use request::{ChangeLimits, ChangeTopic, Limits, Mode, Partition, Phrasing, Routing, StartTopic};
pub use rules::{ChangeRules, Rules};
pub use statistics::{
    FlowView, MeasuredView, RowView, Statistics, TrendName, TrendsView, WindowView, YieldView,
};
