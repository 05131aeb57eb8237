//! Exports, from the request through the worker to the file, read with the reader of imports.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::io::Write as _;

use domain::columns::COLUMNS;
use domain::user::Role;
use domain::vendor::{MsmeStatus, ParsedVendor, RawVendor};
use domain::vendor_record::Vendor;
use domain::{VendorId, hash};
use exports::{create, get, list};
use runtime::{Message, RecordFailure, Var};
use serde_json::{Value, json};
use sheets::Sheet;

use crate::support::{self, Client, TestApp};

const EXPORTS: &str = "/api/v1/exports";

fn vendor(app: &TestApp, raw: RawVendor) -> Vendor {
    let now = app.app().now();
    let ParsedVendor { profile, claim, .. } = ParsedVendor::parse(raw).expect("a valid vendor");
    Vendor {
        id: VendorId::from_ulid(app.app().new_ulid()),
        profile,
        msme_status: claim.unwrap_or(MsmeStatus::Unknown),
        origin: None,
        deleted_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// Stores a vendor with these fields.
async fn stored(app: &TestApp, fields: Value) -> Vendor {
    let vendor = vendor(app, serde_json::from_value(fields).expect("fields of a vendor"));
    support::store_vendor(app.store(), &vendor).await;
    vendor
}

/// One vendor with everything, one with a name that computes, one with next to nothing.
async fn three(app: &TestApp) -> [Vendor; 3] {
    let whole = stored(
        app,
        json!({
            "vendor_code": "v-2", "company_name": "Kaveri Castings LLP", "contact_person_name": "Asha Rao",
            "emails": ["accounts@kaveri.example", "sales@kaveri.example"], "phone_numbers": ["9876500001", "9876500002"],
            "registered_address": "12, Foundry Road; Peenya", "city": "Bengaluru", "state": "KA", "pin_code": "560058", "country": "India",
            "supplier_type": "manufacturer", "category": "castings", "business_category": "foundry", "group_category": "Kaveri Group",
            "annual_turnover": "1,25,00,000.50", "year_established": 1998, "currency": "INR", "gst_numbers": ["27AAPFU0939F1ZV"],
            "pan_number": "AAPFU0939F", "udyam_number": "UDYAM-KR-03-0012345", "udyam_registration_date": "2021-04-05",
            "activity": "manufacturing", "msme_status": "small", "tags": ["critical", "plant-2"], "nda": true, "sqa": false, "four_m": true,
            "code_of_conduct": true, "compliance_agreement": false, "self_declaration": true,
            "attributes": { "plant": "+Pune", "buyer code": "00123" },
        }),
    )
    .await;
    let formula = json!({ "vendor_code": "V-1", "company_name": "=HYPERLINK(\"http://x.example\")", "attributes": { "rating": "@A1" } });
    let formula = stored(app, formula).await;
    let bare = stored(app, json!({ "vendor_code": "V-10", "company_name": "'Godavari'", "state": "MH" })).await;
    [whole, formula, bare]
}

/// Asks for an export; gives its path.
async fn asked(client: &Client<'_>, body: Value) -> String {
    let answer = client.post(&create::ROUTE, EXPORTS, body).await.expect(202);
    assert_eq!(answer.json()["state"], json!("queued"));
    answer.header("location").unwrap().to_owned()
}

fn messages(app: &TestApp, receive_count: u32) -> Vec<Message> {
    let sent = app.take_messages(Var::ExportQueueUrl).into_iter().enumerate();
    sent.map(|(i, message)| Message {
        id: i.to_string(),
        body: message["MessageBody"].as_str().unwrap().to_owned(),
        correlation_id: String::new(),
        receive_count,
    })
    .collect()
}

async fn work(app: &TestApp, messages: &[Message]) -> Vec<RecordFailure> {
    (workers::export::WORKER.handler)(app.app(), messages.to_vec()).await
}

async fn shown(client: &Client<'_>, path: &str) -> Value {
    client.get(&get::ROUTE, path).await.expect(200).json()
}

/// The file a link leads to.
fn file(app: &TestApp, export: &Value) -> Vec<u8> {
    let download = &export["download"];
    let (address, query) = download["url"].as_str().unwrap().split_once('?').unwrap();
    assert!(query.contains("X-Amz-Signature") && query.contains("X-Amz-Expires=300"), "{query}");
    let bytes = app
        .object(&address[address.find("exports/").unwrap()..])
        .expect("the file is in the bucket");
    assert_eq!(download["bytes"], json!(bytes.len()));
    assert_eq!(download["sha256"], json!(hash::sha256_hex(&bytes)));
    bytes
}

/// Header and rows, as an import reads them.
fn read(bytes: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(bytes).unwrap();
    let sheet: Sheet = sheets::open(named.path(), &sheets::Limits::default()).expect("a table");
    let header = sheet.header().to_vec();
    let rows = sheet.map(|row| {
        let row = row.expect("a row");
        assert_eq!(row.flaws, [], "{:?}", row.cells);
        row.cells
    });
    (header, rows.collect())
}

/// Exports and reads what came of it.
async fn exported(app: &TestApp, client: &Client<'_>, body: Value) -> (Value, Vec<String>, Vec<Vec<String>>) {
    let path = asked(client, body).await;
    assert!(work(app, &messages(app, 1)).await.is_empty());
    let export = shown(client, &path).await;
    assert_eq!(export["state"], json!("completed"), "{export}");
    let (header, rows) = read(&file(app, &export));
    assert_eq!(export["rows"], json!(rows.len()));
    (export, header, rows)
}

/// What an import would take from each row.
fn imported(header: &[String], rows: &[Vec<String>]) -> BTreeMap<String, Result<ParsedVendor, Vec<&'static str>>> {
    let plan = domain::columns::recognise(header)
        .mapping
        .plan(header)
        .expect("an import knows the header");
    let parse = |row: &Vec<String>| {
        let mut raw = RawVendor::default();
        for value in plan.values(row) {
            assert!(raw.fill(value.column, &value.text));
        }
        let code = raw.vendor_code.clone().unwrap();
        let parsed = ParsedVendor::parse(raw).map_err(|errors| errors.into_iter().map(|error| error.field).collect());
        (code, parsed)
    };
    rows.iter().map(parse).collect()
}

#[tokio::test]
async fn what_is_exported_in_full_imports_again_as_it_was_from_either_kind_of_file() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let [whole, formula, bare] = three(&app).await;
    for format in ["csv", "xlsx"] {
        let (export, header, rows) = exported(&app, &manager, json!({ "format": format, "reveal_identifiers": true })).await;
        let name = export["download"]["file_name"].as_str().unwrap();
        assert_eq!(name, format!("vendors-2026-11-02.{format}"));
        let canonical: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        assert_eq!(header[..canonical.len()], canonical);
        let others = [
            "attributes.plant",
            "attributes.rating",
            "more_attributes_json",
            "created_at_ist",
            "updated_at_ist",
        ];
        assert_eq!(header[canonical.len()..], others);
        let codes: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(codes, ["V-1", "V-10", "v-2"], "in order of code");
        assert_eq!(rows[2][canonical.len() + 2], r#"{"buyer code":"00123"}"#);
        assert!(rows[2].last().unwrap().starts_with("2026-11-02 10:00:"), "times are Indian");

        let again = imported(&header, &rows);
        let mut expected = whole.profile.clone();
        expected.attributes.remove("buyer code");
        for (profile, status) in [
            (expected, Some(MsmeStatus::Small)),
            (formula.profile.clone(), None),
            (bare.profile.clone(), None),
        ] {
            let found = again[profile.vendor_code.as_str()].as_ref().expect("a valid row");
            assert_eq!((&found.profile, found.claim), (&profile, status), "{format}");
        }
    }
}

#[tokio::test]
async fn no_cell_of_a_csv_file_begins_a_formula() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    three(&app).await;
    let path = asked(&manager, json!({ "format": "csv", "reveal_identifiers": true })).await;
    assert!(work(&app, &messages(&app, 1)).await.is_empty());
    let bytes = file(&app, &shown(&manager, &path).await);
    let text = String::from_utf8(bytes).unwrap();
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut guarded = 0;
    for row in reader.records() {
        for cell in row.unwrap().iter() {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
            guarded += u32::from(cell.starts_with('\''));
        }
    }
    // The name, two attributes, the two numbers in one cell, and a name in quotation marks of its own that needs no other.
    assert_eq!(guarded, 5, "{text}");
}

#[tokio::test]
async fn identifiers_are_masked_unless_the_role_may_see_them_and_asks() {
    let app = TestApp::start().await;
    let [whole, ..] = three(&app).await;
    let viewer = app.as_role(Role::Viewer).await;
    let refused = viewer
        .post(&create::ROUTE, EXPORTS, json!({ "format": "csv", "reveal_identifiers": true }))
        .await
        .expect(403);
    assert!(refused.text().contains("without reveal_identifiers"), "{}", refused.text());
    assert!(app.take_messages(Var::ExportQueueUrl).is_empty());
    app.as_role(Role::Vendor)
        .await
        .post(&create::ROUTE, EXPORTS, json!({ "format": "csv" }))
        .await
        .expect(403);

    for role in [Role::Admin, Role::CampaignManager, Role::Viewer] {
        for format in ["csv", "xlsx"] {
            let client = app.as_role(role).await;
            let (export, header, rows) = exported(&app, &client, json!({ "format": format })).await;
            assert_eq!(export["download"]["file_name"], json!(format!("vendors-2026-11-02-masked.{format}")));
            let text = rows.concat().join("|");
            for hidden in ["AAPFU0939F", "0012345", "98765", "accounts", "sales"] {
                assert!(!text.contains(hidden), "{hidden} in {text}");
            }
            for seen in [
                "AAPFUXXXXF",
                "27AAPFUXXXXF1ZX",
                "UDYAM-KR-03-XXXX345",
                "+91XXXXXX0001; +91XXXXXX0002",
                "a•••@kaveri.example; s•••@kaveri.example",
            ] {
                assert!(text.contains(seen), "{seen} in {text}");
            }
            // Imported by mistake, the row is handed back, and overwrites nothing.
            let errors = imported(&header, &rows)[whole.profile.vendor_code.as_str()].clone().unwrap_err();
            for field in ["email", "phone_number", "gst_number", "pan_number", "udyam_number"] {
                assert!(errors.contains(&field), "{field} of {errors:?}");
            }
        }
    }

    // What a manager took out in full, a viewer does not get by its name.
    let manager = app.as_role(Role::CampaignManager).await;
    let path = asked(&manager, json!({ "format": "csv", "reveal_identifiers": true })).await;
    assert!(work(&app, &messages(&app, 1)).await.is_empty());
    viewer.get(&get::ROUTE, &path).await.expect(403);
    let items = viewer.get(&list::ROUTE, EXPORTS).await.expect(200).json();
    let newest = &items["items"][0];
    assert_eq!((&newest["reveals_identifiers"], &newest["download"]), (&json!(true), &Value::Null));
    assert_eq!(items["items"].as_array().unwrap().len(), 7);
}

#[tokio::test]
async fn thousands_of_vendors_are_written_with_progress_and_none_that_was_deleted_meanwhile() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    let raw = |i: u32| RawVendor {
        vendor_code: Some(format!("V-{i:04}")),
        company_name: Some(format!("Castings {i}")),
        emails: vec![format!("v{i}@kaveri.example")],
        ..RawVendor::default()
    };
    let vendors: Vec<Vendor> = (0..3_000).map(|i| vendor(&app, raw(i))).collect();
    let new: Vec<_> = vendors.iter().cloned().map(Into::into).collect();
    store::vendors::create_batch(app.store(), &new, support::by()).await.expect("stored");

    let path = asked(&viewer, json!({ "format": "xlsx" })).await;
    let messages = messages(&app, 1);
    // The directory is read, then the worker is stopped in the middle of the vendors.
    app.fail_after("BatchGetItem", 21);
    assert_eq!(work(&app, &messages).await.len(), 1);
    let half = shown(&viewer, &path).await;
    assert_eq!((&half["state"], &half["total"]), (&json!("running"), &json!(3_000)), "{half}");
    assert!((1_000..=2_100).contains(&half["rows"].as_u64().unwrap()), "{half}");
    assert_eq!(half["download"], Value::Null);

    // Gone from the table, and not yet from the directory, as in the moment between two reads.
    let gone = &vendors[1_234];
    app.delete_item(&format!("VENDOR#{}", gone.id), "PROFILE").await;
    assert!(work(&app, &messages).await.is_empty());
    let export = shown(&viewer, &path).await;
    assert_eq!(
        (&export["state"], &export["rows"], &export["total"]),
        (&json!("completed"), &json!(2_999), &json!(2_999)),
        "{export}"
    );
    let (_, rows) = read(&file(&app, &export));
    let codes: Vec<String> = rows.into_iter().map(|mut row| row.swap_remove(0)).collect();
    let expected: Vec<String> = (0..3_000).filter(|i| *i != 1_234).map(|i| format!("V-{i:04}")).collect();
    assert_eq!(codes, expected);
}

#[tokio::test]
async fn a_message_delivered_again_changes_nothing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    three(&app).await;
    let path = asked(&manager, json!({ "format": "csv" })).await;
    let messages = messages(&app, 1);
    // The worker dies between the upload and the record of it: the next one writes the same file again.
    app.fail_after("UpdateItem", 1);
    assert_eq!(work(&app, &messages).await.len(), 1);
    assert_eq!(shown(&manager, &path).await["state"], json!("running"));
    assert!(work(&app, &messages).await.is_empty());
    let export = shown(&manager, &path).await;
    let bytes = file(&app, &export);

    stored(&app, json!({ "vendor_code": "V-3", "company_name": "Came later" })).await;
    assert!(work(&app, &messages).await.is_empty());
    let again = shown(&manager, &path).await;
    assert_eq!((&again["rows"], &again["completed_at"]), (&json!(3), &export["completed_at"]));
    assert_eq!(file(&app, &again), bytes);
    let until = |export: &Value| export["download"]["url_expires_at"].as_str().unwrap().to_owned();
    assert!(until(&again) > until(&export), "each time another link");
}

#[tokio::test]
async fn an_export_that_cannot_be_written_says_so_and_may_be_tried_again() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    three(&app).await;
    let path = asked(&manager, json!({ "format": "csv" })).await;
    let mut sent = messages(&app, 1);
    app.fail_after("BatchGetItem", 0);
    assert_eq!(work(&app, &sent).await.len(), 1);
    assert_eq!(shown(&manager, &path).await["state"], json!("running"), "the message comes again");
    // Failed or killed: the last receive says so, and begins nothing.
    sent[0].receive_count = 5;
    assert_eq!(work(&app, &sent).await.len(), 1, "operators find it among the dead letters");
    let failed = shown(&manager, &path).await;
    assert_eq!(
        (&failed["state"], &failed["failure"]["retriable"]),
        (&json!("failed"), &json!(true)),
        "{failed}"
    );
    assert!(
        failed["failure"]["reason"].as_str().unwrap().contains("ask for the export again"),
        "{failed}"
    );
    assert_eq!(failed["download"], Value::Null);
    // Sent from there once more.
    sent[0].receive_count = 1;
    assert!(work(&app, &sent).await.is_empty());
    let export = shown(&manager, &path).await;
    assert_eq!((&export["state"], &export["failure"]), (&json!("completed"), &Value::Null), "{export}");
}

#[tokio::test]
async fn a_file_holds_whom_the_filter_or_the_segment_means_and_the_columns_asked_for() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    three(&app).await;
    let check = async |body: Value, header: &[&str], rows: &[&[&str]]| {
        let (_, found_header, found) = exported(&app, &manager, body.clone()).await;
        assert_eq!(
            (found_header, found),
            (
                header.iter().map(|cell| (*cell).to_owned()).collect(),
                rows.iter()
                    .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
                    .collect::<Vec<Vec<String>>>()
            ),
            "{body}"
        );
    };
    let columns = json!(["company_name", "vendor_code", "attributes.plant"]);
    let header = ["company_name", "vendor_code", "attributes.plant"];
    let kaveri: &[&str] = &["Kaveri Castings LLP", "v-2", "+Pune"];
    let godavari: &[&str] = &["'Godavari'", "V-10", ""];
    for format in ["csv", "xlsx"] {
        let body = |filter: Value| json!({ "format": format, "filter": filter, "columns": columns });
        check(body(json!({ "states": ["29", "Maharashtra"] })), &header, &[godavari, kaveri]).await;
        check(body(json!({ "text": "kav cast", "tags": ["Critical"] })), &header, &[kaveri]).await;
        check(body(json!({ "has_email": true, "msme_statuses": ["small"] })), &header, &[kaveri]).await;
        check(body(json!({ "states": ["Kerala"] })), &header, &[]).await;
    }
    let segment = json!({ "name": "Critical", "filter": { "tags": ["critical"] } });
    let segment = manager.post(&segments::create::ROUTE, "/api/v1/segments", segment).await.expect(201);
    let (id, path) = (segment.json()["id"].clone(), segment.header("location").unwrap().to_owned());
    let export = asked(&manager, json!({ "format": "csv", "segment_id": id, "columns": ["vendor_code"] })).await;
    // The segment as it was when asked for counts.
    manager.delete(&segments::delete::ROUTE, &path).await.expect(204);
    assert!(work(&app, &messages(&app, 1)).await.is_empty());
    let export = shown(&manager, &export).await;
    assert_eq!((&export["segment_id"], &export["filter"]), (&id, &json!({ "tags": ["critical"] })));
    assert_eq!(read(&file(&app, &export)).1, [["v-2"]]);

    for (body, fields) in [
        (
            json!({ "format": "csv", "filter": { "text": "x", "states": ["Atlantis"] } }),
            vec!["text", "states"],
        ),
        (json!({ "format": "csv", "filter": {}, "segment_id": id }), vec!["filter"]),
        (json!({ "format": "csv", "segment_id": id }), vec!["segment_id"]),
        (
            json!({ "format": "csv", "columns": ["vendor_code", "opt_ins", "vendor_code"] }),
            vec!["columns", "columns"],
        ),
    ] {
        let errors = manager.post(&create::ROUTE, EXPORTS, body.clone()).await.expect(422).field_errors();
        let found: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(found, fields, "{body}");
    }
    manager.post(&create::ROUTE, EXPORTS, json!({ "format": "pdf" })).await.expect(400);
}

#[tokio::test]
async fn what_looks_like_an_identifier_is_masked_in_free_fields_and_codes_too() {
    let app = TestApp::start().await;
    let viewer = app.as_role(Role::Viewer).await;
    let fields = json!({ "vendor_code": "27AAPFU0939F1ZV", "company_name": "Kaveri",
        "attributes": { "plant": "Pune", "contact": "98765 43210, asha@kaveri.example", "old_pan": "AAPFU0939F" } });
    stored(&app, fields).await;
    for format in ["csv", "xlsx"] {
        let columns = json!(["vendor_code", "attributes.plant", "attributes"]);
        let (_, header, rows) = exported(&app, &viewer, json!({ "format": format, "columns": columns })).await;
        assert_eq!(
            header,
            ["vendor_code", "attributes.plant", "attributes.contact", "attributes.old_pan"],
            "each field once"
        );
        let shown = ["27AAPFU••••F1Z•", "Pune", "••••• •3210, a•••@kaveri.example", "AAPFU••••F"];
        assert_eq!(rows, [shown]);
    }
}

#[tokio::test]
async fn an_export_whose_worker_died_says_so_and_is_made_all_the_same_by_a_late_one() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    three(&app).await;
    let path = asked(&manager, json!({ "format": "csv" })).await;
    let messages = messages(&app, 1);
    app.advance(jiff::SignedDuration::from_mins(119));
    let manager = app.as_role(Role::CampaignManager).await;
    assert_eq!(shown(&manager, &path).await["state"], json!("queued"));
    app.advance(jiff::SignedDuration::from_mins(1));
    let export = shown(&manager, &path).await;
    assert_eq!(
        (&export["state"], &export["failure"]["retriable"]),
        (&json!("failed"), &json!(true)),
        "{export}"
    );
    let listed = manager.get(&list::ROUTE, EXPORTS).await.expect(200).json();
    assert_eq!(listed["items"][0]["state"], json!("failed"));
    assert!(work(&app, &messages).await.is_empty());
    assert_eq!(shown(&manager, &path).await["state"], json!("completed"));
}

#[tokio::test]
async fn an_export_is_forgotten_after_a_week() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = asked(&manager, json!({ "format": "csv" })).await;
    assert!(work(&app, &messages(&app, 1)).await.is_empty());
    assert_eq!(shown(&manager, &path).await["rows"], json!(0), "of nobody, a header");
    app.advance(jiff::SignedDuration::from_hours(7 * 24));
    let manager = app.as_role(Role::CampaignManager).await;
    manager.get(&get::ROUTE, &path).await.expect(404);
    assert_eq!(manager.get(&list::ROUTE, EXPORTS).await.expect(200).json()["items"], json!([]));
    manager.get(&get::ROUTE, "/api/v1/exports/exp_1").await.expect(404);
}
