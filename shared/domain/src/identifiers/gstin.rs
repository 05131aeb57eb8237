use std::fmt;

use super::{IndianState, Pan, PanError, Parsed, Warning, compact, has_shape, string_forms};

/// A GST identification number: 15 characters, upper case, no spaces, with a matching check character.
///
/// Embeds a PAN, which is personal where the holder is a person, so `Debug` shows only the masked form.
///
/// # What the check character can and cannot see
/// The scheme is Luhn's in base 36: characters at odd places count their value v, those at even places the two digits of 2v
/// in base 36 added up, and the check character fills the sum up to a multiple of 36. Tested one by one in this file:
/// - One changed character: always seen. Doubling maps 0–17 to the even and 18–35 to the odd values below 36, so no two
///   values of a place count the same, doubled or not. There is no blind pair.
/// - Two neighbours swapped: seen, except `0` with `Z`, which count 0 and 35 at either place. No form of GSTIN lets the two
///   stand side by side in both orders, so the shape catches that one.
/// - Two equal neighbours both mistyped alike: not seen where the values lie 12 apart in the same half of the alphabet, that is
///   0–C, 1–D, 2–E, 3–F, 4–G, 5–H and I–U, J–V, K–W, L–X, M–Y, N–Z.
/// - Characters two places apart swapped: never seen, for both have the same weight.
///
/// Only a transporter id (prefix 88) may carry a check character that does not match, so two changes are not caught with it:
/// - One that makes such an id of a registration in state 08, 18, 28 or 38, by a first digit of 8.
/// - Any inside such an id that keeps prefix and shape; if the check character did not match before, it may even match after.
///
/// [`Gstin::parse`] accepts both with [`Warning::TransporterCheckCharacter`], while [`Gstin::parse_ordinary`] refuses every
/// transporter id.
///
/// # Stricter than the published patterns
/// What stands where an ordinary or a collector's GSTIN has its PAN must be a valid PAN, holder letter and serial number
/// included: none is issued otherwise, and python-stdnum refuses the same.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gstin {
    text: String,
    form: GstinForm,
}

/// Which kind of registration a GSTIN belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GstinForm {
    /// Deductor of tax at source; embeds a TAN rather than a PAN.
    Tds,
    /// Collector of tax at source, that is an e-commerce operator.
    Tcs,
    /// A regular or composition taxpayer.
    Normal,
    /// Unique identity number of an embassy or United Nations body.
    Uin,
    /// Supplier of online services from abroad.
    Oidar,
    /// Non-resident taxable person.
    Nrtp,
    /// Transporter enrolment id, prefix 88.
    Transporter,
}

impl GstinForm {
    /// The form in one word, as in `normal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tds => "tds",
            Self::Tcs => "tcs",
            Self::Normal => "normal",
            Self::Uin => "uin",
            Self::Oidar => "oidar",
            Self::Nrtp => "nrtp",
            Self::Transporter => "transporter",
        }
    }
}

/// Why a text is not a GSTIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GstinError {
    /// Nothing was given.
    #[error("the GSTIN is empty: enter its 15 characters or leave the field out")]
    Empty,
    /// There are too few or too many characters after spaces and hyphens are dropped.
    #[error("a GSTIN has 15 characters, this has {found}: compare it with the registration certificate")]
    Length {
        /// How many characters there are.
        found: usize,
    },
    /// A character is neither a letter A–Z nor a digit.
    #[error("character {position} is `{found}`: a GSTIN has only letters A–Z and digits")]
    Character {
        /// The offending character.
        found: char,
        /// Where it stands, counted from 1.
        position: usize,
    },
    /// Letters and digits do not stand where any form of GSTIN has them.
    #[error("letters and digits are not where a GSTIN has them: look for O typed as 0, I as 1 or S as 5")]
    Shape,
    /// The fourteenth character is not Z, where only an ordinary registration is wanted, or is one that no form has.
    #[error("the 14th character is {found}, an ordinary GSTIN has Z there: correct it")]
    FourteenthCharacter {
        /// The character there.
        found: char,
    },
    /// The first two digits are no GST state.
    #[error("{found:02} is no GST state code: the first two digits must be 01 to 38, 97 or 99")]
    State {
        /// The two digits.
        found: u8,
    },
    /// The last character does not follow from the fourteen before it.
    #[error("check character is {found}, expected {expected}: one character was mistyped")]
    CheckCharacter {
        /// The last character as given.
        found: char,
        /// What the first fourteen characters call for.
        expected: char,
    },
    /// A transporter's enrolment id where only an ordinary registration is wanted.
    #[error("this is a transporter's enrolment id (prefix 88), not a registration: ask the vendor for its GSTIN")]
    Transporter,
    /// Characters 3 to 12 cannot be a PAN.
    #[error("the PAN inside the GSTIN is not valid: {0}")]
    Pan(PanError),
}

impl GstinError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "gstin_empty",
            Self::Length { .. } => "gstin_length",
            Self::Character { .. } => "gstin_character",
            Self::Shape => "gstin_shape",
            Self::FourteenthCharacter { .. } => "gstin_fourteenth_character",
            Self::State { .. } => "gstin_state",
            Self::CheckCharacter { .. } => "gstin_check_character",
            Self::Transporter => "gstin_transporter",
            Self::Pan(_) => "gstin_pan",
        }
    }
}

/// Tried in this order: a TDS number, for one, also has the looks of a regular one.
const SHAPES: [(&str, GstinForm); 6] = [
    ("ddlllladdddlnDa", GstinForm::Tds),
    ("ddlllllddddlnCa", GstinForm::Tcs),
    ("ddlllllddddlnna", GstinForm::Normal),
    ("ddddlllddddduNa", GstinForm::Uin),
    ("99ddllldddddOSa", GstinForm::Oidar),
    ("ddddllldddddNRa", GstinForm::Nrtp),
];

const TRANSPORTER_PREFIX: u8 = 88;

impl Gstin {
    /// Parses a GSTIN of any form; case, spaces and hyphens do not matter.
    ///
    /// A regular taxpayer's fourteenth character may be any the published pattern has (`Z`, `1`–`9`, `A`, `B`, `E`–`J`).
    ///
    /// # Errors
    /// The first thing wrong, from shape to check character.
    pub fn parse(text: &str) -> Result<Parsed<Self>, GstinError> {
        let text = checked_characters(text)?;
        let form = form_of(&text)?;
        Self::checked(text, form)
    }

    /// Parses an ordinary registration: a regular or composition taxpayer's GSTIN, whose fourteenth character is `Z`.
    ///
    /// # Errors
    /// As [`Gstin::parse`]; also for every other form, and for a transporter's enrolment id.
    pub fn parse_ordinary(text: &str) -> Result<Parsed<Self>, GstinError> {
        let text = checked_characters(text)?;
        let form = form_of(&text)?;
        // Before anything else, for its check character need not match.
        if is_transporter(&text, form) {
            return Err(GstinError::Transporter);
        }
        match text.chars().nth(13) {
            Some('Z') if form == GstinForm::Normal => Self::checked(text, form),
            found => Err(GstinError::FourteenthCharacter {
                found: found.unwrap_or_default(),
            }),
        }
    }

    /// The clean spelling of a GSTIN, valid or not: upper case without spaces, hyphens and invisible characters.
    pub fn normalise(text: &str) -> String {
        compact(text)
    }

    /// The check character of fourteen capital letters and digits; none if they are anything else.
    pub fn check_character(body: &str) -> Option<char> {
        let is_body = body.len() == 14 && body.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        is_body.then(|| check_character(body))
    }

    /// Checks what follows from the form: state, check character and embedded PAN.
    fn checked(text: String, mut form: GstinForm) -> Result<Parsed<Self>, GstinError> {
        let mut warnings = Vec::new();
        let state = state_digits(&text).ok_or(GstinError::Shape)?;
        match state {
            _ if is_transporter(&text, form) => form = GstinForm::Transporter,
            25 => warnings.push(Warning::RetiredGstState { code: 25, replaced_by: 26 }),
            28 => warnings.push(Warning::RetiredGstState { code: 28, replaced_by: 37 }),
            1..=38 | 97 | 99 => {}
            found => return Err(GstinError::State { found }),
        }

        let (body, last) = text.split_at(14);
        let expected = check_character(body);
        let found = last.chars().next().unwrap_or_default();
        if found != expected {
            if form != GstinForm::Transporter {
                return Err(GstinError::CheckCharacter { found, expected });
            }
            warnings.push(Warning::TransporterCheckCharacter);
        }

        if embeds_pan(form) {
            let pan = Pan::parse(&text[2..12]).map_err(GstinError::Pan)?;
            warnings.extend(pan.warnings);
        }
        Ok(Parsed {
            value: Self { text, form },
            warnings,
        })
    }

    /// The fifteen characters.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form fit for screens and logs, as in `27AAPFUXXXXF1ZX`.
    ///
    /// The check character is hidden too: with it, a few hundred guesses would do for the four digits.
    pub fn masked(&self) -> String {
        format!("{}XXXX{}X", &self.text[..7], &self.text[11..14])
    }

    /// Which kind of registration this is.
    pub fn form(&self) -> GstinForm {
        self.form
    }

    /// The first two digits, as in `27`.
    pub fn state_code(&self) -> &str {
        &self.text[..2]
    }

    /// The state of registration; none for 97, 99 and transporter ids. A retired code gives the state that took over.
    pub fn state(&self) -> Option<IndianState> {
        state_digits(&self.text).and_then(IndianState::from_gst_code)
    }

    /// The holder's PAN, where the form is one that embeds it (regular and TCS).
    pub fn pan(&self) -> Option<Pan> {
        if !embeds_pan(self.form) {
            return None;
        }
        Pan::parse(&self.text[2..12]).ok().map(Parsed::into_value)
    }
}

impl fmt::Debug for Gstin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gstin({})", self.masked())
    }
}

string_forms!(Gstin, GstinError, |text| Gstin::parse(text).map(Parsed::into_value));

fn embeds_pan(form: GstinForm) -> bool {
    matches!(form, GstinForm::Normal | GstinForm::Tcs)
}

/// Whether prefix and shape are those of a transporter's enrolment id, which is built around a PAN or TAN as a registration is.
fn is_transporter(text: &str, form: GstinForm) -> bool {
    state_digits(text) == Some(TRANSPORTER_PREFIX) && matches!(form, GstinForm::Normal | GstinForm::Tcs | GstinForm::Tds)
}

fn state_digits(text: &str) -> Option<u8> {
    text.get(..2)?.parse().ok()
}

/// Fifteen capital letters and digits.
fn checked_characters(text: &str) -> Result<String, GstinError> {
    let text = compact(text);
    if text.is_empty() {
        return Err(GstinError::Empty);
    }
    let found = text.chars().count();
    if found != 15 {
        return Err(GstinError::Length { found });
    }
    match text.chars().enumerate().find(|(_, c)| !c.is_ascii_alphanumeric()) {
        Some((index, found)) => Err(GstinError::Character { found, position: index + 1 }),
        None => Ok(text),
    }
}

fn form_of(text: &str) -> Result<GstinForm, GstinError> {
    let form = SHAPES
        .iter()
        .find(|(shape, _)| has_shape(text, shape))
        .map(|&(_, form)| form)
        .ok_or(GstinError::Shape)?;
    // C and D stand for collectors and deductors of tax, which the shapes before this one have caught.
    match text.chars().nth(13) {
        Some(found) if form == GstinForm::Normal && !matches!(found, 'Z' | '1'..='9' | 'A' | 'B' | 'D'..='J') => {
            Err(GstinError::FourteenthCharacter { found })
        }
        _ => Ok(form),
    }
}

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// What a value counts at a place, counted from 0.
fn contribution(value: usize, index: usize) -> usize {
    let product = value * if index.is_multiple_of(2) { 1 } else { 2 };
    product / 36 + product % 36
}

/// The Luhn scheme in base 36 over the first fourteen characters.
fn check_character(body: &str) -> char {
    let sum: usize = body
        .bytes()
        .enumerate()
        .map(|(index, byte)| {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => byte - b'A' + 10,
            };
            contribution(usize::from(value), index)
        })
        .sum();
    char::from(ALPHABET[(36 - sum % 36) % 36])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> impl Iterator<Item = (usize, usize)> {
        (0..36).flat_map(|a| (0..36).filter(move |b| *b != a).map(move |b| (a, b)))
    }

    fn named(pair: (usize, usize)) -> (char, char) {
        (char::from(ALPHABET[pair.0]), char::from(ALPHABET[pair.1]))
    }

    #[test]
    fn no_single_change_counts_the_same_at_any_place() {
        for index in 0..14 {
            for (a, b) in pairs() {
                assert_ne!(contribution(a, index) % 36, contribution(b, index) % 36, "{:?} at {index}", named((a, b)));
            }
        }
    }

    #[test]
    fn of_swapped_neighbours_only_0_and_z_count_the_same() {
        let blind: Vec<_> = pairs()
            .filter(|&(a, b)| (contribution(a, 0) + contribution(b, 1)) % 36 == (contribution(b, 0) + contribution(a, 1)) % 36)
            .map(named)
            .collect();
        assert_eq!(blind, [('0', 'Z'), ('Z', '0')]);
    }

    #[test]
    fn equal_neighbours_mistyped_alike_are_missed_where_the_doc_comment_says() {
        let blind: String = pairs()
            .filter(|&(a, b)| a < b && (contribution(a, 0) + contribution(a, 1)) % 36 == (contribution(b, 0) + contribution(b, 1)) % 36)
            .map(|pair| format!("{}{} ", named(pair).0, named(pair).1))
            .collect();
        assert_eq!(blind.trim_end(), "0C 1D 2E 3F 4G 5H IU JV KW LX MY NZ");
    }

    #[test]
    fn every_one_character_change_and_every_swap_of_neighbours_in_real_numbers_is_refused() {
        // One of every form; the states are such that a first digit of 8 makes transporter ids of some.
        let bodies = [
            "27AAPFU0939F1Z",
            "08AAPFU0939F1Z",
            "38AAPFU0939FZZ",
            "27AAPFU0939F1C",
            "27MUMZ02345B1D",
            "0717USA00157UN",
            "9917SGP29001OS",
            "0717ESP00001NR",
            "29AAGCB7383J12",
        ];
        for body in bodies {
            let text = format!("{body}{}", check_character(body));
            assert!(Gstin::parse(&text).is_ok(), "{text}");
            for index in 0..15 {
                for typed in ALPHABET.iter().map(|&b| char::from(b)).filter(|&c| !text[index..].starts_with(c)) {
                    let mut mistyped = text.clone();
                    mistyped.replace_range(index..=index, typed.encode_utf8(&mut [0; 4]));
                    assert!(Gstin::parse_ordinary(&mistyped).is_err(), "{mistyped}");
                    if let Ok(accepted) = Gstin::parse(&mistyped) {
                        assert_eq!((index, typed, &body[1..2]), (0, '8', "8"), "{mistyped}");
                        assert_eq!(accepted.warnings, [Warning::TransporterCheckCharacter]);
                    }
                }
            }
            for index in (0..14).filter(|&index| text[index..=index] != text[index + 1..index + 2]) {
                let (left, right) = (&text[index..=index], &text[index + 1..index + 2]);
                let swapped = format!("{}{right}{left}{}", &text[..index], &text[index + 2..]);
                assert!(Gstin::parse(&swapped).is_err(), "{swapped}");
            }
        }
    }

    #[test]
    fn no_form_lets_0_and_z_stand_side_by_side_in_both_orders() {
        let admits = |class: u8, byte: u8| has_shape(&char::from(byte).to_string(), &char::from(class).to_string());
        for (shape, form) in SHAPES {
            let classes = shape.as_bytes();
            for index in 0..14 {
                let (left, right) = (classes[index], classes[index + 1]);
                let both = admits(left, b'0') && admits(right, b'Z') && admits(left, b'Z') && admits(right, b'0');
                assert!(!both, "{form:?} at {index}");
            }
        }
    }
}
