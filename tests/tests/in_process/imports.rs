//! Vendor imports: the upload, the worker and what it hands back.

use domain::user::Role;
use imports::{create, get, rejects};
use runtime::{Message, RecordFailure, Var};
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

const UPLOAD: &str = "/api/v1/files/import-vendors";
const HEADER: &str = "vendor_code,company_name,email,gst_number\r\n";

/// Uploads a file as text/csv and answers with the job's path.
async fn upload(client: &Client<'_>, csv: impl Into<Vec<u8>>) -> String {
    let accepted = client.call(&create::ROUTE, UPLOAD).body("text/csv", csv).await.expect(202);
    accepted.header("location").expect("a location").to_owned()
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

/// Uploads, works and answers with the finished job.
async fn import(app: &TestApp, client: &Client<'_>, csv: impl Into<Vec<u8>>) -> Value {
    let path = upload(client, csv).await;
    assert!(work(app, messages(app)).await.is_empty());
    client.get(&get::ROUTE, &path).await.expect(200).json()
}

fn counts(job: &Value) -> [u64; 5] {
    ["rows", "processed", "imported", "rejected", "with_warnings"].map(|name| job["counts"][name].as_u64().expect("a count"))
}

/// `(row, column, code)` of each shown error.
fn errors(job: &Value) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let errors = job["errors"].as_array().expect("errors").iter();
    errors
        .map(|error| (error["row"].as_u64().expect("a row"), text(&error["column"]), text(&error["code"])))
        .collect()
}

async fn download(client: &Client<'_>, job: &Value) -> Answer {
    client.get(&rejects::ROUTE, job["rejects_url"].as_str().expect("a rejects file")).await
}

fn sample() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/data/vendors.csv")).expect("the shipped sample")
}

#[tokio::test]
async fn the_shipped_sample_gives_531_vendors_and_29_reasons() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let job = import(&app, &manager, sample()).await;
    assert_eq!(job["state"], "completed");
    let [rows, processed, imported, rejected, with_warnings] = counts(&job);
    assert_eq!([rows, processed, imported, rejected], [560, 560, 531, 29]);
    assert!(with_warnings > 0 && with_warnings < imported);
    assert_eq!(app.store().vendor_counts().await.unwrap().total, 531);
    assert_eq!(errors(&job).iter().filter(|(_, _, code)| code == "duplicate_in_file").count(), 3);

    // Every rejected row comes back as it was, in order, with its number and its reason.
    let file = download(&manager, &job).await.expect(200);
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; filename=\"imp_"));
    let read = |bytes: &[u8]| {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").expect("a byte order mark").to_vec();
        csv::Reader::from_reader(std::io::Cursor::new(bytes))
            .into_records()
            .map(|record| record.unwrap())
            .collect::<Vec<_>>()
    };
    let (source, rejected) = (read(&sample()), read(&file.body));
    assert_eq!(rejected.len(), 29);
    let numbers: Vec<usize> = rejected.iter().map(|record| record[13].parse().unwrap()).collect();
    assert!(numbers.is_sorted());
    for (record, number) in rejected.iter().zip(numbers) {
        assert_eq!(record.iter().take(13).collect::<Vec<_>>(), source[number - 2].iter().collect::<Vec<_>>());
        assert!(!record[16].is_empty());
    }
}

#[tokio::test]
async fn a_corrected_rejects_file_imports_as_it_is() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let csv = format!("{HEADER}V-1,Asha,=bad,\r\n+2,Ravi,bad,27\r\nV-3,Meena,m@x.example,\r\nv-3,Meena,m@x.example,\r\nV-4,Short\r\n");
    let job = import(&app, &manager, csv).await;
    assert_eq!(counts(&job), [5, 5, 1, 4, 0]);
    let file = download(&manager, &job).await.expect(200).text();
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(
        lines[0],
        "\u{feff}vendor_code,company_name,email,gst_number,row,error_column,error_value,error_reason"
    );
    assert!(lines[1].starts_with("V-1,Asha,=bad,,2,email,'=bad,"), "{}", lines[1]);
    assert!(lines[2].starts_with("+2,Ravi,bad,27,3,email; gst_number,bad; 27,"), "{}", lines[2]);
    assert!(
        lines[3].starts_with("v-3,Meena,m@x.example,,5,vendor_code,v-3,\"row 4 of this file has the same code"),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].starts_with("V-4,Short,,,6,,,\"the row has 2 cells where the header has 4"),
        "{}",
        lines[4]
    );

    let corrected = file
        .replace(",=bad,", ",a@x.example,")
        .replace(",bad,27,", ",r@x.example,,")
        .replace("v-3,", "V-33,");
    let again = import(&app, &manager, corrected).await;
    assert_eq!(counts(&again), [4, 4, 4, 0, 0], "{again}");
    assert_eq!(again["rejects_url"], Value::Null);
    assert_eq!(app.store().vendor_counts().await.unwrap().total, 5);
}

#[tokio::test]
async fn codes_of_existing_vendors_are_refused_by_name() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let vendor = json!({ "vendor_code": "v-2", "company_name": "Ravi Castings" });
    let vendor = manager.post(&vendors::create::ROUTE, "/api/v1/vendors", vendor).await.expect(201).json();
    let job = import(&app, &manager, format!("{HEADER}V-1,Asha,,\r\nV-2,Ravi,,\r\nV-3,Meena,,\r\n")).await;
    assert_eq!(counts(&job), [3, 3, 2, 1, 0]);
    assert_eq!(errors(&job), [(3, "vendor_code".to_owned(), "vendor_code_taken".to_owned())]);
    assert!(job["errors"][0]["reason"].as_str().unwrap().contains(vendor["id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_message_delivered_twice_does_nothing_twice() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, sample()).await;
    let messages = messages(&app);
    assert!(!messages[0].correlation_id.is_empty());
    assert!(work(&app, messages.clone()).await.is_empty());
    let first = manager.get(&get::ROUTE, &path).await.json();
    assert!(work(&app, messages).await.is_empty());
    assert_eq!(manager.get(&get::ROUTE, &path).await.json(), first);
    assert_eq!(app.store().vendor_counts().await.unwrap().total, 531);
}

#[tokio::test]
async fn an_import_that_broke_off_half_way_comes_to_the_same_result() {
    let (app, whole) = (TestApp::start().await, TestApp::start().await);
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, sample()).await;
    let messages = messages(&app);
    for after in [0, 1, 7] {
        app.fail_after("TransactWriteItems", after);
        let failures = work(&app, messages.clone()).await;
        assert_eq!(failures.len(), 1, "the message is to be delivered again");
        assert_eq!(manager.get(&get::ROUTE, &path).await.json()["state"], "running");
    }
    let stored = app.store().vendor_counts().await.unwrap().total;
    assert!(stored > 0 && stored < 531, "{stored}");
    assert!(work(&app, messages).await.is_empty());
    let job = manager.get(&get::ROUTE, &path).await.json();

    let other = whole.as_role(Role::CampaignManager).await;
    let expected = import(&whole, &other, sample()).await;
    assert_eq!((counts(&job), &job["errors"]), (counts(&expected), &expected["errors"]));
    assert_eq!(download(&manager, &job).await.body, download(&other, &expected).await.body);
    assert_eq!(app.store().vendor_counts().await.unwrap().total, 531);
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
    let job = post(&[file]).await.expect(202).json();
    assert_eq!((&job["file_name"], &job["state"]), (&json!("vendor list.csv"), &json!("queued")));
    let id = job["id"].as_str().unwrap();
    assert_eq!(app.object(&format!("imports/{id}/source.csv")), Some(csv.clone().into_bytes()));

    let code = |answer: Answer| answer.expect(422).field_errors()[0].1.clone();
    assert_eq!(code(post(&[]).await), "missing");
    assert_eq!(code(post(&[file, file]).await), "several");
    assert_eq!(code(post(&[("name=\"document\"", "x")]).await), "unknown_field");
    manager
        .call(&create::ROUTE, UPLOAD)
        .body("multipart/form-data; boundary=xYx", "--xYx\r\nContent-Dispo")
        .await
        .expect(400);
    manager.call(&create::ROUTE, UPLOAD).body("multipart/form-data", "x").await.expect(400);
    manager.call(&create::ROUTE, UPLOAD).body("application/json", "{}").await.expect(415);
}

#[tokio::test]
async fn a_file_that_cannot_be_imported_is_refused_at_once_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let check = async |content: &[u8], code: &str| {
        let answer = manager.call(&create::ROUTE, UPLOAD).body("text/csv", content).await.expect(422);
        assert_eq!(answer.field_errors(), [("file".to_owned(), code.to_owned())]);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    check(b"", "empty").await;
    check(HEADER.as_bytes(), "no_rows").await;
    check(b"\x89PNG\x00\x01", "not_text").await;
    check(b"PK\x03\x04\x14\x00", "workbook").await;
    let detail = check(b"Sr;Party\n1;Asha", "missing_columns").await;
    assert!(detail.contains("found: Sr, Party; expected: vendor_code, company_name"), "{detail}");
    manager
        .call(&create::ROUTE, UPLOAD)
        .body("text/csv", vec![b'x'; 5_000_001])
        .await
        .expect(413);
    assert!(messages(&app).is_empty());
    let viewer = app.as_role(Role::Viewer).await;
    viewer
        .call(&create::ROUTE, UPLOAD)
        .body("text/csv", format!("{HEADER}V-1,A,,"))
        .await
        .expect(403);
}

#[tokio::test]
async fn a_repeated_upload_is_one_import() {
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
    assert_eq!(messages(&app).len(), 1);
}

#[tokio::test]
async fn an_import_that_cannot_be_queued_is_over() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    app.fail_after("SendMessageBatch", 0);
    manager
        .call(&create::ROUTE, UPLOAD)
        .body("text/csv", format!("{HEADER}V-1,Asha,,\r\n"))
        .await
        .expect(500);
    let items = app.everything().await;
    let id = items
        .iter()
        .find_map(|item| item["pk"]["S"].as_str()?.strip_prefix("IMPORT#"))
        .expect("the job")
        .to_owned();
    let job = manager.get(&get::ROUTE, &format!("/api/v1/imports/{id}")).await.expect(200).json();
    assert_eq!(job["state"], "failed");
    // Had the message been taken after all, the worker would leave the job alone.
    let late = Message {
        id: "m".into(),
        body: json!({ "import_id": id }).to_string(),
        correlation_id: String::new(),
        receive_count: 1,
    };
    assert!(work(&app, vec![late]).await.is_empty());
    assert_eq!(app.store().vendor_counts().await.unwrap().total, 0);
}

#[tokio::test]
async fn a_file_that_turns_out_unusable_fails_with_the_reason_and_a_poison_message_alone() {
    let app = TestApp::start().await;
    let manager = app.as_role(Role::CampaignManager).await;
    let path = upload(&manager, format!("{HEADER}V-1,Asha,,\r\n")).await;
    let id = path.rsplit('/').next().unwrap();
    app.put_object(&format!("imports/{id}/source.csv"), "text/csv", "not what was uploaded");
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
    let job = manager.get(&get::ROUTE, &path).await.expect(200).json();
    assert_eq!(job["state"], "failed");
    assert!(
        job["failure"]
            .as_str()
            .unwrap()
            .starts_with("the header has no column for vendor_code and company_name")
    );
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
        "the import is not finished: ask again when its state is `completed`"
    );
    work(&app, messages(&app)).await;
    manager.get(&rejects::ROUTE, &rejects_path).await.expect(200);

    let id = path.rsplit('/').next().unwrap();
    app.put_object(&format!("imports/{id}/rejects.csv"), "text/csv", vec![b'x'; 3_000_001]);
    let answer = manager.get(&rejects::ROUTE, &rejects_path).await.expect(303);
    let link = answer.header("location").unwrap();
    assert!(
        link.contains("rejects.csv") && link.contains("X-Amz-Signature=") && link.contains("X-Amz-Expires=300"),
        "{link}"
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
