#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use serde::de::DeserializeOwned;
use serde_json::json;

use super::*;
use crate::api::dto::{ChangeTopic, StartTopic};

fn read<T: FromFields>(value: Value) -> (T, Vec<FieldError>) {
    let Value::Object(values) = value else { unreachable!("an object") };
    let mut errors = Errors::default();
    let found = Fields::of_body(values, &mut errors);
    (found, errors.0)
}

/// What is read is what clients write with the types of this API.
fn same<T: FromFields + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &Value) {
    let (found, errors) = read::<T>(value.clone());
    assert_eq!(errors, []);
    assert_eq!(found, serde_json::from_value::<T>(value.clone()).unwrap());
}

#[test]
fn requests_are_read_as_their_types_are_written() {
    let limits = json!({"max_attributes": 1, "max_requests": 2, "max_usd": 0.5, "time_limit_seconds": 3, "completeness": 0.9, "min_new_per_100_requests": 50});
    same::<StartTopic>(&json!({"name": "x"}));
    same::<StartTopic>(&json!({
        "name": "x", "prompt": "p", "provider_weights": {"a": 1, "b": 0.5}, "limits": limits, "items_per_request": 7, "probe_share": 0.2, "mode": "fresh",
        "rules": {"matches": "a", "min_chars": 1, "max_chars": 2, "scripts": ["latin"]},
    }));
    same::<ChangeTopic>(&json!({}));
    same::<ChangeTopic>(&json!({
        "prompt": "p", "provider_weights": {"a": 1, "b": null}, "limits": limits, "items_per_request": 7, "probe_share": 0.2,
    }));
    same::<ChangeTopic>(
        &json!({"prompt": null, "provider_weights": null, "limits": null, "items_per_request": null, "probe_share": null}),
    );
    same::<ChangeTopic>(&json!({"rules": {"matches": null, "min_chars": 1, "scripts": null}}));
    same::<ChangeTopic>(&json!({"rules": null}));
    same::<ChangeTopic>(&json!({"limits": {"max_attributes": null, "max_usd": null}}));
}

#[test]
fn numbers_of_another_kind_are_told_and_whole_ones_are_taken_however_they_are_written() {
    let said = |value: Value| {
        let (start, errors) = read::<StartTopic>(json!({"name": "x", "limits": {"max_requests": value}}));
        let taken = start.limits.and_then(|limits| limits.max_requests);
        (taken, errors.into_iter().next().map(|error| error.detail))
    };
    assert_eq!(said(json!(40.0)), (Some(40), None));
    for (value, detail) in [
        (json!(-1), "-1 is negative"),
        (json!(-0.5), "-0.5 is negative"),
        (json!(1.5), "1.5 is not a whole number"),
        (json!(1e300), "1e+300 is too large"),
        (json!("40"), "it is a text, not a number"),
        (json!([1]), "it is a list, not a number"),
        (json!(true), "it is true or false, not a number"),
    ] {
        assert_eq!(said(value), (None, Some(detail.to_owned())));
    }
}

#[test]
fn a_number_is_shown_in_few_characters() {
    for (number, shown) in
        [(-1.0, "-1"), (0.5, "0.5"), (0.0, "0"), (1e6, "1000000"), (1e308, "1e308"), (-5e-324, "-5e-324")]
    {
        assert_eq!(shown_number(number), shown);
    }
}

#[test]
fn a_field_that_is_not_known_is_told_with_those_that_are() {
    let (_, errors) = read::<StartTopic>(json!({"name": "x", "limits": {"max_euro": 1}}));
    let error = errors.first().unwrap();
    assert_eq!((error.field.as_str(), error.detail.as_str()), ("limits.max_euro", "it is not known here"));
    let known =
        "max_attributes, max_requests, max_usd, time_limit_seconds, completeness, min_new_per_100_requests";
    assert_eq!(error.allowed.as_deref(), Some(known));
}
