//! Runs and results on the wire.

use std::collections::BTreeMap;

use domain::declaration::Activity;
use domain::segment::VendorFilter;
use domain::verification::{Asked, Classification, EnterpriseType, Facts, Kind, Mismatch, Outcome, Standing, VerificationResult};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use store::verifications::{Estimate, Example, Limits, Run, RunScope, RunState};
use utoipa::ToSchema;

/// A verification of many vendors.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunResponse {
    /// Identity, `ver_…`.
    id: String,
    /// What is asked about.
    kinds: Vec<Kind>,
    /// The segment it was started for, `seg_…`.
    segment_id: Option<String>,
    /// Whom it is about; absent where vendors were named one by one.
    filter: Option<VendorFilter>,
    /// What it was expected to be when it began.
    preflight: VerificationPreflight,
    /// `running`, `completed`, `halted` (every further question would end like the last one: see `reason`) or `cancelled`.
    #[schema(value_type = String, example = "running")]
    state: RunState,
    /// Why it was halted: `cashfree:insufficient_balance`, with what to do before it is resumed.
    reason: Option<String>,
    /// What a register told within so many days is not asked again.
    not_asked_within_days: u32,
    /// The most identifiers it asks about.
    max_requests: u32,
    /// Nothing is asked before, for the time being: the account's limit is reached.
    waiting_until: Option<Timestamp>,
    /// Why not: `daily_limit`, `too_many_requests`.
    waiting_for: Option<String>,
    /// How far it is. Vendors are counted in groups of up to fifty, once all of a group are dealt with.
    progress: Progress,
    /// Who started it, `usr_…`.
    created_by: String,
    /// When.
    created_at: Timestamp,
    /// When it was last resumed.
    resumed_at: Option<Timestamp>,
    /// When it ended.
    ended_at: Option<Timestamp>,
}

/// A verification with the vendors to look into.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunDetailResponse {
    #[serde(flatten)]
    pub(crate) run: RunResponse,
    /// Up to 100 vendors of each end that wants looking into: `mismatch`, `not_found`, `invalid_input`, `timeout`, `provider_error`, and
    /// `not_done` where a page could not be worked on. `progress.outcomes` says how many there are.
    pub(crate) examples: BTreeMap<String, Vec<ExampleResponse>>,
}

/// A vendor to look into; see `GET /api/v1/vendors/{id}/findings`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExampleResponse {
    /// The vendor, `vnd_…`.
    vendor_id: String,
    /// The buyer's code for it.
    vendor_code: Option<String>,
    /// Which register.
    kind: Option<Kind>,
    /// The identifier, masked.
    identifier: Option<String>,
    /// Why, for machines: `<provider>:<code>`.
    reason: String,
}

impl From<Example> for ExampleResponse {
    fn from(example: Example) -> Self {
        let Example {
            vendor_id,
            vendor_code,
            asked,
            reason,
        } = example;
        Self {
            vendor_id: vendor_id.to_string(),
            vendor_code,
            kind: asked.as_ref().map(Asked::kind),
            identifier: asked.as_ref().map(Asked::masked),
            reason,
        }
    }
}

/// What a run will ask.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct VerificationPreflight {
    /// Vendors in scope.
    vendors: u32,
    /// Those of them that have nothing to ask about.
    vendors_without_identifiers: u32,
    /// Udyam numbers, each once, whoever bears it.
    udyam: u32,
    /// GSTINs, each once.
    gstin: u32,
    /// PANs, each once.
    pan: u32,
    /// Requests to the provider, each with its price. One that goes unanswered is repeated, at most four times.
    requests: u32,
}

/// How far a run is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Vendors dealt with.
    vendors_done: u32,
    /// Requests made to the provider.
    asked: u32,
    /// Those of them that repeated one which went unanswered.
    retries: u32,
    /// Identifiers of vendors that were not asked about, because the register told within `not_asked_within_days`.
    skipped: u32,
    /// Groups of vendors that could not be worked on, for a reason on our side.
    pages_failed: u32,
    /// Their vendors that were not dealt with: start another run for them.
    vendors_failed: u32,
    /// Identifiers of vendors, by outcome.
    outcomes: BTreeMap<String, u32>,
}

impl From<Estimate> for VerificationPreflight {
    fn from(estimate: Estimate) -> Self {
        let requests = estimate.identifiers();
        let Estimate {
            vendors,
            without_identifiers,
            udyam,
            gstin,
            pan,
        } = estimate;
        Self {
            vendors,
            vendors_without_identifiers: without_identifiers,
            udyam,
            gstin,
            pan,
            requests,
        }
    }
}

impl From<Run> for RunResponse {
    fn from(run: Run) -> Self {
        let Run {
            id,
            kinds,
            scope: RunScope { segment_id, filter },
            estimate,
            limits: Limits {
                not_asked_within_days,
                max_requests,
            },
            scope_key: _,
            state,
            reason,
            pages: _,
            pages_done: _,
            vendors_done,
            requests,
            retries,
            identifiers_asked: _,
            skipped,
            pages_failed,
            vendors_failed,
            waiting_until,
            waiting_for,
            outcomes,
            created_by,
            created_at,
            resumed_at,
            ended_at,
        } = run;
        Self {
            id: id.to_string(),
            kinds,
            segment_id: segment_id.map(|id| id.to_string()),
            filter,
            preflight: estimate.into(),
            state,
            reason,
            not_asked_within_days,
            max_requests,
            waiting_until: waiting_until.filter(|_| state == RunState::Running),
            waiting_for: waiting_for.filter(|_| state == RunState::Running),
            progress: Progress {
                vendors_done,
                asked: requests,
                retries,
                skipped,
                pages_failed,
                vendors_failed,
                outcomes,
            },
            created_by: created_by.to_string(),
            created_at,
            resumed_at,
            ended_at,
        }
    }
}

/// What came of asking about an identifier of a vendor.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResultResponse {
    /// The run that asked, `ver_…`.
    run_id: String,
    /// Which register.
    kind: Kind,
    /// The identifier, masked.
    identifier: String,
    /// What came of it. `auth`, `quota`, `timeout` and `provider_error` say nothing about the vendor.
    outcome: Outcome,
    /// Whether the outcome says anything about the vendor.
    is_conclusive: bool,
    /// Why, for machines: `<provider>:<code>`.
    reason: String,
    /// What the register says.
    register: Option<RegisterEntry>,
    /// What differed from our record at the time.
    mismatches: Vec<Mismatch>,
    /// The provider.
    provider: String,
    /// The provider's name for the inquiry.
    reference: Option<String>,
    /// When the provider answered, or was last asked without answering.
    checked_at: Timestamp,
    /// How often it was asked until then.
    attempts: u32,
}

/// What a register says of an identifier.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RegisterEntry {
    /// Whether it is in force.
    standing: Standing,
    /// The name of the enterprise, the taxpayer or the holder.
    legal_name: Option<String>,
    /// The name it trades under.
    trade_name: Option<String>,
    /// The PAN it belongs to, masked.
    pan: Option<String>,
    /// Its class today.
    enterprise_type: Option<EnterpriseType>,
    /// What it mainly does.
    major_activity: Option<Activity>,
    /// Its legal form in the register's words.
    organisation_type: Option<String>,
    /// The day of registration.
    #[schema(value_type = Option<String>, format = Date)]
    registered_on: Option<Date>,
    /// The day it was cancelled.
    #[schema(value_type = Option<String>, format = Date)]
    cancelled_on: Option<Date>,
    /// Its classes by year, in the register's order.
    classification_history: Vec<Classification>,
}

impl From<Facts> for RegisterEntry {
    fn from(facts: Facts) -> Self {
        let Facts {
            standing,
            legal_name,
            trade_name,
            pan,
            enterprise_type,
            major_activity,
            organisation_type,
            registered_on,
            cancelled_on,
            classification_history,
        } = facts;
        Self {
            standing,
            legal_name,
            trade_name,
            pan: pan.map(|pan| pan.masked()),
            enterprise_type,
            major_activity,
            organisation_type,
            registered_on,
            cancelled_on,
            classification_history,
        }
    }
}

impl From<VerificationResult> for ResultResponse {
    fn from(result: VerificationResult) -> Self {
        let VerificationResult {
            run_id,
            asked,
            outcome,
            reason,
            facts,
            mismatches,
            provider,
            reference,
            checked_at,
            attempts,
        } = result;
        Self {
            run_id: run_id.to_string(),
            kind: asked.kind(),
            identifier: Asked::masked(&asked),
            outcome,
            is_conclusive: outcome.is_conclusive(),
            reason,
            register: facts.map(RegisterEntry::from),
            mismatches,
            provider,
            reference,
            checked_at,
            attempts,
        }
    }
}
