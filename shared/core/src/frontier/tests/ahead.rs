//! What the next requests are said to bring.

use super::listing::{numbered, of_each_letter, whole};
use super::*;
use crate::quote::look;

/// Two answers about the whole, with so many names of one part and one of each letter.
fn begun(of_one: u32) -> Log {
    let mut log = Log::default();
    for from in [0, 100] {
        let names = [numbered("ma", from..from + of_one), of_each_letter(1)].concat();
        log.says(whole(), &names);
    }
    // Requests aim at letters, and some have listed their part: it has several names for each known one.
    log.says(ResponseMeta { cell: Some("x-z".to_owned()), ..whole() }, &numbered("xa", 0..12));
    log
}

fn steps(log: &Log) -> Vec<f64> {
    log.frontier().ahead(50, ProbeShare::USUAL).steps.iter().map(|step| step.new).collect()
}

#[test]
fn the_best_part_is_not_counted_on_to_be_answered_first() {
    let log = begun(12);
    let Outlook::Ask { new: best, .. } = log.next() else { panic!("it asks") };
    let first = steps(&log)[0];
    assert!(best > 30.0 && first < 0.8 * best && first > 0.4 * best, "{first} of {best}");
}

#[test]
fn a_topic_that_is_hardly_known_holds_more_than_is_seen_and_one_that_is_nearly_done_less() {
    let log = begun(2);
    let (all, found) = (steps(&log).iter().sum::<f64>(), log.numbers.len() as f64);
    let missing = log.frontier().estimate().unwrap().estimate.total - found;
    assert!((1.05..1.25).contains(&(all / missing)), "{all} of {missing}");
}

/// The least that is said to come, of what is likeliest, at the end of the forecast.
fn least_of_likeliest(log: &Log) -> f64 {
    let forecast = look(&log.fold, 50, ProbeShare::USUAL, UnixMillis(0)).1;
    let forecast = serde_json::to_value(&forecast).unwrap();
    let end = forecast["curve"].as_array().unwrap().last().unwrap().clone();
    end[1].as_f64().unwrap() / end[2].as_f64().unwrap()
}

#[test]
fn where_little_is_left_less_may_come_of_what_is_likeliest() {
    let mut hardly_known = begun(12);
    hardly_known.says(whole(), &of_each_letter(1));
    let mut nearly_done = Log::default();
    for _ in 0..4 {
        nearly_done.says(whole(), &of_each_letter(8));
    }
    let listed: Vec<String> =
        ["x", "y", "z"].iter().flat_map(|letter| numbered(&format!("{letter}a"), 0..11)).collect();
    nearly_done.says(ResponseMeta { cell: Some("x-z".to_owned()), ..whole() }, &listed);
    let [hardly_known, nearly_done] = [hardly_known, nearly_done].map(|log| least_of_likeliest(&log));
    assert!(hardly_known > 0.48 && nearly_done < 0.45, "{hardly_known}, {nearly_done}");
}
