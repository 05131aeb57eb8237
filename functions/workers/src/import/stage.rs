//! The dry run: reads the file from its beginning to its end, and writes down what would happen. Memory holds a batch of rows, and of
//! all of them some hashes.

use std::time::{Duration, Instant};

use domain::columns::{self, Dialect, HeaderFinding, Mapping, Plan, Recognition};
use domain::import::{ImportCounts, ImportReport, MAX_FILE_BYTES, MAX_ROWS, MappingProblem, RowError, shorten};
use domain::vendor::{ParsedVendor, RawVendor, VendorProfile, VendorWarning};
use domain::vendor_record::{ImportOrigin, Vendor};
use domain::{FieldError, VendorId};
use imports::files;
use runtime::App;
use runtime::objects::{self, Fetched};
use sheets::{Format, Limits, Options, Row, Sheet};
use std::collections::HashMap;
use store::StoreError;
use store::imports::Import;
use tempfile::NamedTempFile;

use super::Stopped;
use super::decide::{self, Decision, Holder, Update};
use super::findings::Findings;
use super::known::Known;
use super::reading::{self, Proposal, Reading, Said};
use super::rejects::Rejects;
use super::staged::{self, Lines, StagedRow};

/// Rows looked at together: their vendors are read in two calls.
const BATCH: usize = 200;

/// Often enough for a person who watches.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Headers in the report; a file may have a thousand.
const SHOWN_HEADERS: usize = 200;

/// What a dry run has written.
pub(super) struct Staged {
    pub(super) counts: ImportCounts,
    pub(super) rejects_key: Option<String>,
}

/// The uploaded file, open for reading. It is gone with `file`.
pub(super) struct Source {
    pub(super) sheet: Sheet,
    /// What its headers stand for.
    pub(super) recognition: Recognition,
    /// With the corrections.
    pub(super) mapping: Mapping,
    /// Workbooks are read from it bit by bit.
    pub(super) file: NamedTempFile,
}

impl Source {
    pub(super) async fn open(app: &App, import: &Import) -> Result<Self, Stopped> {
        let file = NamedTempFile::new()?;
        match objects::get_file(app, &import.source_key, file.path(), MAX_FILE_BYTES).await? {
            Fetched::Whole(_) => {}
            Fetched::Missing => {
                return Err(Stopped::refused(
                    "file_missing",
                    "the file is not there: upload it, then ask for the dry run",
                ));
            }
            Fetched::TooLarge => {
                let limit_mb = MAX_FILE_BYTES / (1024 * 1024);
                return Err(Stopped::of_sheet(sheets::SheetError::TooLarge { limit_mb }));
            }
        }
        let options = Options {
            limits: Limits {
                file_bytes: MAX_FILE_BYTES,
                rows: MAX_ROWS,
                ..Limits::default()
            },
            sheet: import.settings.sheet.as_deref(),
            knows: &columns::is_known,
        };
        let sheet = sheets::open_with(file.path(), &options).map_err(Stopped::of_sheet)?;
        let recognition = columns::recognise(sheet.header());
        let mut mapping = recognition.mapping.clone();
        mapping.correct(import.settings.corrections.clone());
        Ok(Self {
            sheet,
            recognition,
            mapping,
            file,
        })
    }
}

/// Reads the file and stores the report, the good rows and the rejects of this run.
pub(super) async fn run(app: &App, import: &Import) -> Result<Staged, Stopped> {
    let source = Source::open(app, import).await?;
    let mut report = about(&source, import);
    let plan = match source.mapping.plan_with(source.sheet.header(), import.settings.mode.required()) {
        Ok(plan) => plan,
        Err(errors) => {
            report.mapping_errors = errors.into_iter().take(50).map(MappingProblem::from).collect();
            store::imports::put_report(app.store()?, import, report).await?;
            return Ok(Staged {
                counts: ImportCounts::default(),
                rejects_key: None,
            });
        }
    };
    let Source {
        mut sheet,
        recognition,
        mapping,
        file: _file,
    } = source;
    let mut run = Run {
        app,
        import,
        dialect: recognition.dialect,
        known: Known::load(app.store()?).await?,
        findings: Findings::of(plan.columns()),
        rejects: Rejects::new(sheet.header(), &mapping)?,
        plan,
        lines: Lines::new()?,
        counts: ImportCounts::default(),
        waiting: Vec::with_capacity(BATCH),
        reported_at: Instant::now(),
    };
    while let Some(row) = sheet.next_row().map_err(Stopped::of_sheet)? {
        run.read(row);
        if run.waiting.len() == BATCH {
            run.judge_all().await?;
        }
    }
    run.judge_all().await?;

    let Run {
        counts,
        known,
        findings,
        rejects,
        lines,
        ..
    } = run;
    let staged = lines.finish()?;
    objects::put_file(app, &files::staged(import.id, import.run), staged.path(), "application/x-ndjson").await?;
    let rejects_key = if counts.rejected > 0 {
        let key = files::rejects(import.id, import.run);
        let file = rejects.finish()?;
        objects::put_file(app, &key, file.path(), files::CSV).await?;
        Some(key)
    } else {
        None
    };
    (report.columns, report.repairs, report.errors, report.changes) = findings.finish();
    report.duplicates = known.into_findings();
    store::imports::put_report(app.store()?, import, report).await?;
    Ok(Staged { counts, rejects_key })
}

/// What can be said of the file before its rows are read.
fn about(source: &Source, import: &Import) -> ImportReport {
    let Source {
        sheet, recognition, mapping, ..
    } = source;
    let mut report = ImportReport {
        header_row: sheet.header_row(),
        dialect: Some(recognition.dialect),
        sheet: sheet.name().map(|name| shorten(name, 100)),
        sheets: sheet.sheets().iter().take(50).map(|sheet| shorten(&sheet.name, 100)).collect(),
        more_headers: u32::try_from(recognition.headers.len().saturating_sub(SHOWN_HEADERS)).unwrap_or_default(),
        ..ImportReport::default()
    };
    match sheet.format() {
        Format::Delimited { delimiter, encoding } => {
            "csv".clone_into(&mut report.format);
            report.delimiter = Some(delimiter.to_string());
            report.encoding = Some(encoding.to_owned());
        }
        Format::Workbook => "xlsx".clone_into(&mut report.format),
    }
    let effective = |finding: &HeaderFinding| {
        let mut finding = finding.clone();
        if let Some(target) = mapping.columns.get(&finding.header) {
            finding.target = target.clone();
        }
        if import.settings.corrections.columns.contains_key(&finding.header) {
            "mapped by hand".clone_into(&mut finding.note);
        }
        finding.header = shorten(&finding.header, 100);
        finding.note = shorten(&finding.note, 200);
        finding
    };
    report.headers = recognition.headers.iter().take(SHOWN_HEADERS).map(effective).collect();
    report
}

/// A run over the rows.
struct Run<'a> {
    app: &'a App,
    import: &'a Import,
    plan: Plan,
    dialect: Dialect,
    known: Known,
    findings: Findings,
    rejects: Rejects,
    lines: Lines,
    counts: ImportCounts,
    /// Rows that were read and not yet judged, in the file's order, which is the order of the rejects.
    waiting: Vec<Waiting>,
    reported_at: Instant,
}

struct Waiting {
    row: Row,
    said: Result<(Said, RawVendor), Vec<RowError>>,
    /// The key of its code, and who has it.
    code_key: Option<String>,
    holder: Option<VendorId>,
}

impl Run<'_> {
    fn read(&mut self, row: Row) {
        self.counts.rows += 1;
        let said = match reading::read(&row, &self.plan, self.dialect, &self.import.settings.accepted) {
            Reading::Blank => {
                self.counts.blank += 1;
                return;
            }
            Reading::NotASupplier => {
                self.counts.not_a_supplier += 1;
                return;
            }
            Reading::Refused(errors) => Err(errors),
            Reading::Says(said) => {
                self.findings.filled(&said.values);
                self.findings.repair(row.number, &said.repairs);
                let raw = staged::raw(&said.values);
                Ok((said, raw))
            }
        };
        let code_key = said.as_ref().ok().and_then(|(_, raw)| decide::code_key(raw));
        let holder = code_key.as_deref().and_then(|key| self.known.holder(key));
        self.waiting.push(Waiting { row, said, code_key, holder });
    }

    async fn judge_all(&mut self) -> Result<(), Stopped> {
        let waiting = std::mem::take(&mut self.waiting);
        let vendors = self.holders(&waiting).await?;
        let deleted = self.deleted(&waiting).await?;
        for waiting in waiting {
            self.judge(waiting, &vendors, &deleted)?;
        }
        if self.reported_at.elapsed() >= PROGRESS_EVERY {
            match store::imports::analysed(self.app.store()?, self.import, &self.counts, self.app.now()).await {
                Ok(()) => self.reported_at = Instant::now(),
                Err(StoreError::Conflict(_)) => return Err(Stopped::Over),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The vendors that rows may change.
    async fn holders(&self, waiting: &[Waiting]) -> Result<HashMap<VendorId, Vendor>, Stopped> {
        if !self.import.settings.mode.updates() {
            return Ok(HashMap::new());
        }
        let mut ids: Vec<VendorId> = waiting.iter().filter_map(|row| row.holder).collect();
        // A key may be asked for once in a call.
        ids.sort_unstable();
        ids.dedup();
        let vendors = store::vendors::get_many(self.app.store()?, &ids).await?;
        Ok(vendors.into_iter().map(|vendor| (vendor.id, vendor)).collect())
    }

    /// The codes of rows whose vendors a person deleted.
    async fn deleted(&self, waiting: &[Waiting]) -> Result<HashMap<String, VendorId>, Stopped> {
        if !self.import.skips_deleted {
            return Ok(HashMap::new());
        }
        let free = waiting.iter().filter(|row| row.holder.is_none());
        let codes = free.filter_map(|row| row.code_key.clone()).collect();
        Ok(store::vendors::deleted_among(self.app.store()?, &codes).await?)
    }

    fn judge(&mut self, waiting: Waiting, vendors: &HashMap<VendorId, Vendor>, deleted: &HashMap<String, VendorId>) -> Result<(), Stopped> {
        let Waiting { row, said, code_key, holder } = waiting;
        let (said, raw) = match said {
            Ok(said) => said,
            Err(errors) => return self.reject(&row, &errors),
        };
        let code = raw.vendor_code.clone().unwrap_or_default();
        if let Some(id) = holder {
            self.known.held(row.number, &code, id);
        }
        let holder = match holder {
            None => code_key
                .as_ref()
                .and_then(|key| deleted.get(key))
                .map_or(Holder::Nobody, |id| Holder::Deleted(*id)),
            Some(id) if self.import.settings.mode.updates() => vendors.get(&id).map_or(Holder::Nobody, Holder::Vendor),
            Some(id) => Holder::Id(id),
        };
        let origin = ImportOrigin {
            import_id: self.import.id,
            row: row.number,
        };
        let decision = decide::decide(self.import.settings.mode, raw, holder, origin);
        let (profile, warnings): (&VendorProfile, &[VendorWarning]) = match &decision {
            Decision::Refuse(errors) => {
                let errors = with_suggestions(row.number, errors, &said.repairs);
                return self.reject(&row, &errors);
            }
            Decision::Create(parsed) | Decision::Unchanged(parsed) => {
                let ParsedVendor { profile, warnings, .. } = &**parsed;
                (profile, warnings)
            }
            Decision::Update(update) => {
                let Update { profile, warnings, .. } = &**update;
                (profile, warnings)
            }
            // Nothing is stored before the dry run is confirmed.
            Decision::Already => return Err(Stopped::Failed("a dry run found its own vendor".into())),
        };
        let key = code_key.unwrap_or_default();
        if let Some(first) = self.known.repeats(row.number, &key, &code) {
            let reason = format!("row {first} of this file has the same code: keep one of the two, or correct the code");
            return self.reject(
                &row,
                &[RowError::new(row.number, "vendor_code", code.trim(), "duplicate_in_file", &reason)],
            );
        }
        let own = match holder {
            Holder::Vendor(vendor) => Some(vendor.id),
            Holder::Nobody | Holder::Deleted(_) | Holder::Id(_) => None,
        };
        self.known.compare(row.number, profile, own);
        self.findings.warn(row.number, warnings, &said.values);
        self.counts.with_warnings += u32::from(!warnings.is_empty());
        self.counts.repaired += u32::from(said.repairs.iter().any(|repair| repair.is_applied));
        match &decision {
            Decision::Create(_) => self.counts.creates += 1,
            Decision::Update(update) => {
                self.counts.updates += 1;
                if let Holder::Vendor(vendor) = holder {
                    self.findings.changed(row.number, vendor, &update.profile, update.claim);
                }
            }
            _ => self.counts.unchanged += 1,
        }
        self.lines.add(&StagedRow {
            row: row.number,
            values: said.values,
        })?;
        Ok(())
    }

    fn reject(&mut self, row: &Row, errors: &[RowError]) -> Result<(), Stopped> {
        self.counts.rejected += 1;
        self.findings.reject(errors);
        self.rejects.add(row, errors)?;
        Ok(())
    }
}

/// What is wrong with a row, with the repairs that were not made as suggestions.
fn with_suggestions(row: u32, errors: &[FieldError], repairs: &[Proposal]) -> Vec<RowError> {
    let with_suggestion = |error: &FieldError| {
        let repair = repairs.iter().find(|repair| repair.column == error.field && !repair.is_applied);
        RowError {
            suggestion: repair.map(|repair| repair.repair.to.clone()),
            ..RowError::of_field(row, error)
        }
    };
    errors.iter().map(with_suggestion).collect()
}
