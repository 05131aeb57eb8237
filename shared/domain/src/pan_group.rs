//! One PAN, many vendor codes: one legal person asked once, and what its codes say against each other.
//!
//! An enterprise has one Udyam registration however many units and GSTINs it has, and all of them count together for its class
//! (S.O. 2119(E), 26 June 2020; check). So two Udyam numbers or two classes under one PAN cannot both be right.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::VendorId;
use crate::declaration::Declaration;
use crate::hash::sha256_hex;
use crate::identifiers::{IndianState, Pan, Udyam};
use crate::ladder::{Severity, name_words};
use crate::status::EvidenceRank;
use crate::vendor::MsmeStatus;

/// A vendor code of a PAN, and what is known under it.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupMember {
    /// The vendor.
    pub vendor_id: VendorId,
    /// The buyer's code for it.
    pub vendor_code: String,
    /// Its name.
    pub company_name: String,
    /// Its Udyam number.
    pub udyam: Option<Udyam>,
    /// Date of Udyam registration.
    pub registered_on: Option<Date>,
    /// Its status today.
    pub status: MsmeStatus,
    /// How much the evidence of that status weighs.
    pub rank: Option<EvidenceRank>,
    /// State of its address.
    pub state: Option<IndianState>,
    /// What it declared last, where it was looked up and there is any.
    pub answer: Option<MemberAnswer>,
}

/// What the newest answer of a member says of the PAN and its registration, which its record may not (yet).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MemberAnswer {
    /// The Udyam number it gives.
    pub udyam: Option<Udyam>,
    /// The date of registration it gives.
    pub registered_on: Option<Date>,
    /// The class it gives, and the fiscal year of that, e.g. `2025-26`.
    pub class: Option<(String, MsmeStatus)>,
    /// It names another PAN than the record, itself or in a GSTIN: it may be about another person.
    pub names_another_pan: bool,
    /// The record had another PAN when the question was sent: the answer was left with the code that gave it.
    pub pan_changed: bool,
}

/// Why an answer counts for nobody but the code that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptAlone {
    /// It names another PAN than the record's.
    NamesAnotherPan,
    /// The record had another PAN when the question was sent.
    PanChanged,
}

/// Whether a declaration is about another PAN than this: by its own word, or by the PAN that every GSTIN contains.
pub fn names_another_pan(declaration: &Declaration, pan: &Pan) -> bool {
    let in_gstins = declaration.gstins.iter().filter_map(|gstin| gstin.pan());
    declaration.pan.iter().cloned().chain(in_gstins).any(|named| named != *pan)
}

/// What is remembered of a vendor's PAN with each question, to notice that it is another one when the answer comes: 64 bits of its
/// SHA-256 tell two PANs of one vendor apart.
pub fn pan_digest(pan: &Pan) -> String {
    let mut digest = sha256_hex(pan.as_str().as_bytes());
    digest.truncate(16);
    digest
}

/// The vendor codes of one PAN and their contradictions. Identifiers are masked.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PanGroup {
    /// The PAN, masked.
    pub pan: String,
    /// Its vendor codes, by code; 200 at most.
    pub members: Vec<GroupMemberSeen>,
    /// How many more there are. They are not looked at for contradictions.
    pub more: usize,
    /// Whether this is by what lists know of vendors: then a status is as of the vendor's last change, evidence (`rank`, `strongest`),
    /// dates of registration and answers were not looked up, and what only they contradict is not among the contradictions. The
    /// group of a vendor has all of it as of today.
    pub is_summary: bool,
    /// What cannot all be true, the gravest first.
    pub contradictions: Vec<Contradiction>,
    /// The class all members with a known status agree on; none if they differ or nothing is known.
    pub agreed_status: Option<MsmeStatus>,
    /// The member whose status rests on the strongest evidence; none if nothing is known.
    #[schema(value_type = Option<String>)]
    pub strongest: Option<VendorId>,
}

/// A member of a group as shown.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct GroupMemberSeen {
    /// The vendor.
    #[schema(value_type = String)]
    pub vendor_id: VendorId,
    /// The buyer's code for it.
    pub vendor_code: String,
    /// Its name.
    pub company_name: String,
    /// Its Udyam number on record, masked.
    pub udyam: Option<String>,
    /// The Udyam number of its newest answer, masked, where it is another one.
    pub answered_udyam: Option<String>,
    /// Date of Udyam registration on record.
    #[schema(value_type = Option<String>, format = Date)]
    pub registered_on: Option<Date>,
    /// Its status today.
    pub status: MsmeStatus,
    /// How much the evidence of that status weighs.
    pub rank: Option<EvidenceRank>,
    /// State of its address.
    pub state: Option<IndianState>,
}

/// What cannot all be true of one PAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Contradiction {
    /// What, in a stable word for machines.
    pub code: ContradictionCode,
    /// How much it matters.
    pub severity: Severity,
    /// The members concerned, by vendor code.
    #[schema(value_type = Vec<String>)]
    pub members: Vec<VendorId>,
    /// What is found and what to do.
    pub sentence: String,
}

/// Kinds of contradiction, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContradictionCode {
    /// Members give different Udyam numbers.
    TwoUdyams,
    /// Members have different classes.
    TwoClasses,
    /// Members answered with different classes of one year: the later answer was applied to all of them.
    TwoAnswers,
    /// A member is said not to be registered while another has a Udyam number.
    UnregisteredWithUdyam,
    /// A member's answer names another PAN than its record: it was not applied to the others.
    AnswerNamesAnotherPan,
    /// A member had another PAN when the question was sent: its answer was not applied to the others.
    PanChangedAfterAsking,
    /// Members give different dates for the registration.
    TwoRegistrationDates,
    /// Members have names that do not look alike.
    TwoNames,
}

impl PanGroup {
    /// The most members that are looked at and shown.
    pub const MAX_MEMBERS: usize = 200;

    /// Puts the vendors of one PAN together, from what lists know of them.
    pub fn summary(pan: &Pan, members: Vec<GroupMember>) -> Self {
        Self {
            is_summary: true,
            strongest: None,
            ..Self::new(pan, members)
        }
    }

    /// The same group, with so many codes that are not looked at.
    #[must_use]
    pub fn and_more(self, more: usize) -> Self {
        Self {
            more: self.more + more,
            ..self
        }
    }

    /// Puts the vendors of one PAN together.
    pub fn new(pan: &Pan, mut members: Vec<GroupMember>) -> Self {
        members.sort_by(|a, b| (&a.vendor_code, a.vendor_id).cmp(&(&b.vendor_code, b.vendor_id)));
        let more = members.len().saturating_sub(Self::MAX_MEMBERS);
        members.truncate(Self::MAX_MEMBERS);
        let known: Vec<_> = members.iter().filter(|member| member.status != MsmeStatus::Unknown).collect();
        let classes: BTreeSet<_> = known.iter().map(|member| member.status.as_str()).collect();
        let agreed_status = known.first().filter(|_| classes.len() == 1).map(|member| member.status);
        // Of equals the first by code, so that the choice does not hop about.
        let strongest = known.iter().rev().max_by_key(|member| member.rank).map(|member| member.vendor_id);
        Self {
            pan: pan.masked(),
            more,
            is_summary: false,
            contradictions: contradictions(&members),
            members: members.into_iter().map(GroupMemberSeen::from).collect(),
            agreed_status,
            strongest,
        }
    }
}

impl From<GroupMember> for GroupMemberSeen {
    fn from(member: GroupMember) -> Self {
        let GroupMember {
            vendor_id,
            vendor_code,
            company_name,
            udyam,
            registered_on,
            status,
            rank,
            state,
            answer,
        } = member;
        let answered_udyam = answer.and_then(|answer| answer.udyam).filter(|answered| udyam.as_ref() != Some(answered));
        Self {
            vendor_id,
            vendor_code,
            company_name,
            udyam: udyam.as_ref().map(Udyam::masked),
            answered_udyam: answered_udyam.as_ref().map(Udyam::masked),
            registered_on,
            status,
            rank,
            state,
        }
    }
}

fn contradictions(members: &[GroupMember]) -> Vec<Contradiction> {
    let mut found = Vec::new();
    let mut add = |code, severity, concerned: Vec<&GroupMember>, sentence: String| {
        found.push(Contradiction {
            code,
            severity,
            members: concerned.into_iter().map(|member| member.vendor_id).collect(),
            sentence,
        });
    };

    let udyams = by(members, |member| {
        udyams_of(member).map(|udyam| (udyam.as_str().to_owned(), udyam.masked())).collect()
    });
    if udyams.len() > 1 {
        let sentence = format!(
            "One PAN has one Udyam number, here are {}: {}. Ask for the certificate and correct the others.",
            udyams.len(),
            listed(&udyams)
        );
        add(ContradictionCode::TwoUdyams, Severity::Contradiction, concerned(&udyams), sentence);
    }

    let classes = by(members, |member| {
        let word = member.status.as_str().to_owned();
        (member.status != MsmeStatus::Unknown).then(|| (word.clone(), word)).into_iter().collect()
    });
    if classes.len() > 1 {
        let sentence = format!(
            "All units of a PAN count together and have one class, here are {}: {}. The strongest evidence, or a new answer, should decide for all.",
            classes.len(),
            listed(&classes)
        );
        add(ContradictionCode::TwoClasses, Severity::Contradiction, concerned(&classes), sentence);
    }

    // An answer that was left with its code is a finding of its own.
    let shared = |member: &GroupMember| {
        member
            .answer
            .as_ref()
            .filter(|answer| !answer.names_another_pan && !answer.pan_changed)?
            .class
            .clone()
    };
    let last_year = members.iter().filter_map(shared).map(|(year, _)| year).max();
    let answers = by(members, |member| {
        let of_year = shared(member).filter(|(year, _)| Some(year) == last_year.as_ref());
        of_year
            .map(|(_, class)| (class.as_str().to_owned(), class.as_str().to_owned()))
            .into_iter()
            .collect()
    });
    if let Some(year) = last_year.filter(|_| answers.len() > 1 && classes.len() <= 1) {
        let sentence = format!(
            "Of {year}, codes of this PAN answered differently: {}. The later answer counts for all: ask which of them is right.",
            listed(&answers)
        );
        add(ContradictionCode::TwoAnswers, Severity::Contradiction, concerned(&answers), sentence);
    }

    let unregistered: Vec<_> = members.iter().filter(|member| member.status == MsmeStatus::NotRegistered).collect();
    let registered: Vec<_> = members.iter().filter(|member| udyams_of(member).next().is_some()).collect();
    if !unregistered.is_empty() && !registered.is_empty() {
        let sentence = format!(
            "{} is said not to be registered, while {} has a Udyam number: ask for the certificate.",
            codes(&unregistered),
            codes(&registered)
        );
        let mut concerned = unregistered;
        concerned.extend(registered.into_iter().filter(|member| member.status != MsmeStatus::NotRegistered));
        add(ContradictionCode::UnregisteredWithUdyam, Severity::Contradiction, concerned, sentence);
    }

    let answered = |says: fn(&MemberAnswer) -> bool| -> Vec<_> { members.iter().filter(|member| member.answer.as_ref().is_some_and(says)).collect() };
    let elsewhere = answered(|answer| answer.names_another_pan);
    if !elsewhere.is_empty() {
        let sentence = format!(
            "The answer of {} names another PAN than the record, itself or in a GSTIN, and was not applied to the other codes: one of the two is wrong.",
            codes(&elsewhere)
        );
        add(ContradictionCode::AnswerNamesAnotherPan, Severity::Contradiction, elsewhere, sentence);
    }
    let changed = answered(|answer| answer.pan_changed);
    if !changed.is_empty() {
        let sentence = format!(
            "{} had another PAN when the question was sent, so the answer was not applied to the other codes: share its status with them if it is about this PAN.",
            codes(&changed)
        );
        add(ContradictionCode::PanChangedAfterAsking, Severity::Contradiction, changed, sentence);
    }

    let dates = by(members, |member| {
        let days = BTreeSet::from_iter(
            member
                .registered_on
                .into_iter()
                .chain(member.answer.iter().filter_map(|answer| answer.registered_on)),
        );
        days.into_iter().map(|day| (day.to_string(), day.to_string())).collect()
    });
    if dates.len() > 1 {
        let sentence = format!(
            "One registration has one date, here are {}: {}. Take the certificate's.",
            dates.len(),
            listed(&dates)
        );
        add(ContradictionCode::TwoRegistrationDates, Severity::Warning, concerned(&dates), sentence);
    }

    // Against the first alone: likeness is not transitive, and one sentence is enough to send somebody looking.
    if let Some((first, rest)) = members.split_first() {
        let others: Vec<_> = rest
            .iter()
            .filter(|member| !is_same_name(&first.company_name, &member.company_name))
            .collect();
        if !others.is_empty() {
            let sentence = format!(
                "The names do not look alike: {} is \"{}\", {}. They may be trade names of one business; if not, a PAN is wrong.",
                first.vendor_code,
                first.company_name,
                others
                    .iter()
                    .map(|member| format!("{} is \"{}\"", member.vendor_code, member.company_name))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            let mut concerned = vec![first];
            concerned.extend(others);
            add(ContradictionCode::TwoNames, Severity::Warning, concerned, sentence);
        }
    }
    found
}

/// Members by what they say: the key tells apart, and with it goes how it is shown.
type BySaying<'a> = BTreeMap<String, (String, Vec<&'a GroupMember>)>;

/// The Udyam numbers a member gives, on record and in its newest answer.
fn udyams_of(member: &GroupMember) -> impl Iterator<Item = &Udyam> {
    let answered = member.answer.as_ref().and_then(|answer| answer.udyam.as_ref());
    member
        .udyam
        .iter()
        .chain(answered.filter(|answered| member.udyam.as_ref() != Some(answered)))
}

fn by<'a>(members: &'a [GroupMember], says: impl Fn(&GroupMember) -> Vec<(String, String)>) -> BySaying<'a> {
    let mut sayings = BySaying::new();
    for member in members {
        for (key, shown) in says(member) {
            sayings.entry(key).or_insert_with(|| (shown, Vec::new())).1.push(member);
        }
    }
    sayings
}

fn listed(sayings: &BySaying<'_>) -> String {
    let parts: Vec<_> = sayings.values().map(|(shown, members)| format!("{shown} ({})", codes(members))).collect();
    parts.join("; ")
}

fn codes(members: &[&GroupMember]) -> String {
    let codes: Vec<_> = members.iter().map(|member| member.vendor_code.as_str()).collect();
    codes.join(", ")
}

fn concerned<'a>(sayings: &BySaying<'a>) -> Vec<&'a GroupMember> {
    let mut members: Vec<_> = sayings.values().flat_map(|(_, members)| members.iter().copied()).collect();
    members.sort_by(|a, b| (&a.vendor_code, a.vendor_id).cmp(&(&b.vendor_code, b.vendor_id)));
    // One that contradicts itself is one member all the same.
    members.dedup_by_key(|member| member.vendor_id);
    members
}

/// Words of a name that say nothing about who it is.
const FORMS: [&str; 14] = [
    "pvt",
    "private",
    "ltd",
    "limited",
    "llp",
    "opc",
    "co",
    "company",
    "corp",
    "corporation",
    "inc",
    "and",
    "unit",
    "p",
];

/// Whether two names look like those of one business: the same words apart from the legal form, or all words of one in the other.
pub fn is_same_name(left: &str, right: &str) -> bool {
    let core = |name: &str| -> BTreeSet<String> { name_words(name).into_iter().filter(|word| !FORMS.contains(&word.as_str())).collect() };
    let (left_core, right_core) = (core(left), core(right));
    if left_core.is_empty() || right_core.is_empty() {
        return name_words(left) == name_words(right);
    }
    // `Kaveri Steels` and `KaveriSteels` are one as well.
    let joined = |name: &str| -> String { name_words(name).into_iter().filter(|word| !FORMS.contains(&word.as_str())).collect() };
    left_core.is_subset(&right_core) || right_core.is_subset(&left_core) || joined(left) == joined(right)
}
