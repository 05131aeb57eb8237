//! The columns of a vendor file: what they are called here, and what others call them.
//!
//! [`recognise`] proposes a [`Mapping`] from the headers of a file, which a person may correct; [`Mapping::plan`] checks it and
//! says which cells of a row make which column.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::identifiers::is_invisible;

/// A column of an import file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name here.
    pub name: &'static str,
    /// What others call it, letters and digits only; the surer ones first.
    pub aliases: &'static [&'static str],
    /// Whether a cell may hold several values, separated by `/` `,` `;`.
    pub multi: bool,
    /// A value.
    pub example: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// The columns a file cannot be without.
pub const REQUIRED: [&str; 2] = ["vendor_code", "company_name"];

/// The columns added to rejected rows. They are ignored when the corrected file comes back.
pub const REPORT_COLUMNS: [&str; 5] = ["row", "error_column", "error_value", "error_reason", "suggested_value"];

/// What a custom attribute is mapped to begins with this.
pub const ATTRIBUTE: &str = "attributes.";

const fn column(name: &'static str, multi: bool, example: &'static str, what: &'static str, aliases: &'static [&'static str]) -> Column {
    Column {
        name,
        aliases,
        multi,
        example,
        what,
    }
}

/// Every column, in the order of a file that we write.
///
/// The aliases are headers of SAP, Zoho Books, Tally, Oracle and common hand-made sheets.
#[rustfmt::skip] // One word to a line would run to hundreds of lines.
pub static COLUMNS: [Column; 30] = [
    column("vendor_code", false, "V-1001", "the code the vendor has in your books; required, unique ignoring case", &[
        "lifnr", "vendorno", "vendornumber", "suppliercode", "suppliernumber", "supplierno", "vendorid", "supplierid", "partycode", "partyno",
        "partynumber", "partyid", "vendoraccount", "vendoraccountnumber", "accountnumberofvendor", "businesspartner", "segment1", "vendor",
        "supplier", "ledgercode", "alias", "code", "erpcode", "sapcode", "contactid",
    ]),
    column("company_name", false, "Kaveri Test Castings LLP", "the registered or trade name; required", &[
        "name1", "nameorg1", "vendorname", "suppliername", "partyname", "nameofvendor", "nameofthevendor", "nameofsupplier",
        "nameofthesupplier", "nameofparty", "nameoftheparty", "legalname", "tradename", "businessname", "firmname", "companysname",
        "nameofcompany", "nameofthecompany", "organisationname", "organizationname", "enterprisename", "displayname", "ledgername",
        "mailingname", "company", "name", "particulars", "name2", "nameorg2", "name3", "nameorg3", "name4", "nameorg4",
    ]),
    column("contact_person_name", false, "Asha Rao", "whom to address", &[
        "contactperson", "contactpersonsname", "contactname", "nameofcontactperson", "personname", "attention", "contact", "spocname",
        "spoc", "firstname", "lastname",
    ]),
    column("email", true, "accounts@kaveri.example", "e-mail addresses; campaigns write to the first", &[
        "smtpaddr", "emailid", "emailaddress", "mailid", "mail", "email1", "emailid1", "emailaddress1", "email2", "emailid2", "emailaddress2",
        "primaryemail", "contactemail", "vendoremail", "vendoremailid", "supplieremail", "alternateemail", "alternateemailid", "emails",
    ]),
    column("phone_number", true, "+919876500001", "Indian mobile numbers; campaigns write to the first", &[
        "mobile", "mobileno", "mobilenumber", "mobilephone", "mobnumber", "whatsapp", "whatsappno", "whatsappnumber", "contactno",
        "contactnumber", "phone", "phoneno", "telephone", "telephoneno", "telephonenumber", "telf1", "telf2", "telephone1", "telephone2",
        "telnumber", "phone1", "phone2", "mobile1", "mobile2", "mobileno1", "mobileno2", "alternatemobile", "alternatephone", "cell", "cellno",
    ]),
    column("registered_address", false, "12 Foundry Road, Peenya", "postal address without city, state and PIN code", &[
        "registeredofficeaddress", "address", "stras", "street", "billingaddress", "addressline1", "address1", "mailingaddress", "strsuppl1",
        "fulladdress", "officeaddress", "addressline2", "address2", "strsuppl2", "billingstreet2", "addressline3", "address3", "strsuppl3",
    ]),
    column("city", false, "Bengaluru", "city or town", &["ort01", "town", "cityname", "billingcity", "citytown", "district", "location"]),
    column("state", false, "Karnataka", "state: its name, its letters or its GST code", &[
        "statename", "regio", "region", "billingstate", "rg", "stateut", "statecode", "province",
    ]),
    column("pin_code", false, "560001", "postal index number", &[
        "pstlz", "pincodeno", "pin", "pinno", "postalcode", "postcode", "zip", "zipcode", "billingcode", "billingzip",
    ]),
    column("country", false, "IN", "country: its name or its two letters", &["land1", "countryname", "countrycode", "billingcountry", "cty", "nation"]),
    column("supplier_type", false, "manufacturer", "your own kind of supplier", &[
        "vendortype", "typeofvendor", "typeofsupplier", "partytype", "suppliercategory", "vendorcategory", "ktokk", "accountgroup", "vendorgroup",
    ]),
    column("category", false, "castings", "what is bought", &["materialcategory", "productcategory", "commodity", "itemcategory", "purchasecategory", "spendcategory"]),
    column("business_category", false, "foundry", "the line of business", &["lineofbusiness", "natureofbusiness", "industry", "industrytype", "businesstype", "brsch"]),
    column("group_category", false, "Kaveri Group", "the group of companies the vendor belongs to", &["group", "groupcompany", "groupname", "vendorgroupname", "parentcompany", "konzs"]),
    column("annual_turnover", false, "12500000", "annual turnover in rupees", &["turnover", "annualturnoverinr", "annualturnoverrs", "turnoverinr", "annualsales", "annualrevenue", "umsat"]),
    column("year_established", false, "1998", "the year the business began", &[
        "yearofestablishment", "establishmentyear", "establishedyear", "yearofincorporation", "incorporationyear", "establishedin", "gruendungsjahr",
    ]),
    column("currency", false, "INR", "three letters of the currency that invoices are in", &["currencycode", "waers", "ordercurrency", "invoicecurrency", "crcy"]),
    column("gst_number", true, "27AAPFU0939F1ZV", "GSTINs, all of one PAN", &[
        "gstin", "gstno", "gstinuin", "gstinno", "gstinnumber", "gst", "stcd3", "gstidentificationnumbergstin", "gstidentificationnumber",
        "gstregistrationno", "gstregistrationnumber", "taxregistrationnumber", "taxnumber3", "gstnumbers", "gstin1", "gstin2", "gstno1", "gstno2",
    ]),
    column("pan_number", false, "AAPFU0939F", "PAN; taken from a GSTIN when absent", &[
        "pan", "panno", "j1ipanno", "panitno", "pancardno", "pancard", "panofvendor", "permanentaccountnumber", "incometaxno", "taxpayerid",
        "incometaxpan",
    ]),
    column("udyam_number", false, "UDYAM-KR-03-0012345", "Udyam registration number", &[
        "udyam", "udyamno", "udyamregistrationno", "udyamregistrationnumber", "udyamregno", "udyamid", "urn", "urnno", "msmeno", "msmenumber",
        "msmeregistrationno", "msmeregistrationnumber", "msmeregno", "msmeudyamno", "msmeudyamregistrationnumber", "udyamcertificateno",
        "msmecertificateno", "uamno", "udyogaadhaarno",
    ]),
    column("udyam_registration_date", false, "2021-04-05", "date of Udyam registration", &[
        "udyamdate", "dateofudyamregistration", "udyamregistrationdt", "udyamregdate", "msmeregistrationdate", "msmedate", "dateofmsmeregistration",
        "msmecertificatedate",
    ]),
    column("activity", false, "manufacturing", "manufacturing, services or trading", &[
        "majoractivity", "msmeactivity", "natureofactivity", "activitytype", "typeofactivity", "udyamactivity",
    ]),
    column("msme_status", false, "small", "what the vendor is said to be: micro, small, medium, registered trader or not registered", &[
        "msme", "msmetype", "msmecategory", "msmeclassification", "msmeclass", "typeofenterprise", "enterprisetype", "msmeudyamregistrationtype",
        "udyamstatus", "udyamtype", "ismsme", "msmeyesno", "msmeregistrationstatus", "msmecertified",
    ]),
    column("tags", true, "critical; plant-2", "free labels", &["tag", "labels", "label"]),
    column("nda", false, "yes", "whether a non-disclosure agreement is signed", &["ndasigned", "ndastatus", "nondisclosureagreement"]),
    column("sqa", false, "yes", "whether a supplier quality agreement is signed", &["sqasigned", "sqastatus", "supplierqualityagreement"]),
    column("four_m", false, "yes", "whether the 4M change agreement is signed", &["4m", "4magreement", "4mchange", "4mchangeagreement", "4mstatus"]),
    column("code_of_conduct", false, "yes", "whether the code of conduct is accepted", &["coc", "cocsigned", "suppliercodeofconduct", "codeofconductsigned"]),
    column("compliance_agreement", false, "yes", "whether the compliance agreement is signed", &["compliance", "complianceagreementsigned", "complianceagreementstatus"]),
    column("self_declaration", false, "yes", "whether a self-declaration is on file", &["selfdeclarationform", "selfdeclarationsigned", "selfdeclarationreceived", "selfdecl"]),
];

/// Headers that are known and mean nothing here, as they are compared.
const MEANINGLESS: [&str; 23] = [
    "createdatist",
    "updatedatist",
    "moreattributesjson",
    "row",
    "errorcolumn",
    "errorvalue",
    "errorreason",
    "suggestedvalue",
    "sno",
    "srno",
    "slno",
    "serialno",
    "serialnumber",
    "sr",
    "sl",
    "no",
    "fax",
    "faxno",
    "telfx",
    "bukrs",
    "companycode",
    "ort02",
    "mandt",
];

/// Headers that are known and never imported: consent is given by the person, not by a file.
const FORBIDDEN: [&str; 8] = [
    "optin",
    "optins",
    "emailoptin",
    "whatsappoptin",
    "unsubscribed",
    "suppressed",
    "suppression",
    "donotcontact",
];

/// Source columns that make one column together, in this order, and what stands between them.
const SERIES: [(&str, &str, &[&str]); 8] = [
    ("company_name", " ", &["name1", "name2", "name3", "name4"]),
    ("company_name", " ", &["nameorg1", "nameorg2", "nameorg3", "nameorg4"]),
    ("contact_person_name", " ", &["firstname", "lastname"]),
    ("registered_address", ", ", &["stras", "strsuppl1", "strsuppl2", "strsuppl3"]),
    ("registered_address", ", ", &["street", "strsuppl1", "strsuppl2", "strsuppl3"]),
    ("registered_address", ", ", &["billingaddress", "billingstreet2"]),
    ("registered_address", ", ", &["addressline1", "addressline2", "addressline3"]),
    ("registered_address", ", ", &["address1", "address2", "address3"]),
];

/// The system a file seems to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Our own column names: a template, an export, or corrected rejects.
    Own,
    /// SAP: technical field names, or their short texts.
    Sap,
    /// Zoho Books.
    Zoho,
    /// Tally: ledgers with their group.
    Tally,
    /// Oracle.
    Oracle,
    /// Made by hand, or by something we do not know.
    Other,
}

/// Headers that tell a dialect; three of them are a certain sign, two a sign.
const SIGNS: [(Dialect, &[&str]); 4] = [
    (
        Dialect::Sap,
        &[
            "lifnr",
            "name1",
            "name2",
            "stras",
            "ort01",
            "pstlz",
            "regio",
            "land1",
            "telf1",
            "telf2",
            "stcd3",
            "j1ipanno",
            "smtpaddr",
            "ktokk",
            "rg",
            "cty",
            "taxnumber3",
            "nameorg1",
        ],
    ),
    (
        Dialect::Zoho,
        &[
            "displayname",
            "emailid",
            "mobilephone",
            "gstidentificationnumbergstin",
            "gsttreatment",
            "billingstreet2",
            "billingcode",
            "contactid",
            "sourceofsupply",
            "msmeudyamno",
        ],
    ),
    (
        Dialect::Tally,
        &[
            "groupname",
            "parent",
            "under",
            "panitno",
            "gstinuin",
            "ledgername",
            "mailingname",
            "gstregistrationtype",
            "particulars",
        ],
    ),
    (
        Dialect::Oracle,
        &[
            "suppliername",
            "suppliernumber",
            "taxregistrationnumber",
            "alternatename",
            "taxpayerid",
            "segment1",
            "suppliersite",
        ],
    ),
];

/// Where a header's cells go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// To columns, nearly always one. Tally's ledger name is both code and name, where there is no other code.
    Columns(Vec<&'static str>),
    /// To a custom attribute.
    Attribute(String),
    /// Nowhere.
    Ignore,
}

/// A text is not a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no such column.
    #[error("there is no such column: map the header to a column of the list, to attributes.<name>, or to ignore")]
    UnknownColumn,
    /// The attribute's name will not do.
    #[error("an attribute's name has 1 to 40 letters, digits and `_`, as in attributes.plant")]
    AttributeName,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Columns(columns) => f.write_str(&columns.join("+")),
            Self::Attribute(name) => write!(f, "{ATTRIBUTE}{name}"),
            Self::Ignore => f.write_str("ignore"),
        }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text == "ignore" {
            return Ok(Self::Ignore);
        }
        if let Some(name) = text.strip_prefix(ATTRIBUTE) {
            let is_name = (1..=40).contains(&name.chars().count()) && name.chars().all(|c| c.is_alphanumeric() || c == '_');
            return if is_name {
                Ok(Self::Attribute(name.to_owned()))
            } else {
                Err(TargetError::AttributeName)
            };
        }
        let columns: Option<Vec<_>> = text.split('+').map(|name| by_name(name.trim()).map(|column| column.name)).collect();
        columns.map(Self::Columns).ok_or(TargetError::UnknownColumn)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What every header of a file stands for: by header, as [`clean_header`] leaves it. A header that stands in the file again is called
/// `City#2`, `City#3` …; any column may be called by its place instead, as `#4` for the fourth, which is the only way for one without a
/// header.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Mapping {
    /// A column, `attributes.<name>`, or `ignore`.
    #[schema(value_type = BTreeMap<String, String>)]
    pub columns: BTreeMap<String, Target>,
}

/// What is wrong with a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MappingError {
    /// The header; empty where one is missing.
    pub header: String,
    /// A stable word for machines.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// How sure a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It is a known name of the column.
    Recognised,
    /// It may be one of the suggestions, or its column is taken by a surer header; a person should decide.
    Ambiguous,
    /// It is known to say nothing about a vendor, or nothing that may be imported.
    Ignored,
    /// Nothing like it is known.
    Unknown,
}

/// What is thought of one header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderFinding {
    /// The header as a mapping names it: `City`, `City#2` where it stands there again, `#4` where the fourth column has none.
    pub header: String,
    /// A stable word for machines where something is odd: `header_repeated`, `header_missing`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// Its place in the file, from 0.
    pub position: usize,
    /// How sure this is.
    pub certainty: Certainty,
    /// Where its cells go unless somebody says otherwise.
    #[schema(value_type = String)]
    pub target: Target,
    /// Targets worth a thought, best first.
    pub suggestions: Vec<String>,
    /// Why.
    pub note: String,
}

/// What is thought of the headers of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognition {
    /// Where the file seems to come from.
    pub dialect: Dialect,
    /// Header by header.
    pub headers: Vec<HeaderFinding>,
    /// The proposal.
    pub mapping: Mapping,
}

/// The column of this canonical name.
pub fn by_name(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|column| column.name == name)
}

/// The column that a header is a known name of; case and punctuation do not matter.
pub fn column_for(header: &str) -> Option<&'static Column> {
    ranked(&key(header)).map(|(column, _)| column)
}

/// Whether a cell may be a header of a vendor file.
pub fn is_known(header: &str) -> bool {
    header.len() <= 100 && column_for(header).is_some()
}

/// A header in one line with single spaces, without what cannot be seen.
pub fn clean_header(header: &str) -> String {
    let visible: String = header.chars().filter(|&c| !is_invisible(c)).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// The headers as a mapping names them, each differently; empty where there is none.
pub fn header_names<S: AsRef<str>>(headers: &[S]) -> Vec<String> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = Vec::with_capacity(headers.len());
    for header in headers {
        let clean = clean_header(header.as_ref());
        let mut name = clean.clone();
        while !clean.is_empty() && !used.insert(name.clone()) {
            let times = times.entry(clean.clone()).or_insert(1);
            *times += 1;
            name = format!("{clean}#{times}");
        }
        names.push(name);
    }
    names
}

/// The place a header names, as `#4`, counted from 0.
fn place(header: &str) -> Option<usize> {
    header.strip_prefix('#')?.parse::<usize>().ok()?.checked_sub(1)
}

/// What headers are compared by.
fn key(header: &str) -> String {
    header
        .chars()
        .take(200)
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect()
}

/// The column with this key among its names, and how sure that is: 0 is surest.
fn ranked(key: &str) -> Option<(&'static Column, usize)> {
    if key.is_empty() {
        return None;
    }
    let is_name = |column: &&Column| column.name.len() >= key.len() && column.name.bytes().filter(|b| *b != b'_').eq(key.bytes());
    if let Some(column) = COLUMNS.iter().find(is_name) {
        return Some((column, 0));
    }
    COLUMNS.iter().find_map(|column| {
        let at = column.aliases.iter().position(|alias| *alias == key)?;
        Some((column, at + 1))
    })
}

/// Proposes what the headers of a file stand for.
pub fn recognise<S: AsRef<str>>(headers: &[S]) -> Recognition {
    let names = header_names(headers);
    let keys: Vec<String> = headers.iter().map(|header| key(header.as_ref())).collect();
    let dialect = dialect(&keys);
    let is_tally = dialect == Dialect::Tally;
    let column = |key: &str| match key {
        // Tally's group is an account of the ledger, not of the vendor.
        "groupname" | "parent" | "under" | "group" if is_tally => None,
        key => ranked(key),
    };
    // The surest header of every column that takes one only.
    let mut best: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (position, key) in keys.iter().enumerate() {
        if let Some((column, rank)) = column(key)
            && !column.multi
        {
            let entry = best.entry(column.name).or_insert((rank, position));
            *entry = (*entry).min((rank, position));
        }
    }
    let has_code = best.contains_key("vendor_code");
    let mut found = Vec::with_capacity(headers.len());
    for (position, (name, key)) in names.into_iter().zip(&keys).enumerate() {
        let mut finding = HeaderFinding {
            header: name,
            code: String::new(),
            position,
            certainty: Certainty::Ignored,
            target: Target::Ignore,
            suggestions: Vec::new(),
            note: String::new(),
        };
        // As our own exports name free fields.
        if let Ok(target @ Target::Attribute(_)) = finding.header.parse() {
            finding.certainty = Certainty::Recognised;
            finding.target = target;
            found.push(finding);
            continue;
        }
        match column(key) {
            _ if finding.header.is_empty() => {
                finding.header = format!("#{}", position + 1);
                "header_missing".clone_into(&mut finding.code);
                finding.note = format!("the column has no header: map it as {:?} if it is needed", finding.header);
            }
            _ if key.is_empty() => finding.note = "the header has no letter and no digit".to_owned(),
            // As we write them ourselves.
            _ if finding.header.starts_with(ATTRIBUTE) && finding.header.parse::<Target>().is_ok() => {
                finding.certainty = Certainty::Recognised;
                finding.target = finding.header.parse().unwrap_or(Target::Ignore);
            }
            _ if FORBIDDEN.contains(&key.as_str()) => {
                finding.note = "opt-ins and suppressions are never imported".to_owned();
            }
            _ if is_tally && is_group(key) => finding.note = "only ledgers of the group Sundry Creditors are imported".to_owned(),
            None if MEANINGLESS.contains(&key.as_str()) => finding.note = "says nothing about a vendor".to_owned(),
            None => {
                finding.suggestions = suggestions(key);
                let attribute = attribute_name(&finding.header);
                if finding.suggestions.is_empty() {
                    finding.certainty = Certainty::Unknown;
                    finding.note = "not a name we know: map it to a column or an attribute, or leave it out".to_owned();
                } else {
                    finding.certainty = Certainty::Ambiguous;
                    finding.note = format!("perhaps {}", finding.suggestions.join(" or "));
                }
                finding.suggestions.extend(attribute.map(|name| format!("{ATTRIBUTE}{name}")));
            }
            Some((column, _)) => {
                let surest = best.get(column.name).map(|(_, position)| *position);
                let takes = match surest {
                    None => true,
                    Some(surest) => surest == position || is_series(column.name, &keys[surest], key),
                };
                if takes {
                    finding.certainty = Certainty::Recognised;
                    finding.target = if is_tally && column.name == "company_name" && !has_code {
                        finding.note = "the ledger name is the vendor's code, too, for the file has no other".to_owned();
                        Target::Columns(REQUIRED.to_vec())
                    } else {
                        Target::Columns(vec![column.name])
                    };
                } else {
                    let other = surest.map(|position| clean_header(headers[position].as_ref())).unwrap_or_default();
                    finding.certainty = Certainty::Ambiguous;
                    finding.note = format!("{} is taken from {other:?} already", column.name);
                    if surest.is_some_and(|surest| keys[surest] == *key) {
                        "header_repeated".clone_into(&mut finding.code);
                        finding.note = format!(
                            "{other:?} stands there again: only the first is taken; map this one as {:?}",
                            finding.header
                        );
                    }
                    finding.suggestions.push(column.name.to_owned());
                    finding
                        .suggestions
                        .extend(attribute_name(&finding.header).map(|name| format!("{ATTRIBUTE}{name}")));
                }
            }
        }
        found.push(finding);
    }
    let mut mapping = Mapping::default();
    for finding in found.iter().filter(|finding| finding.code != "header_missing") {
        mapping.columns.insert(finding.header.clone(), finding.target.clone());
    }
    Recognition {
        dialect,
        headers: found,
        mapping,
    }
}

fn dialect(keys: &[String]) -> Dialect {
    let own = keys.iter().filter(|key| ranked(key).is_some_and(|(_, rank)| rank == 0)).count();
    let signs = |signs: &[&str]| {
        keys.iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|key| signs.contains(&key.as_str()))
            .count()
    };
    let best = SIGNS
        .iter()
        .map(|(dialect, list)| (signs(list), *dialect))
        .max_by_key(|(count, _)| *count);
    match best {
        Some((count, dialect)) if count >= 2 && count >= own.saturating_sub(2) => dialect,
        _ if own >= 3 || (own == 2 && keys.len() <= 4) => Dialect::Own,
        _ => Dialect::Other,
    }
}

/// A column with the group of a Tally ledger.
fn is_group(key: &str) -> bool {
    matches!(key, "groupname" | "parent" | "under" | "group")
}

/// Whether a header makes the column together with the surest one of it.
fn is_series(column: &str, surest: &str, key: &str) -> bool {
    key != surest
        && SERIES
            .iter()
            .any(|(of, _, members)| *of == column && members.contains(&surest) && members.contains(&key))
}

/// Columns whose names are like this.
fn suggestions(key: &str) -> Vec<String> {
    // Comparing takes time by the product of the lengths, and no header anybody means is longer.
    if !(3..=60).contains(&key.len()) {
        return Vec::new();
    }
    let likeness = |column: &Column| {
        let names = column.aliases.iter().copied().map(str::to_owned).chain([column.name.replace('_', "")]);
        names
            .map(|name| {
                // `vendorsgstnoifany` holds `gstno`; that it holds `vendor`, too, says nothing.
                let is_telling = name.len() >= 5 && !["vendor", "supplier", "company", "contact", "group", "alias", "label"].contains(&name.as_str());
                let holds = is_telling && key.contains(&name);
                let inside = if holds {
                    0.85 + 0.1 * (name.len() as f64 / key.len() as f64)
                } else {
                    0.0
                };
                let alike = if name.len() >= 4 {
                    strsim::normalized_damerau_levenshtein(&name, key)
                } else {
                    0.0
                };
                inside.max(alike)
            })
            .fold(0.0, f64::max)
    };
    let mut scored: Vec<(f64, &str)> = COLUMNS.iter().map(|column| (likeness(column), column.name)).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    scored.retain(|(score, _)| *score >= 0.72 && *score >= best - 0.1);
    scored.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
}

/// The header as the name of an attribute; none if nothing is left of it.
fn attribute_name(header: &str) -> Option<String> {
    let words: Vec<String> = header
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let name: String = words.join("_").chars().take(40).collect();
    (!name.is_empty()).then_some(name)
}

/// Which cells of a row make which column, for a file with these headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    slots: Vec<Slot>,
    width: usize,
    needed: usize,
    group: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    /// A column, or `attributes.<name>`.
    column: String,
    cells: Vec<usize>,
    /// What stands between the cells; they are values of their own without it.
    between: Option<&'static str>,
    headers: Vec<String>,
}

/// A value of a row. No `Debug`: it is personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<'a> {
    /// A column, or `attributes.<name>`.
    pub column: &'a str,
    /// Its text, of one cell or of a series of cells.
    pub text: String,
    /// The cells it comes from.
    pub cells: &'a [usize],
    /// The file's own name of the first of them.
    pub header: &'a str,
}

/// A row has another number of cells than the header, so that none of them can be trusted to be in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the row has {found} cells where the header has {expected}: look for a missing or stray separator, quotation mark or line break")]
pub struct CellCount {
    /// Cells in the row.
    pub found: usize,
    /// Cells in the header.
    pub expected: usize,
}

impl Mapping {
    /// Takes over what a person says of some headers.
    pub fn correct(&mut self, corrections: Mapping) {
        for (header, target) in corrections.columns {
            self.columns.insert(clean_header(&header), target);
        }
    }

    /// Where the cells of a column go, by its place or its name.
    pub fn target(&self, position: usize, name: &str) -> Option<&Target> {
        self.columns.get(&format!("#{}", position + 1)).or_else(|| self.columns.get(name))
    }

    /// Checks the mapping against the headers of a file that must have the [`REQUIRED`] columns.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn plan<S: AsRef<str>>(&self, headers: &[S]) -> Result<Plan, Vec<MappingError>> {
        self.plan_with(headers, &REQUIRED)
    }

    /// [`Mapping::plan`], for a file that must have other columns.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn plan_with<S: AsRef<str>>(&self, headers: &[S], required: &[&str]) -> Result<Plan, Vec<MappingError>> {
        let names = header_names(headers);
        let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let is_there = |header: &str| known.contains(header) || place(header).is_some_and(|place| place < names.len());
        let mut errors = Vec::new();
        for header in self.columns.keys().filter(|header| !is_there(&clean_header(header))) {
            errors.push(MappingError {
                header: header.clone(),
                code: "header_not_in_file",
                message: "the file has no such header: leave it out of the mapping".to_owned(),
            });
        }
        let mut slots: Vec<Slot> = Vec::new();
        for (position, name) in names.iter().enumerate() {
            let target = self.target(position, name).unwrap_or(&Target::Ignore);
            let columns: Vec<String> = match target {
                Target::Columns(columns) => columns.iter().map(|column| (*column).to_owned()).collect(),
                Target::Attribute(attribute) => vec![format!("{ATTRIBUTE}{attribute}")],
                Target::Ignore => Vec::new(),
            };
            for column in columns {
                match slots.iter_mut().find(|slot| slot.column == column) {
                    None => slots.push(Slot {
                        between: between(&column),
                        column,
                        cells: vec![position],
                        headers: vec![name.clone()],
                    }),
                    Some(slot) if takes_several(&column) => {
                        slot.cells.push(position);
                        slot.headers.push(name.clone());
                    }
                    Some(slot) => errors.push(MappingError {
                        header: name.clone(),
                        code: "column_taken",
                        message: format!(
                            "{column} is mapped to {:?} already, and takes one header only: map this one elsewhere",
                            slot.headers[0]
                        ),
                    }),
                }
            }
        }
        for slot in &mut slots {
            in_series_order(slot);
        }
        for column in required.iter().filter(|column| !slots.iter().any(|slot| slot.column == **column)) {
            errors.push(MappingError {
                header: String::new(),
                code: "column_missing",
                message: format!("no header is mapped to {column}: map the one that holds {}", what(column)),
            });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let keys: Vec<String> = headers.iter().map(|header| key(header.as_ref())).collect();
        // A row may come back without its report.
        let report = keys
            .iter()
            .rev()
            .take_while(|at| REPORT_COLUMNS.iter().any(|column| key(column) == **at))
            .count();
        let is_tally = dialect(&keys) == Dialect::Tally;
        let group = keys.iter().position(|key| is_tally && is_group(key));
        Ok(Plan {
            slots,
            width: names.len(),
            needed: names.len() - report,
            // Mapped by hand, it is something else.
            group: group.filter(|&at| self.target(at, &names[at]).is_none_or(|target| *target == Target::Ignore)),
        })
    }
}

fn what(column: &str) -> &'static str {
    by_name(column).map_or("", |column| column.what)
}

/// Whether several headers may be mapped to a column.
fn takes_several(column: &str) -> bool {
    by_name(column).is_some_and(|column| column.multi) || between(column).is_some()
}

/// What stands between the cells of a column that several headers make.
fn between(column: &str) -> Option<&'static str> {
    SERIES.iter().find(|(of, ..)| *of == column).map(|(_, between, _)| *between)
}

/// Puts the cells of NAME2 and NAME1 in the order of the name, whatever the file's.
fn in_series_order(slot: &mut Slot) {
    let place = |header: &str| {
        let key = key(header);
        SERIES
            .iter()
            .filter(|(of, ..)| *of == slot.column)
            .find_map(|(.., members)| members.iter().position(|member| *member == key))
            .unwrap_or(usize::MAX)
    };
    if slot.between.is_some() && slot.cells.len() > 1 {
        let mut parts: Vec<_> = slot.headers.iter().cloned().zip(slot.cells.iter().copied()).collect();
        parts.sort_by_key(|(header, cell)| (place(header), *cell));
        (slot.headers, slot.cells) = parts.into_iter().unzip();
    }
}

impl Plan {
    /// Whether a row of so many cells can be trusted. One that is shorter than the header can: programs leave out the empty cells at the
    /// end of a row. Where there are more, one of them is in the wrong column.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_width(&self, cells: usize) -> Result<(), CellCount> {
        if cells <= self.width {
            Ok(())
        } else {
            Err(CellCount {
                found: cells,
                expected: self.width,
            })
        }
    }

    /// Whether the end of a row is missing, apart from the report of an earlier import.
    pub const fn is_short(&self, cells: usize) -> bool {
        cells < self.needed
    }

    /// Whether the row is a supplier: of a Tally file, only the ledgers of the group Sundry Creditors are.
    pub fn is_supplier(&self, cells: &[String]) -> bool {
        let group = self.group.and_then(|group| cells.get(group)).map(|group| key(group));
        group.is_none_or(|group| group.is_empty() || group.contains("sundrycreditor"))
    }

    /// The values of a row, those that say something.
    pub fn values<'a>(&'a self, cells: &'a [String]) -> impl Iterator<Item = Value<'a>> {
        let text = |cell: &usize| cells.get(*cell).map(|text| text.as_str()).filter(|text| !text.trim().is_empty());
        self.slots.iter().flat_map(move |slot| {
            let values: Vec<Value<'a>> = match slot.between {
                Some(between) => {
                    let texts: Vec<&str> = slot.cells.iter().filter_map(text).collect();
                    let value = Value {
                        column: &slot.column,
                        text: texts.join(between),
                        cells: &slot.cells,
                        header: &slot.headers[0],
                    };
                    if texts.is_empty() { Vec::new() } else { vec![value] }
                }
                None => (0..slot.cells.len())
                    .filter_map(|at| {
                        Some(Value {
                            column: &slot.column,
                            text: text(&slot.cells[at])?.to_owned(),
                            cells: &slot.cells[at..=at],
                            header: &slot.headers[at],
                        })
                    })
                    .collect(),
            };
            values
        })
    }

    /// The cells that make any column: only their flaws matter.
    pub fn uses(&self, cell: usize) -> Option<&str> {
        self.slots.iter().find(|slot| slot.cells.contains(&cell)).map(|slot| slot.column.as_str())
    }

    /// Whether a cell makes this column.
    pub fn makes(&self, cell: usize, column: &str) -> bool {
        self.slots.iter().any(|slot| slot.column == column && slot.cells.contains(&cell))
    }

    /// The columns that the file has, attributes included.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.slots.iter().map(|slot| slot.column.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[&str], dialect: Dialect, expected: &[&str]) {
        let found = recognise(headers);
        let targets: Vec<String> = found.headers.iter().map(|finding| finding.target.to_string()).collect();
        assert_eq!(targets, expected, "{headers:?}");
        assert_eq!(found.dialect, dialect);
    }

    fn plan(headers: &[&str]) -> Plan {
        recognise(headers).mapping.plan(headers).unwrap()
    }

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn values(headers: &[&str], cells: &[&str]) -> Vec<String> {
        let plan = plan(headers);
        let cells = row(cells);
        plan.values(&cells).map(|value| format!("{}={}", value.column, value.text)).collect()
    }

    #[test]
    fn names_and_aliases_are_each_of_one_column() {
        let mut seen = BTreeSet::new();
        for column in &COLUMNS {
            assert!(seen.insert(column.name.replace('_', "")), "{}", column.name);
            for alias in column.aliases {
                assert_eq!(*alias, key(alias), "as it is compared");
                assert!(seen.insert((*alias).to_owned()), "{alias}");
            }
        }
        for (column, _, members) in SERIES {
            for member in members {
                assert_eq!(ranked(member).unwrap().0.name, column, "{member}");
            }
        }
        for word in MEANINGLESS.iter().chain(&FORBIDDEN) {
            assert!(!seen.contains(*word), "{word}");
        }
    }

    #[test]
    fn sap_is_recognised() {
        check(
            &[
                "LIFNR",
                "NAME1",
                "NAME2",
                "STRAS",
                "ORT01",
                "PSTLZ",
                "REGIO",
                "LAND1",
                "TELF1",
                "TELF2",
                "STCD3",
                "J_1IPANNO",
                "SMTP_ADDR",
            ],
            Dialect::Sap,
            &[
                "vendor_code",
                "company_name",
                "company_name",
                "registered_address",
                "city",
                "pin_code",
                "state",
                "country",
                "phone_number",
                "phone_number",
                "gst_number",
                "pan_number",
                "email",
            ],
        );
        assert_eq!(
            values(
                &["LIFNR", "NAME2", "NAME1", "TELF1", "TELF2"],
                &["1001", "Castings", "Kaveri", "9876500001", ""]
            ),
            ["vendor_code=1001", "company_name=Kaveri Castings", "phone_number=9876500001"]
        );
    }

    #[test]
    fn zoho_is_recognised() {
        check(
            &[
                "Display Name",
                "Company Name",
                "EmailID",
                "MobilePhone",
                "GST Identification Number (GSTIN)",
                "Vendor Number",
            ],
            Dialect::Zoho,
            &["ignore", "company_name", "email", "phone_number", "gst_number", "vendor_code"],
        );
    }

    #[test]
    fn tally_keeps_sundry_creditors_and_takes_the_name_for_a_code() {
        let headers = ["Name", "Group Name", "PAN/IT No.", "GSTIN/UIN"];
        check(
            &headers,
            Dialect::Tally,
            &["vendor_code+company_name", "ignore", "pan_number", "gst_number"],
        );
        let plan = plan(&headers);
        assert!(plan.is_supplier(&row(&["Kaveri", "Sundry Creditors", "", ""])));
        assert!(plan.is_supplier(&row(&["Kaveri", "Sundry Creditors (MSME)", "", ""])));
        assert!(!plan.is_supplier(&row(&["Ramesh", "Sundry Debtors", "", ""])));
        assert_eq!(
            values(&headers, &["Kaveri", "Sundry Creditors", "", ""]),
            ["vendor_code=Kaveri", "company_name=Kaveri"]
        );
        check(
            &["Vendor Code", "Company Name", "Group Name"],
            Dialect::Own,
            &["vendor_code", "company_name", "group_category"],
        );
    }

    #[test]
    fn oracle_is_recognised() {
        check(
            &["Supplier Name", "Supplier Number", "Tax Registration Number"],
            Dialect::Oracle,
            &["company_name", "vendor_code", "gst_number"],
        );
    }

    #[test]
    fn hand_made_headers_are_recognised_and_others_get_suggestions() {
        check(
            &[
                "Sr. No.",
                "Party Code",
                "Name of the Party",
                "Mobile No.",
                "MSME No",
                "Whatsapp No",
                "Pincode",
                "4M",
            ],
            Dialect::Other,
            &[
                "ignore",
                "vendor_code",
                "company_name",
                "phone_number",
                "udyam_number",
                "phone_number",
                "pin_code",
                "four_m",
            ],
        );
        let found = recognise(&[
            "vendor code",
            "company name",
            "Vendor's GST No. (if any)",
            "Udyam Registraton Number",
            "Plant",
            "",
            "Email opt-in",
        ]);
        let shown: Vec<_> = found.headers.iter().map(|it| (it.certainty, it.suggestions.join(" "))).collect();
        assert_eq!(
            shown[2..],
            [
                (Certainty::Ambiguous, "gst_number attributes.vendor_s_gst_no_if_any".to_owned()),
                (Certainty::Ambiguous, "udyam_number attributes.udyam_registraton_number".to_owned()),
                (Certainty::Unknown, "attributes.plant".to_owned()),
                (Certainty::Ignored, String::new()),
                (Certainty::Ignored, String::new()),
            ]
        );
    }

    #[test]
    fn a_person_may_correct_a_mapping_and_is_told_what_is_wrong() {
        let headers = ["Code", "Name", "Plant", "Pin", "Zip"];
        let mut mapping = recognise(&headers).mapping;
        mapping.correct(serde_json::from_str(r#"{"Plant": "attributes.plant", "Zip": "ignore"}"#).unwrap());
        let found = mapping.plan(&headers).unwrap();
        assert_eq!(
            found.columns().collect::<Vec<_>>(),
            ["vendor_code", "company_name", "attributes.plant", "pin_code"]
        );

        mapping.correct(serde_json::from_str(r#"{"Zip": "pin_code", "Name": "ignore", "Nome": "city"}"#).unwrap());
        let errors: Vec<_> = mapping
            .plan(&headers)
            .unwrap_err()
            .into_iter()
            .map(|error| (error.header, error.code))
            .collect();
        let expected = [("Nome", "header_not_in_file"), ("Zip", "column_taken"), ("", "column_missing")];
        assert_eq!(errors, expected.map(|(header, code)| (header.to_owned(), code)));

        for wrong in ["opt_ins", "attributes.", "attributes.a b", "", "vendor_code+nothing"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn headers_that_stand_there_again_and_columns_without_one_are_mapped_by_name_or_place() {
        let headers = ["Code", "Name", "City", "City", "", "Email", "Email", "City#2"];
        let found = recognise(&headers);
        let shown: Vec<_> = found
            .headers
            .iter()
            .map(|it| (it.header.as_str(), it.code.as_str(), it.target.to_string()))
            .collect();
        let expected = [
            ("Code", "", "vendor_code"),
            ("Name", "", "company_name"),
            ("City", "", "city"),
            ("City#2", "header_repeated", "ignore"),
            ("#5", "header_missing", "ignore"),
            ("Email", "", "email"),
            ("Email#2", "", "email"),
            ("City#2#2", "", "ignore"),
        ];
        assert_eq!(shown, expected.map(|(header, code, target)| (header, code, target.to_owned())));
        assert!(found.mapping.plan(&headers).is_ok(), "the first City is taken");

        let mut mapping = found.mapping;
        mapping.correct(
            serde_json::from_str(r##"{"City": "ignore", "City#2": "city", "#5": "attributes.plant", "#1": "ignore", "#8": "vendor_code"}"##).unwrap(),
        );
        let plan = mapping.plan(&headers).unwrap();
        let cells = row(&["c1", "n", "c3", "c4", "p", "a", "b", "v"]);
        let values: Vec<String> = plan.values(&cells).map(|value| format!("{}={}", value.column, value.text)).collect();
        assert_eq!(
            values,
            ["company_name=n", "city=c4", "attributes.plant=p", "email=a", "email=b", "vendor_code=v"]
        );
        mapping.correct(serde_json::from_str(r##"{"#9": "state"}"##).unwrap());
        assert_eq!(mapping.plan(&headers).unwrap_err()[0].code, "header_not_in_file");
    }

    #[test]
    fn rejected_rows_come_back_with_or_without_their_report() {
        let headers = [
            "vendor_code",
            "company_name",
            "row",
            "error_column",
            "error_value",
            "error_reason",
            "suggested_value",
        ];
        let plan = plan(&headers);
        assert_eq!(plan.columns().count(), 2);
        assert!(plan.check_width(2).is_ok());
        assert!(plan.check_width(7).is_ok());
        assert!(plan.check_width(1).is_ok() && plan.is_short(1) && !plan.is_short(2));
        assert_eq!(plan.check_width(8).unwrap_err().expected, 7);
    }
}
