use super::{IndianState, Pan, PanError, Parsed, Warning, compact, has_shape, string_forms};

/// A GST identification number: 15 characters, upper case, no spaces, with a matching check character.
///
/// The check character catches every single mistyped character and every swap of neighbours except `0` with `Z`.
/// Only transporter ids (prefix 88) may carry a check character that does not match.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// The fourteenth character of a regular GSTIN is not Z.
    #[error("the 14th character is {found}, a regular GSTIN has Z there: correct it")]
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
    pub fn parse(text: &str) -> Result<Parsed<Self>, GstinError> {
        let text = compact(text);
        if text.is_empty() {
            return Err(GstinError::Empty);
        }
        let found = text.chars().count();
        if found != 15 {
            return Err(GstinError::Length { found });
        }
        if let Some((index, found)) = text.chars().enumerate().find(|(_, c)| !c.is_ascii_alphanumeric()) {
            return Err(GstinError::Character { found, position: index + 1 });
        }

        let mut form = form_of(&text)?;
        let mut warnings = Vec::new();
        let state = state_digits(&text).ok_or(GstinError::Shape)?;
        match state {
            TRANSPORTER_PREFIX if form == GstinForm::Normal => form = GstinForm::Transporter,
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

string_forms!(Gstin, GstinError, |text| Gstin::parse(text).map(Parsed::into_value));

fn embeds_pan(form: GstinForm) -> bool {
    matches!(form, GstinForm::Normal | GstinForm::Tcs)
}

fn state_digits(text: &str) -> Option<u8> {
    text.get(..2)?.parse().ok()
}

fn form_of(text: &str) -> Result<GstinForm, GstinError> {
    let form = SHAPES
        .iter()
        .find(|(shape, _)| has_shape(text, shape))
        .map(|&(_, form)| form)
        .ok_or(GstinError::Shape)?;
    // The published pattern leaves room for other fourteenth characters, but none has been issued to a regular taxpayer,
    // and 2 for Z is the commonest misreading: better to ask than to store it.
    match text.chars().nth(13) {
        Some(found) if form == GstinForm::Normal && found != 'Z' => Err(GstinError::FourteenthCharacter { found }),
        _ => Ok(form),
    }
}

const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

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
            let product = usize::from(value) * if index % 2 == 0 { 1 } else { 2 };
            product / 36 + product % 36
        })
        .sum();
    char::from(ALPHABET[(36 - sum % 36) % 36])
}
