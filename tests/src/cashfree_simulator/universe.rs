//! What the registers know. The last digit of an identifier's serial number says it, so that a test can choose, and a demonstration
//! of any vendor master has some of everything:
//!
//! | last digit | Udyam | GSTIN | PAN |
//! |---|---|---|---|
//! | 0, 1, 2 | micro, services | active | valid |
//! | 3 | small, manufacturing; micro the year before | active | valid |
//! | 4 | medium, trading | active | valid |
//! | 5 | not found | does not exist | invalid |
//! | 6 | cancelled | cancelled | deactivated |
//! | 7 | another name | another name | another name |
//! | 8 | micro, in the older shape of the answer | suspended | deleted |
//! | 9 | micro, services | active | valid |
//!
//! A GSTIN's digit is that of its PAN, so both know the same holder.

/// What is known of an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether it is registered.
    pub state: State,
    /// The name.
    pub name: String,
    /// `Micro`, `Small` or `Medium`.
    pub enterprise_type: &'static str,
    /// `Manufacturing`, `Services` or `Trading`.
    pub activity: &'static str,
    /// The class of the year before.
    pub earlier_type: &'static str,
    /// Whether Udyam answers in the shape from before it was flattened.
    pub is_older_shape: bool,
}

/// Whether something is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In force.
    Active,
    /// Not registered.
    Absent,
    /// Cancelled; of a PAN: deactivated.
    Cancelled,
    /// Suspended; of a PAN: deleted.
    Suspended,
}

impl Entry {
    /// Something in force, under this name: a micro enterprise that renders services.
    pub fn active(name: &str) -> Self {
        Self {
            state: State::Active,
            name: name.to_owned(),
            enterprise_type: "Micro",
            activity: "Services",
            earlier_type: "Micro",
            is_older_shape: false,
        }
    }
}

/// The name an identifier is registered under, unless a test says otherwise.
pub fn name_of(identifier: &str) -> String {
    match serial(identifier).last() {
        Some('7') => format!("SOMEBODY ELSE {} LLP", word(identifier)),
        _ => format!("VENDOR {} PRIVATE LIMITED", word(identifier)),
    }
}

/// What is known of an identifier, unless a test says otherwise.
pub fn entry_of(identifier: &str) -> Entry {
    let active = Entry::active(&name_of(identifier));
    match serial(identifier).last() {
        Some('3') => Entry {
            enterprise_type: "Small",
            activity: "Manufacturing",
            ..active
        },
        Some('4') => Entry {
            enterprise_type: "Medium",
            activity: "Trading",
            earlier_type: "Small",
            ..active
        },
        Some('5') => Entry {
            state: State::Absent,
            ..active
        },
        Some('6') => Entry {
            state: State::Cancelled,
            ..active
        },
        Some('8') if identifier.starts_with("UDYAM") => Entry {
            is_older_shape: true,
            ..active
        },
        Some('8') => Entry {
            state: State::Suspended,
            ..active
        },
        _ => active,
    }
}

/// The digits that tell one holder from another: the seven of a Udyam number, the four of a PAN.
fn serial(identifier: &str) -> Vec<char> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect();
    match identifier.len() {
        10 => digits(&identifier[5..9]),
        15 => digits(&identifier[7..11]),
        _ => digits(identifier.rsplit('-').next().unwrap_or_default()),
    }
}

/// The serial number in letters: a name with digits would only be compared by them.
fn word(identifier: &str) -> String {
    serial(identifier)
        .iter()
        .filter_map(|digit| digit.to_digit(10))
        .map(|digit| ["BA", "CE", "DI", "FO", "GU", "KA", "LE", "MI", "NO", "PU"][digit as usize])
        .collect()
}
