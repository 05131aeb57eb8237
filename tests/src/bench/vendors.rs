//! Vendors at 100,000: import from CSV and XLSX, lists and searches, export.
//!
//! Workers run in processes of their own, so that peak memory is theirs. Time is that of the clock and has the database's in it, which
//! shares the cores: rates are floors, for comparison with themselves.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use axum::http::{HeaderMap, Method};
use domain::delivery::Channel;
use domain::import::Accepted;
use domain::segment::VendorFilter;
use domain::suppression::{SuppressionReason, SuppressionSource};
use domain::{ExportId, ImportId, UserId};
use runtime::Request;
use serde_json::{Value, json};
use sheets::{Kind, SheetWriter};
use store::exports::{Export, ExportFormat, ExportState};
use store::imports::{Import, ImportState, NewImport, Settings};
use store::suppressions::Suppression;

use super::ground::{Ground, Used};
use super::{Error, Figure, Options, Report, Table, target_directory, unoptimised};

const NAME: &str = "vendors";

/// How often each list is asked for: the slowest of a hundred is not their p99.
const ASKED: usize = 100;

/// A slow list is asked for less often, though not less than this: the p99 is then the slowest.
const ASKED_AT_LEAST: usize = 20;

/// How many seconds a list may take for more than that.
const SECONDS: f64 = 6.0;

/// How many addresses of the vendors are suppressed, about.
const SUPPRESSED: usize = 2_000;

/// Runs the suite.
///
/// # Errors
/// When a worker fails, or does not come to the expected numbers.
pub fn run(options: &Options) -> Result<Report, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: &Options) -> Result<Report, Error> {
    let mut report = Report {
        title: "Vendors: import, lists, searches and export; DynamoDB in process, workers in processes of their own".to_owned(),
        table: Table {
            header: ["what", "vendors", "rows/s", "peak MB", "p50 ms", "p99 ms"].map(str::to_owned).into(),
            rows: Vec::new(),
        },
        figures: Vec::new(),
        notes: unoptimised().into_iter().collect(),
    };
    let mut sizes = options.sizes.clone();
    sizes.sort_unstable();
    for (i, rows) in sizes.iter().copied().enumerate() {
        let ground = Ground::start(target_directory().join("bench/vendors")).await?;
        for kind in [Kind::Csv, Kind::Xlsx] {
            import(&ground, &mut report, kind, rows).await?;
        }
        if i + 1 == sizes.len() {
            lists(&ground, &mut report, rows).await?;
            for format in [ExportFormat::Csv, ExportFormat::Xlsx] {
                export(&ground, &mut report, format, rows).await?;
            }
        }
    }
    fs::remove_dir_all(target_directory().join("bench/vendors"))?;
    Ok(report)
}

/// The first import of a table creates every row; the second, of another kind of file, finds every row as it is.
async fn import(ground: &Ground, report: &mut Report, kind: Kind, rows: u32) -> Result<(), Error> {
    let store = ground.app.store()?;
    let (id, run) = (ImportId::from_ulid(ground.app.new_ulid()), ground.app.new_ulid());
    let import = Import::from(NewImport {
        id,
        file_name: format!("vendors.{}", kind.extension()),
        source_key: format!("imports/{id}/source"),
        state: ImportState::Queued,
        settings: Settings {
            mode: domain::import::ImportMode::CreateAndUpdate,
            ..Settings::default()
        },
        run,
        by: UserId::from_ulid(ground.app.new_ulid()),
        at: ground.app.now(),
    });
    write_source(&ground.path(&import.source_key), kind, rows)?;
    store::imports::create(store, &import).await?;
    let used = ground
        .work("workers-import", json!({ "import_id": id, "task": "analyse", "run": run }))
        .await?;
    let seen = store::imports::get(store, id).await?;
    if seen.state != ImportState::Ready || seen.counts.rows != rows || seen.counts.rejected > 0 {
        return Err(format!("the dry run ended otherwise: {seen:?}").into());
    }
    add(report, &format!("import.{}.dry_run", kind.extension()), rows, used);

    let apply = ground.app.new_ulid();
    store::imports::confirm(store, &seen, &Accepted::default(), apply, seen.created_by, ground.app.now()).await?;
    let used = ground.work("workers-import", json!({ "import_id": id, "task": "apply" })).await?;
    let seen = store::imports::get(store, id).await?;
    if seen.state != ImportState::Completed {
        return Err(format!("the import ended otherwise: {seen:?}").into());
    }
    let what = if kind == Kind::Csv { "create" } else { "unchanged" };
    add(report, &format!("import.{}.{what}", kind.extension()), rows, used);
    Ok(())
}

/// A sheet as an ERP exports it.
fn write_source(path: &Path, kind: Kind, rows: u32) -> Result<(), Error> {
    let header = [
        "Vendor Code",
        "Vendor Name",
        "Contact Person",
        "Email ID",
        "Mobile No",
        "Address",
        "City",
        "State",
        "Pincode",
        "PAN No",
        "Category",
        "Supplier Type",
        "Tags",
    ];
    let mut writer = SheetWriter::new(kind, &header)?;
    for n in 1..=rows {
        let cells = [
            format!("V-{n:06}"),
            format!(
                "{} {} Industries Private Limited",
                NAMES[n as usize % NAMES.len()],
                NAMES[(n as usize / 7) % NAMES.len()]
            ),
            "Asha Rao".to_owned(),
            email(n),
            format!("9{:09}", 800_000_000 + n),
            format!("{n} Sample Industrial Estate"),
            "Bengaluru".to_owned(),
            ["Karnataka", "Maharashtra", "Tamil Nadu", "Gujarat"][n as usize % 4].to_owned(),
            ["560001", "411001", "600001", "380001"][n as usize % 4].to_owned(),
            pan(n),
            "Castings".to_owned(),
            ["Trader", "Manufacturer", "Service provider"][n as usize % 3].to_owned(),
            if n % 10 == 0 { "critical".to_owned() } else { String::new() },
        ];
        writer.write(&cells)?;
    }
    let mut file = writer.finish()?;
    let mut target = BufWriter::new(File::create(path)?);
    std::io::copy(&mut file, &mut target)?;
    target.flush()?;
    Ok(())
}

fn email(n: u32) -> String {
    format!("accounts{n}@vendor{}.example", n % 5_000)
}

const NAMES: [&str; 20] = [
    "Kaveri",
    "Godavari",
    "Narmada",
    "Tapti",
    "Sabarmati",
    "Krishna",
    "Tungabhadra",
    "Periyar",
    "Mahanadi",
    "Brahmani",
    "Betwa",
    "Chambal",
    "Gomti",
    "Sone",
    "Teesta",
    "Beas",
    "Ravi",
    "Jhelum",
    "Chenab",
    "Indus",
];

/// Every number has a PAN of its own: letters from the number's base-26 digits.
fn pan(n: u32) -> String {
    let letter = |digit: u32| char::from(b'A' + u8::try_from(digit % 26).unwrap_or(0));
    format!(
        "{}{}{}C{}{:04}{}",
        letter(n / 6_760),
        letter(n / 260),
        letter(n / 10_000),
        letter(n),
        1 + n % 9_999,
        letter(n / 3)
    )
}

/// A list that is asked for.
struct Case {
    name: &'static str,
    query: &'static [(&'static str, &'static str)],
    /// Which page of it.
    page: u32,
}

const fn first(name: &'static str, query: &'static [(&'static str, &'static str)]) -> Case {
    Case { name, query, page: 1 }
}

const fn second(name: &'static str, query: &'static [(&'static str, &'static str)]) -> Case {
    Case { name, query, page: 2 }
}

const CASES: [Case; 17] = [
    first("list.page", &[]),
    first("search.code", &[("q", "V-000123")]),
    first("search.rare_words", &[("q", "kaveri accounts12@vendor12")]),
    first("search.common_word", &[("q", "kaveri")]),
    first("search.every_vendor", &[("q", "industries")]),
    first("search.two_characters", &[("q", "ka")]),
    first("search.common_word_and_state", &[("q", "kaveri"), ("state", "Karnataka")]),
    first("filter.state", &[("state", "Karnataka")]),
    first("filter.supplier_type", &[("supplier_type", "trader")]),
    first("filter.tag", &[("tag", "critical")]),
    first("filter.suppressed", &[("suppressed", "true")]),
    first("filter.not_suppressed", &[("suppressed", "false")]),
    first("filter.none_match", &[("msme_status", "micro"), ("has_email", "false")]),
    second("filter.state.page_2", &[("state", "Karnataka")]),
    first("sort.name", &[("sort", "name")]),
    second("sort.name.page_2", &[("sort", "name")]),
    first("sort.updated", &[("sort", "updated")]),
];

async fn lists(ground: &Ground, report: &mut Report, rows: u32) -> Result<(), Error> {
    suppress(ground, rows).await?;
    for Case { name, query, page } in CASES {
        let mut query: Vec<(String, String)> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if page > 1 {
            let (_, first) = asked(ground, name, &query).await?;
            let next = first["next_cursor"].as_str().ok_or_else(|| format!("{name}: there is no second page"))?;
            query.push(("cursor".to_owned(), next.to_owned()));
        }
        let mut times = Vec::with_capacity(ASKED);
        let began = Instant::now();
        while times.len() < ASKED && (times.len() < ASKED_AT_LEAST || began.elapsed().as_secs_f64() < SECONDS) {
            times.push(asked(ground, name, &query).await?.0);
        }
        times.sort_by(f64::total_cmp);
        let (p50, p99) = (times[times.len() / 2], times[(times.len() * 99).div_ceil(100) - 1]);
        report.figures.push(Figure::new(format!("{NAME}.{name}.p50_ms"), p50));
        report.figures.push(Figure::new(format!("{NAME}.{name}.p99_ms"), p99));
        let cells = [
            name.to_owned(),
            rows.to_string(),
            String::new(),
            String::new(),
            format!("{p50:.1}"),
            format!("{p99:.1}"),
        ];
        report.table.rows.push(cells.into());
    }
    Ok(())
}

/// Asks for a list; gives how many milliseconds it took, and the page.
async fn asked(ground: &Ground, name: &str, query: &[(String, String)]) -> Result<(f64, Value), Error> {
    let request = Request {
        method: Method::GET,
        path: "/api/v1/vendors".to_owned(),
        headers: HeaderMap::new(),
        query: query.to_vec(),
        path_parameters: Vec::new(),
        body: Vec::new(),
        source_ip: "192.0.2.1".to_owned(),
        request_id: "bench".to_owned(),
        correlation_id: "bench".to_owned(),
        caller: None,
    };
    let started = Instant::now();
    let response = vendors::list::handle(&ground.app, request)
        .await
        .map_err(|error| format!("{name}: {error:?}"))?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    if !response.status().is_success() {
        return Err(format!("{name}: {}", response.status()).into());
    }
    let (_, body) = response.into_parts();
    Ok((took, serde_json::from_slice(&body)?))
}

/// Suppresses some of the vendors' addresses.
async fn suppress(ground: &Ground, rows: u32) -> Result<(), Error> {
    let store = ground.app.store()?;
    let every = (rows as usize / SUPPRESSED).max(1);
    for n in (1..=rows).step_by(every) {
        let suppression = Suppression::new(SuppressionReason::HardBounce, ground.app.now(), SuppressionSource::Event);
        store::suppressions::add(store, Channel::Email, &email(n), &suppression).await?;
    }
    Ok(())
}

async fn export(ground: &Ground, report: &mut Report, format: ExportFormat, rows: u32) -> Result<(), Error> {
    let store = ground.app.store()?;
    let now = ground.app.now();
    let export = Export {
        id: ExportId::from_ulid(ground.app.new_ulid()),
        format,
        filter: VendorFilter::default(),
        segment_id: None,
        columns: Vec::new(),
        reveals_identifiers: true,
        state: ExportState::Queued,
        rows: 0,
        total: None,
        failure: None,
        file: None,
        created_by: UserId::from_ulid(ground.app.new_ulid()),
        created_at: now,
        completed_at: None,
        expires_at: now.as_second() + 86_400,
    };
    store::exports::create(store, &export).await?;
    let message: Value = json!({ "export_id": export.id });
    let used = ground.work("workers-export", message).await?;
    let seen = store::exports::get(store, export.id, ground.app.now()).await?;
    if seen.state != ExportState::Completed || seen.rows != rows {
        return Err(format!("the export ended otherwise: {seen:?}").into());
    }
    let extension = match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Xlsx => "xlsx",
    };
    add(report, &format!("export.{extension}"), rows, used);
    Ok(())
}

fn add(report: &mut Report, what: &str, rows: u32, used: Used) {
    let rate = f64::from(rows) / used.seconds;
    report.figures.push(Figure::new(format!("{NAME}.{what}.{rows}.rows_per_s"), rate));
    report.figures.push(Figure::new(format!("{NAME}.{what}.{rows}.peak_mb"), used.peak_mb));
    let cells = [
        what.to_owned(),
        rows.to_string(),
        format!("{rate:.0}"),
        format!("{:.1}", used.peak_mb),
        String::new(),
        String::new(),
    ];
    report.table.rows.push(cells.into());
}
