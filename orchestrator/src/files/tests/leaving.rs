//! A writer that ends while it builds a list.

use super::*;

async fn lines_of_a_list_that_was_just_begun(count: usize, hands_over: bool) -> Option<usize> {
    let place = Place::new();
    let texts: Vec<String> = (0..count).map(|number| format!("text {number}")).collect();
    let mut attributes = 0;
    for some in texts.chunks(1_000) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        attributes = place.commit(1, &some).await;
    }
    let mut files = place.files(1);
    files.open(topic(1), attributes);
    files.status(&status(topic(1), attributes, 1));
    files.finish(hands_over).said().await;
    fs::read_to_string(place.path(LIST)).ok().map(|list| list.lines().count())
}

#[tokio::test]
async fn in_a_handover_a_list_that_is_far_from_built_is_left_to_whoever_leads_next() {
    assert_eq!(lines_of_a_list_that_was_just_begun(20_000, true).await, None);
    assert_eq!(lines_of_a_list_that_was_just_begun(20_000, false).await, Some(20_000));
    assert_eq!(lines_of_a_list_that_was_just_begun(900, true).await, Some(900), "it takes but a moment");
}
