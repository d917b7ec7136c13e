//! up
use crate::cli::{Common, Up};
use crate::exit::{Exit, Failure};
pub(crate) async fn up(_: Up, _: &Common) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
