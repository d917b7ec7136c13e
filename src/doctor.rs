//! doctor
use crate::cli::Common;
use crate::exit::{Exit, Failure};
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Doctor {}
pub(crate) async fn doctor(_: Doctor, _: &Common) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
