//! The dry run: reads the file from its beginning to its end, and writes down what would happen. Memory holds a batch of rows, and of
//! all of them some hashes.

use std::time::{Duration, Instant};

use domain::columns::{self, HeaderFinding, Mapping, Plan, Recognition};
use domain::import::{ImportCounts, ImportReport, MAX_FILE_BYTES, MAX_ROWS, MappingProblem, RowError, TextEncoding, shorten};
use domain::repairs::{self, Context, DateOrder, RepairCode};
use domain::vendor::{ParsedVendor, RawVendor, VendorProfile, VendorWarning};
use domain::vendor_record::{ImportOrigin, Vendor};
use domain::{FieldError, VendorId};
use imports::files;
use jiff::Timestamp;
use runtime::App;
use runtime::objects::{self, FetchedSame};
use sheets::{Format, Limits, Options, Row, Sheet};
use std::collections::{HashMap, HashSet};
use store::imports::{Import, Settings};
use store::{Store, StoreError};
use tempfile::NamedTempFile;
use ulid::Ulid;

use super::decide::{self, Decision, Holder, Update};
use super::findings::Findings;
use super::known::Known;
use super::reading::{self, Proposal, Reading, Said};
use super::rejects::{self, Rejects};
use super::staged::{self, Lines, StagedRow};
use super::{Stopped, deleted, scratch, standing};

/// The columns that are looked at closer.
const CODE: &str = "vendor_code";
const DATES: &str = "udyam_registration_date";

/// Rows looked at together: their vendors are read in two calls.
const BATCH: usize = 200;

/// Often enough for a person who watches.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Headers in the report; a file may have a thousand.
const SHOWN_HEADERS: usize = 200;

/// What a dry run has written.
pub(super) struct Staged {
    pub(super) attempt: Ulid,
    pub(super) counts: ImportCounts,
    pub(super) rejects_key: Option<String>,
    pub(super) source_etag: String,
}

impl Staged {
    /// Says so in the job.
    pub(super) async fn record(&self, store: &Store, import: &Import, now: Timestamp) -> Result<Import, StoreError> {
        let staged = store::imports::Staged {
            attempt: self.attempt,
            counts: &self.counts,
            rejects_key: self.rejects_key.as_deref(),
            source_etag: &self.source_etag,
        };
        store::imports::staged(store, import, &staged, now).await
    }
}

/// The uploaded file, open for reading. It is gone with `file`.
pub(super) struct Source {
    pub(super) sheet: Sheet,
    /// What its headers stand for.
    pub(super) recognition: Recognition,
    /// With the corrections.
    pub(super) mapping: Mapping,
    /// What the bucket calls its content.
    pub(super) etag: String,
    /// Workbooks are read from it bit by bit.
    pub(super) file: NamedTempFile,
}

impl Source {
    pub(super) async fn open(app: &App, import: &Import) -> Result<Self, Stopped> {
        let file = scratch::file()?;
        let seen = import.source_etag.as_deref();
        let etag = match objects::get_same_file(app, &import.source_key, file.path(), MAX_FILE_BYTES, seen).await? {
            FetchedSame::Whole { etag } => etag,
            FetchedSame::Replaced => {
                return Err(Stopped::refused(
                    "source_replaced",
                    "the uploaded file is not the one that was checked any more: begin another import with the file you mean",
                ));
            }
            FetchedSame::Missing => {
                return Err(Stopped::refused(
                    "file_missing",
                    "the file is not there: upload it, then ask for the dry run",
                ));
            }
            FetchedSame::TooLarge => {
                let limit_mb = MAX_FILE_BYTES / (1024 * 1024);
                return Err(Stopped::of_sheet(sheets::SheetError::TooLarge { limit_mb }));
            }
        };
        let sheet = open(&file, import)?;
        let recognition = columns::recognise(sheet.header());
        let mut mapping = recognition.mapping.clone();
        mapping.correct(import.settings.corrections.clone());
        Ok(Self {
            sheet,
            recognition,
            mapping,
            etag,
            file,
        })
    }
}

/// The table in the file, from its beginning.
fn open(file: &NamedTempFile, import: &Import) -> Result<Sheet, Stopped> {
    let Settings { sheet, read_as, .. } = &import.settings;
    let options = Options {
        limits: Limits {
            file_bytes: MAX_FILE_BYTES,
            rows: MAX_ROWS,
            ..Limits::default()
        },
        sheet: sheet.as_deref(),
        delimiter: read_as.delimiter,
        encoding: read_as.encoding.map(TextEncoding::as_str),
        header_row: read_as.header_row,
        knows: &columns::is_known,
    };
    sheets::open_with(file.path(), &options).map_err(Stopped::of_sheet)
}

/// Reads the dates of the file, which tell together what one alone does not: whether the day comes first.
fn date_order(file: &NamedTempFile, import: &Import, plan: &Plan, until: Instant) -> Result<DateOrder, Stopped> {
    let mut order = DateOrder::Untold;
    if !plan.columns().any(|column| column == DATES) {
        return Ok(order);
    }
    let mut sheet = open(file, import)?;
    while let Some(row) = sheet.next_row().map_err(Stopped::of_sheet)? {
        in_time(until)?;
        for value in plan.values(&row.cells).filter(|value| value.column == DATES) {
            order = order.with(&value.text);
        }
        if order == DateOrder::Mixed {
            break;
        }
    }
    Ok(order)
}

/// A file can be small and slow: nothing keeps it from being read again and again but this.
fn in_time(until: Instant) -> Result<(), Stopped> {
    if Instant::now() < until {
        return Ok(());
    }
    Err(Stopped::refused(
        "too_slow_to_read",
        "the file takes longer to read than an import may: remove what is not needed, or divide it into several files",
    ))
}

/// Reads the file and stores the report, the good rows and the rejects of this attempt. The file is to blame if that is not done in time.
pub(super) async fn run(app: &App, import: &Import, until: Instant) -> Result<Staged, Stopped> {
    let attempt = app.new_ulid();
    let source = Source::open(app, import).await?;
    let mut report = about(&source, import);
    let plan = match source.mapping.plan_with(source.sheet.header(), import.settings.mode.required()) {
        Ok(plan) => plan,
        Err(errors) => {
            report.mapping_errors = errors.into_iter().take(50).map(MappingProblem::from).collect();
            store::imports::put_report(app.store()?, import, attempt, report).await?;
            return Ok(Staged {
                attempt,
                counts: ImportCounts::default(),
                rejects_key: None,
                source_etag: source.etag,
            });
        }
    };
    let Source {
        mut sheet,
        recognition,
        mapping,
        etag,
        file,
    } = source;
    let context = Context {
        dialect: recognition.dialect,
        dates: date_order(&file, import, &plan, until)?,
    };
    let kind = rejects::kind(&sheet);
    let mut run = Run {
        app,
        import,
        context,
        known: Known::load(app.store()?).await?,
        looks_for_deleted: deleted::concern(app.store()?, import).await?,
        findings: Findings::of(plan.columns()),
        rejects: Rejects::new(kind, sheet.header(), &mapping)?,
        plan,
        lines: Lines::new()?,
        counts: ImportCounts::default(),
        waiting: Vec::with_capacity(BATCH),
        reported_at: Instant::now(),
    };
    while let Some(row) = sheet.next_row().map_err(Stopped::of_sheet)? {
        in_time(until)?;
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
    objects::put_file(app, &files::staged(import.id, attempt), staged.path(), "application/x-ndjson").await?;
    let rejects_key = if counts.rejected > 0 {
        let key = files::rejects(import.id, attempt, kind.extension());
        let file = rejects.finish()?;
        objects::put_open_file(app, &key, &file, files::content_type(&key)).await?;
        Some(key)
    } else {
        None
    };
    (report.columns, report.repairs, report.errors, report.changes) = findings.finish();
    report.duplicates = known.into_findings();
    store::imports::put_report(app.store()?, import, attempt, report).await?;
    Ok(Staged {
        attempt,
        counts,
        rejects_key,
        source_etag: etag,
    })
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
        if let Some(target) = mapping.target(finding.position, &finding.header) {
            finding.target = target.clone();
        }
        if import.settings.corrections.target(finding.position, &finding.header).is_some() {
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
    context: Context,
    known: Known,
    looks_for_deleted: bool,
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
        let said = match reading::read(&row, &self.plan, self.context, &self.import.settings.accepted) {
            Reading::Blank => {
                self.counts.blank += 1;
                return;
            }
            Reading::NotASupplier => {
                self.counts.not_a_supplier += 1;
                return;
            }
            Reading::Refused(errors) => Err(errors),
            Reading::Says(mut said) => {
                self.mend_zeros(&mut said);
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

    /// Proposes the code that a vendor has with other zeros in front.
    fn mend_zeros(&self, said: &mut Said) {
        let Some((_, text)) = said.values.iter_mut().find(|(column, _)| column == CODE) else {
            return;
        };
        let Some(known) = self.known.with_other_zeros(text.trim()) else { return };
        let repair = repairs::code_zeros(text.trim(), &known);
        let is_applied = self.import.settings.accepted.admits(&repair);
        if is_applied {
            *text = known;
        }
        said.repairs.push(Proposal {
            column: CODE.to_owned(),
            repair,
            is_applied,
        });
    }

    async fn judge_all(&mut self) -> Result<(), Stopped> {
        let waiting = std::mem::take(&mut self.waiting);
        let vendors = self.holders(&waiting).await?;
        let deleted = self.deleted(&waiting).await?;
        let imported = self.imported(&waiting, &vendors).await?;
        for waiting in waiting {
            self.judge(waiting, &vendors, &imported, &deleted)?;
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

    /// The codes of rows whose vendors stay deleted.
    async fn deleted(&self, waiting: &[Waiting]) -> Result<HashMap<String, VendorId>, Stopped> {
        if !self.looks_for_deleted {
            return Ok(HashMap::new());
        }
        let free = waiting.iter().filter(|row| row.holder.is_none());
        let codes = free.filter_map(|row| row.code_key.clone()).collect();
        Ok(deleted::among(self.app.store()?, self.import, &codes).await?)
    }

    /// Those of them that rows say another status of, and that have theirs from an earlier file.
    async fn imported(&self, waiting: &[Waiting], vendors: &HashMap<VendorId, Vendor>) -> Result<HashSet<VendorId>, Stopped> {
        let disputed = waiting.iter().filter_map(|row| {
            let (vendor, (_, raw)) = (vendors.get(&row.holder?)?, row.said.as_ref().ok()?);
            decide::disputes_status(raw, vendor).then_some(vendor.id)
        });
        let disputed: HashSet<VendorId> = disputed.collect();
        Ok(standing::imported(self.app.store()?, disputed.into_iter().collect(), self.app.now()).await?)
    }

    fn judge(
        &mut self,
        waiting: Waiting,
        vendors: &HashMap<VendorId, Vendor>,
        imported: &HashSet<VendorId>,
        deleted: &HashMap<String, VendorId>,
    ) -> Result<(), Stopped> {
        let Waiting { row, said, code_key, holder } = waiting;
        let (said, raw) = match said {
            Ok(said) => said,
            Err(errors) => return self.reject(&row, &errors),
        };
        let code = raw.vendor_code.clone().unwrap_or_default();
        if let Some(id) = holder {
            self.known.held(row.number, &code, id);
        }
        if holder.is_none()
            && let Some(error) = lost_zeros(row.number, &said.repairs)
        {
            return self.reject(&row, &[error]);
        }
        let known = |id: VendorId| {
            vendors
                .get(&id)
                .map_or(Holder::Nobody, |vendor| Holder::Vendor(vendor, imported.contains(&id)))
        };
        let holder = match holder {
            None => code_key
                .as_ref()
                .and_then(|key| deleted.get(key))
                .map_or(Holder::Nobody, |id| Holder::Deleted(*id)),
            Some(id) if self.import.settings.mode.updates() => known(id),
            Some(id) => Holder::Id(id),
        };
        let origin = ImportOrigin {
            import_id: self.import.id,
            row: row.number,
        };
        let decision = decide::decide(self.import.settings.mode, raw, holder, origin);
        let (profile, found): (&VendorProfile, &[VendorWarning]) = match &decision {
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
        let mut warnings = [said.notes.as_slice(), found].concat();
        warnings.extend(self.other_zeros(row.number, code.trim(), &said.repairs));
        let own = match holder {
            Holder::Vendor(vendor, _) => Some(vendor.id),
            Holder::Nobody | Holder::Deleted(_) | Holder::Id(_) => None,
        };
        self.known.compare(row.number, profile, own);
        self.findings.warn(row.number, &warnings, &said.values);
        self.counts.with_warnings += u32::from(!warnings.is_empty());
        self.counts.repaired += u32::from(said.repairs.iter().any(|repair| repair.is_applied));
        match &decision {
            Decision::Create(_) => self.counts.creates += 1,
            Decision::Update(update) => {
                self.counts.updates += 1;
                if let Holder::Vendor(vendor, _) = holder {
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

    /// That a vendor or an earlier row has the code with other zeros in front.
    fn other_zeros(&mut self, row: u32, code: &str, repairs: &[Proposal]) -> Option<VendorWarning> {
        let is_open = |proposal: &&Proposal| proposal.repair.code == RepairCode::CodeZeros && !proposal.is_applied;
        let in_file = self.known.row_with_other_zeros(row, code);
        let message = match (repairs.iter().find(is_open), in_file) {
            (Some(Proposal { repair, .. }), _) => {
                format!(
                    "a vendor has the code {}: accept the repair code_zeros if that is meant, or this becomes another vendor",
                    repair.to
                )
            }
            (None, Some((first_row, known))) => format!("row {first_row} of this file has the code {known}: check that two vendors are meant"),
            (None, None) => return None,
        };
        Some(VendorWarning {
            field: CODE,
            code: RepairCode::CodeZeros.as_str(),
            message,
        })
    }

    fn reject(&mut self, row: &Row, errors: &[RowError]) -> Result<(), Stopped> {
        self.counts.rejected += 1;
        self.findings.reject(errors);
        self.rejects.add(row, errors)?;
        Ok(())
    }
}

/// That a code is a number with `.0`, unless somebody accepted it without. Whether zeros stood before it cannot be known.
fn lost_zeros(row: u32, repairs: &[Proposal]) -> Option<RowError> {
    let is_open = |proposal: &&Proposal| proposal.column == CODE && proposal.repair.code == RepairCode::DecimalZero && !proposal.is_applied;
    let Proposal { repair, .. } = repairs.iter().find(is_open)?;
    let reason =
        "a spreadsheet made a number of this code, and zeros before it may be lost: accept the repair decimal_zero, or enter the code as text";
    Some(RowError {
        suggestion: Some(repair.to.clone()),
        ..RowError::new(row, CODE, &repair.from, "vendor_code_decimal_zero", reason)
    })
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
