use std::fmt;

use super::string_forms;

/// A state or union territory of India as it stands today.
///
/// Written as its name; read from its name, common older names and spellings, its two letters or its GST code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndianState(usize);

/// Why a text is not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Nothing was given.
    #[error("the state is empty: enter its name or leave the field out")]
    Empty,
    /// No state has such a name or code, but one is spelt nearly so.
    #[error("no state is spelt like this: did you mean {suggestion}?")]
    Misspelt {
        /// The nearest name.
        suggestion: IndianState,
    },
    /// No state has such a name or code.
    #[error("this is no Indian state: enter its name, its two letters or its GST code")]
    Unknown,
}

impl StateError {
    /// A stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "state_empty",
            Self::Misspelt { .. } => "state_misspelt",
            Self::Unknown => "state_unknown",
        }
    }
}

impl IndianState {
    /// All states and union territories, by GST code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..STATES.len()).map(Self)
    }

    /// Looks a state up by name, letters or GST code; `27-Maharashtra` is fine too.
    ///
    /// Two digits are a GST code. Older ERP systems number the states differently, which only a comparison with PIN code or
    /// GSTIN can bring to light. Where a name follows, the name counts: `13 Maharashtra` is SAP's way of writing it.
    ///
    /// # Errors
    /// When there is no such state.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let key = key_of(text);
        if key.is_empty() {
            return Err(StateError::Empty);
        }
        let name = key.trim_start_matches(|c: char| c.is_ascii_digit());
        if name.is_empty() {
            let code: Option<u8> = key.parse().ok();
            return code.and_then(Self::from_gst_code).ok_or(StateError::Unknown);
        }
        // The name counts: the number before it may be of another numbering, as SAP's are.
        Self::by_name(name)
    }

    fn by_name(name: &str) -> Result<Self, StateError> {
        Self::all().find(|state| state.is_called(name)).ok_or_else(|| match Self::nearest(name) {
            Some(suggestion) => StateError::Misspelt { suggestion },
            None => StateError::Unknown,
        })
    }

    /// The state with a GST code; 25 and 28 give the states that took over. None for 96, 97 and 99, which are no states.
    pub fn from_gst_code(code: u8) -> Option<Self> {
        let current = match code {
            25 => 26,
            28 => 37,
            other => other,
        };
        STATES.iter().position(|state| state.gst_code == current).map(Self)
    }

    /// The state with the letters of a Udyam number. They differ from the usual ones: Karnataka is `KR`.
    pub fn from_udyam_letters(letters: &str) -> Option<Self> {
        STATES.iter().position(|state| state.udyam.contains(&letters)).map(Self)
    }

    /// The name, as in `Maharashtra`.
    pub fn as_str(&self) -> &'static str {
        self.row().name
    }

    /// The GST code, as in 27.
    pub fn gst_code(self) -> u8 {
        self.row().gst_code
    }

    /// Whether PIN codes beginning with these three digits occur in the state.
    pub fn has_pin_prefix(self, prefix: u16) -> bool {
        self.row().pins.iter().any(|&(from, to)| (from..=to).contains(&prefix))
    }

    fn row(self) -> &'static State {
        &STATES[self.0]
    }

    fn is_called(self, key: &str) -> bool {
        let row = self.row();
        key_of(row.name) == key || row.aliases.contains(&key) || row.udyam.iter().any(|letters| letters.eq_ignore_ascii_case(key))
    }

    fn nearest(key: &str) -> Option<Self> {
        // Short keys are near to everything.
        if key.len() < 4 || key.len() > 60 {
            return None;
        }
        let (distance, state) = Self::all().map(|state| (edits_between(key, &key_of(state.as_str())), state)).min()?;
        (distance <= 2).then_some(state)
    }
}

impl fmt::Debug for IndianState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndianState({})", self.as_str())
    }
}

string_forms!(IndianState, StateError, |text| IndianState::parse(text));

fn key_of(text: &str) -> String {
    text.to_lowercase().replace('&', "and").chars().filter(|c| c.is_alphanumeric()).collect()
}

/// Levenshtein distance.
fn edits_between(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

struct State {
    gst_code: u8,
    name: &'static str,
    /// Letters in Udyam numbers, also accepted as the state's abbreviation.
    udyam: &'static [&'static str],
    /// Ranges of the first three digits of its PIN codes.
    pins: &'static [(u16, u16)],
    /// Further names and abbreviations, lower case, letters only.
    aliases: &'static [&'static str],
}

#[rustfmt::skip] // A table reads best with one state to a line.
static STATES: [State; 36] = [
    State { gst_code: 1, name: "Jammu and Kashmir", udyam: &["JK"], pins: &[(180, 194)], aliases: &["jammukashmir", "jandk", "jammuandkashmirut"] },
    State { gst_code: 2, name: "Himachal Pradesh", udyam: &["HP"], pins: &[(171, 177)], aliases: &[] },
    State { gst_code: 3, name: "Punjab", udyam: &["PB"], pins: &[(140, 160)], aliases: &[] },
    State { gst_code: 4, name: "Chandigarh", udyam: &["CH"], pins: &[(160, 160)], aliases: &[] },
    State { gst_code: 5, name: "Uttarakhand", udyam: &["UK"], pins: &[(244, 263)], aliases: &["ua", "ut", "uttaranchal", "uttrakhand"] },
    State { gst_code: 6, name: "Haryana", udyam: &["HR"], pins: &[(121, 136)], aliases: &[] },
    State { gst_code: 7, name: "Delhi", udyam: &["DL"], pins: &[(110, 110)], aliases: &["newdelhi", "nctofdelhi", "delhincr", "nctdelhi", "thenationalcapitalterritoryofdelhi"] },
    State { gst_code: 8, name: "Rajasthan", udyam: &["RJ"], pins: &[(301, 345)], aliases: &[] },
    State { gst_code: 9, name: "Uttar Pradesh", udyam: &["UP"], pins: &[(201, 285)], aliases: &[] },
    State { gst_code: 10, name: "Bihar", udyam: &["BR"], pins: &[(800, 855)], aliases: &[] },
    State { gst_code: 11, name: "Sikkim", udyam: &["SK"], pins: &[(737, 737)], aliases: &[] },
    State { gst_code: 12, name: "Arunachal Pradesh", udyam: &["AR"], pins: &[(790, 792)], aliases: &[] },
    State { gst_code: 13, name: "Nagaland", udyam: &["NL"], pins: &[(797, 798)], aliases: &["ng"] },
    State { gst_code: 14, name: "Manipur", udyam: &["MN"], pins: &[(795, 795)], aliases: &[] },
    State { gst_code: 15, name: "Mizoram", udyam: &["MZ"], pins: &[(796, 796)], aliases: &[] },
    State { gst_code: 16, name: "Tripura", udyam: &["TR"], pins: &[(799, 799)], aliases: &["tp"] },
    State { gst_code: 17, name: "Meghalaya", udyam: &["ML"], pins: &[(793, 794)], aliases: &["me"] },
    State { gst_code: 18, name: "Assam", udyam: &["AS"], pins: &[(781, 788)], aliases: &[] },
    State { gst_code: 19, name: "West Bengal", udyam: &["WB"], pins: &[(700, 743)], aliases: &["bengal", "paschimbanga"] },
    State { gst_code: 20, name: "Jharkhand", udyam: &["JH"], pins: &[(813, 835)], aliases: &[] },
    State { gst_code: 21, name: "Odisha", udyam: &["OD"], pins: &[(751, 770)], aliases: &["or", "orissa"] },
    State { gst_code: 22, name: "Chhattisgarh", udyam: &["CG"], pins: &[(490, 497)], aliases: &["cg", "ct", "chattisgarh", "chhatisgarh", "chattishgarh"] },
    State { gst_code: 23, name: "Madhya Pradesh", udyam: &["MP"], pins: &[(450, 488)], aliases: &[] },
    State { gst_code: 24, name: "Gujarat", udyam: &["GJ"], pins: &[(360, 396)], aliases: &["gujrat"] },
    State { gst_code: 26, name: "Dadra and Nagar Haveli and Daman and Diu", udyam: &["DD", "DN"], pins: &[(362, 362), (396, 396)], aliases: &["dh", "dadraandnagarhaveli", "damananddiu", "dadranagarhavelianddamananddiu", "dnhdd", "dadraandnagarhavelidamananddiu"] },
    State { gst_code: 27, name: "Maharashtra", udyam: &["MH"], pins: &[(400, 445)], aliases: &["maharastra"] },
    State { gst_code: 29, name: "Karnataka", udyam: &["KR", "KA"], pins: &[(560, 591)], aliases: &["ka", "kn", "kar"] },
    State { gst_code: 30, name: "Goa", udyam: &["GA"], pins: &[(403, 403)], aliases: &["ga"] },
    State { gst_code: 31, name: "Lakshadweep Islands", udyam: &["LD"], pins: &[(682, 682)], aliases: &["lakshadweep"] },
    State { gst_code: 32, name: "Kerala", udyam: &["KL"], pins: &[(670, 695)], aliases: &[] },
    State { gst_code: 33, name: "Tamil Nadu", udyam: &["TN"], pins: &[(600, 643)], aliases: &["tamilnad", "ta"] },
    State { gst_code: 34, name: "Puducherry", udyam: &["PY"], pins: &[(533, 533), (605, 605), (607, 607), (609, 609), (673, 673)], aliases: &["pondicherry", "pudducherry"] },
    State { gst_code: 35, name: "Andaman and Nicobar Islands", udyam: &["AN"], pins: &[(744, 744)], aliases: &["andamanandnicobar", "andamannicobar", "andamannicobarislands"] },
    State { gst_code: 36, name: "Telangana", udyam: &["TS", "TG"], pins: &[(500, 509)], aliases: &["tg", "telengana", "tl"] },
    State { gst_code: 37, name: "Andhra Pradesh", udyam: &["AP"], pins: &[(500, 535)], aliases: &["andhra", "andrapradesh", "ad", "andhrapradeshnew", "andhrapradeshpredivision"] },
    State { gst_code: 38, name: "Ladakh", udyam: &["LA"], pins: &[(194, 194)], aliases: &["lh", "laddakh"] },
];
