//! `/api/v1/responses`: what vendors answered, and what a person decides about it.
//!
//! A Udyam number sent in a chat is a proposal. It is nobody's declaration, so no decision about it changes a vendor's status.

pub mod list_proposals;
pub mod review_proposal;

mod wire;

use runtime::Route;
use utoipa::OpenApi;

pub use wire::{ProposalResponse, ReviewState};

/// Every route of this crate.
pub static ROUTES: [&Route; 2] = [&list_proposals::ROUTE, &review_proposal::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(list_proposals::handle, review_proposal::handle))]
pub struct Docs;
