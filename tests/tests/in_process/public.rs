//! The pages behind personal links: the declaration form and the unsubscribe page.

use domain::campaign::{Audience, Campaign, CampaignContent, CampaignState, Routing, UnknownPolicy};
use domain::delivery::{Channel, Counts, Recipient};
use domain::links::{Link, Purpose};
use domain::vendor::{MsmeStatus, RawVendor, VendorProfile};
use domain::vendor_record::Vendor;
use domain::{CampaignId, TemplateId, UserId, VendorId};
use jiff::{SignedDuration, Timestamp};
use runtime::KeyUse;
use serde_json::{Value, json};
use store::ChunkRef;
use store::chunks::{PlannedChunk, SendCheck, SendQuestion};

use crate::support::{self, Answer, Call, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";
const EMAIL: &str = "accounts@asha.example";

/// A vendor that was asked by a campaign whose deadline is 30 days off.
struct Asked {
    app: TestApp,
    campaign: CampaignId,
    vendor: VendorId,
    deadline: Timestamp,
}

impl Asked {
    async fn start() -> Self {
        Self::named("Asha Castings & Co").await
    }

    async fn named(company_name: &str) -> Self {
        let app = TestApp::start().await;
        let (now, store) = (app.app().now(), app.store());
        let raw = RawVendor {
            vendor_code: Some("V-1001".into()),
            company_name: Some(company_name.into()),
            emails: vec![EMAIL.into()],
            gst_numbers: vec!["27AAPFU0939F1ZV".into()],
            udyam_number: Some("UDYAM-MH-12-0123456".into()),
            ..RawVendor::default()
        };
        let (profile, _) = VendorProfile::parse(raw).expect("a valid vendor");
        let vendor = VendorId::from_ulid(app.app().new_ulid());
        let record = Vendor {
            id: vendor,
            profile,
            msme_status: MsmeStatus::Unknown,
            origin: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        support::store_vendor(store, &record).await;

        let campaign = CampaignId::from_ulid(app.app().new_ulid());
        let deadline = now + SignedDuration::from_hours(24 * 30);
        let content = CampaignContent {
            name: "Declarations 2026-27".into(),
            description: None,
            template_id: Some(TemplateId::from_ulid(app.app().new_ulid())),
            whatsapp_template_id: None,
            routing: Routing::Every,
            unknown_policy: UnknownPolicy::Leave,
            quiet_hours: domain::schedule::QuietHours::default(),
            audience: Audience::default(),
            deadline,
        };
        let record = Campaign {
            id: campaign,
            content,
            state: CampaignState::Collecting,
            halt_reason: None,
            waived: Vec::new(),
            origin: None,
            chunks: 1,
            targeted: 1,
            created_by: UserId::from_ulid(app.app().new_ulid()),
            created_at: now,
            updated_at: now,
            executed_at: Some(now),
            planned_at: Some(now),
            sent_at: Some(now),
            completed_at: None,
            version: 1,
        };
        store::campaigns::create(store, &record).await.expect("the campaign is stored");
        let recipient = Recipient {
            id: vendor,
            code: "V-1001".into(),
            name: company_name.into(),
            contact: None,
            email: Some(EMAIL.into()),
            phone: None,
            city: None,
            state: None,
            gstin: None,
            pan: None,
            pan_digest: None,
            udyam: None,
        };
        let asked = Self {
            app,
            campaign,
            vendor,
            deadline,
        };
        let chunk = PlannedChunk {
            chunk: asked.chunk(),
            recipients: vec![recipient],
            planned_through: String::new(),
            root: asked.campaign,
            may_be_answered: false,
            follow_up: false,
        };
        store::chunks::plan(asked.app.store(), &[chunk], now).await.expect("the chunk is stored");
        asked
    }

    fn chunk(&self) -> ChunkRef {
        ChunkRef {
            campaign: self.campaign,
            channel: Channel::Email,
            number: 1,
        }
    }

    async fn token(&self, purpose: Purpose) -> String {
        let link = Link {
            purpose,
            campaign: self.campaign,
            vendor: self.vendor,
            channel: Channel::Email,
            chunk: 1,
            expires_at: self.deadline,
        };
        let keys = self.app.app().signing_keys().await.expect("the test has signing keys");
        link.sign(&keys.active(KeyUse::Link))
    }

    async fn form_path(&self) -> String {
        format!("/f/{}", self.token(Purpose::Form).await)
    }

    async fn unsubscribe_path(&self) -> String {
        format!("/unsubscribe/{}", self.token(Purpose::Unsubscribe).await)
    }

    fn show(&self, path: &str) -> Call<'_> {
        self.app.anonymous().get(&public::show_form::ROUTE, path)
    }

    fn send(&self, path: &str, fields: &[(&str, &str)]) -> Call<'_> {
        self.app.anonymous().call(&public::answer_form::ROUTE, path).body(FORM, encoded(fields))
    }

    fn show_unsubscribe(&self, path: &str) -> Call<'_> {
        self.app.anonymous().get(&public::show_unsubscribe::ROUTE, path)
    }

    fn unsubscribe(&self, path: &str, content_type: &str, body: &str) -> Call<'_> {
        self.app.anonymous().call(&public::unsubscribe::ROUTE, path).body(content_type, body)
    }

    async fn status(&self) -> MsmeStatus {
        store::vendors::get(self.app.store(), self.vendor)
            .await
            .expect("the vendor is there")
            .msme_status
    }

    async fn history(&self) -> Vec<Value> {
        let items = self.app.items(&format!("VENDOR#{}", self.vendor)).await;
        items
            .into_iter()
            .filter(|item| item["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("STATUS#")))
            .collect()
    }

    async fn vendors_with(&self, status: MsmeStatus) -> u64 {
        let counts = self.app.store().vendor_counts().await.expect("totals");
        counts.by_status.iter().find(|(name, _)| *name == status).map_or(0, |(_, count)| *count)
    }

    async fn counts(&self) -> Counts {
        store::chunks::fold(self.app.store(), self.chunk()).await.expect("a fold")
    }

    async fn suppression(&self) -> Option<String> {
        let question = SendQuestion {
            addresses: &[EMAIL.to_owned()],
            answers: None,
            providers: &[],
        };
        let SendCheck { suppressed, .. } = store::chunks::check_before_send(self.app.store(), self.chunk(), question)
            .await
            .expect("the campaign is there");
        suppressed.get(EMAIL).map(|suppression| suppression.reason.to_string())
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("https://form.example/").expect("a URL");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

const MICRO: [(&str, &str); 10] = [
    ("status", "micro"),
    ("udyam_number", "UDYAM-MH-12-0123456"),
    ("registration_date", "2021-07-15"),
    ("classification_year", "2025-26"),
    ("activity", "manufacturing"),
    ("pan", "AAPFU0939F"),
    ("gstins", "27AAPFU0939F1ZV"),
    ("signatory_name", "Asha Rao"),
    ("signatory_designation", "Partner"),
    ("consent", "yes"),
];

fn micro_but(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    MICRO
        .into_iter()
        .map(|(field, given)| if field == name { (field, value) } else { (field, given) })
        .collect()
}

#[track_caller]
fn assert_page(answer: &Answer, expected: &[&str]) {
    let text = answer.text();
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{text}");
    for part in expected {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[tokio::test]
async fn a_shown_form_answered_gives_the_vendor_its_dated_status() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    let shown = asked.show(&path).await.expect(200);
    assert_page(
        &shown,
        &[
            "Buyer Industries Ltd",
            "Asha Castings &amp; Co",
            "V-1001",
            "UDYAM-MH-12-0123456",
            "27AAPFU0939F1ZV",
            "45 days",
        ],
    );
    assert_page(&shown, &["AAPFUXXXXF", "Indian time", "2 December 2026"]);
    assert!(!shown.text().contains("AAPFU0939F\""), "the PAN on record is told masked only");

    let thanks = asked.send(&path, &MICRO).await.expect(200);
    assert_page(
        &thanks,
        &["Thank you", "rsp_", "Micro enterprise", "15 July 2021", "Asha Rao, Partner", "AAPFUXXXXF"],
    );
    assert_eq!(asked.status().await, MsmeStatus::Micro);
    let history = asked.history().await;
    assert_eq!(history.len(), 1);
    assert!(
        history[0]["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("STATUS#2021-07-15#")),
        "{history:?}"
    );
    assert_eq!(
        (asked.vendors_with(MsmeStatus::Micro).await, asked.vendors_with(MsmeStatus::Unknown).await),
        (1, 0)
    );
    assert_eq!(asked.counts().await.responded, 1);
}

#[tokio::test]
async fn the_first_answer_stands() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    asked.send(&path, &MICRO).await.expect(200);
    let before = asked.app.everything().await;
    let again = asked.send(&path, &micro_but("status", "small")).await.expect(409);
    assert_page(&again, &["This request is answered", "2 November 2026", "rsp_"]);
    let program = asked
        .app
        .anonymous()
        .post(&public::answer_form::ROUTE, &path, json!({ "status": "small" }))
        .await
        .expect(409);
    assert_eq!(program.header("content-type"), Some("application/problem+json"));
    assert_page(&asked.show(&path).await.expect(200), &["This request is answered"]);
    assert_eq!(asked.app.everything().await, before);
}

#[tokio::test]
async fn of_two_answers_at_once_one_wins() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    let small = micro_but("status", "small");
    let (one, other) = tokio::join!(asked.send(&path, &MICRO), asked.send(&path, &small));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let winner = if one.status == 200 { MsmeStatus::Micro } else { MsmeStatus::Small };
    assert_eq!(asked.status().await, winner);
    assert_eq!(asked.history().await.len(), 1);
    assert_eq!((asked.vendors_with(winner).await, asked.vendors_with(MsmeStatus::Unknown).await), (1, 0));
    assert_eq!(asked.counts().await.responded, 1);
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let asked = Asked::start().await;
    let (form, unsubscribe) = (asked.form_path().await, asked.unsubscribe_path().await);
    let before = asked.app.everything().await;
    asked.show(&form).await.expect(200);
    asked.show(&format!("{form}/")).await.expect(200);
    assert_page(
        &asked.show_unsubscribe(&unsubscribe).await.expect(200),
        &["a***@asha.example", "Stop e-mails"],
    );
    assert_eq!(asked.app.everything().await, before);
}

#[tokio::test]
async fn a_link_is_good_for_its_purpose_until_the_deadline() {
    let asked = Asked::start().await;
    let (form, unsubscribe) = (asked.form_path().await, asked.unsubscribe_path().await);
    let mut forged = form.clone();
    forged.replace_range(10..11, if &forged[10..11] == "A" { "B" } else { "A" });
    for path in [forged.as_str(), "/f/short", &unsubscribe.replace("/unsubscribe/", "/f/")] {
        assert_page(&asked.show(path).await.expect(404), &["We cannot find this request"]);
        asked.send(path, &MICRO).await.expect(404);
    }
    asked.show_unsubscribe(&form.replace("/f/", "/unsubscribe/")).await.expect(404);
    let program = asked.show(&forged).header("accept", "application/json").await.expect(404);
    assert_eq!(program.header("content-type"), Some("application/problem+json"));

    asked.app.advance(SignedDuration::from_hours(24 * 31));
    let before = asked.app.everything().await;
    assert_page(
        &asked.show(&form).await.expect(410),
        &["This link no longer works", "your usual contact at Buyer Industries Ltd"],
    );
    asked.send(&form, &MICRO).await.expect(410);
    asked.unsubscribe(&unsubscribe, FORM, "List-Unsubscribe=One-Click").await.expect(410);
    assert_eq!(asked.app.everything().await, before);
}

#[tokio::test]
async fn a_withdrawn_request_takes_no_answer_but_still_unsubscribes() {
    let asked = Asked::start().await;
    let (form, now) = (asked.form_path().await, asked.app.app().now());
    let (from, next) = (CampaignState::Collecting, CampaignState::Cancelled);
    store::campaigns::transition(asked.app.store(), asked.campaign, from, next, None, now)
        .await
        .expect("cancelled");
    assert_page(&asked.show(&form).await.expect(410), &["withdrawn"]);
    asked.send(&form, &MICRO).await.expect(410);
    assert_eq!(asked.status().await, MsmeStatus::Unknown);
    asked.unsubscribe(&asked.unsubscribe_path().await, FORM, "confirm=yes").await.expect(200);
}

#[tokio::test]
async fn a_wrong_answer_comes_back_with_what_was_typed() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    let mut fields = micro_but("udyam_number", "UDYAM-\"><b>1");
    fields.retain(|(name, _)| *name != "consent");
    let before = asked.app.everything().await;
    let page = asked.send(&path, &fields).await.expect(422);
    assert_page(
        &page,
        &[
            "2 things need a correction",
            "href=\"#udyam_number\"",
            "href=\"#consent\"",
            "id=\"udyam_number-error\"",
        ],
    );
    assert_page(
        &page,
        &[
            "value=\"UDYAM-&quot;&gt;&lt;b&gt;1\"",
            "value=\"Asha Rao\"",
            "value=\"2021-07-15\"",
            "value=\"AAPFU0939F\"",
        ],
    );
    assert_page(
        &page,
        &[
            "value=\"micro\" id=\"status\" aria-describedby=\"status-1-hint\" checked",
            "aria-invalid=\"true\"",
            "<option selected>2025-26",
        ],
    );
    assert_eq!(asked.app.everything().await, before);

    let several = asked.send(&path, &micro_but("gstins", "27AAPFU0939F1ZX 29BBBBB")).await.expect(422);
    assert_page(&several, &["27AAPFU0939F1ZX: ", "29BBBBB: "]);
    let program = asked
        .app
        .anonymous()
        .post(&public::answer_form::ROUTE, &path, json!({ "status": "big" }))
        .await
        .expect(422);
    assert!(
        program.field_errors().contains(&("status".to_owned(), "required".to_owned())),
        "{}",
        program.text()
    );
}

#[tokio::test]
async fn who_is_not_registered_need_not_correct_hidden_fields() {
    let asked = Asked::start().await;
    let mut fields = micro_but("status", "not_registered");
    fields[1].1 = "half a numb";
    let thanks = asked.send(&asked.form_path().await, &fields).await.expect(200);
    assert_page(&thanks, &["Not registered on Udyam"]);
    assert_eq!(asked.status().await, MsmeStatus::NotRegistered);
}

#[tokio::test]
async fn what_a_vendor_declares_of_itself_is_on_its_record_from_then_on() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    asked.send(&path, &micro_but("udyam_number", "UDYAM-MH-26-7654321")).await.expect(200);
    let vendor = store::vendors::get(asked.app.store(), asked.vendor).await.expect("it is there");
    let profile = &vendor.profile;
    assert_eq!(profile.udyam_number.as_ref().map(|udyam| udyam.as_str()), Some("UDYAM-MH-26-7654321"));
    assert_eq!(profile.udyam_registration_date, Some(jiff::civil::date(2021, 7, 15)));
    assert_eq!(profile.activity, Some(domain::declaration::Activity::Manufacturing));

    // It is found by the new number and no longer by the old one, and the history says who changed it.
    let manager = asked.app.as_role(domain::user::Role::CampaignManager).await;
    for (query, found) in [("UDYAM-MH-26-7654321", 1), ("UDYAM-MH-12-0123456", 0)] {
        let answer = manager.get(&vendors::list::ROUTE, &format!("/api/v1/vendors?q={query}")).await;
        assert_eq!(answer.expect(200).json()["total"], found, "{query}");
    }
    let changes = manager
        .get(&vendors::history::ROUTE, &format!("/api/v1/vendors/{}/history", vendor.id))
        .await;
    let change = changes.expect(200).json()["items"][0].clone();
    assert!(change["by"].as_str().is_some_and(|by| by.starts_with("rsp_")), "{change}");
    let fields: Vec<_> = change["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| field["field"].clone())
        .collect();
    assert_eq!(
        fields,
        ["activity", "udyam_number", "udyam_registration_date", "msme_status", "status_history"],
        "{change}"
    );

    // And so it counts where a payment is judged.
    let verdict = format!("/api/v1/vendors/{}/payment-verdict?accepted_on=2026-10-01", vendor.id);
    let verdict = manager.get(&vendors::verdict::ROUTE, &verdict).await.expect(200).json();
    assert_eq!(verdict["applies"], "yes", "{verdict}");
}

#[tokio::test]
async fn a_program_answers_in_json() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    let body: Value = MICRO
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let receipt = asked
        .app
        .anonymous()
        .post(&public::answer_form::ROUTE, &path, body)
        .await
        .expect(201)
        .json();
    assert_eq!(receipt["status"], "micro");
    assert!(
        receipt["response_id"].as_str().is_some_and(|id| id.starts_with("rsp_")) && receipt["submitted_at"].is_string(),
        "{receipt}"
    );
    let answers = asked
        .app
        .items(&format!("RESPONSE#{}", receipt["response_id"].as_str().unwrap_or_default()))
        .await;
    let hash = answers[0]["source_hash"]["S"].as_str().unwrap_or_default();
    assert_eq!(hash.len(), 64, "the address itself is not kept");
}

#[tokio::test]
async fn a_body_that_is_not_the_form_is_refused() {
    let asked = Asked::start().await;
    let path = asked.form_path().await;
    asked.send(&path, &[("status", "micro"), ("account_number", "1")]).await.expect(400);
    asked
        .app
        .anonymous()
        .call(&public::answer_form::ROUTE, &path)
        .body("text/plain", "micro")
        .await
        .expect(415);
    asked
        .app
        .anonymous()
        .call(&public::answer_form::ROUTE, &path)
        .body(FORM, "x".repeat(65 * 1024))
        .await
        .expect(413);
    assert_eq!(asked.status().await, MsmeStatus::Unknown);
}

#[tokio::test]
async fn names_are_escaped_and_nothing_foreign_is_loaded() {
    let asked = Asked::named("<script>alert(1)</script> & \"Sons\"").await;
    let form = asked.form_path().await;
    let pages = [
        asked.show(&form).await,
        asked.show_unsubscribe(&asked.unsubscribe_path().await).await,
        asked.send(&form, &[("status", "<script>")]).await,
        asked.send(&form, &MICRO).await,
        asked.show(&form).await,
    ];
    for page in pages {
        let text = page.text();
        assert!(!text.contains("<script"), "{text}");
        assert!(text.contains("&lt;script&gt;"), "{text}");
        assert!(
            !text.contains("Aadhaar number") && !text.contains("IFSC"),
            "the form never asks for these"
        );
        let policy = page.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test]
async fn one_click_suppresses_the_address_and_may_be_repeated() {
    let asked = Asked::start().await;
    let path = asked.unsubscribe_path().await;
    let multipart = "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let first = asked.unsubscribe(&path, "multipart/form-data; boundary=b", multipart).await.expect(200);
    assert_eq!(first.text(), "You are unsubscribed.\n");
    assert_eq!(asked.suppression().await.as_deref(), Some("unsubscribe"));
    assert_eq!(asked.counts().await.unsubscribed, 1);
    let before = asked.app.everything().await;
    asked.app.advance(SignedDuration::from_hours(1));
    asked.unsubscribe(&path, FORM, "List-Unsubscribe=One-Click").await.expect(200);
    assert_page(
        &asked.unsubscribe(&path, FORM, "confirm=yes").await.expect(200),
        &["no more of these e-mails", "a***@asha.example"],
    );
    assert_eq!(asked.app.everything().await, before);
}

#[tokio::test]
async fn a_post_that_confirms_nothing_unsubscribes_nobody() {
    let asked = Asked::start().await;
    let path = asked.unsubscribe_path().await;
    asked.unsubscribe(&path, FORM, "").await.expect(400);
    asked.unsubscribe(&path, "application/json", "{}").await.expect(400);
    assert_eq!(asked.suppression().await, None);
}

/// The pages are left in target/pages, for looking at in a browser.
#[tokio::test]
async fn every_page_stands_alone_and_fits_a_phone() {
    let asked = Asked::start().await;
    let (form, unsubscribe) = (asked.form_path().await, asked.unsubscribe_path().await);
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pages");
    std::fs::create_dir_all(&directory).expect("a directory to write to");
    let pages = [
        ("form", asked.show(&form).await),
        (
            "errors",
            asked
                .send(&form, &[("status", "micro"), ("udyam_number", "UDYAM-1"), ("gstins", "27AAPFU0939F1ZX")])
                .await,
        ),
        ("not-registered", asked.send(&form, &[("status", "not_registered")]).await),
        ("thanks", asked.send(&form, &MICRO).await),
        ("answered", asked.show(&form).await),
        ("unsubscribe", asked.show_unsubscribe(&unsubscribe).await),
        ("unsubscribed", asked.unsubscribe(&unsubscribe, FORM, "confirm=yes").await),
        ("not-found", asked.show("/f/cut-off").await),
    ];
    for (name, page) in pages {
        let html = page.text();
        for needed in ["<html lang=\"en-IN\"", "name=\"viewport\"", "<h1", "</html>"] {
            assert!(html.contains(needed), "{name} lacks {needed}");
        }
        for foreign in ["<script", "src=\"http", "href=\"http", "@import", "url(http"] {
            assert!(!html.contains(foreign), "{name} has {foreign}");
        }
        std::fs::write(directory.join(format!("{name}.html")), html).expect("a page is written");
    }
}
