use igentai_core::cost::Cost;
use igentai_core::topic::EndReason;

use super::*;
use crate::{Tally, Told};

fn course(found: &[usize], end: End, total: Option<Total>) -> Course {
    let step = |(number, found): (usize, &usize)| {
        let requests = number as u64 + 1;
        let spent = Tally { requests, tokens: requests * 10, cost: Cost::from_picodollars(requests) };
        Step { spent, found: *found, told: Some(Told { attributes: 0, coverage: None, total }) }
    };
    Course { knowable: 100, steps: found.iter().enumerate().map(step).collect(), end, promises: Vec::new() }
}

#[test]
fn the_bill_is_read_where_a_share_is_first_reached() {
    let course = course(&[40, 50, 79, 81, 95], End::Enough, None);
    let requests = |share| course.at(share).map(|step| step.spent.requests);
    assert_eq!([0.5, 0.8, 0.95, 0.96].map(requests), [Some(2), Some(4), Some(5), None]);
}

#[test]
fn quartiles_lie_between_the_seeds_and_seeds_that_did_not_get_there_count_as_more_than_all() {
    let of = |values: &[Option<f64>]| {
        let Quartiles { lower, median, upper } = Quartiles::of(values.iter().copied());
        [lower, median, upper]
    };
    assert_eq!(of(&[Some(4.0), Some(1.0), Some(2.0)]), [Some(1.5), Some(2.0), Some(3.0)]);
    assert_eq!(of(&[Some(1.0), None, Some(2.0), Some(3.0), Some(4.0)]), [Some(2.0), Some(3.0), Some(4.0)]);
    assert_eq!(of(&[Some(1.0), None, Some(2.0)]), [Some(1.5), Some(2.0), None]);
    assert_eq!(of(&[None, None]), [None; 3]);
    assert_eq!(of(&[]), [None; 3]);
}

#[test]
fn it_is_counted_how_often_an_estimate_holds_and_where_a_client_ended_by_itself() {
    let total = |low, high| Some(Total { estimate: 110.0, low, high });
    let ended = End::ByItself(EndReason::Dry);
    let courses = vec![
        course(&[81, 93], ended, total(90.0, Some(120.0))),
        course(&[81, 99], ended, total(90.0, Some(95.0))),
        course(&[81, 95], End::UsedUp, total(101.0, None)),
        course(&[70], ended, total(100.0, None)),
    ];
    let report = report(&Setting::of("birds"), &[(Client::Igentai, courses)]);
    let client = &report.clients[0];
    let at = client.at.iter().find(|at| at.share == SHARES[1]).unwrap();
    assert_eq!((at.reached, at.estimated, at.covered, at.bounded), (3, 3, 1, 2));
    assert_eq!(at.estimate.median, Some(1.1));
    let stop = client.stop.as_ref().unwrap();
    assert_eq!((stop.seeds, stop.near, stop.completeness.median), (3, 1, Some(0.93)));
    assert_eq!((stop.told, stop.covered, stop.least), (3, 2, 0.7));
    assert_eq!(stop.reasons, [("dry".to_owned(), 3)].into());
    let text = report.to_string();
    assert!(text.contains("within the interval 1, not below it 2 of 3"), "{text}");
    assert!(text.contains("at least 0.700, 92–98 % in 1; within the interval 2 of 3"), "{text}");
}
