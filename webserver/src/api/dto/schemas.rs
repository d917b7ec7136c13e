//! Schemas that the types do not tell by themselves.

use igentai_core::topic::ProbeShare;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};

const MAX_NAME: usize = 100;
const MAX_WEIGHT: f64 = 1e6;

/// What servers that say no share of samples ask for.
pub(super) fn usual_probe_share() -> f64 {
    ProbeShare::USUAL.get()
}

/// Weights by provider.
pub(super) fn weights() -> RefOr<Schema> {
    let description = "Weight of each provider; an empty map means the producers' own configuration.";
    map(description, SchemaType::Type(Type::Number))
}

/// Weights by provider, of which some are to go.
pub(super) fn changed_weights() -> RefOr<Schema> {
    let description = "Weights by provider; `null` for one takes it away, `null` for all goes back to the producers' own configuration.";
    map(description, SchemaType::from_iter([Type::Number, Type::Null]))
}

fn map(description: &str, weight: SchemaType) -> RefOr<Schema> {
    let name = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(MAX_NAME));
    let weight = ObjectBuilder::new()
        .schema_type(weight)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .minimum(Some(0))
        .maximum(Some(MAX_WEIGHT));
    let map = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Object, Type::Null]))
        .description(Some(description))
        .property_names(Some(Schema::Object(name.build())))
        .additional_properties(Some(Schema::Object(weight.build())));
    RefOr::T(Schema::Object(map.build()))
}
