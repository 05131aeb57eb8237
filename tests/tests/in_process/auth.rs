//! Signing in, staying signed in, and who may do what.

use auth::{login, logout, refresh};
use domain::user::{Role, User};
use futures::future::join_all;
use jiff::SignedDuration;
use runtime::{Access, Route};
use serde_json::{Value, json};

use crate::support::{Answer, BOOTSTRAP_EMAIL, BOOTSTRAP_PASSWORD, Call, TestApp};

const PASSWORD: &str = "a long enough password";
const ME: &str = "/api/v1/users/me";

fn sign_in<'a>(app: &'a TestApp, email: &str, password: &str) -> Call<'a> {
    app.anonymous()
        .post(&login::ROUTE, "/api/v1/auth/login", json!({ "email": email, "password": password }))
}

fn exchange<'a>(app: &'a TestApp, refresh_token: &str) -> Call<'a> {
    app.anonymous()
        .post(&refresh::ROUTE, "/api/v1/auth/refresh", json!({ "refresh_token": refresh_token }))
}

fn sign_out<'a>(app: &'a TestApp, refresh_token: &str) -> Call<'a> {
    app.anonymous()
        .post(&logout::ROUTE, "/api/v1/auth/logout", json!({ "refresh_token": refresh_token }))
}

async fn user_with_password(app: &TestApp, role: Role) -> User {
    app.new_user(role, &auth::password::hash(PASSWORD).expect("a hash")).await
}

/// The access and the refresh token of an answer.
#[track_caller]
fn tokens(answer: &Answer) -> (String, String) {
    let body = answer.json();
    let token = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}")).to_owned();
    (token("access_token"), token("refresh_token"))
}

async fn my_status(app: &TestApp, access_token: &str) -> u16 {
    app.with_token(access_token).get(&users::me::ROUTE, ME).await.status
}

fn seconds(secs: i64) -> SignedDuration {
    SignedDuration::from_secs(secs)
}

async fn disable(app: &TestApp, user: &User) {
    app.set_attribute(&format!("USER#{}", user.id), "PROFILE", "disabled", json!({ "BOOL": true }))
        .await;
}

#[tokio::test]
async fn signing_in_gives_tokens_that_say_who_one_is() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::CampaignManager).await;

    let answer = sign_in(&app, &user.email.to_uppercase(), PASSWORD).await.expect(200);
    let body = answer.json();
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(
        body["user"],
        json!({ "id": user.id.to_string(), "email": user.email, "display_name": user.display_name, "role": "campaign_manager" })
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let (access_token, _) = tokens(&answer);
    let me = app.with_token(&access_token).get(&users::me::ROUTE, ME).await.expect(200).json();
    assert_eq!(me["id"], json!(user.id.to_string()));
}

#[tokio::test]
async fn every_refusal_reads_the_same() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let disabled = user_with_password(&app, Role::Viewer).await;
    let (_, refresh_token) = tokens(&sign_in(&app, &disabled.email, PASSWORD).await.expect(200));
    disable(&app, &disabled).await;

    let refusals = [
        sign_in(&app, &user.email, "a wrong password").await,
        sign_in(&app, "nobody@buyer.example", PASSWORD).await,
        sign_in(&app, &disabled.email, PASSWORD).await,
        sign_in(&app, BOOTSTRAP_EMAIL, PASSWORD).await,
        sign_in(&app, &"x".repeat(5_000), PASSWORD).await,
        exchange(&app, "nonsense").await,
        exchange(&app, &refresh_token).await,
    ];
    for refusal in refusals {
        let refusal = refusal.expect(401);
        assert_eq!(refusal.header("www-authenticate"), Some("Bearer"));
        assert_eq!(refusal.header("content-type"), Some("application/problem+json"));
        assert_eq!(refusal.json()["detail"], json!("these credentials are not valid: sign in again"));
    }
}

#[tokio::test]
async fn neither_password_nor_refresh_secret_is_stored() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (_, refresh_token) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let stored = Value::Array(app.items(&format!("USER#{}", user.id)).await).to_string();
    let secret = refresh_token.rsplit('.').next().unwrap();
    assert!(stored.contains("SESSION#") && stored.contains("$argon2id$"), "{stored}");
    assert!(!stored.contains(secret) && !stored.contains(PASSWORD), "{stored}");
}

#[tokio::test]
async fn a_hash_of_old_strength_is_replaced_at_the_next_login() {
    // From the test suite of Openwall's crypt_blowfish.
    let app = TestApp::start().await;
    let user = app
        .new_user(Role::Viewer, "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
        .await;
    let partition = format!("USER#{}", user.id);
    sign_in(&app, &user.email, "U*V").await.expect(401);
    assert!(app.items(&partition).await[0]["password_hash"]["S"].as_str().unwrap().starts_with("$2a$"));
    sign_in(&app, &user.email, "U*U").await.expect(200);
    assert!(
        app.items(&partition).await[0]["password_hash"]["S"]
            .as_str()
            .unwrap()
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
    sign_in(&app, &user.email, "U*U").await.expect(200);
}

#[tokio::test]
async fn the_bootstrap_admin_is_created_by_its_first_login_and_only_once() {
    let app = TestApp::start().await;
    sign_in(&app, BOOTSTRAP_EMAIL, "a guess").await.expect(401);
    assert!(app.items("BOOTSTRAP").await.is_empty(), "a wrong password creates nobody");

    let first = sign_in(&app, "Admin@Buyer.Example", BOOTSTRAP_PASSWORD).await.expect(200).json();
    assert_eq!(
        (&first["user"]["email"], &first["user"]["role"]),
        (&json!(BOOTSTRAP_EMAIL), &json!("admin"))
    );
    let second = sign_in(&app, BOOTSTRAP_EMAIL, BOOTSTRAP_PASSWORD).await.expect(200).json();
    assert_eq!(first["user"], second["user"]);

    app.set_bootstrap_password("a later secret of the stack");
    sign_in(&app, BOOTSTRAP_EMAIL, "a later secret of the stack").await.expect(401);
}

#[tokio::test]
async fn the_initial_password_is_worthless_once_the_bootstrap_admin_is_gone() {
    let app = TestApp::start().await;
    sign_in(&app, BOOTSTRAP_EMAIL, BOOTSTRAP_PASSWORD).await.expect(200);
    app.delete_item(&format!("EMAIL#{BOOTSTRAP_EMAIL}"), "USER").await;
    sign_in(&app, BOOTSTRAP_EMAIL, BOOTSTRAP_PASSWORD).await.expect(401);
}

#[tokio::test]
async fn two_first_logins_at_once_make_one_admin() {
    let app = TestApp::start().await;
    let answers = join_all((0..3).map(|_| sign_in(&app, BOOTSTRAP_EMAIL, BOOTSTRAP_PASSWORD).into_future())).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert!(answers.iter().all(|answer| [200, 401, 429].contains(&answer.status)));
    app.advance(seconds(60));
    sign_in(&app, BOOTSTRAP_EMAIL, BOOTSTRAP_PASSWORD).await.expect(200);
    assert_eq!(app.items("BOOTSTRAP").await.len(), 1);
}

#[tokio::test]
async fn after_five_failures_an_account_waits_twice_as_long_each_time() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    // Whether the account exists must not show.
    for email in [user.email.as_str(), "nobody@buyer.example"] {
        for _ in 0..5 {
            sign_in(&app, email, "wrong").await.expect(401);
        }
        for wait in [1, 2, 4, 8] {
            let locked = sign_in(&app, email, PASSWORD).await.expect(429);
            assert_eq!(locked.header("retry-after"), Some(wait.to_string().as_str()), "{email}");
            app.advance(seconds(wait));
            sign_in(&app, email, "wrong").await.expect(401);
        }
        app.advance(seconds(60));
    }
}

#[tokio::test]
async fn the_right_password_after_the_wait_starts_the_account_anew() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    for _ in 0..5 {
        sign_in(&app, &user.email, "wrong").await.expect(401);
    }
    sign_in(&app, &user.email, PASSWORD).await.expect(429);
    app.advance(seconds(1));
    sign_in(&app, &user.email, PASSWORD).await.expect(200);
    for _ in 0..5 {
        sign_in(&app, &user.email, "wrong").await.expect(401);
    }
}

#[tokio::test]
async fn guesses_that_arrive_at_once_are_not_more_than_guesses_in_turn() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let guesses = (0..12).map(|i| sign_in(&app, &user.email, "wrong").sent_from(&format!("192.0.2.{i}")).into_future());
    let answers = join_all(guesses).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    assert!((1..=5).contains(&looked_at), "{looked_at} passwords were tried");
    assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status)));
}

#[tokio::test]
async fn an_address_that_tries_many_accounts_waits_and_one_valid_account_does_not_help_it() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let guess = |i: i32| sign_in(&app, &format!("user{i}@buyer.example"), "wrong");
    for i in 0..19 {
        guess(i).await.expect(401);
    }
    // The address's request limit is whole again, so what refuses below is the count of failures.
    app.advance(seconds(60));
    sign_in(&app, &user.email, PASSWORD).await.expect(200);
    guess(19).await.expect(401);
    assert_eq!(guess(20).await.expect(429).header("retry-after"), Some("1"));
    sign_in(&app, &user.email, PASSWORD).await.expect(429);
    sign_in(&app, &user.email, PASSWORD).sent_from("203.0.113.5").await.expect(200);
}

#[tokio::test]
async fn signing_in_is_limited_by_address() {
    let app = TestApp::start().await;
    let mut answers = Vec::new();
    for _ in 0..25 {
        answers.push(sign_out(&app, "nonsense").await);
    }
    assert!(answers[..20].iter().all(|answer| answer.status == 204));
    let refused = answers.pop().unwrap().expect(429);
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    sign_out(&app, "nonsense").sent_from("203.0.113.5").await.expect(204);
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_for_new_tokens() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (access_token, first) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    app.advance(seconds(15 * 60));
    assert_eq!(my_status(&app, &access_token).await, 401, "an access token lives fifteen minutes");

    let (access_token, second) = tokens(&exchange(&app, &first).await.expect(200));
    assert_ne!(first, second);
    assert_eq!(my_status(&app, &access_token).await, 200);
    exchange(&app, &second).await.expect(200);
}

#[tokio::test]
async fn a_used_refresh_token_that_comes_back_ends_the_session() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (_, other_session) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let (_, stolen) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let (access_token, newest) = tokens(&exchange(&app, &stolen).await.expect(200));

    app.advance(seconds(31));
    exchange(&app, &stolen).await.expect(401);
    exchange(&app, &newest).await.expect(401);
    assert_eq!(my_status(&app, &access_token).await, 401, "its access tokens end with it");
    exchange(&app, &other_session).await.expect(200);
}

#[tokio::test]
async fn a_refresh_whose_answer_was_lost_may_be_repeated_for_thirty_seconds() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (_, first) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let (_, lost) = tokens(&exchange(&app, &first).await.expect(200));
    app.advance(seconds(10));
    exchange(&app, &first).await.expect(200);
    app.advance(seconds(10));
    let (access_token, arrived) = tokens(&exchange(&app, &first).await.expect(200));
    let (_, next) = tokens(&exchange(&app, &arrived).await.expect(200));

    assert_eq!(my_status(&app, &access_token).await, 200);
    exchange(&app, &lost).await.expect(401);
    exchange(&app, &next).await.expect(401);
}

#[tokio::test]
async fn refreshes_at_once_with_one_token_leave_one_that_is_valid() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (_, first) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let answers = join_all((0..2).map(|_| exchange(&app, &first).into_future())).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(my_status(&app, &tokens(answer).0).await, 200);
    }
}

#[tokio::test]
async fn a_session_lives_thirty_days_from_its_last_refresh() {
    const DAY: i64 = 24 * 3_600;
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (_, mut token) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    for _ in 0..2 {
        app.advance(seconds(29 * DAY));
        (_, token) = tokens(&exchange(&app, &token).await.expect(200));
    }
    app.advance(seconds(30 * DAY));
    exchange(&app, &token).await.expect(401);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_may_be_repeated() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (access_token, refresh_token) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let (other_access_token, _) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));

    sign_out(&app, &refresh_token).await.expect(204);
    assert_eq!(my_status(&app, &access_token).await, 401);
    exchange(&app, &refresh_token).await.expect(401);
    sign_out(&app, &refresh_token).await.expect(204);
    sign_out(&app, "nonsense").await.expect(204);
    assert_eq!(my_status(&app, &other_access_token).await, 200, "another device stays signed in");
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Admin).await;
    let (access_token, refresh_token) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    disable(&app, &user).await;
    assert_eq!(my_status(&app, &access_token).await, 401);
    exchange(&app, &refresh_token).await.expect(401);
    sign_in(&app, &user.email, PASSWORD).await.expect(401);
}

#[tokio::test]
async fn raising_the_session_epoch_ends_every_session() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Viewer).await;
    let (access_token, refresh_token) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    app.set_attribute(&format!("USER#{}", user.id), "PROFILE", "session_epoch", json!({ "N": "1" }))
        .await;
    assert_eq!(my_status(&app, &access_token).await, 401);
    exchange(&app, &refresh_token).await.expect(401);
    sign_in(&app, &user.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_changed_role_counts_from_the_next_request() {
    let app = TestApp::start().await;
    let user = app.new_user(Role::Viewer, "no password ever matches this").await;
    let client = app.as_user(&user).await;
    let create = || {
        client.post(
            &vendors::create::ROUTE,
            "/api/v1/vendors",
            json!({ "vendor_code": "V-1", "company_name": "Asha Castings" }),
        )
    };
    create().await.expect(403);
    app.set_attribute(&format!("USER#{}", user.id), "PROFILE", "role", json!({ "S": "campaign_manager" }))
        .await;
    create().await.expect(201);
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_refused() {
    let app = TestApp::start().await;
    let user = user_with_password(&app, Role::Admin).await;
    let (access_token, refresh_token) = tokens(&sign_in(&app, &user.email, PASSWORD).await.expect(200));
    let (head, signature) = access_token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for token in [forged.as_str(), refresh_token.as_str(), "x", &format!("{head}.")] {
        assert_eq!(my_status(&app, token).await, 401, "{token}");
    }
    app.anonymous()
        .get(&users::me::ROUTE, ME)
        .header("authorization", &format!("Basic {access_token}"))
        .await
        .expect(401);
}

#[tokio::test]
async fn credentials_of_another_shape_are_not_read() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for body in [
        json!({}),
        json!({ "email": "a@b.example" }),
        json!({ "email": "a@b.example", "password": "x", "role": "admin" }),
        json!([]),
    ] {
        client.post(&login::ROUTE, "/api/v1/auth/login", body).await.expect(400);
    }
    client
        .call(&login::ROUTE, "/api/v1/auth/login")
        .body("text/plain", "{}")
        .await
        .expect(415);
}

#[tokio::test]
async fn users_change_their_own_name_if_they_saw_the_latest() {
    let app = TestApp::start().await;
    let vendor = app.as_role(Role::Vendor).await;
    let seen = vendor.get(&users::me::ROUTE, ME).await.expect(200);
    let rename = |name: &str| vendor.put(&users::update_me::ROUTE, ME, json!({ "display_name": name }));

    let renamed = rename(" Asha Rao ").if_match(seen.etag()).await.expect(200);
    assert_eq!(renamed.json()["display_name"], json!("Asha Rao"));
    assert_ne!(renamed.json()["updated_at"], seen.json()["updated_at"]);
    rename("Someone else").if_match(seen.etag()).await.expect(412);
    rename("A. Rao").if_match(renamed.etag()).await.expect(200);
    assert_eq!(
        vendor.get(&users::me::ROUTE, ME).await.expect(200).json()["display_name"],
        json!("A. Rao")
    );

    assert_eq!(
        rename("  ").await.expect(422).field_errors(),
        [("display_name".to_owned(), "required".to_owned())]
    );
    vendor
        .put(&users::update_me::ROUTE, ME, json!({ "display_name": "x", "role": "admin" }))
        .await
        .expect(400);
}

/// Every route of the product.
fn routes() -> impl Iterator<Item = &'static Route> {
    let crates: [&[&'static Route]; 9] = [
        &auth::ROUTES,
        &users::ROUTES,
        &vendors::ROUTES,
        &imports::ROUTES,
        &templates::ROUTES,
        &campaigns::ROUTES,
        &analytics::ROUTES,
        &public::ROUTES,
        &system::ROUTES,
    ];
    crates.into_iter().flatten().copied()
}

#[tokio::test]
async fn every_route_lets_in_the_roles_its_permission_says_and_nobody_else() {
    let app = TestApp::start().await;
    let mut clients = vec![(None, app.anonymous())];
    for role in Role::ALL {
        clients.push((Some(role), app.as_role(role).await));
    }
    for route in routes() {
        // An id of the right form that names nothing, so that whoever is let in changes nothing.
        let path = route
            .path
            .replace("{id}", "nothing")
            .replace("{token}", "nothing")
            .replace("{proxy+}", "nothing");
        for (role, client) in &clients {
            let status = client.call(route, &path).body("application/json", "{}").await.status;
            let seen = match status {
                401 | 403 => status,
                _ => 200,
            };
            let expected = match (route.access, role) {
                (Access::Public | Access::PublicSensitive, _) => 200,
                (Access::Requires(_), None) => 401,
                (Access::Requires(permission), Some(role)) if role.may(permission) => 200,
                (Access::Requires(_), Some(_)) => 403,
            };
            assert_eq!(seen, expected, "{} for {role:?} answered {status}", route.name);
        }
    }
}

#[test]
fn routes_without_sign_in_are_these_and_no_more() {
    let mut open: Vec<_> = routes()
        .filter(|route| !matches!(route.access, Access::Requires(_)))
        .map(|route| route.name)
        .collect();
    open.sort_unstable();
    open.dedup();
    assert_eq!(
        open,
        [
            "auth-login",
            "auth-logout",
            "auth-refresh",
            "public-answer-form",
            "public-show-form",
            "public-show-unsubscribe",
            "public-unsubscribe",
            "system-docs",
            "system-health",
            "system-openapi",
        ]
    );
}
