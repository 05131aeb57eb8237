//! `/api/v1/auth`: signing in, staying signed in, signing out.

pub mod login;
pub mod logout;
pub mod password;
pub mod refresh;

mod token;

use runtime::{ApiError, Route};
use utoipa::OpenApi;

pub use token::{SignedInUser, TokenResponse};

/// Every route of this crate.
pub static ROUTES: [&Route; 3] = [&login::ROUTE, &refresh::ROUTE, &logout::ROUTE];

/// The crate's part of the OpenAPI document.
#[derive(Debug, OpenApi)]
#[openapi(paths(login::handle, refresh::handle, logout::handle))]
pub struct Docs;

/// The one answer to whatever does not let somebody in. A wrong password, an unknown or disabled user, and a forged,
/// used or revoked refresh token look the same, so none of them can be probed for.
const REFUSED: ApiError = ApiError::Unauthorized("these credentials are not valid: sign in again");
