//! Proposals to repair what spreadsheets and people do to cells: for confirmation, never applied unseen.
//!
//! What cannot be known is not guessed: digits lost to `9.87654E+09`, zeros lost in front of a vendor's code.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::columns::Dialect;
use crate::hash::sha256_hex;
use crate::identifiers::{EmailAddress, Gstin, MobileError, MobileNumber, Pan, PinCode, Udyam, is_invisible};
use crate::vendor::MAX_CODE_CHARS;
use crate::vendor::text::{is_no_date, present, rupees_to_paise, with_decimal_point, yes_or_no};

/// A proposal for one cell.
///
/// `Debug` leaves the texts out, which may be personal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Repair {
    /// The cell as it is.
    pub from: String,
    /// The cell as it would be.
    pub to: String,
    /// A stable word for machines.
    #[schema(value_type = String, example = "phone_subtraction")]
    pub code: RepairCode,
    /// What happened to the cell.
    pub message: String,
    /// Whether the cell can mean nothing else.
    pub certain: bool,
}

impl std::fmt::Debug for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Repair({:?}, certain: {})", self.code, self.certain)
    }
}

/// The kinds of repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepairCode {
    /// Zero-width characters or spaces that do not break were inside.
    InvisibleCharacters,
    /// An apostrophe in front, which tells Excel to take a number for text.
    Apostrophe,
    /// A whole number was written with `.0`.
    DecimalZero,
    /// A code of digits that is known with other zeros in front of it: a spreadsheet took them off.
    CodeZeros,
    /// A name that serves as a code is longer than codes may be.
    CodeShortened,
    /// A number was written with thousands separators.
    GroupedDigits,
    /// Excel took `+91-98…` for a subtraction.
    PhoneSubtraction,
    /// Several numbers without a separator we know.
    PhoneSeveral,
    /// The second of two numbers was abbreviated to its last digits.
    PhoneAbbreviated,
    /// A date was written day first.
    DateDayFirst,
    /// A date was written month first.
    DateMonthFirst,
    /// A date was written with the name of the month.
    DateNamedMonth,
    /// A date is Excel's count of days.
    DateSerial,
    /// A date has a time behind it.
    DateWithTime,
    /// Letters and digits that look alike were exchanged.
    LookAlike,
    /// A number was written with other separators, or without its beginning.
    Separators,
    /// An amount was written with words, signs or Indian grouping.
    Amount,
    /// An amount was written with a comma before its decimals.
    DecimalComma,
    /// Yes or no was written otherwise.
    YesNo,
    /// A name, `mailto:` or brackets around an address.
    EmailWrapped,
    /// A comma or space where an address has a dot.
    EmailPunctuation,
    /// A state by SAP's own number.
    SapRegion,
}

impl RepairCode {
    /// The word in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvisibleCharacters => "invisible_characters",
            Self::Apostrophe => "apostrophe",
            Self::DecimalZero => "decimal_zero",
            Self::CodeZeros => "code_zeros",
            Self::CodeShortened => "code_shortened",
            Self::GroupedDigits => "grouped_digits",
            Self::PhoneSubtraction => "phone_subtraction",
            Self::PhoneSeveral => "phone_several",
            Self::PhoneAbbreviated => "phone_abbreviated",
            Self::DateDayFirst => "date_day_first",
            Self::DateMonthFirst => "date_month_first",
            Self::DateNamedMonth => "date_named_month",
            Self::DateSerial => "date_serial",
            Self::DateWithTime => "date_with_time",
            Self::LookAlike => "look_alike",
            Self::Separators => "separators",
            Self::Amount => "amount",
            Self::DecimalComma => "decimal_comma",
            Self::YesNo => "yes_no",
            Self::EmailWrapped => "email_wrapped",
            Self::EmailPunctuation => "email_punctuation",
            Self::SapRegion => "sap_region",
        }
    }
}

/// A repair without the text it is of.
struct Idea {
    to: String,
    code: RepairCode,
    message: &'static str,
    certain: bool,
    /// Whether it is of a date that says in which order the others of its column are written. `04/04/2021` is certain and says nothing.
    tells: bool,
}

fn idea(to: impl Into<String>, code: RepairCode, certain: bool, message: &'static str) -> Option<Idea> {
    Some(Idea {
        to: to.into(),
        code,
        message,
        certain,
        tells: false,
    })
}

/// What is known of a file as a whole and helps to understand its cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context {
    /// The system it comes from.
    pub dialect: Dialect,
    /// How its column of dates is written.
    pub dates: DateOrder,
}

/// How the dates of a column are written, as far as those tell that can be read in one way only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// None tells.
    #[default]
    Untold,
    /// Day first, as in `25/04/2021`.
    DayFirst,
    /// Month first, as in `04/25/2021`.
    MonthFirst,
    /// Some this way, some that way.
    Mixed,
}

impl DateOrder {
    /// Takes a cell into account.
    #[must_use]
    pub fn with(self, text: &str) -> Self {
        let told = match cleaned(text).0 {
            text if text.is_empty() => Self::Untold,
            text => order_of(&text),
        };
        match (self, told) {
            (known, Self::Untold) => known,
            (Self::Untold, told) => told,
            (known, told) if known == told => known,
            _ => Self::Mixed,
        }
    }
}

/// What a single date tells.
fn order_of(text: &str) -> DateOrder {
    match day(text, DateOrder::Untold) {
        Some(Idea {
            code: RepairCode::DateDayFirst,
            certain: true,
            tells: true,
            ..
        }) => DateOrder::DayFirst,
        Some(Idea {
            code: RepairCode::DateMonthFirst,
            certain: true,
            ..
        }) => DateOrder::MonthFirst,
        _ => DateOrder::Untold,
    }
}

/// What a cell of `column` should be instead of `text`, if something is wrong with it that can be repaired.
///
/// Nothing is proposed for what is right already, nor for what no repair can know.
pub fn propose(column: &str, text: &str) -> Option<Repair> {
    propose_from(Dialect::Other, column, text)
}

/// [`propose`], for a cell of a file that comes from a known system.
pub fn propose_from(dialect: Dialect, column: &str, text: &str) -> Option<Repair> {
    let dates = DateOrder::Untold;
    propose_in(Context { dialect, dates }, column, text)
}

/// [`propose`], for a cell of a file of which more is known.
pub fn propose_in(context: Context, column: &str, text: &str) -> Option<Repair> {
    // No cell of these columns that can be repaired is longer; addresses may be, and need only cleaning.
    if text.len() > 4_000 {
        return None;
    }
    let (clean, cleaned) = cleaned(text);
    let found = if clean.is_empty() { None } else { in_column(context, column, &clean) };
    let Idea {
        to, code, message, certain, ..
    } = found.or(cleaned)?;
    (to != text.trim()).then(|| Repair {
        from: text.to_owned(),
        to,
        code,
        message: message.to_owned(),
        certain,
    })
}

/// The text without what cannot be seen or only told Excel something, and what that was.
fn cleaned(text: &str) -> (String, Option<Idea>) {
    let is_odd = |c: char| is_invisible(c) || (c.is_whitespace() && !matches!(c, ' ' | '\t' | '\r' | '\n'));
    let has_odd = text.contains(is_odd);
    let visible: String = text.chars().filter(|&c| !is_invisible(c)).collect();
    let line = if has_odd {
        visible.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        visible.trim().to_owned()
    };
    // What stands behind the apostrophe is trimmed, too, or it would need a repair of its own.
    let rest = line.strip_prefix('\'').map(str::trim);
    if let Some(rest) = rest.filter(|rest| !rest.is_empty() && !rest.contains('\'')) {
        let found = idea(rest, RepairCode::Apostrophe, true, "an apostrophe told Excel to take this for text");
        return (rest.to_owned(), found);
    }
    let found = has_odd
        .then(|| {
            idea(
                line.clone(),
                RepairCode::InvisibleCharacters,
                true,
                "characters that cannot be seen were copied along",
            )
        })
        .flatten();
    (line, found)
}

fn in_column(context: Context, column: &str, text: &str) -> Option<Idea> {
    match column {
        "vendor_code" => whole_number(text, false, "a number with `.0`; zeros that stood before it cannot be known")
            .or_else(|| short_code(text, context.dialect == Dialect::Tally)),
        "phone_number" => phone(text),
        "pin_code" => pin(text),
        "gst_number" => gstins(text),
        "pan_number" => pan(text),
        "udyam_number" => udyam(text),
        "udyam_registration_date" => day(text, context.dates),
        "annual_turnover" => amount(text),
        "year_established" => whole_number(text, true, "a year written with `.0`"),
        "email" => email(text),
        "state" if context.dialect == Dialect::Sap => sap_region(text),
        "nda" | "sqa" | "four_m" | "code_of_conduct" | "compliance_agreement" | "self_declaration" => flag(text),
        _ => None,
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `1001.0`, as tools write it that hold the column as floating point.
fn whole_number(text: &str, certain: bool, message: &'static str) -> Option<Idea> {
    let (whole, zeros) = text.split_once('.')?;
    let is_zero = !zeros.is_empty() && zeros.bytes().all(|b| b == b'0');
    (all_digits(whole) && is_zero)
        .then(|| idea(whole, RepairCode::DecimalZero, certain, message))
        .flatten()
}

/// A code of digits as a spreadsheet leaves it: without the zeros in front. None if it is no such code.
pub fn without_zeros(code: &str) -> Option<&str> {
    let rest = code.trim_start_matches('0');
    (all_digits(code) && !rest.is_empty()).then_some(rest)
}

/// That a code of digits is known with other zeros in front.
pub fn code_zeros(from: &str, known: &str) -> Repair {
    Repair {
        from: from.to_owned(),
        to: known.to_owned(),
        code: RepairCode::CodeZeros,
        message: "this code is known with other zeros in front of it: spreadsheets take them off".to_owned(),
        certain: false,
    }
}

/// Tally knows its ledgers by name, and names are longer than codes may be. The same name gives the same code in every file, whatever
/// its case.
fn short_code(text: &str, is_name: bool) -> Option<Idea> {
    const DIGEST_CHARS: usize = 8;
    let line = present(text)?;
    if line.chars().count() <= MAX_CODE_CHARS {
        return None;
    }
    // An apostrophe in front would be taken for one that told Excel something.
    let visible = line.trim_start_matches(['\'', ' ']);
    let begin: String = visible.chars().take(MAX_CODE_CHARS - DIGEST_CHARS - 1).collect();
    let digest = sha256_hex(line.to_uppercase().as_bytes());
    idea(
        format!("{}-{}", begin.trim_end(), digest[..DIGEST_CHARS].to_uppercase()),
        RepairCode::CodeShortened,
        is_name,
        "the name is too long for a code: its beginning and a check of the whole name stand for it",
    )
}

fn pin(text: &str) -> Option<Idea> {
    if PinCode::parse(text).is_ok() {
        return None;
    }
    if let Some(found) = whole_number(text, true, "a PIN code written with `.0`") {
        return PinCode::parse(&found.to).is_ok().then_some(found);
    }
    let digits: String = text.chars().filter(|c| !matches!(c, ',' | '.' | ' ')).collect();
    let is_grouped = text.contains(',') && PinCode::parse(&digits).is_ok();
    is_grouped
        .then(|| idea(digits, RepairCode::GroupedDigits, true, "a PIN code written as a number with separators"))
        .flatten()
}

fn is_mobile(text: &str) -> bool {
    MobileNumber::parse(text).is_ok()
}

fn phone(text: &str) -> Option<Idea> {
    let parts: Vec<&str> = text.split([',', ';', '/']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let is_one = parts.len() == 1;
    if parts.iter().all(|part| is_mobile(part)) {
        return None;
    }
    if is_one && let Err(MobileError::Subtraction { proposed }) = MobileNumber::parse(parts[0]) {
        let message = "Excel took +91-… for a subtraction and kept the result";
        return idea(proposed.as_str(), RepairCode::PhoneSubtraction, false, message);
    }
    // `9876543210/11`: the second is 9876543211.
    let mut numbers: Vec<String> = Vec::new();
    let mut is_abbreviated = false;
    for part in &parts {
        let digits: String = part.chars().filter(char::is_ascii_digit).collect();
        let previous = numbers.last().cloned();
        if is_mobile(part) {
            numbers.push((*part).to_owned());
        } else if let Some(previous) = previous
            && (1..=4).contains(&digits.len())
            && part.len() == digits.len()
        {
            let known: String = previous.chars().filter(char::is_ascii_digit).collect();
            numbers.push(format!("{}{digits}", &known[..known.len() - digits.len()]));
            is_abbreviated = true;
        } else {
            numbers.clear();
            break;
        }
    }
    if is_abbreviated && !numbers.is_empty() && numbers.iter().all(|number| is_mobile(number)) {
        let message = "the second number was abbreviated to its last digits";
        return idea(numbers.join("; "), RepairCode::PhoneAbbreviated, false, message);
    }
    several_phones(text)
}

/// Numbers with spaces, `&`, `and` or `or` between them.
fn several_phones(text: &str) -> Option<Idea> {
    let text = text.to_lowercase();
    let separated: String = text
        .replace(" and ", ";")
        .replace(" or ", ";")
        .replace(['&', '|', '\n', '\r', '/', ','], ";");
    let mut numbers = Vec::new();
    for part in separated.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        if is_mobile(part) {
            numbers.push(part.to_owned());
            continue;
        }
        for word in part.split_whitespace() {
            // Every word has to be a number of its own, or digits would be moved about.
            if !is_mobile(word) {
                return None;
            }
            numbers.push(word.to_owned());
        }
    }
    (numbers.len() > 1)
        .then(|| {
            idea(
                numbers.join("; "),
                RepairCode::PhoneSeveral,
                true,
                "several numbers, without a separator between them that is known",
            )
        })
        .flatten()
}

/// Puts digits where digits belong and letters where letters do: `d` and `l` in the shape.
fn by_position(text: &str, shape: &str) -> Option<String> {
    if text.len() != shape.len() || !text.is_ascii() {
        return None;
    }
    let exchanged = text.chars().zip(shape.chars()).map(|(c, class)| match (class, c) {
        ('d', 'O' | 'Q') => '0',
        ('d', 'I' | 'L') => '1',
        ('l', '0') => 'O',
        ('l', '1') => 'I',
        ('Z', '2') => 'Z',
        (_, c) => c,
    });
    Some(exchanged.collect())
}

/// Upper case, without what separates.
fn bare(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
}

const LOOK_ALIKE: &str = "letters and digits that look alike were exchanged (O and 0, I and 1)";

fn pan(text: &str) -> Option<Idea> {
    if Pan::parse(text).is_ok() {
        return None;
    }
    let bare = bare(text);
    let to = by_position(&bare, "lllllddddl")?;
    // A PAN has no check character, so that nothing confirms the exchange.
    Pan::parse(&to)
        .is_ok()
        .then(|| {
            idea(
                to.clone(),
                if to == bare { RepairCode::Separators } else { RepairCode::LookAlike },
                to == bare,
                if to == bare { "a PAN with separators in it" } else { LOOK_ALIKE },
            )
        })
        .flatten()
}

fn gstins(text: &str) -> Option<Idea> {
    let parts: Vec<&str> = text.split([',', ';', '/']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let mut code = RepairCode::Separators;
    let mut repaired = Vec::with_capacity(parts.len());
    for part in &parts {
        if Gstin::parse(part).is_ok() {
            repaired.push((*part).to_owned());
            continue;
        }
        let bare = bare(part);
        let to = by_position(&bare, "ddlllllddddlaZa")?;
        // The check character confirms it.
        Gstin::parse(&to).ok()?;
        if to != bare {
            code = RepairCode::LookAlike;
        }
        repaired.push(to);
    }
    let message = if code == RepairCode::LookAlike {
        LOOK_ALIKE
    } else {
        "a GSTIN with separators in it"
    };
    let to = repaired.join("; ");
    (to != parts.join("; ")).then(|| idea(to, code, true, message)).flatten()
}

fn udyam(text: &str) -> Option<Idea> {
    if Udyam::parse(text).is_ok() {
        return None;
    }
    let upper = text.to_ascii_uppercase();
    let start = upper.find("UDYAM").map_or(0, |at| at + "UDYAM".len());
    let has_prefix = start > 0;
    let parts: Vec<&str> = upper
        .get(start..)?
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .collect();
    let (state, district, serial) = match parts[..] {
        // Zeros in front were lost.
        [state, district, serial] if district.len() <= 2 && serial.len() <= 7 => {
            (state.to_owned(), format!("{district:0>2}"), format!("{serial:0>7}"))
        }
        _ => {
            let all: String = parts.concat();
            (all.get(..2)?.to_owned(), all.get(2..4)?.to_owned(), all.get(4..)?.to_owned())
        }
    };
    let joined = format!("{state}{district}{serial}");
    // An old Udyog Aadhaar number begins alike and is another thing.
    if joined.len() != 11 {
        return None;
    }
    let exchanged = by_position(&joined, "llddddddddd")?;
    let number = Udyam::parse(&format!("UDYAM{exchanged}")).ok()?.into_value();
    let is_exchanged = exchanged != joined;
    // With a group too short or too long, it is not known which digits are whose.
    let mut end = 0;
    let is_grouped = parts.iter().all(|part| {
        end += part.len();
        matches!(end, 2 | 4 | 11)
    });
    let certain = has_prefix && !is_exchanged && is_grouped;
    let (code, message) = if is_exchanged {
        (RepairCode::LookAlike, LOOK_ALIKE)
    } else {
        (
            RepairCode::Separators,
            "a Udyam number with other separators, or without its beginning or its zeros",
        )
    };
    idea(number.as_str(), code, certain, message)
}

fn amount(text: &str) -> Option<Idea> {
    let plain = text.split_once('.').map_or((text, "0"), |(whole, fraction)| (whole, fraction));
    if all_digits(plain.0) && all_digits(plain.1) {
        return None;
    }
    // People also write the unit's plural with a full stop, or `only` behind it.
    let shorter = text.trim_end_matches(" only").trim_end_matches(" Only").trim_end_matches('.');
    let plainly = |paise: i64| match (paise / 100, paise % 100) {
        (rupees, 0) => rupees.to_string(),
        (rupees, rest) => format!("{rupees}.{rest:02}"),
    };
    if let Some(paise) = rupees_to_paise(text).or_else(|| rupees_to_paise(shorter)) {
        return idea(
            plainly(paise),
            RepairCode::Amount,
            true,
            "an amount in words, with signs or grouped digits",
        );
    }
    let paise = with_decimal_point(shorter).and_then(|text| rupees_to_paise(&text))?;
    let message = "an amount with a comma before its decimals, or points between its thousands, as on the continent";
    idea(plainly(paise), RepairCode::DecimalComma, false, message)
}

fn flag(text: &str) -> Option<Idea> {
    if text.eq_ignore_ascii_case("yes") || text.eq_ignore_ascii_case("no") {
        return None;
    }
    let (answer, certain) = match (yes_or_no(text), text.to_lowercase().as_str()) {
        (Some(answer), word) => (answer, !matches!(word, "pending" | "ok" | "done")),
        (None, "✓" | "✔" | "t" | "x" | "available" | "accepted" | "completed") => (true, false),
        (None, "✗" | "✘" | "f" | "not available" | "not accepted") => (false, false),
        // 1.0 and 0.0, of floating-point columns.
        (None, "1.0") => (true, true),
        (None, "0.0") => (false, true),
        _ => return None,
    };
    idea(if answer { "yes" } else { "no" }, RepairCode::YesNo, certain, "yes or no in other words")
}

fn email(text: &str) -> Option<Idea> {
    let parts: Vec<&str> = text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.iter().all(|part| EmailAddress::parse(part).is_ok()) || text.matches('@').count() == 0 {
        return None;
    }
    // `Asha Rao <asha@kaveri.example>`, `mailto:asha@kaveri.example`.
    let unwrapped: Vec<String> = parts.iter().map(|part| unwrapped(part)).collect();
    if unwrapped.iter().all(|part| EmailAddress::parse(part).is_ok()) {
        let message = "a name, brackets or `mailto:` around the address";
        return idea(unwrapped.join("; "), RepairCode::EmailWrapped, true, message);
    }
    if text.matches('@').count() != 1 {
        return None;
    }
    let close: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let close = close.trim_end_matches([',', ';', '.', ':']).replace([',', ';'], ".");
    EmailAddress::parse(&close)
        .is_ok()
        .then(|| idea(close, RepairCode::EmailPunctuation, false, "a space or comma where an address has none"))
        .flatten()
}

fn unwrapped(text: &str) -> String {
    let inner = match (text.rfind('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text,
    };
    let lower = inner.trim().to_ascii_lowercase();
    let at = if lower.starts_with("mailto:") { "mailto:".len() } else { 0 };
    inner.trim()[at..].trim_matches(['"', '\'', '(', ')', '[', ']']).to_owned()
}

/// A day in any of the forms spreadsheets and people write.
fn day(text: &str, order: DateOrder) -> Option<Idea> {
    if is_no_date(text) || (text.parse::<Date>().is_ok() && text.len() == 10) {
        return None;
    }
    if let Some((first, rest)) = text.split_once([' ', 'T'])
        && rest.contains(':')
    {
        let inner = day(first, order);
        let date = first.parse::<Date>().ok().filter(|_| first.len() == 10);
        return match (inner, date) {
            (Some(found), _) => Some(found),
            (None, Some(date)) => idea(date.to_string(), RepairCode::DateWithTime, true, "a date with a time behind it"),
            (None, None) => None,
        };
    }
    if let Some(serial) = text
        .strip_suffix(".0")
        .or(Some(text))
        .filter(|serial| serial.len() == 5 && all_digits(serial))
    {
        // From 2000-01-01 to 2079; India counts from 1899-12-30 as everybody does.
        let days = serial.parse::<i64>().ok().filter(|days| (36_526..=65_745).contains(days))?;
        let date = date(1899, 12, 30).checked_add(days.days()).ok()?;
        return idea(
            date.to_string(),
            RepairCode::DateSerial,
            true,
            "Excel's count of days instead of the date",
        );
    }
    // As SAP stores it.
    if text.len() == 8 && all_digits(text) {
        let found = civil(year(&text[..4])?, number(&text[4..6])?, number(&text[6..])?)?;
        return idea(found.to_string(), RepairCode::Separators, true, "a date without separators");
    }
    let parts: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
    let [first, second, third] = parts[..] else {
        return None;
    };
    let named = |word: &str| month(word);
    if let Some(month) = named(second) {
        let found = civil(year(third)?, month, number(ordinal(first))?)?;
        return idea(
            found.to_string(),
            RepairCode::DateNamedMonth,
            third.len() == 4,
            "a date with the name of the month",
        );
    }
    if let Some(month) = named(first) {
        let found = civil(year(third)?, month, number(ordinal(second))?)?;
        return idea(
            found.to_string(),
            RepairCode::DateNamedMonth,
            third.len() == 4,
            "a date with the name of the month",
        );
    }
    if first.len() == 4 {
        let found = civil(year(first)?, number(second)?, number(third)?)?;
        return idea(found.to_string(), RepairCode::Separators, true, "a date with other separators");
    }
    let year = year(third)?;
    let (a, b) = (number(first)?, number(second)?);
    // Nobody who puts the month first puts points between.
    let has_points = text.bytes().filter(|byte| *byte == b'.').count() == 2;
    match (civil(year, b, a), civil(year, a, b)) {
        (Some(found), None) => day_first(found, true, true),
        (None, Some(found)) => idea(found.to_string(), RepairCode::DateMonthFirst, true, "a date written month first"),
        (Some(found), Some(other)) if found == other || has_points => day_first(found, true, false),
        (Some(_), Some(other)) if order == DateOrder::MonthFirst => {
            let message = "a date that others of the column say is written month first; in India the day comes first";
            idea(other.to_string(), RepairCode::DateMonthFirst, false, message)
        }
        (Some(found), Some(_)) => day_first(found, order == DateOrder::DayFirst, false),
        (None, None) => None,
    }
}

fn day_first(found: Date, certain: bool, tells: bool) -> Option<Idea> {
    let message = if certain {
        "a date written day first"
    } else {
        "a date written day first, as in India; some programs would mean the month by the first number"
    };
    let idea = idea(found.to_string(), RepairCode::DateDayFirst, certain, message)?;
    Some(Idea { tells, ..idea })
}

fn number(text: &str) -> Option<i8> {
    if text.len() <= 2 && all_digits(text) { text.parse().ok() } else { None }
}

/// `5th`, `21st`.
fn ordinal(text: &str) -> &str {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let end = text[digits.len()..].to_ascii_lowercase();
    if matches!(end.as_str(), "st" | "nd" | "rd" | "th") {
        digits
    } else {
        text
    }
}

/// A year of four digits, or of two in this century: the register was opened in 2020.
fn year(text: &str) -> Option<i16> {
    match (all_digits(text), text.len()) {
        (true, 4) => text.parse().ok(),
        (true, 2) => text.parse::<i16>().ok().map(|year| 2000 + year),
        _ => None,
    }
}

fn civil(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, day).ok().filter(|_| (1950..2080).contains(&year))
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.to_ascii_lowercase();
    let at = MONTHS
        .iter()
        .position(|month| word == *month || (word.len() >= 3 && month.starts_with(&word)) || (word == "sept" && *month == "september"))?;
    i8::try_from(at + 1).ok()
}

/// SAP numbers India's states by a table of its own (T005S), which is not that of GST: 27 is Chandigarh there, Maharashtra here.
fn sap_region(text: &str) -> Option<Idea> {
    const STATES: [&str; 36] = [
        "Andhra Pradesh",
        "Arunachal Pradesh",
        "Assam",
        "Bihar",
        "Goa",
        "Gujarat",
        "Haryana",
        "Himachal Pradesh",
        "Jammu and Kashmir",
        "Karnataka",
        "Kerala",
        "Madhya Pradesh",
        "Maharashtra",
        "Manipur",
        "Meghalaya",
        "Mizoram",
        "Nagaland",
        "Odisha",
        "Punjab",
        "Rajasthan",
        "Sikkim",
        "Tamil Nadu",
        "Tripura",
        "Uttar Pradesh",
        "West Bengal",
        "Andaman and Nicobar Islands",
        "Chandigarh",
        "Dadra and Nagar Haveli and Daman and Diu",
        "Dadra and Nagar Haveli and Daman and Diu",
        "Delhi",
        "Lakshadweep",
        "Puducherry",
        "Chhattisgarh",
        "Jharkhand",
        "Uttarakhand",
        "Telangana",
    ];
    let number: usize = text.parse().ok().filter(|_| all_digits(text) && text.len() <= 2)?;
    let state = STATES.get(number.checked_sub(1)?)?;
    idea(*state, RepairCode::SapRegion, true, "SAP's own number of a state")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::IndianState;

    #[track_caller]
    fn check(column: &str, text: &str, expected: Option<(&str, RepairCode, bool)>) {
        let found = propose(column, text);
        let found = found.as_ref().map(|repair| (repair.to.as_str(), repair.code, repair.certain));
        assert_eq!(found, expected, "{column} {text:?}");
    }

    #[test]
    fn phones_are_repaired_where_nothing_is_lost() {
        use RepairCode::{Apostrophe, InvisibleCharacters, PhoneAbbreviated, PhoneSeveral, PhoneSubtraction};
        check("phone_number", "-9876543119", Some(("+919876543210", PhoneSubtraction, false)));
        check("phone_number", "-9876543119.0", Some(("+919876543210", PhoneSubtraction, false)));
        check("phone_number", "(9876543119)", Some(("+919876543210", PhoneSubtraction, false)));
        check("phone_number", "'-9876543119", Some(("+919876543210", PhoneSubtraction, false)));
        for as_it_is in [
            "9.87654E+09",
            "9876543210",
            "+91 98765 43210",
            "9876543210.0",
            "9876543210, 9876543211",
            "080-22223333",
            "",
            "na",
        ] {
            check("phone_number", as_it_is, None);
        }
        check("phone_number", "9876543210/11", Some(("9876543210; 9876543211", PhoneAbbreviated, false)));
        check(
            "phone_number",
            "9876543210 9876543211",
            Some(("9876543210; 9876543211", PhoneSeveral, true)),
        );
        check(
            "phone_number",
            "98765 43210 & 98765 43211",
            Some(("98765 43210; 98765 43211", PhoneSeveral, true)),
        );
        check("phone_number", "9876543210 or 12", None);
        check("phone_number", "'9876543210", Some(("9876543210", Apostrophe, true)));
        check(
            "phone_number",
            "98765\u{a0}43210\u{200b}",
            Some(("98765 43210", InvisibleCharacters, true)),
        );
    }

    #[test]
    fn dates_become_iso() {
        use RepairCode::{DateDayFirst, DateMonthFirst, DateNamedMonth, DateSerial, DateWithTime, Separators};
        let date = "udyam_registration_date";
        check(date, "2021-04-25", None);
        check(date, "25/04/2021", Some(("2021-04-25", DateDayFirst, true)));
        check(date, "05/04/2021", Some(("2021-04-05", DateDayFirst, false)));
        check(date, "04/04/2021", Some(("2021-04-04", DateDayFirst, true)));
        check(date, "05.04.2021", Some(("2021-04-05", DateDayFirst, true)));
        check(date, "20210405", Some(("2021-04-05", Separators, true)));
        check(date, "00.00.0000", None);
        check(date, "00000000", None);
        check(date, "04/25/2021", Some(("2021-04-25", DateMonthFirst, true)));
        check(date, "25-04-21", Some(("2021-04-25", DateDayFirst, true)));
        check(date, "25.4.2021", Some(("2021-04-25", DateDayFirst, true)));
        check(date, "5-Apr-2021", Some(("2021-04-05", DateNamedMonth, true)));
        check(date, "5th April, 2021", Some(("2021-04-05", DateNamedMonth, true)));
        check(date, "Apr 5, 21", Some(("2021-04-05", DateNamedMonth, false)));
        check(date, "44291", Some(("2021-04-05", DateSerial, true)));
        check(date, "44291.0", Some(("2021-04-05", DateSerial, true)));
        check(date, "2021/4/5", Some(("2021-04-05", Separators, true)));
        check(date, "2021-04-05 00:00:00", Some(("2021-04-05", DateWithTime, true)));
        check(date, "25/04/2021 10:15", Some(("2021-04-25", DateDayFirst, true)));
        for unknown in ["31/02/2021", "2021", "04-2021", "soon", "99999", "32/13/2021", "1/2/3", "////", "12:30"] {
            check(date, unknown, None);
        }
    }

    #[test]
    fn the_dates_of_a_column_tell_how_the_others_are_written() {
        use RepairCode::{DateDayFirst, DateMonthFirst};
        let order = |texts: &[&str]| texts.iter().fold(DateOrder::Untold, |order, text| order.with(text));
        for (texts, expected) in [
            (&["05/04/2021", "04/04/2021", "soon", "", "2021-04-25"][..], DateOrder::Untold),
            (&["05/04/2021", "25/04/2021"], DateOrder::DayFirst),
            (&["05/04/2021", "04/25/2021"], DateOrder::MonthFirst),
            (&["25/04/2021", "04/25/2021"], DateOrder::Mixed),
            (&["'25/04/2021"], DateOrder::DayFirst),
            (&["05.04.2021", "04/25/2021"], DateOrder::MonthFirst),
        ] {
            assert_eq!(order(texts), expected, "{texts:?}");
        }
        let check = |dates: DateOrder, text: &str, expected: (&str, RepairCode, bool)| {
            let dialect = Dialect::Other;
            let found = propose_in(Context { dialect, dates }, "udyam_registration_date", text).unwrap();
            assert_eq!((found.to.as_str(), found.code, found.certain), expected, "{dates:?} {text}");
        };
        check(DateOrder::MonthFirst, "05/04/2021", ("2021-05-04", DateMonthFirst, false));
        check(DateOrder::DayFirst, "05/04/2021", ("2021-04-05", DateDayFirst, true));
        check(DateOrder::Mixed, "05/04/2021", ("2021-04-05", DateDayFirst, false));
        check(DateOrder::MonthFirst, "05.04.2021", ("2021-04-05", DateDayFirst, true));
        check(DateOrder::MonthFirst, "25/04/2021", ("2021-04-25", DateDayFirst, true));
    }

    #[test]
    fn a_name_too_long_for_a_code_gets_a_short_one_that_is_always_the_same() {
        let name = "Kaveri Precision Castings and Forgings Private Limited";
        let short = propose_from(Dialect::Tally, "vendor_code", name).unwrap();
        assert_eq!((short.code, short.certain), (RepairCode::CodeShortened, true));
        assert!(
            short.to.starts_with("Kaveri Precision Castings and F-") && short.to.len() == 40,
            "{}",
            short.to
        );
        let again = propose_from(Dialect::Tally, "vendor_code", &name.to_uppercase().replace(' ', "  ")).unwrap();
        assert_eq!(again.to.to_uppercase(), short.to.to_uppercase());
        let other = propose_from(Dialect::Tally, "vendor_code", &format!("{name}.")).unwrap();
        assert_ne!(other.to, short.to);
        assert!(!propose("vendor_code", name).unwrap().certain, "a code of its own may be mistyped");
        assert_eq!(propose("vendor_code", &short.to), None);
        // Shortened, a text may have one apostrophe left, which would be taken for Excel's.
        let quoted = propose("vendor_code", &format!("'{name}'")).unwrap();
        assert_eq!(propose("vendor_code", &quoted.to), None, "{}", quoted.to);
    }

    #[test]
    fn numbers_lose_what_a_spreadsheet_added() {
        use RepairCode::{Amount, DecimalZero, GroupedDigits};
        check("pin_code", "560001.0", Some(("560001", DecimalZero, true)));
        check("pin_code", "5,60,001", Some(("560001", GroupedDigits, true)));
        check("pin_code", "560 001", None);
        check("pin_code", "1.0", None);
        check("vendor_code", "1001.0", Some(("1001", DecimalZero, false)));
        check("vendor_code", "' 5.0", Some(("5", DecimalZero, false)));
        check("udyam_registration_date", "' 44291", Some(("2021-04-05", RepairCode::DateSerial, true)));
        check("city", "' Pune", Some(("Pune", RepairCode::Apostrophe, true)));
        check("city", "' ", None);
        check("vendor_code", "V-1.0", None);
        check("vendor_code", "1.0E+12", None);
        check("year_established", "1998.0", Some(("1998", DecimalZero, true)));
        check("annual_turnover", "1,23,456.00", Some(("123456", Amount, true)));
        check("annual_turnover", "Rs. 12.5 Cr", Some(("125000000", Amount, true)));
        check("annual_turnover", "₹ 1,234.50", Some(("1234.50", Amount, true)));
        check("annual_turnover", "5 lakhs only", Some(("500000", Amount, true)));
        check("annual_turnover", "123456.00", None);
        use RepairCode::DecimalComma;
        check("annual_turnover", "1250000,50", Some(("1250000.50", DecimalComma, false)));
        check("annual_turnover", "12,5 Cr", Some(("125000000", DecimalComma, false)));
        check("annual_turnover", "1.250.000,50", Some(("1250000.50", DecimalComma, false)));
        check("annual_turnover", "1,25,00", None);
        check("annual_turnover", "12,50,000", Some(("1250000", Amount, true)));
        check("annual_turnover", "1.25E+08", None);
        check("annual_turnover", "about 3 Cr", None);
    }

    #[test]
    fn identifiers_are_repaired_by_position() {
        use RepairCode::{LookAlike, Separators};
        check("gst_number", "27AAPFUO939F1ZV", Some(("27AAPFU0939F1ZV", LookAlike, true)));
        check("gst_number", "27AAPFU0939F12V", Some(("27AAPFU0939F1ZV", LookAlike, true)));
        check("gst_number", "27 AAPFU.0939F/1ZV", None);
        check("gst_number", "27.AAPFU.0939F.1ZV", Some(("27AAPFU0939F1ZV", Separators, true)));
        check("gst_number", "27AAPFU0939F1ZX", None);
        check("gst_number", "27AAPFU0939F1ZV", None);
        check("pan_number", "AAPFUO939F", Some(("AAPFU0939F", LookAlike, false)));
        check("pan_number", "AAPFU.0939.F", Some(("AAPFU0939F", Separators, true)));
        check("pan_number", "AAPFU0939", None);
        check("udyam_number", "UDYAM KR 03 0012345", None);
        check("udyam_number", "UDYAM/KR/03/0012345", Some(("UDYAM-KR-03-0012345", Separators, true)));
        check("udyam_number", "UDYAM-KR-3-12345", Some(("UDYAM-KR-03-0012345", Separators, false)));
        check("udyam_number", "UDYAM.KR03.0012345", Some(("UDYAM-KR-03-0012345", Separators, true)));
        check("udyam_number", "UDYAM-KR-0-30012345", Some(("UDYAM-KR-03-0012345", Separators, false)));
        check("udyam_number", "UDYAM-KR03-001-2345", Some(("UDYAM-KR-03-0012345", Separators, false)));
        check("udyam_number", "U-DYAMKR-030012345", None);
        check("udyam_number", "KR-03-0012345", Some(("UDYAM-KR-03-0012345", Separators, false)));
        check("udyam_number", "UDYAM-KR-O3-0012345", Some(("UDYAM-KR-03-0012345", LookAlike, false)));
        check("udyam_number", "KR03B0012345", None);
    }

    #[test]
    fn answers_and_addresses_are_read() {
        use RepairCode::{EmailPunctuation, EmailWrapped, YesNo};
        for yes in ["Y", "true", "1", "TRUE", "1.0"] {
            check("nda", yes, Some(("yes", YesNo, true)));
        }
        check("four_m", "Pending", Some(("no", YesNo, false)));
        check("sqa", "Yes", None);
        check("sqa", "maybe", None);
        check(
            "email",
            "Asha Rao <asha@kaveri.example>",
            Some(("asha@kaveri.example", EmailWrapped, true)),
        );
        check("email", "mailto:asha@kaveri.example", Some(("asha@kaveri.example", EmailWrapped, true)));
        check("email", "asha@kaveri,example", Some(("asha@kaveri.example", EmailPunctuation, false)));
        check("email", "asha @kaveri.example.", Some(("asha@kaveri.example", EmailPunctuation, false)));
        check("email", "asha@kaveri.example; accounts@kaveri.example", None);
        check("email", "none", None);
    }

    #[test]
    fn sap_counts_states_its_own_way() {
        let found = propose_from(Dialect::Sap, "state", "13").unwrap();
        assert_eq!((found.to.as_str(), found.code), ("Maharashtra", RepairCode::SapRegion));
        assert_eq!(propose("state", "13"), None);
        for number in 1..=36 {
            let state = propose_from(Dialect::Sap, "state", &format!("{number:02}")).unwrap().to;
            assert!(IndianState::parse(&state).is_ok(), "{state}");
        }
        assert_eq!(propose_from(Dialect::Sap, "state", "37"), None);
        assert_eq!(propose_from(Dialect::Sap, "state", "KA"), None);
    }

    #[test]
    fn what_is_repaired_needs_no_repair() {
        let texts = [
            "25/04/2021",
            "560001.0",
            "-9876543119",
            "27AAPFUO939F1ZV",
            "Rs. 12.5 Cr",
            "9876543210/11",
            "Y",
            "'x",
            "' 5.0",
            "' 44291",
            "(9876543119)",
            "UDYAM-KR-0-30012345",
            "UDYAM/KR/03/0012345",
        ];
        for column in &crate::columns::COLUMNS {
            for text in texts {
                if let Some(repair) = propose(column.name, text) {
                    assert_eq!(propose(column.name, &repair.to), None, "{} {text:?}", column.name);
                }
            }
        }
    }
}
