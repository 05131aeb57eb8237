//! `/f/{token}` and `/unsubscribe/{token}`: the pages vendors reach by their personal link, without an account.
//!
//! A GET never changes anything, because mail scanners and previews follow links. Pages work without JavaScript.

pub mod answer_form;
pub mod show_form;
pub mod show_unsubscribe;
pub mod unsubscribe;

mod asking;
mod pages;
mod words;

use runtime::Route;
use utoipa::OpenApi;

pub use answer_form::AnswerReceipt;

/// Every route of this crate.
pub static ROUTES: [&Route; 4] = [&show_form::ROUTE, &answer_form::ROUTE, &show_unsubscribe::ROUTE, &unsubscribe::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(show_form::handle, answer_form::handle, show_unsubscribe::handle, unsubscribe::handle))]
pub struct Docs;
