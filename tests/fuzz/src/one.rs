//! One decoder at work on its inputs.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::mutate::mutate;
use crate::targets::Target;
use crate::{MEMORY, now};

/// Longest time for an input, in a build that is not for speed on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// Input of which the ratio of memory is told: for shorter ones it says nothing.
const TELLING: usize = 4 * 1024;

/// Bytes of an input that are shown.
const SHOWN: usize = 2_000;

/// The input with this number.
fn input(target: &Target, seed: u64, number: u64) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
    let mut pick = || target.corpus[random.random_range(0..target.corpus.len())].clone();
    let (one, other) = (pick(), pick());
    mutate(&one, &other, &mut random)
}

/// What an input took.
struct Taken {
    memory: usize,
    time: Duration,
    understood: bool,
}

/// What is wrong with an input, if anything is.
fn judge(target: &Target, bytes: &[u8]) -> Result<Taken, String> {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let began = now();
    let decoded = catch_unwind(AssertUnwindSafe(|| (target.decode)(bytes)));
    let took = began.elapsed();
    let taken = MEMORY.peak_usage().saturating_sub(before);
    if decoded.is_err() {
        return Err("it panics".to_owned());
    }
    if target.besides.is_some_and(|besides| taken > 4 * bytes.len() + besides) {
        return Err(format!("{taken} bytes of memory for {} bytes", bytes.len()));
    }
    if took > PATIENCE {
        return Err(format!("{took:?} for {} bytes", bytes.len()));
    }
    Ok(Taken { memory: taken, time: took, understood: decoded.unwrap_or(false) })
}

/// Tries the inputs with these numbers, and tells how it went.
#[expect(clippy::cast_precision_loss, reason = "rates for people")]
pub(crate) fn run(target: &Target, seed: u64, numbers: Range<u64>) -> ExitCode {
    let began = now();
    let (mut worst_ratio, mut most, mut slowest) = (0.0_f64, 0, Duration::ZERO);
    let (inputs, mut understood) = (numbers.end - numbers.start, 0);
    for number in numbers {
        let bytes = input(target, seed, number);
        match judge(target, &bytes) {
            Ok(taken) => {
                most = most.max(taken.memory);
                slowest = slowest.max(taken.time);
                understood += u64::from(taken.understood);
                if bytes.len() >= TELLING {
                    worst_ratio = worst_ratio.max(taken.memory as f64 / bytes.len() as f64);
                }
            }
            Err(what) => {
                println!("{}: {what}", target.name);
                println!(
                    "make it again with: cargo run -p igentai-fuzz -- --target {} --seed {seed} --from {number} --inputs 1",
                    target.name
                );
                println!("the input, as far as it is shown: {}", hex(&bytes[..bytes.len().min(SHOWN)]));
                return ExitCode::FAILURE;
            }
        }
    }
    println!(
        "{:<18} {inputs:>8} inputs, {:>8.0}/s, {understood:>7} understood; at most {:>7} KiB, {worst_ratio:>5.1} × an input of 4 KiB and more; slowest {:>7.1} ms",
        target.name,
        inputs as f64 / began.elapsed().as_secs_f64(),
        most / 1024,
        slowest.as_secs_f64() * 1_000.0
    );
    ExitCode::SUCCESS
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(besides: Option<usize>, decode: impl Fn(&[u8]) -> bool + Sync + 'static) -> Target {
        Target {
            name: "test",
            share: 1,
            besides,
            corpus: vec![b"some input".to_vec()],
            decode: Box::new(decode),
        }
    }

    fn first_fault(target: &Target) -> Option<String> {
        (0..2_000).find_map(|number| judge(target, &input(target, 1, number)).err())
    }

    #[test]
    fn what_panics_for_a_byte_is_found() {
        let fault = first_fault(&target(None, |bytes| {
            assert!(!bytes.contains(&0xc1), "as planned");
            true
        }));
        assert_eq!(fault.as_deref(), Some("it panics"));
    }

    #[test]
    fn what_takes_more_memory_than_four_times_its_input_is_found() {
        let eight = |bytes: &[u8]| !std::hint::black_box(vec![0_u8; bytes.len() * 8]).is_empty();
        assert!(first_fault(&target(Some(0), eight)).is_some());
        let three = |bytes: &[u8]| !std::hint::black_box(vec![0_u8; bytes.len() * 3]).is_empty();
        assert_eq!(first_fault(&target(Some(0), three)), None);
    }

    #[test]
    fn the_same_number_gives_the_same_input() {
        let target = target(None, |_| true);
        let all = |()| (0..500).map(|number| input(&target, 7, number)).collect::<Vec<_>>();
        assert_eq!(all(()), all(()));
    }
}
