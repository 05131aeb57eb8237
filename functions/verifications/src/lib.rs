//! `/api/v1/verifications`: having a provider ask the registers whether vendors' identifiers are what they say.

pub mod cancel;
pub mod get;
pub mod list;
pub mod of_vendor;
pub mod resume;
pub mod start;

mod account;
mod dry_run;
mod queue;
mod scope;
mod wire;

use domain::VerificationRunId;
use runtime::Route;
use serde::{Deserialize, Serialize};
use utoipa::OpenApi;

pub use scope::has_identifiers;
pub use wire::{ResultResponse, RunResponse};

/// Every route of this crate.
pub static ROUTES: [&Route; 6] = [
    &start::ROUTE,
    &list::ROUTE,
    &get::ROUTE,
    &cancel::ROUTE,
    &resume::ROUTE,
    &of_vendor::ROUTE,
];

/// What became of vendors on pages that could not be worked on, beside the words of outcomes.
pub const NOT_DONE: &str = "not_done";

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(start::handle, list::handle, get::handle, cancel::handle, resume::handle, of_vendor::handle))]
pub struct Docs;

/// What the queue of verifications carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationMessage {
    /// The run.
    pub run_id: VerificationRunId,
    /// What is to be done for it.
    #[serde(flatten)]
    pub task: Task,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Cut the run into pages, going on where it was left, and hand out the first.
    Plan,
    /// Ask about the vendors of a page.
    Page {
        /// Its number, from 1.
        number: u32,
    },
}
