//! Dated MSME status: what a vendor was on a day, from when, on what evidence, and what was known of it when.
//!
//! The history is append-only. Nothing is ever changed or removed: a correction, a cancellation and the end of a year are new
//! entries, and [`on`] works out what they come to. [`on_as_known`] gives the answer an auditor asks for: what did we know then.

use std::fmt;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::classification::{ClassMove, ClassRule};
use crate::declaration::{Declaration, indian_date};
use crate::payment::FiscalYear;
use crate::vendor::MsmeStatus;
use crate::{CampaignId, ImportId, ResponseId, UserId, VendorId};

/// One entry of a vendor's append-only status history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusEntry {
    /// The class from `effective_from` on.
    pub status: MsmeStatus,
    /// The Indian calendar day the class counts from.
    pub effective_from: Date,
    /// The last day the class is known to have counted, as the end of a fiscal year or the day before a cancellation; none while
    /// nothing says it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<Date>,
    /// The dated table the class was given under, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_rule: Option<ClassRule>,
    /// When the entry was written.
    pub recorded_at: Timestamp,
    /// What the entry rests on.
    pub evidence: Evidence,
    /// Who or what checked it, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_by: Option<Verified>,
}

/// What a status entry rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// The vendor declared it on the public form.
    Declaration {
        /// The answer.
        #[schema(value_type = String)]
        response_id: ResponseId,
        /// The campaign that asked.
        #[schema(value_type = String)]
        campaign_id: CampaignId,
        /// SHA-256 of the Udyam certificate that came with it, in hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate_sha256: Option<String>,
    },
    /// A user entered it.
    Entered {
        /// Who entered it.
        #[schema(value_type = String)]
        by: UserId,
        /// Why, in that person's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// SHA-256 of the certificate it was taken from, in hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        certificate_sha256: Option<String>,
    },
    /// It stood in an imported file.
    Import {
        /// The import.
        #[schema(value_type = String)]
        import_id: ImportId,
        /// The row, counted from 2 for the first below the header, as spreadsheets do.
        row: u32,
    },
    /// Another vendor code of the same PAN has it: one legal person, one status.
    SamePan {
        /// The vendor it comes from.
        #[schema(value_type = String)]
        vendor_id: VendorId,
        /// Its answer, where that is what the status rests on.
        #[schema(value_type = Option<String>)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_id: Option<ResponseId>,
        /// The campaign that asked it.
        #[schema(value_type = Option<String>)]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign_id: Option<CampaignId>,
        /// How much the evidence there weighs: sharing makes it neither stronger nor weaker. A declaration where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rank: Option<EvidenceRank>,
        /// The last day the evidence there can know about; that of the entry where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known_until: Option<Date>,
    },
    /// A verification service found it in the register.
    Verification {
        /// The service, as in `cashfree`.
        provider: String,
        /// Its reference of the inquiry.
        reference: String,
        /// When it answered.
        checked_at: Timestamp,
    },
}

/// Who or what checked a status entry, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// Who or what.
    pub by: Verifier,
    /// When.
    pub at: Timestamp,
}

/// Who or what checked a status entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verifier {
    /// A verification service.
    Provider {
        /// The service, as in `cashfree`.
        provider: String,
        /// Its reference of the inquiry.
        reference: String,
    },
    /// A person who compared the entry with the certificate or the register.
    User {
        /// That person.
        #[schema(value_type = String)]
        user_id: UserId,
        /// What with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<ComparedWith>,
    },
}

/// What a person compared a status with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparedWith {
    /// The vendor's Udyam certificate.
    Certificate,
    /// The Udyam register, as it shows itself to anybody.
    Register,
}

/// How much an entry's evidence weighs, weakest first.
///
/// A vendor's signed word weighs more than what the buyer's staff typed, and that more than what stood in a file; a certificate
/// adds to the word, and the register itself settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceRank {
    /// A row of an imported file.
    Imported,
    /// Entered by a user.
    Entered,
    /// Declared by the vendor, under this or another code of its PAN.
    Declared,
    /// Declared with a certificate, or compared with one by a user.
    Documented,
    /// Found in the register by a verification service.
    Verified,
}

impl EvidenceRank {
    /// The words for explanations, as in `a declaration`.
    const fn words(self) -> &'static str {
        match self {
            Self::Imported => "an import",
            Self::Entered => "a user's entry",
            Self::Declared => "a declaration",
            Self::Documented => "a declaration or entry with a certificate",
            Self::Verified => "a verification",
        }
    }
}

impl StatusEntry {
    /// An entry that nothing says the end of, and that nobody has checked.
    pub const fn new(status: MsmeStatus, effective_from: Date, recorded_at: Timestamp, evidence: Evidence) -> Self {
        Self {
            status,
            effective_from,
            effective_to: None,
            class_rule: None,
            recorded_at,
            evidence,
            verified_by: None,
        }
    }

    /// How much the entry weighs: its evidence, lifted by whoever checked it.
    pub fn rank(&self) -> EvidenceRank {
        let own = match &self.evidence {
            Evidence::Import { .. } => EvidenceRank::Imported,
            Evidence::Entered { .. } => EvidenceRank::Entered,
            Evidence::SamePan { rank, .. } => rank.unwrap_or(EvidenceRank::Declared),
            Evidence::Declaration {
                certificate_sha256: None, ..
            } => EvidenceRank::Declared,
            Evidence::Declaration {
                certificate_sha256: Some(_), ..
            } => EvidenceRank::Documented,
            Evidence::Verification { .. } => EvidenceRank::Verified,
        };
        let lifted = match &self.verified_by {
            None => EvidenceRank::Imported,
            Some(Verified {
                by: Verifier::User { .. }, ..
            }) => EvidenceRank::Documented,
            Some(Verified {
                by: Verifier::Provider { .. },
                ..
            }) => EvidenceRank::Verified,
        };
        own.max(lifted)
    }

    /// Whether the entry speaks of a day.
    pub fn covers(&self, date: Date) -> bool {
        self.effective_from <= date && self.effective_to.is_none_or(|to| date <= to)
    }

    /// The days after `today` on which the entry begins or no longer counts: what the vendor is may change by the calendar alone.
    pub fn turns_after(&self, today: Date) -> impl Iterator<Item = Date> {
        let day_after = self.effective_to.and_then(|to| to.tomorrow().ok());
        [Some(self.effective_from), day_after]
            .into_iter()
            .flatten()
            .filter(move |day| *day > today)
    }

    /// The last Indian calendar day its evidence can know about.
    pub fn known_until(&self) -> Date {
        let checked = match (&self.evidence, &self.verified_by) {
            (_, Some(verified)) => verified.at,
            (Evidence::Verification { checked_at, .. }, None) => *checked_at,
            (
                Evidence::SamePan {
                    known_until: Some(known_until),
                    ..
                },
                None,
            ) => return *known_until,
            _ => self.recorded_at,
        };
        indian_date(checked)
    }

    /// The entry another code of the same PAN gets of this one of `vendor`: as strong, as old, and with where it comes from.
    pub fn for_same_pan(&self, vendor: VendorId, now: Timestamp) -> Self {
        let (vendor_id, response_id, campaign_id) = match &self.evidence {
            Evidence::Declaration {
                response_id, campaign_id, ..
            } => (vendor, Some(*response_id), Some(*campaign_id)),
            // Handed on: the trace goes back to where it began.
            Evidence::SamePan {
                vendor_id,
                response_id,
                campaign_id,
                ..
            } => (*vendor_id, *response_id, *campaign_id),
            _ => (vendor, None, None),
        };
        let verified_by = match &self.evidence {
            Evidence::Verification {
                provider,
                reference,
                checked_at,
            } => Some(Verified {
                by: Verifier::Provider {
                    provider: provider.clone(),
                    reference: reference.clone(),
                },
                at: *checked_at,
            }),
            _ => self.verified_by.clone(),
        };
        Self {
            recorded_at: now,
            evidence: Evidence::SamePan {
                vendor_id,
                response_id,
                campaign_id,
                rank: Some(self.rank()),
                known_until: Some(self.known_until()),
            },
            verified_by,
            ..self.clone()
        }
    }

    /// The table its class was given under, where that is another than the one of a day it is taken for.
    ///
    /// An entry with an end was made for its days, and a register's answer is about all days up to the one it was asked. Another goes
    /// on past the day on which the limits changed, and the same figures may come to another class there.
    pub fn told_under_other_table(&self, date: Date) -> Option<ClassRule> {
        let is_register = self.rank() == EvidenceRank::Verified;
        if self.effective_to.is_some() || (is_register && date <= self.known_until()) {
            return None;
        }
        let named = self.class_rule.filter(|_| !is_register);
        let told = named.or_else(|| ClassRule::in_force_on(self.known_until()))?;
        (ClassRule::in_force_on(date) != Some(told)).then_some(told)
    }

    /// Whether the entry says the same as an earlier one that weighs no more, so that its end is the end of both.
    fn restates(&self, earlier: &Self) -> bool {
        self.status == earlier.status && self.effective_from == earlier.effective_from && self.rank() >= earlier.rank()
    }
}

impl fmt::Display for StatusEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from {}", self.status, self.effective_from)?;
        if let Some(to) = self.effective_to {
            write!(f, " to {to}")?;
        }
        write!(f, ", by {} recorded {}", self.rank().words(), indian_date(self.recorded_at))
    }
}

/// What a vendor was on a day, and why the history says so.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StatusOn {
    /// The day in question.
    pub date: Date,
    /// The moment whose knowledge counts; none for all that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
    /// The class. `unknown` is neither "not an MSME" nor "not registered".
    pub status: MsmeStatus,
    /// The entry that says so; none if no entry covers the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<StatusEntry>,
    /// How much that entry weighs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<EvidenceRank>,
    /// Why, in a word for machines.
    pub reason: StatusReason,
    /// Why, in a sentence or two.
    pub explanation: String,
    /// The move from another class with which this one began, if there was one, and what follows from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reclassified: Option<ClassMove>,
    /// Entries that spoke of the day and did not count, in the order they were recorded.
    pub superseded: Vec<Superseded>,
}

/// Why a vendor's status on a day is what [`StatusOn`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusReason {
    /// One entry covers the day, or all that do are of one mind.
    Undisputed,
    /// Entries disagreed, and one of them counts.
    Decided,
    /// There is no entry at all.
    NothingRecorded,
    /// The first entry begins after the day.
    BeforeTheFirst,
    /// Entries before the day ended before it.
    AfterTheLast,
}

/// An entry that spoke of a day and did not count.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Superseded {
    /// The entry.
    pub entry: StatusEntry,
    /// Why it did not count, in a word for machines.
    pub because: SupersededBecause,
    /// Why it did not count, in a sentence.
    pub explanation: String,
}

/// Why an entry that spoke of a day did not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SupersededBecause {
    /// A later entry of no weaker evidence replaced it.
    RecordedLater,
    /// A later entry reported a change from a day this entry's evidence could not know about.
    ChangedSince,
    /// A declaration or better of a later fiscal year took over for that year.
    LaterYear,
    /// An earlier entry of stronger evidence, which knew the day it begins, stands against it.
    StrongerEvidence,
    /// An earlier entry of evidence as strong begins later, so it speaks of the day more closely than one that fills in the past.
    BeginsLater,
    /// A later entry repeated it and said when it ended, which was before the day.
    Ended,
}

/// The day a declaration counts from, given what was recorded before it.
///
/// A vendor's first declaration counts from its registration: nothing else is known of the years since. A later one counts from
/// the fiscal year it is about (the classification year if stated, else the year of the answer) or from registration where that is
/// later, so that this year's answer does not rewrite what last year's said. Without registration it counts from the answer.
pub fn declared_from(declaration: &Declaration, submitted_at: Timestamp, history: &[StatusEntry]) -> Date {
    let Some(registered) = declaration.registration_date else {
        return indian_date(submitted_at);
    };
    if history.iter().all(|entry| entry.rank() < EvidenceRank::Declared) {
        return registered;
    }
    let stated = declaration.classification_year.as_deref().and_then(FiscalYear::parse);
    let year = stated.unwrap_or_else(|| FiscalYear::of(submitted_at));
    registered.max(year.first_day())
}

/// Whether an entry would say of any of its days until `today` something else than the history does, or say it on better evidence.
pub fn changes_anything(entry: &StatusEntry, today: Date, history: &[StatusEntry]) -> bool {
    let last = entry.effective_to.unwrap_or_else(|| today.max(entry.effective_from));
    // What stands can only change where an entry begins or after one ended.
    let begins = history.iter().map(|known| known.effective_from);
    let ends = history.iter().filter_map(|known| known.effective_to?.checked_add(1.day()).ok());
    let mut days: Vec<Date> = begins.chain(ends).chain([entry.effective_from, last]).collect();
    days.retain(|day| (entry.effective_from..=last).contains(day));
    days.sort_unstable();
    days.dedup();
    let mut with = history.to_vec();
    with.push(entry.clone());
    let says = |entries: &[StatusEntry], day: Date| {
        let standing = on(entries, day).entry;
        standing.map(|standing| (standing.status, standing.rank(), standing.class_rule))
    };
    // An entry that would not stand itself, because of a newer word, changes nothing.
    let own = Some((entry.status, entry.rank(), entry.class_rule));
    days.into_iter().any(|day| says(history, day) != own && says(&with, day) == own)
}

/// What a vendor was on `date`, from all that is known.
///
/// The entries that cover the day are taken in the order they were recorded, whatever order they come in. Each replaces the one
/// that stood before if its evidence is no weaker (a correction; one that begins earlier and has no end fills in the past and
/// leaves what began since), or if it begins after the last day the standing one's evidence
/// could know about (a change since), or if the day lies in a later fiscal year than that evidence and the entry is a declaration
/// or better of such a year (classes are worked out anew for each year). Otherwise the standing one stays. An entry that repeats an earlier one of no stronger
/// evidence (same class, same first day) with an end replaces it altogether, so that the end counts.
pub fn on(entries: &[StatusEntry], date: Date) -> StatusOn {
    decide(entries.iter().collect(), date, None)
}

/// What was known at `known_at` of what a vendor was on `date`: as [`on`], from the entries recorded by then.
pub fn on_as_known(entries: &[StatusEntry], date: Date, known_at: Timestamp) -> StatusOn {
    let known = entries.iter().filter(|entry| entry.recorded_at <= known_at).collect();
    decide(known, date, Some(known_at))
}

fn decide(mut entries: Vec<&StatusEntry>, date: Date, known_at: Option<Timestamp>) -> StatusOn {
    entries.sort_by_key(|entry| {
        (
            entry.recorded_at,
            entry.rank(),
            entry.effective_from,
            entry.effective_to,
            entry.status.as_str(),
        )
    });
    let (standing, mut superseded) = stand(&entries, date);
    superseded.sort_by_key(|superseded| superseded.entry.recorded_at);

    let (reason, explanation) = match standing {
        Some(entry) => explain(entry, &superseded, date),
        None => explain_absence(&entries, date),
    };
    StatusOn {
        date,
        known_at,
        status: standing.map(|entry| entry.status).unwrap_or_default(),
        entry: standing.cloned(),
        rank: standing.map(StatusEntry::rank),
        reason,
        explanation,
        reclassified: standing.and_then(|entry| reclassified(&entries, entry)),
        superseded,
    }
}

/// The entry that counts on a day, of entries in the order they were recorded, and those that spoke of the day and do not.
fn stand<'a>(entries: &[&'a StatusEntry], date: Date) -> (Option<&'a StatusEntry>, Vec<Superseded>) {
    let mut standing: Option<&StatusEntry> = None;
    let mut superseded = Vec::new();
    for (index, &entry) in entries.iter().enumerate().filter(|(_, entry)| entry.covers(date)) {
        if let Some(end) = entries[index + 1..].iter().find(|later| later.restates(entry) && !later.covers(date)) {
            superseded.push(Superseded::new(entry, SupersededBecause::Ended, end));
            continue;
        }
        standing = Some(match standing {
            None => entry,
            Some(before) if fills_in_the_past(entry, before) => {
                superseded.push(Superseded::new(entry, SupersededBecause::BeginsLater, before));
                before
            }
            Some(before) if entry.rank() >= before.rank() => {
                superseded.push(Superseded::new(before, SupersededBecause::RecordedLater, entry));
                entry
            }
            Some(before) if entry.effective_from > before.known_until() => {
                superseded.push(Superseded::new(before, SupersededBecause::ChangedSince, entry));
                entry
            }
            Some(before) if is_of_later_year(entry, before, date) => {
                superseded.push(Superseded::new(before, SupersededBecause::LaterYear, entry));
                entry
            }
            Some(before) => {
                superseded.push(Superseded::new(entry, SupersededBecause::StrongerEvidence, before));
                before
            }
        });
    }
    (standing, superseded)
}

/// Whether an entry tells of the time before the standing one, on evidence as strong, without saying until when.
///
/// Not so for a register: its answer is about all the time up to the day it was asked.
fn fills_in_the_past(entry: &StatusEntry, standing: &StatusEntry) -> bool {
    entry.effective_from < standing.effective_from
        && entry.effective_to.is_none()
        && entry.rank() == standing.rank()
        && entry.rank() < EvidenceRank::Verified
}

/// How the class of an entry differs from the one that counted the day before it begins.
fn reclassified(entries: &[&StatusEntry], entry: &StatusEntry) -> Option<ClassMove> {
    let day_before = entry.effective_from.yesterday().ok()?;
    let (before, _) = stand(entries, day_before);
    let (before, after) = (before?.status.class()?, entry.status.class()?);
    (before != after).then(|| ClassMove::new(before, after, entry.effective_from))
}

/// Whether a day lies beyond the fiscal year of the standing evidence, and a vendor's word or better of a later year speaks of it.
///
/// Files and entries by hand are left out: a file exported from an old master repeats what it always said.
fn is_of_later_year(entry: &StatusEntry, standing: &StatusEntry, date: Date) -> bool {
    let end = FiscalYear::containing(standing.known_until()).last_day();
    date > end && entry.known_until() > end && entry.rank() >= EvidenceRank::Declared
}

fn explain(entry: &StatusEntry, superseded: &[Superseded], date: Date) -> (StatusReason, String) {
    let others: Vec<_> = superseded.iter().filter(|other| other.entry.status != entry.status).collect();
    let said = format!("On {date} the vendor was {entry}.");
    if others.is_empty() {
        return (StatusReason::Undisputed, said);
    }
    let why: Vec<_> = others.iter().map(|other| other.explanation.as_str()).collect();
    (StatusReason::Decided, format!("{said} {}", why.join(" ")))
}

fn explain_absence(entries: &[&StatusEntry], date: Date) -> (StatusReason, String) {
    let Some(first) = entries.iter().min_by_key(|entry| entry.effective_from) else {
        let text = "Nothing is recorded about this vendor: ask it to declare its status. Silence does not mean it is no MSME.";
        return (StatusReason::NothingRecorded, text.to_owned());
    };
    if date < first.effective_from {
        let text = format!("Nothing is recorded about {date}: the history begins with {first}. Ask the vendor for evidence of that day.");
        return (StatusReason::BeforeTheFirst, text);
    }
    let last = entries
        .iter()
        .filter(|entry| entry.effective_from <= date)
        .max_by_key(|entry| (entry.effective_to, entry.recorded_at))
        .unwrap_or(first);
    let text = format!("Nothing is recorded about {date}: what came before ended, as in {last}. Ask the vendor for evidence of that day.");
    (StatusReason::AfterTheLast, text)
}

impl Superseded {
    fn new(entry: &StatusEntry, because: SupersededBecause, by: &StatusEntry) -> Self {
        let explanation = match because {
            SupersededBecause::RecordedLater => format!("{by} replaces {entry}: it was recorded later, and its evidence is no weaker."),
            SupersededBecause::ChangedSince => {
                format!(
                    "{by} reports a change since {entry}: that evidence knew nothing after {}.",
                    entry.known_until()
                )
            }
            SupersededBecause::LaterYear => {
                let year = FiscalYear::containing(entry.known_until());
                format!("{by} takes over from {entry}: that evidence is of {year}, and classes are worked out anew for each year.")
            }
            SupersededBecause::StrongerEvidence => {
                format!(
                    "{by} stands against {entry}, which is weaker evidence and reports no change after {}.",
                    by.known_until()
                )
            }
            SupersededBecause::BeginsLater => {
                format!("{by} stands: {entry} begins earlier on evidence no stronger, and so tells of the time before it.")
            }
            SupersededBecause::Ended => format!("{entry} no longer counts: it was repeated later as {by}."),
        };
        Self {
            entry: entry.clone(),
            because,
            explanation,
        }
    }
}
