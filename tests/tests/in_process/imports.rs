//! Vendor imports: the upload, the dry run, the confirmation, the worker and what it hands back.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use domain::user::Role;
use domain::vendor::MsmeStatus;
use imports::{analyse, cancel, confirm, create, get, list, prepare, rejects};
use jiff::SignedDuration;
use runtime::{Message, RecordFailure, Var};
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

#[path = "../../../shared/sheets/tests/sheets/support.rs"]
#[expect(
    dead_code,
    reason = "the builders of crafted workbooks are shared, the readers beside them are not used here"
)]
mod workbooks;

const UPLOAD: &str = "/api/v1/files/import-vendors";
const HEADER: &str = "vendor_code,company_name,email,gst_number\r\n";

/// Uploads a file as text/csv and answers with the job's path.
async fn upload(client: &Client<'_>, csv: impl Into<Vec<u8>>) -> String {
    upload_as(client, UPLOAD, csv).await
}

async fn upload_as(client: &Client<'_>, path: &str, csv: impl Into<Vec<u8>>) -> String {
    let accepted = client.call(&create::ROUTE, path).body("text/csv", csv).await.expect(202);
    accepted.header("location").expect("a location").to_owned()
}

const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// A workbook with these rows of texts; a cell in braces is XML of its own.
fn workbook(rows: &[&[&str]]) -> Vec<u8> {
    let mut xml = String::new();
    for (row, cells) in (1..).zip(rows) {
        xml += &format!("<row r=\"{row}\">");
        for (column, text) in ('A'..).zip(*cells) {
            xml += &match text.strip_prefix('{') {
                Some(rest) => format!("<c r=\"{column}{row}\" {}", rest.trim_end_matches('}')),
                None => format!("<c r=\"{column}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
            };
        }
        xml += "</row>";
    }
    workbooks::workbook(&[("Vendors", "visible", &xml)], &[])
}

/// Uploads a workbook and answers with the job once its dry run is over.
async fn dry_run_of(app: &TestApp, client: &Client<'_>, query: &str, workbook: Vec<u8>) -> (String, Value) {
    let accepted = client
        .call(&create::ROUTE, &format!("{UPLOAD}{query}"))
        .body(XLSX, workbook)
        .await
        .expect(202);
    let path = accepted.header("location").unwrap().to_owned();
    drain(app).await;
    let job = read(client, &path).await;
    (path, job)
}

/// The first rejected row as it comes back in a workbook, by reading the object the link leads to.
async fn rejects_workbook(app: &TestApp, path: &str) -> Vec<u8> {
    let import = store::imports::get(app.store(), path.rsplit('/').next().unwrap().parse().unwrap())
        .await
        .unwrap();
    let key = import.rejects_key.expect("a rejects file");
    assert!(key.ends_with(".xlsx"), "{key}");
    app.object(&key).unwrap()
}

/// What is noticed in a column, by kind: code, whether it is an error, how often.
fn problems(job: &Value, column: &str) -> Vec<(String, bool, u64)> {
    let columns = job["report"]["columns"].as_array().unwrap();
    let found = columns.iter().find(|found| found["column"] == column);
    let problems = found.and_then(|found| found["problems"].as_array()).cloned().unwrap_or_default();
    problems
        .iter()
        .map(|problem| {
            (
                problem["code"].as_str().unwrap().to_owned(),
                problem["is_error"] == true,
                problem["count"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// The kinds of repair: code, whether it is certain, what the first becomes.
fn repairs(job: &Value) -> Vec<(String, bool, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let repairs = job["report"]["repairs"].as_array().unwrap().iter();
    repairs
        .map(|repair| (text(&repair["code"]), repair["is_certain"] == true, text(&repair["examples"][0]["to"])))
        .collect()
}

/// What the queue holds, as Lambda would hand it to the worker.
fn messages(app: &TestApp) -> Vec<Message> {
    let sent = app.take_messages(Var::ImportQueueUrl);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    sent.iter()
        .map(|entry| Message {
            id: "m-1".to_owned(),
            body: text(&entry["MessageBody"]),
            correlation_id: text(&entry["MessageAttributes"]["correlation_id"]["StringValue"]),
            receive_count: 1,
        })
        .collect()
}

async fn work(app: &TestApp, messages: Vec<Message>) -> Vec<RecordFailure> {
    (workers::import::WORKER.handler)(app.app(), messages).await
}

/// Works where something fails, and answers how many messages were put back to be tried again after a while.
async fn broke_off(app: &TestApp, messages: Vec<Message>) -> usize {
    let failures = work(app, messages).await;
    assert!(failures.is_empty(), "{failures:?}");
    let again = app.take_messages(Var::ImportQueueUrl);
    let is_again = |entry: &&Value| entry["DelaySeconds"].as_i64() == Some(15) && entry["MessageBody"].as_str().unwrap().contains("\"tries\":1");
    again.iter().filter(is_again).count()
}

/// Works until the queue is empty.
async fn drain(app: &TestApp) {
    loop {
        let messages = messages(app);
        if messages.is_empty() {
            return;
        }
        let failures = work(app, messages).await;
        assert!(failures.is_empty(), "{failures:?}");
    }
}

async fn read(client: &Client<'_>, path: &str) -> Value {
    client.get(&get::ROUTE, path).await.expect(200).json()
}

/// Uploads and answers with the job once its dry run is over.
async fn dry_run(app: &TestApp, client: &Client<'_>, query: &str, csv: impl Into<Vec<u8>>) -> (String, Value) {
    let path = upload_as(client, &format!("{UPLOAD}{query}"), csv).await;
    drain(app).await;
    let job = read(client, &path).await;
    (path, job)
}

async fn confirm(client: &Client<'_>, path: &str, body: Value) -> Answer {
    client.post(&confirm::ROUTE, &format!("{path}/confirm"), body).await
}

/// Confirms, works and answers with the finished job.
async fn carry_out(app: &TestApp, client: &Client<'_>, path: &str, body: Value) -> Value {
    confirm(client, path, body).await.expect(202);
    drain(app).await;
    read(client, path).await
}

/// Uploads, confirms, works and answers with the finished job.
pub(crate) async fn import(app: &TestApp, client: &Client<'_>, csv: impl Into<Vec<u8>>) -> Value {
    let (path, _) = dry_run(app, client, "", csv).await;
    carry_out(app, client, &path, json!({})).await
}

#[track_caller]
fn numbers<const N: usize>(object: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| object[name].as_u64().unwrap_or_else(|| panic!("{name} of {object}")))
}

/// Rows, creates, updates, unchanged, rejected.
#[track_caller]
fn counts(job: &Value) -> [u64; 5] {
    numbers(&job["counts"], ["rows", "creates", "updates", "unchanged", "rejected"])
}

/// Processed, created, updated, unchanged, rejected.
#[track_caller]
fn applied(job: &Value) -> [u64; 5] {
    numbers(&job["applied"], ["processed", "created", "updated", "unchanged", "rejected"])
}

/// `(row, column, code)` of each shown error.
fn errors(job: &Value) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = job["report"]["errors"].as_array().expect("errors").iter();
    errors
        .map(|error| (error["row"].as_u64().expect("a row"), text(&error["column"]), text(&error["code"])))
        .collect()
}

fn error(row: u64, column: &str, code: &str) -> (u64, String, String) {
    (row, column.to_owned(), code.to_owned())
}

async fn download(client: &Client<'_>, job: &Value) -> Answer {
    client.get(&rejects::ROUTE, job["rejects_url"].as_str().expect("a rejects file")).await
}

async fn total(app: &TestApp) -> u64 {
    app.store().vendor_counts().await.unwrap().total
}

/// The stored vendor of this code.
async fn vendor(app: &TestApp, code: &str) -> domain::vendor_record::Vendor {
    let mut found = store::vendors::find_by_codes(app.store(), &[code.to_uppercase()]).await.unwrap();
    found.remove(&code.to_uppercase()).expect("a vendor of this code")
}

fn sample() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/vendors.csv")).expect("the shipped sample")
}

fn records(bytes: &[u8]) -> Vec<csv::StringRecord> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").expect("a byte order mark").to_vec();
    let reader = csv::ReaderBuilder::new().flexible(true).from_reader(std::io::Cursor::new(bytes));
    reader.into_records().map(Result::unwrap).collect()
}

#[tokio::test]
async fn the_shipped_sample_is_checked_first_and_gives_532_vendors_once_confirmed() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, job) = dry_run(&app, &manager, "", sample()).await;
    assert_eq!(job["state"], "ready");
    assert_eq!(counts(&job), [560, 532, 0, 0, 28]);
    assert_eq!(applied(&job), [0; 5]);
    assert_eq!(total(&app).await, 0, "a dry run stores no vendor");
    let [with_warnings, repaired] = numbers(&job["counts"], ["with_warnings", "repaired"]);
    assert!(with_warnings > 0 && with_warnings < 532 && repaired > 0);
    assert_eq!(errors(&job).iter().filter(|(_, _, code)| code == "duplicate_in_file").count(), 3);
    let report = &job["report"];
    assert_eq!(
        (&report["format"], &report["delimiter"], &report["encoding"]),
        (&json!("csv"), &json!(","), &json!("UTF-8"))
    );
    assert_eq!((&report["dialect"], &report["header_row"]), (&json!("own"), &json!(1)));
    let email = report["columns"]
        .as_array()
        .unwrap()
        .iter()
        .find(|column| column["column"] == "email")
        .unwrap();
    assert_eq!(email["filled"], 550);

    // Every rejected row comes back as it was, in order, with its number and its reason.
    let file = download(&manager, &job).await.expect(200);
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"imp_"));
    let (source, rejected) = (records(&sample()), records(&file.body));
    assert_eq!(rejected.len(), 28);
    let rows: Vec<usize> = rejected.iter().map(|record| record[13].parse().unwrap()).collect();
    assert!(rows.is_sorted());
    for (record, row) in rejected.iter().zip(rows) {
        let bare = |text: &str| text.strip_prefix('\'').unwrap_or(text).to_owned();
        let cells: Vec<String> = record.iter().take(13).map(bare).collect();
        assert_eq!(cells, source[row - 2].iter().map(str::to_owned).collect::<Vec<_>>());
        assert!(!record[16].is_empty());
    }

    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(job["state"], "completed");
    assert_eq!(applied(&job), [532, 532, 0, 0, 0]);
    assert_eq!(total(&app).await, 532);
    assert_eq!(download(&manager, &job).await.expect(200).body, file.body);
}

#[tokio::test]
async fn repairs_that_could_mean_something_else_are_made_when_accepted() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = "vendor_code,company_name,phone_number,udyam_number,nda\r\n\
               V-1,Asha,-9876543119,,Y\r\nV-2,Ravi,,UDYAM-MH-26-12345,\r\nV-3,Meena,9.87654E+09,,\r\n";
    let (path, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!(counts(&job), [3, 0, 0, 0, 3]);
    let kinds: Vec<_> = job["report"]["repairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|repair| {
            let text = |name: &str| repair[name].as_str().unwrap_or_default().to_owned();
            (text("code"), repair["is_certain"] == true, repair["is_applied"] == true)
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("phone_subtraction".to_owned(), false, false),
            ("separators".to_owned(), false, false),
            ("yes_no".to_owned(), true, true)
        ]
    );
    let example = &job["report"]["repairs"][0]["examples"][0];
    assert_eq!(
        example,
        &json!({ "row": 2, "column": "phone_number", "from": "-9876543119", "to": "+919876543210" })
    );
    let suggested: Vec<String> = records(&download(&manager, &job).await.body)
        .iter()
        .map(|record| record[9].to_owned())
        .collect();
    // With the apostrophe that keeps a spreadsheet from computing; reading takes it off again.
    assert_eq!(suggested, ["'+919876543210", "UDYAM-MH-26-0012345", ""]);

    assert_eq!(confirm(&manager, &path, json!({})).await.expect(422).field_errors()[0].1, "no_good_rows");
    let job = carry_out(&app, &manager, &path, json!({ "accept_repairs": ["phone_subtraction"] })).await;
    assert_eq!((counts(&job), applied(&job)), ([3, 1, 0, 0, 2], [1, 1, 0, 0, 0]));
    assert_eq!(vendor(&app, "V-1").await.profile.phone_numbers[0].as_str(), "+919876543210");
    let left: Vec<String> = records(&download(&manager, &job).await.body)
        .iter()
        .map(|record| record[0].to_owned())
        .collect();
    assert_eq!(left, ["V-2", "V-3"]);

    let (path, _) = dry_run(&app, &manager, "", sample()).await;
    let job = carry_out(&app, &manager, &path, json!({ "accept_repairs": true })).await;
    let [rows, creates, .., rejected] = counts(&job);
    assert_eq!((rows, creates + rejected), (560, 560));
    assert_eq!(creates, 536);
    assert_eq!(job["accepted_repairs"]["all"], true);
}

#[tokio::test]
async fn a_corrected_rejects_file_imports_as_it_is() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha,=bad,\r\n+2,Ravi,bad,27\r\nV-3,Meena,m@x.example,\r\nv-3,Meena,m@x.example,\r\nV-4,Long,,,,more\r\n");
    let job = import(&app, &manager, csv).await;
    assert_eq!((counts(&job), applied(&job)), ([5, 1, 0, 0, 4], [1, 1, 0, 0, 0]));
    let file = download(&manager, &job).await.expect(200).text();
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(
        lines[0],
        "\u{feff}vendor_code,company_name,email,gst_number,row,error_column,error_value,error_reason,suggested_value"
    );
    assert!(lines[1].starts_with("V-1,Asha,#VALUE!,,2,email,'=bad,"), "{}", lines[1]);
    assert!(lines[2].contains("2,Ravi,bad,27,3,email; gst_number,bad; 27,"), "{}", lines[2]);
    assert!(
        lines[3].starts_with("v-3,Meena,m@x.example,,5,vendor_code,v-3,\"row 4 of this file has the same code"),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].starts_with("V-4,Long,,,,more,6,,,\"the row has 6 cells where the header has 4"),
        "{}",
        lines[4]
    );

    // As it is, it comes back again: a formula that was written down is no value.
    let (_, same) = dry_run(&app, &manager, "", file.clone()).await;
    assert_eq!(counts(&same), [4, 0, 0, 0, 4], "{same}");
    let corrected = file
        .replace(",#VALUE!,", ",a@x.example,")
        .replace(",bad,27,", ",r@x.example,,")
        .replace("v-3,", "V-33,")
        .replace(",,more,6,", ",6,");
    let again = import(&app, &manager, corrected).await;
    assert_eq!(counts(&again), [4, 4, 0, 0, 0], "{again}");
    assert_eq!(again["rejects_url"], Value::Null);
    assert_eq!(total(&app).await, 5);
}

#[tokio::test]
async fn a_file_mapped_by_hand_comes_back_so_that_it_needs_no_mapping() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = "Sr;Firm title;Our ref;Plant;Vendor e-post;Name\r\n1;Asha;A-1;Hosur;a@x.example;ignored\r\n2;Ravi;A-2;Pune;bad;ignored\r\n";
    let (path, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!((&job["state"], job["counts"]["rows"].as_u64()), (&json!("ready"), Some(0)));
    let problems: Vec<_> = job["report"]["mapping_errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["code"].clone())
        .collect();
    assert_eq!(problems, ["column_missing"]);
    assert_eq!(
        confirm(&manager, &path, json!({})).await.expect(422).field_errors(),
        [("mapping".to_owned(), "column_missing".to_owned())]
    );

    let analyse = async |body: Value| manager.post(&analyse::ROUTE, &format!("{path}/analyse"), body).await;
    let refused = analyse(json!({ "mapping": { "Our ref": "vendor_cod" } })).await.expect(422);
    assert_eq!(refused.field_errors()[0].1, "unknown_target");
    let mapping = json!({
        "Our ref": "vendor_code", "Firm title": "company_name", "Name": "ignore", "Vendor e-post": "email", "Plant": "attributes.plant"
    });
    analyse(json!({ "mapping": mapping })).await.expect(202);
    drain(&app).await;
    let job = read(&manager, &path).await;
    assert_eq!(counts(&job), [2, 1, 0, 0, 1], "{job}");
    assert_eq!(job["report"]["headers"][1]["note"], "mapped by hand");
    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(vendor(&app, "A-1").await.profile.attributes["plant"], "Hosur");
    assert_eq!(vendor(&app, "A-1").await.profile.company_name, "Asha");

    let file = download(&manager, &job).await.text();
    assert!(
        file.starts_with("\u{feff}Sr,company_name,vendor_code,attributes.plant,email,not imported: Name,row,"),
        "{file}"
    );
    let again = import(&app, &manager, file.replace(",bad,ignored", ",r@x.example,ignored")).await;
    assert_eq!(counts(&again), [1, 1, 0, 0, 0], "{again}");
    assert_eq!(vendor(&app, "A-2").await.profile.attributes["plant"], "Pune");
}

#[tokio::test]
async fn codes_of_existing_vendors_are_refused_by_name_where_vendors_are_only_created() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let body = json!({ "vendor_code": "v-2", "company_name": "Ravi Castings" });
    let existing = manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(201).json();
    let job = import(&app, &manager, format!("{HEADER}V-1,Asha,,\r\nV-2,Ravi,,\r\nV-3,Meena,,\r\n")).await;
    assert_eq!((counts(&job), applied(&job)), ([3, 2, 0, 0, 1], [2, 2, 0, 0, 0]));
    assert_eq!(errors(&job), [error(3, "vendor_code", "vendor_code_taken")]);
    assert!(
        job["report"]["errors"][0]["reason"]
            .as_str()
            .unwrap()
            .contains(existing["id"].as_str().unwrap())
    );
    assert_eq!(vendor(&app, "V-2").await.profile.company_name, "Ravi Castings");
}

#[tokio::test]
async fn an_update_changes_what_the_file_says_and_nothing_else() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let create = async |body: Value| manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(201).json();
    let opt_in = json!({ "channel": "whatsapp", "source": "form", "text_version": "1", "at": "2026-01-01T00:00:00Z" });
    create(
        json!({ "vendor_code": "V-1", "company_name": "Asha", "city": "Hosur", "tags": ["old"], "opt_ins": [opt_in], "annual_turnover": "1 crore" }),
    )
    .await;
    create(json!({ "vendor_code": "V-2", "company_name": "Ravi", "city": "Pune", "msme_status": "small" })).await;
    create(json!({ "vendor_code": "V-3", "company_name": "Meena", "city": "Agra" })).await;

    // No names needed, whatever the case of the code.
    let csv = "vendor_code,city,email,msme_status,email_opt_in\r\nv-1,Salem,a@x.example,micro,yes\r\nV-2,,,micro,\r\nV-3,Agra,,,\r\nV-9,Goa,,,\r\n,Goa,,,\r\n";
    let (path, job) = dry_run(&app, &manager, "?mode=update_existing", csv).await;
    assert_eq!((counts(&job), &job["mode"]), ([5, 0, 1, 2, 2], &json!("update_existing")));
    assert_eq!(
        errors(&job),
        [error(5, "vendor_code", "vendor_unknown"), error(6, "vendor_code", "vendor_code_missing")]
    );
    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(applied(&job), [3, 0, 1, 2, 0]);
    let asha = vendor(&app, "V-1").await;
    assert_eq!((asha.profile.vendor_code.as_str(), asha.profile.city.as_deref()), ("V-1", Some("Salem")));
    assert_eq!(
        (asha.profile.company_name.as_str(), &asha.profile.tags, asha.profile.opt_ins.len()),
        ("Asha", &vec!["old".to_owned()], 1)
    );
    assert_eq!(
        (asha.profile.annual_turnover_paise, asha.msme_status),
        (Some(1_000_000_000), MsmeStatus::Micro)
    );
    // What a user entered counts more than what stood in a file.
    assert_eq!(vendor(&app, "V-2").await.msme_status, MsmeStatus::Small);
    assert_eq!(vendor(&app, "V-3").await.version, 1);
    assert_eq!(store::vendors::status_history(app.store(), asha.id).await.unwrap().len(), 1);
    assert_eq!(total(&app).await, 3);

    let csv = "vendor_code,company_name,city\r\nV-1,Asha,Erode\r\nV-7,Noor,Goa\r\nV-3,Meena,Agra\r\n";
    let (path, job) = dry_run(&app, &manager, "?mode=create_and_update", csv).await;
    assert_eq!(counts(&job), [3, 1, 1, 1, 0]);
    assert_eq!(applied(&carry_out(&app, &manager, &path, json!({})).await), [3, 1, 1, 1, 0]);
    assert_eq!(vendor(&app, "V-1").await.profile.city.as_deref(), Some("Erode"));
    let (_, again) = dry_run(&app, &manager, "?mode=create_and_update", csv).await;
    assert_eq!(counts(&again), [3, 0, 0, 3, 0], "imported twice, it changes nothing");
}

#[tokio::test]
async fn duplicates_are_shown_by_code_pan_gstin_and_email() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let body = json!({ "vendor_code": "V-1", "company_name": "Asha", "email": "asha@x.example", "gst_number": "27AAPFU0939F1ZV" });
    let asha = manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(201).json();
    let csv = format!("{HEADER}V-1,Asha,asha@x.example,27AAPFU0939F1ZV\r\nV-2,Asha II,ASHA@x.example,27AAPFU0939F1ZV\r\nv-2,Asha III,,\r\n");
    let (_, job) = dry_run(&app, &manager, "?mode=create_and_update", csv).await;
    assert_eq!(counts(&job), [3, 1, 0, 1, 1]);
    let duplicates = job["report"]["duplicates"].as_array().unwrap();
    let summary: Vec<_> = duplicates
        .iter()
        .map(|found| {
            (
                found["column"].as_str().unwrap(),
                found["in_file"].as_u64().unwrap(),
                found["existing"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        summary,
        [("vendor_code", 1, 1), ("pan_number", 1, 1), ("gst_number", 1, 1), ("email", 1, 1)]
    );
    assert_eq!(duplicates[0]["in_file_examples"][0], json!({ "row": 4, "first_row": 3, "value": "v-2" }));
    assert_eq!(duplicates[3]["existing_examples"][0]["vendor_id"], asha["id"]);
    assert_eq!(
        duplicates[1]["existing_examples"][0],
        json!({ "row": 3, "vendor_id": asha["id"], "value": "AAPFUXXXXF" })
    );
    assert!(!job["report"]["duplicates"].to_string().contains("asha@x.example"));
}

#[tokio::test]
async fn exports_of_sap_tally_zoho_and_oracle_are_understood() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let sap = "22.11.2026|Dynamic List Display\n---------------\n\
               |LIFNR |NAME1   |NAME2|STRAS   |ORT01|PSTLZ |REGIO|LAND1|TELF1     |STCD3          |J_1IPANNO |SMTP_ADDR     |\n---------------\n\
               |1001  |Kaveri  |Works|1 Road  |Pune |411001|13   |IN   |9876543210|27AAPFU0939F1ZV|AAPFU0939F|a@kav.example |\n";
    let job = import(&app, &manager, sap).await;
    assert_eq!((&job["report"]["dialect"], counts(&job)), (&json!("sap"), [1, 1, 0, 0, 0]), "{job}");
    let kaveri = vendor(&app, "1001").await.profile;
    assert_eq!(
        (kaveri.company_name.as_str(), kaveri.state.map(|state| state.as_str())),
        ("Kaveri Works", Some("Maharashtra"))
    );

    let tally = "Asha Industries Pvt Ltd\nList of Ledgers\n1-Apr-2026 to 30-Sep-2026\n\nName,Group Name,PAN/IT No.,GSTIN/UIN\n\
                 Godavari,Sundry Creditors,AAPFU0939F,\nRamesh,Sundry Debtors,,\n";
    let job = import(&app, &manager, tally).await;
    assert_eq!((&job["report"]["dialect"], counts(&job)), (&json!("tally"), [2, 1, 0, 0, 0]), "{job}");
    assert_eq!(job["counts"]["not_a_supplier"], 1);
    assert_eq!(vendor(&app, "Godavari").await.profile.company_name, "Godavari");

    let zoho = "Contact ID,Display Name,Company Name,EmailID,MobilePhone,GST Identification Number (GSTIN),Billing Address,Billing City,Billing State,Billing Code\n\
                Z-1,Asha,Asha Castings,asha@x.example,9876543210,27AAPFU0939F1ZV,1 Road,Pune,Maharashtra,411001\n";
    let job = import(&app, &manager, zoho).await;
    assert_eq!((&job["report"]["dialect"], counts(&job)), (&json!("zoho"), [1, 1, 0, 0, 0]), "{job}");

    let oracle = "Supplier Number\tSupplier Name\tTax Registration Number\n501\tNarmada Tools\t27AAPFU0939F1ZV\n";
    let job = import(&app, &manager, oracle).await;
    assert_eq!((&job["report"]["dialect"], counts(&job)), (&json!("oracle"), [1, 1, 0, 0, 0]), "{job}");
    assert_eq!(vendor(&app, "501").await.profile.company_name, "Narmada Tools");
}

#[tokio::test]
async fn a_workbook_is_imported_and_its_formulas_are_not() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let text = |cell: &str, text: &str| format!("<c r=\"{cell}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let header = format!(
        "<row r=\"1\">{}{}{}</row>",
        text("A1", "Vendor Code"),
        text("B1", "Name"),
        text("C1", "Remark")
    );
    let rows = format!(
        "{header}<row r=\"2\">{}{}<c r=\"C2\"><f>1+1</f><v>2</v></c></row><row r=\"3\">{}<c r=\"B3\" t=\"str\"><f>A1</f><v>x</v></c></row>\
         <row r=\"5\">{}<c r=\"B5\" t=\"e\"><v>#N/A</v></c></row>",
        text("A2", "V-1"),
        text("B2", "Asha"),
        text("A3", "V-2"),
        text("A5", "V-3")
    );
    let notes = format!("<row r=\"1\">{}</row>", text("A1", "How to fill this in"));
    let bytes = workbooks::workbook(&[("Notes", "visible", &notes), ("Vendors", "visible", &rows)], &[]);
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let accepted = manager.call(&create::ROUTE, UPLOAD).body(kind, bytes).await.expect(202);
    let path = accepted.header("location").unwrap().to_owned();
    drain(&app).await;
    let job = read(&manager, &path).await;
    assert_eq!(counts(&job), [3, 1, 0, 0, 2], "{job}");
    assert_eq!((&job["report"]["format"], &job["report"]["sheet"]), (&json!("xlsx"), &json!("Vendors")));
    assert_eq!(
        errors(&job),
        [error(3, "company_name", "cell_formula"), error(5, "company_name", "cell_error_value")]
    );

    // Another sheet, then one that is not there, then the right one.
    let analyse = async |sheet: &str| {
        manager
            .post(&analyse::ROUTE, &format!("{path}/analyse"), json!({ "sheet": sheet }))
            .await
            .expect(202);
        drain(&app).await;
        read(&manager, &path).await
    };
    assert_eq!(analyse("Notes").await["report"]["mapping_errors"][0]["code"], "column_missing");
    let failed = analyse("Other").await;
    assert_eq!(
        (&failed["state"], &failed["failure"]["code"]),
        (&json!("failed"), &json!("no_such_sheet"))
    );
    assert_eq!(counts(&analyse("Vendors").await), [3, 1, 0, 0, 2]);
    assert_eq!(applied(&carry_out(&app, &manager, &path, json!({})).await), [1, 1, 0, 0, 0]);
}

#[tokio::test]
async fn crafted_files_fail_with_a_sentence() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let check = async |content: Vec<u8>, code: &str| {
        let (path, job) = dry_run(&app, &manager, "", content).await;
        assert_eq!((&job["state"], &job["failure"]["code"]), (&json!("failed"), &json!(code)));
        let sentence = job["failure"]["message"].as_str().unwrap();
        assert!(sentence.len() > 20 && sentence.len() < 400, "{sentence}");
        confirm(&manager, &path, json!({})).await.expect(409);
        manager.get(&rejects::ROUTE, &format!("{path}/rejects")).await.expect(404);
    };
    check(format!("{HEADER}V-1,A\0,,").into(), "file_nul").await;
    let mut wide = HEADER.as_bytes().to_vec();
    wide.resize(wide.len() + 4_000_000, b',');
    check(wide, "too_many_columns").await;
    check(format!("{HEADER}V-1,\"A,\n{}", "V-2,B,,\n".repeat(200_000)).into(), "row_too_long").await;
    check(b"<html><table><tr><td>vendor_code</td></tr></table>".to_vec(), "file_markup").await;
    check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and then some".to_vec(), "workbook_old").await;
    let spaces = vec![b' '; 64_000_000];
    let bomb = workbooks::workbook_with(&[("V", "visible", "")], "<sst/>", &[("xl/worksheets/sheet0.xml", &spaces)]);
    check(bomb, "workbook_damaged").await;
    let far = r#"<row r="1"><c r="A1" t="inlineStr"><is><t>vendor_code</t></is></c><c r="B1" t="inlineStr"><is><t>company_name</t></is></c></row><row r="1048576"><c r="A1048576"><v>1</v></c></row>"#;
    check(workbooks::workbook(&[("V", "visible", far)], &[]), "far_cell").await;
    assert_eq!(total(&app).await, 0);
}

#[tokio::test]
async fn a_file_of_every_kind_of_nonsense_keeps_its_report_small() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut csv = String::from("vendor_code,company_name");
    for n in 0..990 {
        csv += &format!(",{}{n}", "an extraordinarily long header of no meaning ".repeat(4));
    }
    for n in 0..300 {
        csv += &format!("\nV-{n},{}", ",".repeat(989));
    }
    let (_, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!(counts(&job), [300, 0, 0, 0, 300]);
    let shown = job["report"]["headers"].as_array().unwrap().len();
    assert!(shown <= 200);
    assert_eq!(job["report"]["more_headers"].as_u64().unwrap() + shown as u64, 992);
    assert_eq!(errors(&job).len(), 100);
}

#[tokio::test]
async fn a_message_delivered_twice_does_nothing_twice() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, sample()).await;
    let first = messages(&app);
    assert!(!first[0].correlation_id.is_empty());
    for _ in 0..2 {
        assert!(work(&app, first.clone()).await.is_empty());
        assert_eq!(read(&manager, &path).await["state"], "ready");
    }
    confirm(&manager, &path, json!({})).await.expect(202);
    let second = messages(&app);
    assert!(work(&app, second.clone()).await.is_empty());
    let done = read(&manager, &path).await;
    assert!(work(&app, [first, second].concat()).await.is_empty());
    assert_eq!(read(&manager, &path).await, done);
    assert_eq!(total(&app).await, 532);
}

/// A file of 450 rows, a third of which are of vendors that [`with_vendors`] has stored: some change, some do not.
fn mixed() -> String {
    let mut csv = String::from("vendor_code,company_name,city,msme_status\r\n");
    for n in 0..450 {
        csv += &match n % 9 {
            0 => format!("OLD-{n},Old {n},Salem,micro\r\n"),
            1 => format!("OLD-{n},Old {n},,\r\n"),
            2 => format!("OLD-{n},Old {n},Pune,\r\n"),
            3 => format!("NEW-{n},,,\r\n"),
            _ => format!("NEW-{n},New {n},Goa,small\r\n"),
        };
    }
    csv
}

async fn with_vendors() -> TestApp {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut csv = String::from("vendor_code,company_name,city\r\n");
    for n in (0..450).filter(|n| n % 9 < 3) {
        csv += &format!("OLD-{n},Old {n},Hosur\r\n");
    }
    assert_eq!(applied(&import(&app, &manager, csv).await), [150, 150, 0, 0, 0]);
    app
}

const MIXED_COUNTS: [u64; 5] = [450, 250, 100, 50, 50];
const MIXED_APPLIED: [u64; 5] = [400, 250, 100, 50, 0];

/// What an import leaves behind for each vendor: changes, statuses.
async fn traces(app: &TestApp) -> Vec<(String, u64, usize, usize)> {
    let filter = domain::segment::VendorFilter::default();
    let mut entries = store::directory::entries(app.store(), &filter).await.unwrap();
    entries.sort_by(|a, b| a.code.cmp(&b.code));
    let mut traces = Vec::new();
    for entry in entries {
        let vendor = store::vendors::get(app.store(), entry.id).await.unwrap();
        let page = store::PageRequest { limit: 50, after: None };
        let changes = store::vendors::history(app.store(), entry.id, &page).await.unwrap().items.len();
        let statuses = store::vendors::status_history(app.store(), entry.id).await.unwrap().len();
        traces.push((entry.code, vendor.version, changes, statuses));
    }
    traces
}

#[tokio::test]
async fn an_import_that_breaks_off_anywhere_comes_to_the_same_vendors_and_the_same_counts() {
    let whole = with_vendors().await;
    let other = whole.as_role(Role::CampaignManager).await;
    let (path, job) = dry_run(&whole, &other, "?mode=create_and_update", mixed()).await;
    assert_eq!(counts(&job), MIXED_COUNTS);
    let expected = carry_out(&whole, &other, &path, json!({})).await;
    assert_eq!(applied(&expected), MIXED_APPLIED);
    let expected_traces = traces(&whole).await;
    assert_eq!(expected_traces.len(), 400);

    let faults = [
        ("UpdateItem", vec![0, 1, 2, 3, 4, 5]),
        ("TransactWriteItems", vec![0, 1, 5, 20, 60]),
        ("BatchGetItem", vec![0, 3]),
        ("PutItem", vec![0]),
        ("Query", vec![0]),
    ];
    for (operation, places) in faults {
        let app = with_vendors().await;
        let manager = app.as_role(Role::CampaignManager).await;
        let path = upload_as(&manager, &format!("{UPLOAD}?mode=create_and_update"), mixed()).await;
        let analysis = messages(&app);
        let mut failed = 0;
        for after in &places {
            app.fail_after(operation, *after);
            failed += broke_off(&app, analysis.clone()).await;
        }
        app.fail_after("nothing", 0);
        assert!(work(&app, analysis).await.is_empty());
        let job = read(&manager, &path).await;
        assert_eq!(
            (counts(&job), &job["report"]["errors"]),
            (MIXED_COUNTS, &expected["report"]["errors"]),
            "{operation}"
        );
        assert_eq!(total(&app).await, 150);

        confirm(&manager, &path, json!({})).await.expect(202);
        let apply = messages(&app);
        for after in &places {
            app.fail_after(operation, *after);
            failed += broke_off(&app, apply.clone()).await;
        }
        app.fail_after("nothing", 0);
        assert!(work(&app, apply).await.is_empty());
        assert!(failed > 0, "{operation} never failed");
        let job = read(&manager, &path).await;
        assert_eq!((&job["state"], applied(&job)), (&json!("completed"), MIXED_APPLIED), "{operation}");
        assert_eq!(download(&manager, &job).await.body, download(&other, &expected).await.body);
        assert_eq!(traces(&app).await, expected_traces, "{operation}");
    }
}

#[tokio::test]
async fn two_workers_at_one_import_double_nothing() {
    let app = with_vendors().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, _) = dry_run(&app, &manager, "?mode=create_and_update", mixed()).await;
    confirm(&manager, &path, json!({})).await.expect(202);
    let apply = messages(&app);
    let (first, second) = futures::join!(work(&app, apply.clone()), work(&app, apply));
    // One of them may give up where both write one vendor at the same moment; it tries again.
    assert!(first.is_empty() && second.is_empty());
    drain(&app).await;
    let job = read(&manager, &path).await;
    assert_eq!((&job["state"], applied(&job)), (&json!("completed"), MIXED_APPLIED));
    assert_eq!(total(&app).await, 400);
}

#[tokio::test]
async fn a_worker_out_of_time_hands_over_to_the_next() {
    let app = with_vendors().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (path, _) = dry_run(&app, &manager, "?mode=create_and_update", mixed()).await;
    confirm(&manager, &path, json!({})).await.expect(202);
    let mut turns = 0;
    loop {
        let next = messages(&app);
        if next.is_empty() {
            break;
        }
        turns += 1;
        assert!(workers::import::handle_within(app.app(), next, Duration::ZERO).await.is_empty());
        let job = read(&manager, &path).await;
        assert_eq!(
            job["applied"]["processed"].as_u64().unwrap(),
            (turns * 200).min(400),
            "progress is visible"
        );
    }
    assert_eq!(applied(&read(&manager, &path).await), MIXED_APPLIED);
    assert_eq!(turns, 3, "200, 400, and nothing left");
}

#[tokio::test]
async fn a_cancelled_import_stops_at_the_next_batch_and_says_what_was_stored() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let cancel = async |path: &str| manager.call(&cancel::ROUTE, &format!("{path}/cancel")).await;

    // Before anything was stored.
    let (path, _) = dry_run(&app, &manager, "", sample()).await;
    assert_eq!(cancel(&path).await.expect(200).json()["state"], "cancelled");
    cancel(&path).await.expect(200);
    confirm(&manager, &path, json!({})).await.expect(409);
    manager.post(&analyse::ROUTE, &format!("{path}/analyse"), json!({})).await.expect(409);
    let waiting = upload(&manager, sample()).await;
    cancel(&waiting).await.expect(200);
    drain(&app).await;
    assert_eq!(read(&manager, &waiting).await["state"], "cancelled");
    assert_eq!(total(&app).await, 0);

    // Between two batches.
    let (path, _) = dry_run(&app, &manager, "", sample()).await;
    confirm(&manager, &path, json!({})).await.expect(202);
    workers::import::handle_within(app.app(), messages(&app), Duration::ZERO).await;
    cancel(&path).await.expect(200);
    drain(&app).await;
    let job = read(&manager, &path).await;
    assert_eq!((&job["state"], applied(&job)), (&json!("cancelled"), [200, 200, 0, 0, 0]));
    assert_eq!(total(&app).await, 200);
    manager.get(&rejects::ROUTE, &format!("{path}/rejects")).await.expect(200);

    // In the middle of a batch that broke off: what it had stored is counted all the same.
    let csv: String = sample_of(300);
    let (path, _) = dry_run(&app, &manager, "", csv).await;
    confirm(&manager, &path, json!({})).await.expect(202);
    let apply = messages(&app);
    app.fail_after("TransactWriteItems", 3);
    assert_eq!(broke_off(&app, apply.clone()).await, 1);
    let stored = total(&app).await - 200;
    assert!(stored > 0 && stored < 200, "{stored}");
    cancel(&path).await.expect(200);
    assert!(work(&app, apply).await.is_empty());
    let job = read(&manager, &path).await;
    assert_eq!((&job["state"], applied(&job)), (&json!("cancelled"), [stored, stored, 0, 0, 0]));
    assert_eq!(total(&app).await - 200, stored);
}

fn sample_of(rows: usize) -> String {
    let rows = (0..rows).map(|n| format!("C-{n},Company {n},,\r\n"));
    HEADER.to_owned() + &rows.collect::<String>()
}

#[tokio::test]
async fn rows_that_are_not_good_any_more_when_they_are_stored_come_back_too() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha,bad,\r\nV-2,Ravi,,\r\nV-3,Meena,,\r\nV-4,Noor,,\r\n");
    let (path, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!(counts(&job), [4, 3, 0, 0, 1]);
    let body = json!({ "vendor_code": "v-3", "company_name": "Somebody else" });
    manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(201);
    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!((&job["state"], applied(&job)), (&json!("completed"), [3, 2, 0, 0, 1]));
    let file = records(&download(&manager, &job).await.body);
    let shown: Vec<(&str, &str, &str)> = file.iter().map(|record| (&record[0], &record[4], &record[5])).collect();
    assert_eq!(shown, [("V-1", "2", "email"), ("V-3", "4", "vendor_code")]);
    assert!(file[1][7].contains("has this code already"), "{}", &file[1][7]);
    assert_eq!(vendor(&app, "V-3").await.profile.company_name, "Somebody else");
}

#[tokio::test]
async fn a_vendor_that_is_deleted_while_an_import_is_under_way_stays_deleted() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha,,\r\nV-2,Ravi,,\r\n");
    let (path, _) = dry_run(&app, &manager, "", csv.clone()).await;
    carry_out(&app, &manager, &path, json!({})).await;

    let changed = format!("{HEADER}V-1,Asha Forge,,\r\nV-2,Ravi Castings,,\r\n");
    let (path, job) = dry_run(&app, &manager, "?mode=create_and_update", changed.clone()).await;
    assert_eq!(counts(&job), [2, 0, 2, 0, 0]);
    let delete = async |code: &str| {
        app.advance(SignedDuration::from_secs(1));
        let path = format!("/api/v1/vendors/{}", vendor(&app, code).await.id);
        let etag = manager.get(&vendors::get::ROUTE, &path).await.expect(200).etag().to_owned();
        manager.delete(&vendors::delete::ROUTE, &path).if_match(&etag).await.expect(204);
        app.advance(SignedDuration::from_secs(1));
    };
    delete("V-1").await;

    // The dry run says so when it is asked for again, and so does the import when it is not.
    let again = manager.post(&analyse::ROUTE, &format!("{path}/analyse"), json!({})).await;
    again.expect(202);
    drain(&app).await;
    assert_eq!(counts(&read(&manager, &path).await), [2, 0, 1, 0, 1]);
    delete("V-2").await;
    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!((&job["state"], applied(&job)), (&json!("completed"), [1, 0, 0, 0, 1]));
    let file = download(&manager, &job).await.text();
    assert_eq!(file.matches("restore it, or leave the row out").count(), 2, "{file}");
    assert_eq!(total(&app).await, 0);

    // Who begins another import after the deletion means it.
    let (path, job) = dry_run(&app, &manager, "?mode=create_and_update", changed).await;
    assert_eq!(counts(&job), [2, 2, 0, 0, 0]);
    carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(total(&app).await, 2);
}

#[tokio::test]
async fn a_large_file_is_uploaded_by_a_link_that_takes_exactly_that_file() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let post = async |body: Value| manager.post(&prepare::ROUTE, "/api/v1/imports", body).await;
    let field = |answer: Answer| answer.expect(422).field_errors()[0].0.clone();
    assert_eq!(field(post(json!({ "file_name": "x.csv", "bytes": 50 * 1024 * 1024 + 1 })).await), "bytes");
    assert_eq!(field(post(json!({ "file_name": "x.csv", "bytes": 0 })).await), "bytes");
    let csv = format!("{HEADER}V-1,Asha,,\r\n");
    let prepared = post(json!({ "file_name": "C:\\big.csv", "bytes": csv.len(), "mode": "create_and_update" }))
        .await
        .expect(201)
        .json();
    assert_eq!(
        (&prepared["state"], &prepared["file_name"]),
        (&json!("awaiting_upload"), &json!("big.csv"))
    );
    let path = format!("/api/v1/imports/{}", prepared["id"].as_str().unwrap());
    let url = prepared["upload"]["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=3600") && url.contains("content-length"), "{url}");

    // Asked for before the file is there, the dry run says so, and may be asked for again.
    let analyse = async || manager.post(&analyse::ROUTE, &format!("{path}/analyse"), json!({})).await.expect(202);
    analyse().await;
    drain(&app).await;
    assert_eq!(read(&manager, &path).await["failure"]["code"], "file_missing");

    let put = async |content: String| {
        let mut request = tests::http().build().unwrap().put(url);
        for (name, value) in prepared["upload"]["headers"].as_object().unwrap() {
            request = request.header(name, value.as_str().unwrap());
        }
        request.body(content).send().await.unwrap().status().as_u16()
    };
    assert!(url.contains("if-none-match"), "{url}");
    assert_eq!(put(csv.clone()).await, 200);
    assert_eq!(put(csv.replace("Asha", "Ravi")).await, 412, "the link stores a file once");
    let id = prepared["id"].as_str().unwrap();
    assert_eq!(app.object(&format!("imports/{id}/source")), Some(csv.into_bytes()));
    analyse().await;
    drain(&app).await;
    let job = read(&manager, &path).await;
    assert_eq!(
        (&job["state"], counts(&job), &job["failure"]),
        (&json!("ready"), [1, 1, 0, 0, 0], &Value::Null)
    );
    assert_eq!(applied(&carry_out(&app, &manager, &path, json!({})).await), [1, 1, 0, 0, 0]);
    assert_eq!(app.object(&format!("imports/{id}/source")).map(|_| ()), Some(()));
    assert_eq!(total(&app).await, 1);
}

#[tokio::test]
async fn a_dry_run_that_was_replaced_spoils_nothing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, sample()).await;
    let old = messages(&app);
    let seen = manager.get(&get::ROUTE, &path).await.etag().to_owned();
    manager
        .post(&analyse::ROUTE, &format!("{path}/analyse"), json!({ "mode": "update_existing" }))
        .await
        .expect(202);
    let new = messages(&app);
    assert!(work(&app, old.clone()).await.is_empty());
    assert_eq!(read(&manager, &path).await["state"], "queued");
    assert!(work(&app, [new, old].concat()).await.is_empty());
    let job = read(&manager, &path).await;
    assert_eq!((&job["state"], counts(&job)), (&json!("ready"), [560, 0, 0, 0, 560]));
    let stale = manager.post(&confirm::ROUTE, &format!("{path}/confirm"), json!({})).if_match(&seen);
    stale.await.expect(412);
}

#[tokio::test]
async fn imports_are_listed_newest_first_without_their_reports() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let mut paths = Vec::new();
    for n in 0..3 {
        paths.insert(0, upload(&manager, format!("{HEADER}V-{n},Asha,,\r\n")).await);
    }
    drain(&app).await;
    let viewer = app.as_role(Role::Viewer).await;
    let page = viewer.get(&list::ROUTE, "/api/v1/imports?limit=2").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = viewer
        .get(&list::ROUTE, &format!("/api/v1/imports?limit=2&cursor={cursor}"))
        .await
        .expect(200)
        .json();
    let listed: Vec<String> = [&page, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|item| format!("/api/v1/imports/{}", item["id"].as_str().unwrap()))
        .collect();
    assert_eq!(listed, paths);
    assert!(page["items"][0].get("report").is_none());
    viewer
        .post(&confirm::ROUTE, &format!("{}/confirm", paths[0]), json!({}))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_form_with_the_file_is_taken_and_other_forms_are_not() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let post = async |parts: &[(&str, &str)]| {
        let mut body = String::new();
        for (disposition, content) in parts {
            body += &format!("--xYx\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: application/vnd.ms-excel\r\n\r\n{content}\r\n");
        }
        body += "--xYx--\r\n";
        manager.call(&create::ROUTE, UPLOAD).body("multipart/form-data; boundary=xYx", body).await
    };
    let csv = format!("{HEADER}V-1,Asha,,\r\n");
    let file = ("name=\"file\"; filename=\"vendor list.csv\"", csv.as_str());
    let job = post(&[("name=\"mode\"", "create_and_update"), file]).await.expect(202).json();
    assert_eq!((&job["file_name"], &job["state"]), (&json!("vendor list.csv"), &json!("queued")));
    assert_eq!(job["mode"], "create_and_update");
    let id = job["id"].as_str().unwrap();
    assert_eq!(app.object(&format!("imports/{id}/source")), Some(csv.clone().into_bytes()));

    let code = |answer: Answer| answer.expect(422).field_errors()[0].1.clone();
    assert_eq!(code(post(&[]).await), "missing");
    assert_eq!(code(post(&[file, file]).await), "several");
    assert_eq!(code(post(&[("name=\"document\"", "x")]).await), "unknown_field");
    assert_eq!(code(post(&[("name=\"mode\"", "x"), file]).await), "unknown_mode");
    assert_eq!(code(post(&[("name=\"file\"", "")]).await), "empty");
    manager
        .call(&create::ROUTE, UPLOAD)
        .body("multipart/form-data; boundary=xYx", "--xYx\r\nContent-Dispo")
        .await
        .expect(400);
    manager.call(&create::ROUTE, UPLOAD).body("multipart/form-data", "x").await.expect(400);
    manager.call(&create::ROUTE, UPLOAD).body("application/json", "{}").await.expect(415);
    let too_large = manager
        .call(&create::ROUTE, UPLOAD)
        .body("text/csv", vec![b'x'; 4_500_001])
        .await
        .expect(413);
    assert!(too_large.json()["detail"].as_str().unwrap().contains("POST /api/v1/imports"));
    let viewer = app.as_role(Role::Viewer).await;
    viewer.call(&create::ROUTE, UPLOAD).body("text/csv", csv).await.expect(403);
}

#[tokio::test]
async fn a_repeated_upload_is_one_import_and_a_repeated_confirmation_one_run() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha,,\r\n");
    let post = async || {
        manager
            .call(&create::ROUTE, "/api/v1/files/import-vendors?file_name=march.csv")
            .body("text/csv", csv.clone())
            .idempotency_key("k")
            .await
            .expect(202)
    };
    let (first, again) = (post().await, post().await);
    assert_eq!(first.json(), again.json());
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(first.json()["file_name"], "march.csv");
    let path = first.header("location").unwrap();
    let queued = messages(&app);
    assert_eq!(queued.len(), 1);
    confirm(&manager, path, json!({})).await.expect(409);
    assert!(work(&app, queued).await.is_empty());
    for _ in 0..2 {
        assert_eq!(confirm(&manager, path, json!({})).await.expect(202).json()["state"], "importing");
    }
    assert_eq!(messages(&app).len(), 1);
    // A worker that has been silent for long has lost its message.
    app.advance(jiff::SignedDuration::from_mins(21));
    let later = app.as_role(Role::CampaignManager).await;
    confirm(&later, path, json!({})).await.expect(202);
    drain(&app).await;
    assert_eq!(applied(&read(&later, path).await), [1, 1, 0, 0, 0]);
}

#[tokio::test]
async fn what_cannot_be_queued_is_taken_back() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    app.fail_after("SendMessageBatch", 0);
    manager
        .call(&create::ROUTE, UPLOAD)
        .body("text/csv", format!("{HEADER}V-1,Asha,,\r\n"))
        .await
        .expect(500);
    let listed = manager.get(&list::ROUTE, "/api/v1/imports").await.json();
    assert_eq!(
        (&listed["items"][0]["state"], &listed["items"][0]["failure"]["code"]),
        (&json!("failed"), &json!("not_queued"))
    );

    let (path, _) = dry_run(&app, &manager, "", format!("{HEADER}V-1,Asha,,\r\n")).await;
    app.fail_after("SendMessageBatch", 0);
    confirm(&manager, &path, json!({ "accept_repairs": true })).await.expect(500);
    let job = read(&manager, &path).await;
    assert_eq!(
        (&job["state"], &job["confirmed_by"], counts(&job)),
        (&json!("ready"), &Value::Null, [1, 1, 0, 0, 0])
    );
    assert_eq!(applied(&carry_out(&app, &manager, &path, json!({})).await), [1, 1, 0, 0, 0]);
}

#[tokio::test]
async fn a_poison_message_fails_alone() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, format!("{HEADER}V-1,Asha,,\r\n")).await;
    let mut batch = messages(&app);
    batch.insert(
        0,
        Message {
            id: "poison".into(),
            body: "{".into(),
            correlation_id: String::new(),
            receive_count: 1,
        },
    );
    let failures: Vec<_> = work(&app, batch).await.into_iter().map(|failure| failure.id).collect();
    assert_eq!(failures, ["poison"]);
    assert_eq!(read(&manager, &path).await["state"], "ready");
}

#[tokio::test]
async fn rejects_are_there_when_there_are_any_and_as_long_as_they_are_kept() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, format!("{HEADER}V-1,Asha,bad,\r\n")).await;
    let rejects_path = format!("{path}/rejects");
    let answer = manager.get(&rejects::ROUTE, &rejects_path).await.expect(404);
    assert_eq!(
        answer.json()["detail"],
        "the dry run is not finished: ask again when the import is `ready`"
    );
    drain(&app).await;
    manager.get(&rejects::ROUTE, &rejects_path).await.expect(200);
    // The file has every identifier in full.
    app.as_role(Role::Viewer).await.get(&rejects::ROUTE, &rejects_path).await.expect(403);

    let stored = store::imports::get(app.store(), path.rsplit('/').next().unwrap().parse().unwrap())
        .await
        .unwrap();
    app.put_object(&stored.rejects_key.unwrap(), "text/csv", vec![b'x'; 3_000_001]);
    let answer = manager.get(&rejects::ROUTE, &rejects_path).await.expect(303);
    let link = answer.header("location").unwrap();
    assert!(
        link.contains("rejects.csv") && link.contains("X-Amz-Signature=") && link.contains("X-Amz-Expires=300"),
        "{link}"
    );

    let answer = manager
        .get(&rejects::ROUTE, &rejects_path)
        .header("accept", "application/json")
        .await
        .expect(200)
        .json();
    assert!(
        answer["url"].as_str().unwrap().contains("X-Amz-Signature=") && answer["expires_at"].is_string(),
        "{answer}"
    );

    let clean = import(&app, &manager, format!("{HEADER}V-1,Asha,,\r\n")).await;
    let answer = manager
        .get(&rejects::ROUTE, &format!("/api/v1/imports/{}/rejects", clean["id"].as_str().unwrap()))
        .await
        .expect(404);
    assert_eq!(answer.json()["detail"], "no row of this import was rejected");
    manager
        .get(&rejects::ROUTE, "/api/v1/imports/imp_01JZ0000000000000000000000/rejects")
        .await
        .expect(404);

    app.advance(jiff::SignedDuration::from_hours(24 * 91));
    let later = app.as_role(Role::CampaignManager).await;
    later.get(&rejects::ROUTE, &rejects_path).await.expect(410);
}

#[tokio::test]
async fn what_a_spreadsheet_made_of_cells_is_proposed_and_not_taken_unseen() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    // Column, cell, whether it may be imported as it is, what is proposed.
    for (column, cell, good, proposed) in [
        ("annual_turnover", "\"1250000,50\"", 0, Some(("decimal_comma", false, "1250000.50"))),
        ("annual_turnover", "\"12,5 Cr\"", 0, Some(("decimal_comma", false, "125000000"))),
        ("annual_turnover", "\"1.250.000,50\"", 0, Some(("decimal_comma", false, "1250000.50"))),
        ("annual_turnover", "\"12,50,000\"", 1, Some(("amount", true, "1250000"))),
        ("udyam_registration_date", "05/04/2021", 0, Some(("date_day_first", false, "2021-04-05"))),
        ("udyam_registration_date", "05.04.2021", 1, Some(("date_day_first", true, "2021-04-05"))),
        (
            "udyam_registration_date",
            "05/04/2021\r\nV-2,B,04/25/2021",
            1,
            Some(("date_month_first", false, "2021-05-04")),
        ),
        (
            "udyam_registration_date",
            "05/04/2021\r\nV-2,B,25/04/2021",
            2,
            Some(("date_day_first", true, "2021-04-05")),
        ),
        (
            "udyam_registration_date",
            "05/04/2021\r\nV-2,B,25/04/2021\r\nV-3,C,04/25/2021",
            2,
            Some(("date_day_first", false, "2021-04-05")),
        ),
        ("udyam_registration_date", "00.00.0000", 1, None),
        ("phone_number", "022-66667777", 1, None),
        ("phone_number", "+44 20 7946 0000", 1, None),
        ("msme_status", "Yes", 1, None),
        ("MSME (Yes/No)", "0", 1, None),
    ] {
        let (_, job) = dry_run(&app, &manager, "", format!("vendor_code,company_name,{column}\r\nV-1,A,{cell}\r\n")).await;
        assert_eq!(counts(&job)[1], good, "{column} {cell}: {job}");
        let first = repairs(&job).into_iter().next();
        let expected = proposed.map(|(code, certain, to)| (code.to_owned(), certain, to.to_owned()));
        assert_eq!(first, expected, "{column} {cell}");
    }
}

#[tokio::test]
async fn codes_that_lost_their_zeros_are_named_and_codes_that_are_numbers_wait_for_a_decision() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    import(&app, &manager, format!("{HEADER}0001001,Asha,,\r\n")).await;
    let csv = format!("{HEADER}1001,Asha Castings,,\r\n1002.0,Ravi,,\r\n77,Meena,,\r\n0077,Noor,,\r\n");
    let (path, job) = dry_run(&app, &manager, "?mode=create_and_update", csv).await;
    assert_eq!(errors(&job), [error(3, "vendor_code", "vendor_code_decimal_zero")]);
    assert_eq!(job["report"]["errors"][0]["suggestion"], "1002");
    assert_eq!(counts(&job), [4, 3, 0, 0, 1]);
    assert!(
        problems(&job, "vendor_code").contains(&("code_zeros".to_owned(), false, 2)),
        "{:?}",
        problems(&job, "vendor_code")
    );
    assert!(repairs(&job).contains(&("code_zeros".to_owned(), false, "0001001".to_owned())));

    let job = carry_out(&app, &manager, &path, json!({ "accept_repairs": ["code_zeros", "decimal_zero"] })).await;
    assert_eq!((counts(&job), applied(&job)), ([4, 3, 1, 0, 0], [4, 3, 1, 0, 0]));
    assert_eq!(vendor(&app, "0001001").await.profile.company_name, "Asha Castings");
    assert_eq!(vendor(&app, "1002").await.profile.company_name, "Ravi");

    let (_, job) = dry_run(&app, &manager, "?mode=update_existing", "vendor_code,city\r\n1001,Pune\r\n").await;
    let found = &job["report"]["errors"][0];
    assert_eq!((&found["code"], &found["suggestion"]), (&json!("vendor_unknown"), &json!("0001001")));
}

#[tokio::test]
async fn an_update_by_what_says_nothing_wipes_nothing() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let header = "vendor_code,company_name,pan_number,gst_number,udyam_number,udyam_registration_date,phone_number\r\n";
    import(
        &app,
        &manager,
        format!("{header}V-1,Asha,AAPFU0939F,27AAPFU0939F1ZV,UDYAM-MH-26-0012345,2021-04-05,9876500001\r\n"),
    )
    .await;
    let before = vendor(&app, "V-1").await;
    for row in [
        "V-1,,PANNOTAVBL,URP,MH26A0012345,00.00.0000,022-66667777",
        "V-1,Asha,PANAPPLIED,-,n/a,00000000,na",
        "V-1,Asha,PANINVALID,URP/URP,,,",
    ] {
        let (path, job) = dry_run(&app, &manager, "?mode=update_existing", format!("{header}{row}\r\n")).await;
        assert_eq!(counts(&job), [1, 0, 0, 1, 0], "{row}: {job}");
        assert_eq!(problems(&job, "pan_number"), [("placeholder_ignored".to_owned(), false, 1)], "{row}");
        carry_out(&app, &manager, &path, json!({})).await;
        assert_eq!(vendor(&app, "V-1").await, before, "{row}");
    }
}

#[tokio::test]
async fn a_file_may_correct_the_status_an_earlier_file_claimed_and_no_other() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = |status: &str| format!("vendor_code,company_name,msme_status\r\nV-1,Asha,{status}\r\nV-2,Ravi,{status}\r\n");
    let body = json!({ "vendor_code": "V-2", "company_name": "Ravi", "msme_status": "medium" });
    manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(201);
    for (status, expected, entries, changed) in [
        ("micro", MsmeStatus::Micro, 1, [2, 1, 0, 1, 0]),
        ("small", MsmeStatus::Small, 2, [2, 0, 1, 1, 0]),
        ("small", MsmeStatus::Small, 2, [2, 0, 0, 2, 0]),
        ("", MsmeStatus::Small, 2, [2, 0, 0, 2, 0]),
    ] {
        let (path, job) = dry_run(&app, &manager, "?mode=create_and_update", csv(status)).await;
        assert_eq!(counts(&job), changed, "{status}");
        let [_, created, updated, unchanged, _] = changed;
        assert_eq!(
            applied(&carry_out(&app, &manager, &path, json!({})).await),
            [2, created, updated, unchanged, 0],
            "{status}"
        );
        let asha = vendor(&app, "V-1").await;
        assert_eq!(asha.msme_status, expected);
        assert_eq!(store::vendors::status_history(app.store(), asha.id).await.unwrap().len(), entries);
        assert_eq!(vendor(&app, "V-2").await.msme_status, MsmeStatus::Medium, "a user entered it");
    }
}

#[tokio::test]
async fn rows_of_another_width_and_stray_quotation_marks_are_told_apart() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha\r\nV-2,Ravi,,,,x\r\nV-3,Meena,m@x.example,\r\nV-4,\"Noor,,\r\nV-5,Esha,,\r\nV-6,Om,,");
    let (_, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!(errors(&job), [error(3, "", "cell_count"), error(5, "", "quote_unclosed")]);
    assert_eq!(counts(&job), [4, 2, 0, 0, 2]);
    assert!(problems(&job, "").contains(&("row_short".to_owned(), false, 1)));
    assert!(job["report"]["errors"][1]["reason"].as_str().unwrap().contains("3 lines"), "{job}");

    let (_, job) = dry_run(&app, &manager, "", format!("{HEADER}V-1,\"Asha,,\r\nV-2,Ravi,,\r\nV-3,Meena\",,\r\n")).await;
    assert_eq!(errors(&job), [error(2, "", "quote_swallows_rows")]);
    // An inch sign between tabs is no quotation mark.
    let tabs = format!("{HEADER}V-1,\"Asha,,\r\nV-2,Ravi 2\" pipes,,\r\n").replace(',', "\t");
    assert_eq!(counts(&dry_run(&app, &manager, "", tabs).await.1), [2, 2, 0, 0, 0]);
}

#[tokio::test]
async fn a_column_may_be_mapped_by_its_place_and_a_file_read_as_somebody_says() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = "Our vendors\r\nCode,Name,City,City,\r\nV-1,Asha,Pune,Agra,Hosur\r\n";
    let (path, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!(counts(&job), [1, 1, 0, 0, 0], "a repeated header is no hindrance: {job}");
    let codes: Vec<_> = job["report"]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|header| header["code"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(codes, ["", "", "", "header_repeated", "header_missing"]);
    let analyse = async |body: Value| manager.post(&analyse::ROUTE, &format!("{path}/analyse"), body).await;
    analyse(json!({ "mapping": { "City": "attributes.former_city", "City#2": "city", "#5": "attributes.plant" } }))
        .await
        .expect(202);
    drain(&app).await;
    carry_out(&app, &manager, &path, json!({})).await;
    let asha = vendor(&app, "V-1").await.profile;
    assert_eq!(
        (
            asha.city.as_deref(),
            asha.attributes["former_city"].as_str(),
            asha.attributes["plant"].as_str()
        ),
        (Some("Agra"), "Pune", "Hosur")
    );

    // Neither the header nor the delimiter, nor the encoding, would be found out.
    let odd = b"code;name\nx;y\nref!title!\nV-2!Caf\xe9!Pune\n".to_vec();
    let (path, _) = dry_run(&app, &manager, "", odd).await;
    let analyse = async |body: Value| manager.post(&analyse::ROUTE, &format!("{path}/analyse"), body).await;
    for (body, field) in [
        (json!({ "delimiter": ";;" }), "delimiter"),
        (json!({ "delimiter": "a" }), "delimiter"),
        (json!({ "delimiter": "\"" }), "delimiter"),
    ] {
        assert_eq!(analyse(body).await.expect(422).field_errors()[0].0, field);
    }
    analyse(json!({ "encoding": "klingon" })).await.expect(400);
    let body = json!({
        "delimiter": "!", "encoding": "windows-1252", "header_row": 3, "mapping": { "ref": "vendor_code", "#2": "company_name" },
    });
    analyse(body).await.expect(202);
    drain(&app).await;
    let job = read(&manager, &path).await;
    assert_eq!(job["read_as"], json!({ "delimiter": "!", "encoding": "windows-1252", "header_row": 3 }));
    assert_eq!(applied(&carry_out(&app, &manager, &path, json!({})).await), [1, 1, 0, 0, 0], "{job}");
    assert_eq!(vendor(&app, "V-2").await.profile.company_name, "Caf\u{e9}");
}

#[tokio::test]
async fn rejects_of_a_workbook_come_back_as_one_and_import_once_corrected() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let rows: [&[&str]; 6] = [
        &["LIFNR", "NAME1", "PSTLZ", "STCD3"],
        &["0001001", "Asha", "411001", "27AAPFU0939F1ZV"],
        // A code that is a date to the sheet, a cell right of the header, a wrong GSTIN.
        &["{s=\"1\"><v>44291</v></c>}", "Ravi", "411001", ""],
        &["0001003", "Meena", "411001", "", "", "{><v>5</v></c>}"],
        &["0001004", "Noor", "411001", "27AAPFU0939F1ZX"],
        &["0001005", "Esha", "411001", ""],
    ];
    let (path, job) = dry_run_of(&app, &manager, "", workbook(&rows)).await;
    assert_eq!(counts(&job), [5, 3, 0, 0, 2], "{job}");
    assert_eq!(
        errors(&job),
        [error(3, "vendor_code", "code_format"), error(5, "gst_number", "gstin_check_character")]
    );
    assert!(problems(&job, "").contains(&("cells_beyond_header".to_owned(), false, 1)));
    // One that is not good any more when it is stored comes behind them.
    let body = json!({ "vendor_code": "0001005", "company_name": "Somebody else" });
    manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(201);
    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(applied(&job), [3, 2, 0, 0, 1]);
    let answer = download(&manager, &job).await.expect(303);
    assert!(answer.header("location").unwrap().contains("rejects.xlsx"));

    let bytes = rejects_workbook(&app, &path).await;
    let file = workbooks::file(&bytes);
    let mut sheet = sheets::open(file.path(), &sheets::Limits::default()).unwrap();
    assert_eq!(sheet.header()[..5], ["LIFNR", "NAME1", "PSTLZ", "STCD3", "row"]);
    let mut corrected: Vec<Vec<String>> = vec![sheet.header().to_vec()];
    corrected.extend(sheet.by_ref().map(|row| row.unwrap().cells));
    let shown: Vec<(&str, &str)> = corrected[1..].iter().map(|row| (row[0].as_str(), row[4].as_str())).collect();
    assert_eq!(shown, [("#VALUE!", "3"), ("0001004", "5"), ("0001005", "6")]);
    assert_eq!(corrected[1][6], "2021-04-05", "what it read is in the report");
    let (_, same) = dry_run_of(&app, &manager, "", bytes).await;
    assert_eq!(counts(&same), [3, 0, 0, 0, 3], "{same}");
    corrected[1][0] = "0001002".to_owned();
    corrected[2][3] = String::new();
    corrected[3][0] = "0001006".to_owned();
    let borrowed: Vec<Vec<&str>> = corrected.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    let rows: Vec<&[&str]> = borrowed.iter().map(Vec::as_slice).collect();
    let (_, again) = dry_run_of(&app, &manager, "", workbook(&rows)).await;
    assert_eq!(counts(&again), [3, 3, 0, 0, 0], "{again}");
}

#[tokio::test]
async fn a_file_that_was_replaced_after_its_check_is_not_imported() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha,,\r\nV-2,Ravi,,\r\n");
    let replace = |path: &str| {
        let key = format!("imports/{}/source", path.rsplit('/').next().unwrap());
        app.put_object(&key, "text/csv", format!("{HEADER}V-9,Mallory,,\r\n"));
    };
    // Where repairs are accepted, the file is read again.
    let (path, _) = dry_run(&app, &manager, "", csv.clone()).await;
    replace(&path);
    let job = carry_out(&app, &manager, &path, json!({ "accept_repairs": true })).await;
    assert_eq!((&job["state"], &job["failure"]["code"]), (&json!("failed"), &json!("source_replaced")));
    assert!(job["failure"]["message"].as_str().unwrap().contains("begin another import"));
    // And where another dry run is asked for.
    let (path, _) = dry_run(&app, &manager, "", csv.clone()).await;
    replace(&path);
    manager.post(&analyse::ROUTE, &format!("{path}/analyse"), json!({})).await.expect(202);
    drain(&app).await;
    assert_eq!(read(&manager, &path).await["failure"]["code"], "source_replaced");
    // Confirmed as it was checked, the rows are those that were checked.
    let (path, _) = dry_run(&app, &manager, "", csv).await;
    replace(&path);
    assert_eq!(applied(&carry_out(&app, &manager, &path, json!({})).await), [2, 2, 0, 0, 0]);
    assert_eq!(total(&app).await, 2);
}

#[tokio::test]
async fn a_second_worker_at_a_dry_run_writes_over_nothing_in_use() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, format!("{HEADER}V-1,Asha,bad,\r\nV-2,Ravi,,\r\n")).await;
    let analysis = messages(&app);
    let (first, second) = futures::join!(work(&app, analysis.clone()), work(&app, analysis));
    assert!(first.is_empty() && second.is_empty());
    drain(&app).await;
    let import = store::imports::get(app.store(), path.rsplit('/').next().unwrap().parse().unwrap())
        .await
        .unwrap();
    let attempt = import.attempt.expect("an attempt was the first");
    assert!(import.rejects_key.unwrap().contains(&attempt.to_string()));
    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(applied(&job), [1, 1, 0, 0, 0]);
    assert!(download(&manager, &job).await.expect(200).text().contains("V-1"));
}

#[tokio::test]
async fn two_imports_with_one_code_at_once_make_one_vendor() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let (one, _) = dry_run(&app, &manager, "", format!("{HEADER}V-1,Asha,,\r\n")).await;
    let (other, _) = dry_run(&app, &manager, "", format!("{HEADER}v-1,Ravi,,\r\n")).await;
    confirm(&manager, &one, json!({})).await.expect(202);
    let first = messages(&app);
    confirm(&manager, &other, json!({})).await.expect(202);
    let second = messages(&app);
    let (a, b) = futures::join!(work(&app, first), work(&app, second));
    assert!(a.is_empty() && b.is_empty());
    drain(&app).await;
    let (one, other) = (read(&manager, &one).await, read(&manager, &other).await);
    let [_, created, .., rejected] = applied(&one);
    let [_, also_created, .., also_rejected] = applied(&other);
    assert_eq!((created + also_created, rejected + also_rejected, total(&app).await), (1, 1, 1));
    assert_eq!((&one["state"], &other["state"]), (&json!("completed"), &json!("completed")));
}

#[tokio::test]
async fn an_import_that_is_interrupted_again_and_again_says_so_and_goes_on_when_confirmed_again() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    // A dry run: every try is later than the one before.
    let path = upload(&manager, sample_of(300)).await;
    let mut delays = Vec::new();
    loop {
        let again = app.take_messages(Var::ImportQueueUrl);
        let Some(entry) = again.first() else { break };
        delays.extend(entry["DelaySeconds"].as_i64());
        let message = Message {
            id: "m".to_owned(),
            body: entry["MessageBody"].as_str().unwrap().to_owned(),
            correlation_id: String::new(),
            receive_count: 1,
        };
        app.fail_after("Query", 0);
        assert!(work(&app, vec![message]).await.is_empty());
    }
    app.fail_after("nothing", 0);
    assert!(delays.is_sorted() && delays.len() == 6 && delays[5] == 900, "{delays:?}");
    assert_eq!(read(&manager, &path).await["failure"]["code"], "interrupted");
    manager.post(&analyse::ROUTE, &format!("{path}/analyse"), json!({})).await.expect(202);
    drain(&app).await;

    // Storing: some vendors are there; the last time the queue hands the message out, nothing more is tried.
    confirm(&manager, &path, json!({})).await.expect(202);
    let apply = messages(&app);
    app.fail_after("TransactWriteItems", 3);
    assert_eq!(broke_off(&app, apply.clone()).await, 1);
    let stored = total(&app).await;
    assert!(stored > 0 && stored < 300, "{stored}");
    let last = apply.into_iter().map(|message| Message { receive_count: 5, ..message }).collect();
    assert!(work(&app, last).await.is_empty());
    let job = read(&manager, &path).await;
    assert_eq!((&job["state"], &job["failure"]["code"]), (&json!("failed"), &json!("interrupted")));
    assert_eq!(total(&app).await, stored);
    manager.post(&analyse::ROUTE, &format!("{path}/analyse"), json!({})).await.expect(409);

    let job = carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(
        (&job["state"], applied(&job), &job["failure"]),
        (&json!("completed"), [300, 300, 0, 0, 0], &Value::Null)
    );
    assert_eq!(total(&app).await, 300);
}

#[tokio::test]
async fn a_file_that_is_read_too_slowly_fails_with_a_sentence() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, sample()).await;
    let messages = messages(&app);
    assert!(
        workers::import::handle_timed(app.app(), messages, Duration::ZERO, Duration::ZERO)
            .await
            .is_empty()
    );
    let job = read(&manager, &path).await;
    assert_eq!((&job["state"], &job["failure"]["code"]), (&json!("failed"), &json!("too_slow_to_read")));
}

#[tokio::test]
async fn an_import_never_touches_a_suppression() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = |name: &str| {
        format!(
            "vendor_code,company_name,email,phone_number,unsubscribed,do_not_contact,email_opt_in\r\nV-1,{name},a@x.example,9876500001,no,no,yes\r\n"
        )
    };
    let (path, job) = dry_run(&app, &manager, "", csv("Asha")).await;
    let ignored = job["report"]["headers"].as_array().unwrap()[4..]
        .iter()
        .all(|header| header["target"] == "ignore");
    assert!(ignored, "{job}");
    carry_out(&app, &manager, &path, json!({})).await;
    let of_suppressions = async || {
        let items = app.everything().await;
        items
            .into_iter()
            .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("SUPPRESS#"))
            .collect::<Vec<_>>()
    };
    let body = json!({ "channel": "email", "address": "a@x.example", "note": "asked by telephone" });
    let admin = app.as_role(Role::Admin).await;
    admin.post(&suppressions::create::ROUTE, "/api/v1/suppressions", body).await.expect(201);
    let before = of_suppressions().await;
    assert!(!before.is_empty());
    for query in ["?mode=update_existing", "?mode=create_and_update"] {
        let (path, _) = dry_run(&app, &manager, query, csv("Asha Castings")).await;
        carry_out(&app, &manager, &path, json!({})).await;
        assert_eq!(of_suppressions().await, before, "{query}");
        assert!(vendor(&app, "V-1").await.profile.opt_ins.is_empty());
    }
}

#[tokio::test]
async fn names_of_tally_that_are_too_long_for_codes_get_short_ones() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let tally = |name: &str| format!("Name,Group Name,PAN/IT No.,GSTIN/UIN\n{name},Sundry Creditors,AAPFU0939F,\n");
    let name = "Kaveri Precision Castings and Forgings Private Limited";
    let (path, job) = dry_run(&app, &manager, "?mode=create_and_update", tally(name)).await;
    assert_eq!(counts(&job), [1, 1, 0, 0, 0], "{job}");
    let (code, certain, short) = repairs(&job).remove(0);
    assert_eq!((code.as_str(), certain, short.len()), ("code_shortened", true, 40));
    carry_out(&app, &manager, &path, json!({})).await;
    assert_eq!(vendor(&app, &short).await.profile.company_name, name);
    let (_, again) = dry_run(&app, &manager, "?mode=create_and_update", tally(name)).await;
    assert_eq!(counts(&again), [1, 0, 0, 1, 0], "the same name is the same vendor");
}

#[tokio::test]
async fn a_request_is_told_of_a_wrong_value_that_a_file_may_lose() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    for (field, values, code) in [
        ("phone_numbers", json!(["9876500001", "022-66667777"]), "phone_not_mobile"),
        ("phone_numbers", json!("9876500001; 98765"), "phone_length"),
        ("gst_numbers", json!(["27AAPFU0939F1ZV", "27AAPFU0939F1ZX"]), "gstin_check_character"),
    ] {
        let body = json!({ "vendor_code": "V-1", "company_name": "Asha", field: values });
        let refused = manager.post(&vendors::create::ROUTE, "/api/v1/vendors", body).await.expect(422);
        assert_eq!(refused.field_errors()[0].1, code, "{field}");
    }
    let csv = "vendor_code,company_name,phone_number\r\nV-1,Asha,9876500001; 022-66667777\r\n";
    let (_, job) = dry_run(&app, &manager, "", csv).await;
    assert_eq!(
        (counts(&job), problems(&job, "phone_number")),
        ([1, 1, 0, 0, 0], vec![("phone_dropped".to_owned(), false, 1)])
    );
}
