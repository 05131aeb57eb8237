//! `POST /api/v1/auth/login`.

use domain::UserId;
use domain::user::{Role, User};
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, extract, respond};
use serde::Deserialize;
use store::StoreError;
use store::lockout::{self, Attempt, Begin, Scope};
use store::users::{SESSION_SECS, Session};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use crate::REFUSED;
use crate::password::{self, Verdict};
use crate::token::{RefreshToken, TokenResponse};

/// No mailbox has a longer address (RFC 5321, 4.5.3.1.3).
const LONGEST_EMAIL: usize = 254;

/// The route.
pub static ROUTE: Route = Route::new(
    "auth-login",
    Method::POST,
    "/api/v1/auth/login",
    Access::PublicSensitive,
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::TableName, Var::SigningSecretArn, Var::BootstrapSecretArn, Var::BootstrapAdminEmail]);

/// What signing in takes. Never printed: it has no `Debug`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// Sign-in name, in any case.
    email: String,
    /// Password.
    password: String,
}

/// Signs in with e-mail and password.
#[utoipa::path(post, path = "/api/v1/auth/login", operation_id = "auth-login", tag = "auth", request_body = LoginRequest,
    responses((status = 200, description = "Signed in", body = TokenResponse), (status = 401, description = "Not these credentials"),
        (status = 429, description = "Too many failed attempts: wait as `Retry-After` says")))]
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let LoginRequest { email, password } = extract::json(&request)?;
    let email = email.trim().to_lowercase();
    if email.len() > LONGEST_EMAIL {
        return Err(REFUSED);
    }
    let store = app.store()?;
    let (by_account, by_address) = count_attempt(app, &email, &request.source_ip).await?;
    let user = check(app, &email, &password).await?;
    by_account.forgive(store).await?;
    by_address.take_back(store).await?;

    let (now, refresh) = (app.now(), RefreshToken::new(app, user.id, app.new_ulid()));
    let session = Session {
        current_hash: refresh.hash(),
        previous_hash: None,
        rotated_at: now,
        created_at: now,
        user_epoch: user.session_epoch,
        expires_at: now.as_second() + SESSION_SECS,
    };
    store::users::open_session(store, user.id, refresh.family, &session).await?;
    respond::ok(&TokenResponse::new(app, user, &refresh).await?)
}

/// Counts the attempt for the account and for the address, or says how long to wait.
async fn count_attempt<'a>(app: &App, email: &'a str, address: &'a str) -> Result<(Attempt<'a>, Attempt<'a>), ApiError> {
    let store = app.store()?;
    let by_address = match lockout::begin(store, Scope::Address(address), app.now()).await? {
        Begin::Counted(attempt) => attempt,
        Begin::Locked(secs) => return Err(ApiError::TooManyRequests(secs)),
    };
    match lockout::begin(store, Scope::Account(email), app.now()).await? {
        Begin::Counted(by_account) => Ok((by_account, by_address)),
        Begin::Locked(secs) => {
            // Nothing was guessed: knocking at a locked account must not lock out the office around it.
            by_address.take_back(store).await?;
            Err(ApiError::TooManyRequests(secs))
        }
    }
}

/// The user these credentials belong to.
async fn check(app: &App, email: &str, password: &str) -> Result<User, ApiError> {
    let store = app.store()?;
    let Some((user, stored)) = store::users::find_credentials(store, email).await? else {
        password::verify_nobodys(password);
        return bootstrap(app, email, password).await?.ok_or(REFUSED);
    };
    let verdict = password::verify(password, &stored);
    if verdict == Verdict::Wrong || user.disabled {
        return Err(REFUSED);
    }
    if verdict == Verdict::RightButOutdated {
        match store::users::rehash(store, user.id, &stored, &password::hash(password)?).await {
            Ok(()) => {}
            // The password was changed meanwhile: the one given is not it any more.
            Err(StoreError::Conflict(_)) => return Err(REFUSED),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(user)
}

/// What the bootstrap secret holds.
#[derive(Deserialize)]
struct BootstrapSecret {
    password: String,
}

/// Creates the first administrator if this is its first login: once in the life of a stack.
async fn bootstrap(app: &App, email: &str, password: &str) -> Result<Option<User>, ApiError> {
    if email != app.config().get(Var::BootstrapAdminEmail)?.trim().to_lowercase() {
        return Ok(None);
    }
    let text = app.secret(Var::BootstrapSecretArn).await?;
    let secret: BootstrapSecret = serde_json::from_str(&text).map_err(|_| ApiError::Internal("the bootstrap secret lacks a password".into()))?;
    let right: bool = secret.password.as_bytes().ct_eq(password.as_bytes()).into();
    if !right || secret.password.is_empty() {
        return Ok(None);
    }
    let now = app.now();
    let admin = User {
        id: UserId::from_ulid(app.new_ulid()),
        email: email.to_owned(),
        display_name: "Administrator".to_owned(),
        role: Role::Admin,
        disabled: false,
        session_epoch: 0,
        created_at: now,
        updated_at: now,
        version: 1,
    };
    match store::users::create_bootstrap_admin(app.store()?, &admin, &password::hash(password)?).await {
        Ok(()) => {
            tracing::info!(user_id = %admin.id, "bootstrap administrator created");
            Ok(Some(admin))
        }
        // It was created before, and is gone; its initial password is worth nothing now.
        Err(StoreError::Conflict(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
