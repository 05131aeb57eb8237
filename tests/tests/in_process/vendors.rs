//! Vendors through the API, and on them the conventions every resource follows.

use domain::user::Role;
use domain::vendor::MsmeStatus;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::gcra::{self, Rate};
use store::idempotency::{self, Begin};
use vendors::{create, delete, get, list, update};

use crate::support::{Answer, Call, Client, TestApp};

const VENDORS: &str = "/api/v1/vendors";

fn vendor(code: &str) -> Value {
    json!({
        "vendor_code": code,
        "company_name": "Kaveri Test Castings LLP",
        "email": "accounts@kaveri.example",
        "phone_number": "98765 00001",
        "state": "karnataka",
        "pin_code": "560001",
    })
}

fn post<'a>(client: &Client<'a>, body: Value) -> Call<'a> {
    client.post(&create::ROUTE, VENDORS, body)
}

/// Creates a vendor; gives its path and ETag.
async fn created(client: &Client<'_>, code: &str) -> (String, String) {
    let answer = post(client, vendor(code)).await.expect(201);
    (answer.header("location").expect("a location").to_owned(), answer.etag().to_owned())
}

fn codes(page: &Answer) -> Vec<String> {
    page.json()["items"]
        .as_array()
        .expect("a list of items")
        .iter()
        .map(|item| item["vendor_code"].as_str().expect("a code").to_owned())
        .collect()
}

fn cursor_of(page: &Answer) -> Option<String> {
    page.json()["next_cursor"].as_str().map(str::to_owned)
}

fn page<'a>(client: &Client<'a>, query: &str) -> Call<'a> {
    client.get(&list::ROUTE, &format!("{VENDORS}?{query}"))
}

/// `(field, code)` of the only error.
#[track_caller]
fn only_error(answer: &Answer) -> (String, String) {
    match answer.field_errors().as_slice() {
        [one] => one.clone(),
        several => panic!("{several:?}"),
    }
}

#[tokio::test]
async fn a_created_vendor_reads_back_as_it_was_understood() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let answer = post(&manager, vendor(" V-1 ")).await.expect(201);
    let path = answer.header("location").unwrap().to_owned();
    assert!(path.starts_with("/api/v1/vendors/vnd_"), "{path}");

    let read = manager.get(&get::ROUTE, &path).await.expect(200);
    assert_eq!(read.etag(), answer.etag());
    let body = read.json();
    assert_eq!(path, format!("{VENDORS}/{}", body["id"].as_str().unwrap()));
    for (field, value) in [("vendor_code", "V-1"), ("pin_code", "560001"), ("msme_status", "unknown")] {
        assert_eq!(body[field], json!(value), "{field} in {body}");
    }
    assert_eq!(body["phone_numbers"], json!(["+919876500001"]));
    assert_eq!(body["created_at"], body["updated_at"]);
}

#[tokio::test]
async fn a_vendor_code_is_unique_ignoring_case() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    created(&manager, "V-1").await;
    let (other, _) = created(&manager, "V-2").await;
    let refused = post(&manager, vendor("v-1")).await.expect(409);
    assert_eq!(refused.json()["detail"], json!("vendor_code is taken"));
    manager.put(&update::ROUTE, &other, vendor("v-1")).await.expect(409);
    assert_eq!(
        manager.get(&list::ROUTE, VENDORS).await.expect(200).json()["total"],
        json!(2),
        "a refused vendor is not counted"
    );
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let wrong = json!({ "company_name": " ", "email": "not an address", "pin_code": "12", "gst_number": "29ABCDE1234F1Z0" });
    let answer = post(&manager, wrong).await.expect(422);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let mut fields: Vec<_> = answer.field_errors().into_iter().map(|(field, _)| field).collect();
    fields.sort();
    fields.dedup();
    assert_eq!(fields, ["company_name", "email", "gst_number", "pin_code", "vendor_code"]);
}

#[tokio::test]
async fn what_is_not_the_expected_json_is_refused_before_it_is_looked_at() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut unknown = vendor("V-1");
    unknown["msme_class"] = json!("micro");
    let refused = post(&manager, unknown).await.expect(400);
    assert!(refused.json()["detail"].as_str().unwrap().contains("msme_class"), "{}", refused.text());
    post(&manager, json!([])).await.expect(400);
    let call = || manager.call(&create::ROUTE, VENDORS);
    call().body("application/json", "{").await.expect(400);
    call().body("text/csv", "vendor_code\nV-1").await.expect(415);
    call().body("application/json", vec![b' '; 1_000_001]).await.expect(413);
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, _) = created(&manager, "V-1").await;
    manager.get(&get::ROUTE, &format!("{path}/")).await.expect(200);
    created(&manager, "V-2").await;
    let page = manager.get(&list::ROUTE, "/api/v1/vendors?limit=1").await.expect(200);
    let next = format!("/api/v1/vendors/?limit=1&cursor={}", cursor_of(&page).unwrap());
    assert_eq!(codes(&manager.get(&list::ROUTE, &next).await.expect(200)), ["V-2"]);
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_read() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, etag) = created(&manager, "V-1").await;
    let change = |code: &str| manager.put(&update::ROUTE, &path, vendor(code));

    let changed = change("V-1A").if_match(&etag).await.expect(200);
    assert_ne!(changed.etag(), etag);
    change("V-1B").if_match(&etag).await.expect(412);
    // Also where the body says what was right when it was read.
    let mut stale = vendor("V-1B");
    stale["msme_status"] = json!("small");
    manager.put(&update::ROUTE, &path, stale).if_match(&etag).await.expect(412);
    manager.delete(&delete::ROUTE, &path).if_match(&etag).await.expect(412);
    let weak_or_other = format!("\"99\", W/{}", changed.etag());
    change("V-1C").if_match(&weak_or_other).await.expect(200);
    change("V-1D").if_match("*").await.expect(200);
    change("V-1E").await.expect(200);
    assert_eq!(manager.get(&get::ROUTE, &path).await.expect(200).json()["vendor_code"], json!("V-1E"));
    created(&manager, "V-1").await;
}

#[tokio::test]
async fn a_deleted_vendor_is_gone_and_its_code_free() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, etag) = created(&manager, "V-1").await;
    manager.delete(&delete::ROUTE, &path).if_match(&etag).await.expect(204);
    manager.get(&get::ROUTE, &path).await.expect(404);
    manager.put(&update::ROUTE, &path, vendor("V-1")).await.expect(404);
    manager.delete(&delete::ROUTE, &path).await.expect(404);
    let page = manager.get(&list::ROUTE, VENDORS).await.expect(200);
    assert_eq!((codes(&page), page.json()["total"].clone()), (Vec::new(), json!(0)));

    let (again, _) = created(&manager, "V-1").await;
    assert_ne!(again, path);
    assert_eq!(manager.get(&list::ROUTE, VENDORS).await.expect(200).json()["total"], json!(1));
}

#[tokio::test]
async fn what_names_no_vendor_is_not_found() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    for id in ["vnd_01ARZ3NDEKTSV4RRFFQ69G5FAV", "cmp_01ARZ3NDEKTSV4RRFFQ69G5FAV", "1", "%00"] {
        viewer.get(&get::ROUTE, &format!("{VENDORS}/{id}")).await.expect(404);
    }
}

#[tokio::test]
async fn a_list_is_walked_page_by_page_in_order_of_code() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for code in ["V-3", "v-1", "V-5", "V-2", "V-4"] {
        created(&manager, code).await;
    }
    let (mut seen, mut path) = (Vec::new(), "/api/v1/vendors?limit=2".to_owned());
    loop {
        let page = manager.get(&list::ROUTE, &path).await.expect(200);
        assert_eq!(page.json()["total"], json!(5));
        assert!(codes(&page).len() <= 2);
        seen.extend(codes(&page));
        match cursor_of(&page) {
            Some(cursor) => path = format!("/api/v1/vendors?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["v-1", "V-2", "V-3", "V-4", "V-5"]);
    for limit in ["0", "201", "-1", "many"] {
        let refused = manager.get(&list::ROUTE, &format!("/api/v1/vendors?limit={limit}")).await.expect(422);
        assert_eq!(only_error(&refused), ("limit".to_owned(), "out_of_range".to_owned()));
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_unaltered_for_a_day() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for code in ["V-1", "V-2"] {
        created(&manager, code).await;
    }
    let cursor = cursor_of(&manager.get(&list::ROUTE, "/api/v1/vendors?limit=1").await.expect(200)).unwrap();
    page(&manager, &format!("cursor={cursor}")).await.expect(200);

    let altered = format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]);
    for query in [
        format!("cursor={altered}"),
        format!("cursor={}", &cursor[..20]),
        "cursor=x".into(),
        format!("state=Goa&cursor={cursor}"),
    ] {
        assert_eq!(
            only_error(&page(&manager, &query).await.expect(422)),
            ("cursor".to_owned(), "invalid".to_owned()),
            "{query}"
        );
    }
    let foreign = manager
        .get(&templates::list::ROUTE, &format!("/api/v1/templates?cursor={cursor}"))
        .await
        .expect(422);
    assert_eq!(only_error(&foreign), ("cursor".to_owned(), "invalid".to_owned()));

    app.advance(SignedDuration::from_hours(25));
    let later = app.as_role(Role::Viewer).await;
    assert_eq!(
        only_error(&page(&later, &format!("cursor={cursor}")).await.expect(422)),
        ("cursor".to_owned(), "expired".to_owned())
    );
}

#[tokio::test]
async fn a_repeated_request_with_a_key_gets_the_first_answer() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let create = |code: &str| post(&manager, vendor(code)).idempotency_key("order-66");
    let first = create("V-1").await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), None);
    app.advance(SignedDuration::from_mins(10));
    let second = create("V-1").await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        (second.text(), second.header("location"), second.etag()),
        (first.text(), first.header("location"), first.etag())
    );
    assert_eq!(manager.get(&list::ROUTE, VENDORS).await.expect(200).json()["total"], json!(1));

    let other_body = create("V-2").await.expect(422);
    assert_eq!(only_error(&other_body), ("Idempotency-Key".to_owned(), "reused".to_owned()));
    // Keys belong to their caller.
    let colleague = app.as_role(Role::CampaignManager).await;
    post(&colleague, vendor("V-2")).idempotency_key("order-66").await.expect(201);
    // And last a day.
    app.advance(SignedDuration::from_hours(25));
    let later = app.as_role(Role::CampaignManager).await;
    post(&later, vendor("V-3")).idempotency_key("order-66").await.expect(201);
}

#[tokio::test]
async fn a_failed_request_gives_its_key_back() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let key = "order-67";
    post(&manager, json!({})).idempotency_key(key).await.expect(422);
    post(&manager, vendor("V-1")).idempotency_key(key).await.expect(201);
    post(&manager, vendor("V-1")).idempotency_key("with space").await.expect(400);
    post(&manager, vendor("V-1")).idempotency_key(&"x".repeat(256)).await.expect(400);
}

#[tokio::test]
async fn a_request_whose_key_is_being_worked_on_is_told_to_wait() {
    let app = TestApp::start().await;
    let user = app.new_user(Role::CampaignManager, "no password ever matches this").await;
    let manager = app.as_user(&user).await;
    let body = vendor("V-1");
    let scope = format!("{}#vendors-create#{VENDORS}", user.id);
    let begun = idempotency::begin(
        app.store(),
        &scope,
        "order-68",
        body.to_string().as_bytes(),
        "first".into(),
        app.app().now(),
    )
    .await
    .unwrap();
    assert_eq!(begun, Begin::Start("first".into()));

    let create = || post(&manager, body.clone()).idempotency_key("order-68");
    create().await.expect(409);
    app.advance(SignedDuration::from_secs(61));
    create().await.expect(201);
}

#[tokio::test]
async fn a_caller_sees_its_limit_and_waits_when_it_is_used_up() {
    let app = TestApp::start().await;
    let user = app.new_user(Role::Viewer, "no password ever matches this").await;
    let viewer = app.as_user(&user).await;
    let answer = viewer.get(&list::ROUTE, VENDORS).await.expect(200);
    let number = |name: &str| answer.header(name).unwrap().parse::<i64>().unwrap();
    assert_eq!(number("ratelimit-limit"), 1_200);
    assert!((290..=300).contains(&number("ratelimit-remaining")), "{:?}", answer.headers);
    assert!(number("ratelimit-reset") >= 1);

    // Twenty seconds' worth of requests, as if a burst had just been made.
    let name = format!("limit:user:{}", user.id);
    app.advance(SignedDuration::from_secs(60));
    gcra::reserve(
        app.store(),
        Rate {
            name: &name,
            unit_micros: 50_000,
            horizon_micros: i64::MAX / 8,
        },
        400,
        app.app().now(),
    )
    .await
    .unwrap();
    let refused = viewer.get(&list::ROUTE, VENDORS).await.expect(429);
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((4..=7).contains(&wait), "{wait}");
    app.as_role(Role::Viewer).await.get(&list::ROUTE, VENDORS).await.expect(200);
    app.advance(SignedDuration::from_secs(wait));
    viewer.get(&list::ROUTE, VENDORS).await.expect(200);
}

#[tokio::test]
async fn answers_and_problems_carry_the_security_headers() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    let answers = [
        viewer
            .get(&list::ROUTE, VENDORS)
            .header("origin", "https://elsewhere.example")
            .await
            .expect(200),
        viewer.get(&get::ROUTE, "/api/v1/vendors/nothing").await.expect(404),
        app.anonymous().get(&list::ROUTE, VENDORS).await.expect(401),
    ];
    for answer in answers {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()));
        assert_eq!(answer.header("server"), None);
    }
}

#[tokio::test]
async fn a_problem_names_the_request_and_what_was_asked() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    let answer = viewer.get(&get::ROUTE, "/api/v1/vendors/nothing").await.expect(404);
    let problem = answer.json();
    assert_eq!(
        (&problem["status"], &problem["title"], &problem["instance"]),
        (&json!(404), &json!("Not Found"), &json!("/api/v1/vendors/nothing"))
    );
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
}

#[tokio::test]
async fn totals_are_exact_by_status_whatever_happens_at_once() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    // Three of each code at once: one of them wins.
    let all = (0..24).map(|i| post(&manager, vendor(&format!("V-{}", i % 8))).into_future());
    let answers = futures::future::join_all(all).await;
    let won = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(won, 8, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    let (path, _) = created(&manager, "V-9").await;
    manager.delete(&delete::ROUTE, &path).await.expect(204);

    let counts = app.store().vendor_counts().await.unwrap();
    assert_eq!(counts.total, 8);
    assert!(counts.by_status.contains(&(MsmeStatus::Unknown, 8)), "{counts:?}");
    assert_eq!(counts.by_status.iter().map(|(_, count)| count).sum::<u64>(), 8);
}
