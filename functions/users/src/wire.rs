//! Users on the wire.

use domain::user::{Role, User};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A user's own profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileResponse {
    /// Identity, `usr_…`.
    id: String,
    /// Sign-in name.
    email: String,
    /// Shown to colleagues.
    display_name: String,
    /// What the user may do.
    role: Role,
    /// When the user was created.
    created_at: Timestamp,
    /// When the profile last changed.
    updated_at: Timestamp,
}

impl From<User> for ProfileResponse {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            display_name,
            role,
            disabled: _,
            session_epoch: _,
            created_at,
            updated_at,
            version: _,
        } = user;
        Self {
            id: id.to_string(),
            email,
            display_name,
            role,
            created_at,
            updated_at,
        }
    }
}
