use std::fmt;

use super::{Parsed, Warning, compact, has_shape, string_forms};

/// A Permanent Account Number: ten characters, upper case.
///
/// Personal data where the holder is a person, so `Debug` shows only the masked form.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pan(String);

/// What kind of taxpayer a PAN was issued to; its fourth letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PanHolder {
    /// A: association of persons.
    AssociationOfPersons,
    /// B: body of individuals.
    BodyOfIndividuals,
    /// C: company.
    Company,
    /// F: firm or limited liability partnership.
    Firm,
    /// G: government.
    Government,
    /// H: Hindu undivided family.
    HinduUndividedFamily,
    /// J: artificial juridical person.
    ArtificialPerson,
    /// K: legacy letter, no longer issued.
    Legacy,
    /// L: local authority.
    LocalAuthority,
    /// P: individual.
    Person,
    /// T: trust.
    Trust,
}

/// Why a text is not a PAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PanError {
    /// Nothing was given.
    #[error("the PAN is empty: enter its 10 characters or leave the field out")]
    Empty,
    /// There are too few or too many characters after spaces and hyphens are dropped.
    #[error("a PAN has 10 characters, this has {found}: compare it with the card")]
    Length {
        /// How many characters there are.
        found: usize,
    },
    /// The characters are not five letters, four digits and a letter.
    #[error("a PAN is five letters, four digits and a letter, as in AAAPA1234A: look for O typed as 0 or I as 1")]
    Shape,
    /// The fourth letter is no type of holder.
    #[error("the fourth letter is {found}, which is no type of holder: it must be one of A B C F G H J L P T")]
    Holder {
        /// The letter there.
        found: char,
    },
    /// The four digits are 0000, which is never issued.
    #[error("the four digits are 0000, which is never issued: enter the vendor's own PAN")]
    SerialZero,
}

impl PanError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "pan_empty",
            Self::Length { .. } => "pan_length",
            Self::Shape => "pan_shape",
            Self::Holder { .. } => "pan_holder",
            Self::SerialZero => "pan_serial_zero",
        }
    }
}

impl Pan {
    /// Parses a PAN; case, spaces and hyphens do not matter.
    pub fn parse(text: &str) -> Result<Parsed<Self>, PanError> {
        let text = compact(text);
        if text.is_empty() {
            return Err(PanError::Empty);
        }
        let found = text.chars().count();
        if found != 10 {
            return Err(PanError::Length { found });
        }
        if !has_shape(&text, "lllllddddl") {
            return Err(PanError::Shape);
        }
        let holder = char::from(text.as_bytes()[3]);
        let warnings = match holder_of(holder) {
            None => return Err(PanError::Holder { found: holder }),
            Some(PanHolder::Legacy) => vec![Warning::LegacyPanHolder],
            Some(_) => Vec::new(),
        };
        if &text[5..9] == "0000" {
            return Err(PanError::SerialZero);
        }
        Ok(Parsed { value: Self(text), warnings })
    }

    /// The ten characters in full.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form fit for screens and logs, as in `AAPPVXXXXK`.
    pub fn masked(&self) -> String {
        format!("{}XXXX{}", &self.0[..5], &self.0[9..])
    }

    /// What kind of taxpayer holds this PAN.
    pub fn holder(&self) -> PanHolder {
        // `parse` admits no other letter, so the fallback is never taken.
        holder_of(char::from(self.0.as_bytes()[3])).unwrap_or(PanHolder::Legacy)
    }
}

impl fmt::Debug for Pan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pan({})", self.masked())
    }
}

string_forms!(Pan, PanError, |text| Pan::parse(text).map(Parsed::into_value));

fn holder_of(letter: char) -> Option<PanHolder> {
    Some(match letter {
        'A' => PanHolder::AssociationOfPersons,
        'B' => PanHolder::BodyOfIndividuals,
        'C' => PanHolder::Company,
        'F' => PanHolder::Firm,
        'G' => PanHolder::Government,
        'H' => PanHolder::HinduUndividedFamily,
        'J' => PanHolder::ArtificialPerson,
        'K' => PanHolder::Legacy,
        'L' => PanHolder::LocalAuthority,
        'P' => PanHolder::Person,
        'T' => PanHolder::Trust,
        _ => return None,
    })
}
