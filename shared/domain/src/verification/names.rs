//! Whether two spellings mean one business.
//!
//! Registers, invoices and vendor masters spell a name in many ways: `M/s. Acme Engg. Works (P) Ltd` is `ACME ENGINEERING WORKS PRIVATE
//! LIMITED`. But `Acme Private Limited` and `Acme LLP` are two persons in law, and so are `Ganesh Traders` and `Ganesh Steels`, however
//! much alike they look. So the legal form is compared apart, abbreviations are written out, and what is left is compared word by word.

use strsim::normalized_damerau_levenshtein;

/// From this similarity on, in percent, two names are taken for one.
pub const SIMILAR_PERCENT: u8 = 85;

/// Words this much alike are one word with a slip of the pen.
const SAME_WORD: f64 = 0.8;
/// Names written together this much alike differ in their spaces at most, or in one letter.
const SAME_LETTERS: f64 = 0.93;

/// A legal form that a name can end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LegalForm {
    PrivateLimited,
    Limited,
    LimitedLiabilityPartnership,
}

/// How much two names are alike, from 0 to 100; 0 where their legal forms or their numbers differ.
pub fn similarity_percent(a: &str, b: &str) -> u8 {
    let (a, b) = (Name::read(a), Name::read(b));
    if a.words.is_empty() || b.words.is_empty() {
        return 0;
    }
    // A name without a form is an abbreviation, not a contradiction.
    if let (Some(a), Some(b)) = (a.form, b.form)
        && a != b
    {
        return 0;
    }
    if a.numbers() != b.numbers() {
        return 0;
    }
    let joined = normalized_damerau_levenshtein(&a.words.concat(), &b.words.concat());
    let by_letters = if joined >= SAME_LETTERS { joined } else { 0.0 };
    // Which word is paired with which depends on the side one begins at.
    let by_words = by_words(&a.words, &b.words).max(by_words(&b.words, &a.words));
    // Between 0 and 1, so the cast neither cuts nor wraps.
    (by_words.max(by_letters) * 100.0).round() as u8
}

/// The share of letters that are in words both names have.
fn by_words(a: &[String], b: &[String]) -> f64 {
    let letters = |words: &[String]| words.iter().map(|word| word.chars().count()).sum::<usize>() as f64;
    let mut left: Vec<&String> = b.iter().collect();
    let mut shared = 0.0;
    for word in a {
        let best = left.iter().enumerate().map(|(i, other)| (same_word(word, other), i));
        let best = best.max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((similarity, i)) = best
            && similarity >= SAME_WORD
        {
            let other = left.swap_remove(i);
            shared += similarity * (word.chars().count() + other.chars().count()) as f64;
        }
    }
    shared / (letters(a) + letters(b))
}

fn same_word(a: &str, b: &str) -> f64 {
    // `A Rao` may be `Asha Rao`: an initial stands for a word, at a discount.
    let is_initial = |short: &str, long: &str| short.len() == 1 && long.len() > 1 && long.starts_with(short);
    if is_initial(a, b) || is_initial(b, a) {
        return 0.9;
    }
    normalized_damerau_levenshtein(a, b)
}

struct Name {
    words: Vec<String>,
    form: Option<LegalForm>,
}

impl Name {
    fn read(text: &str) -> Self {
        let mut words = words(text);
        let form = take_form(&mut words);
        // Forms of address and articles say nothing; but a name that is nothing else keeps them.
        let core: Vec<String> = words.iter().filter(|word| !is_filler(word)).cloned().collect();
        if !core.is_empty() {
            words = core;
        }
        Self { words, form }
    }

    /// `Unit 1` is not `Unit 2`.
    fn numbers(&self) -> Vec<&str> {
        let mut numbers: Vec<&str> = self
            .words
            .iter()
            .map(String::as_str)
            .filter(|word| word.contains(|c: char| c.is_ascii_digit()))
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The words in upper case, abbreviations written out.
fn words(text: &str) -> Vec<String> {
    // `M/s` would otherwise be an initial and a letter.
    let text = text.to_uppercase().replace("M/S", " ").replace('&', " AND ").replace(['\'', '’'], "");
    // `S.K.F.` is one word, `Engg.Works` two.
    let mut words: Vec<String> = Vec::new();
    for spaced in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '-' | '/' | '(' | ')' | '_' | ';' | ':' | '"')) {
        let parts: Vec<&str> = spaced.split('.').filter(|part| !part.is_empty()).collect();
        match parts.iter().all(|part| part.chars().count() == 1) {
            true if !parts.is_empty() => words.push(parts.concat()),
            _ => words.extend(parts.iter().map(|part| (*part).to_owned())),
        }
    }
    for word in &mut words {
        word.retain(char::is_alphanumeric);
        if let Some(full) = written_out(word) {
            *word = full.to_owned();
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn written_out(word: &str) -> Option<&'static str> {
    Some(match word {
        "PVT" | "PVTE" | "PRIV" => "PRIVATE",
        "LTD" | "LIMTED" | "LIMITIED" => "LIMITED",
        "CO" | "COY" | "COMP" => "COMPANY",
        "CORP" | "CORPN" => "CORPORATION",
        "INDS" | "INDUS" | "IND" | "INDUSTRY" => "INDUSTRIES",
        "ENGG" | "ENGRG" | "ENGR" => "ENGINEERING",
        "ENGRS" | "ENGS" => "ENGINEERS",
        "ENT" | "ENTP" | "ENTERPRISE" => "ENTERPRISES",
        "MFG" | "MFRG" => "MANUFACTURING",
        "MFRS" | "MFGRS" => "MANUFACTURERS",
        "BROS" => "BROTHERS",
        "INTL" | "INTNL" => "INTERNATIONAL",
        "TECH" | "TECHNOLOGY" => "TECHNOLOGIES",
        "SERVICE" | "SVCS" => "SERVICES",
        "SOLUTION" | "SOLNS" => "SOLUTIONS",
        "TRADER" => "TRADERS",
        "ASSOC" | "ASSO" => "ASSOCIATES",
        "DIST" | "DISTR" => "DISTRIBUTORS",
        "ELEC" | "ELECT" => "ELECTRICALS",
        "HOSP" => "HOSPITAL",
        "SHRI" | "SRI" | "SREE" => "SHREE",
        _ => return None,
    })
}

/// Takes the legal form off the end of a name.
fn take_form(words: &mut Vec<String>) -> Option<LegalForm> {
    let ends: [(&[&str], LegalForm); 6] = [
        (&["LIMITED", "LIABILITY", "PARTNERSHIP"], LegalForm::LimitedLiabilityPartnership),
        (&["LLP"], LegalForm::LimitedLiabilityPartnership),
        (&["PRIVATE", "LIMITED"], LegalForm::PrivateLimited),
        (&["P", "LIMITED"], LegalForm::PrivateLimited),
        (&["OPC", "PRIVATE", "LIMITED"], LegalForm::PrivateLimited),
        (&["LIMITED"], LegalForm::Limited),
    ];
    let (end, form) = ends.iter().find(|(end, _)| {
        let tail = words.iter().rev().zip(end.iter().rev());
        words.len() > end.len() && tail.clone().count() == end.len() && tail.into_iter().all(|(word, end)| word == end)
    })?;
    words.truncate(words.len() - end.len());
    words.pop_if(|last| last == "OPC");
    Some(*form)
}

fn is_filler(word: &str) -> bool {
    matches!(word, "THE" | "MESSRS" | "MS" | "MR" | "MRS" | "SMT" | "KUM" | "DR" | "AND" | "COMPANY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        let (there, back) = (similarity_percent(a, b), similarity_percent(b, a));
        assert_eq!(there, back, "{a} / {b}");
        assert!(there >= SIMILAR_PERCENT, "{a} / {b}: {there}");
    }

    #[track_caller]
    fn differ(a: &str, b: &str) {
        let percent = similarity_percent(a, b);
        assert!(percent < SIMILAR_PERCENT, "{a} / {b}: {percent}");
    }

    #[test]
    fn spellings_of_one_name_are_one() {
        same("Acme Engineering Works Private Limited", "M/s. ACME ENGG. WORKS (P) LTD.");
        same("Acme Engineering Works", "ACME ENGINEERING WORKS PVT LTD");
        same("UJJIVAN SMALL FINANCE BANK", "Ujjivan Small Finance Bank Limited");
        same("Sharma & Sons", "SHARMA AND SONS");
        same("Shree Ganesh Traders", "SHRI GANESH TRADERS");
        same("ShreeGanesh Traders", "Shree Ganesh Traders");
        same("S.K.F. Bearings Ltd", "SKF BEARINGS LIMITED");
        same("Nirmala Plastics LLP", "Nirmala Plastics Limited Liability Partnership");
        same("Nirmala Plastics (OPC) Private Limited", "NIRMALA PLASTICS PVT. LTD.");
        same("Bharat Alluminium Udyog", "Bharat Aluminium Udyog");
        same("Traders Ganesh", "Ganesh Traders");
        same("Asha Rao", "A Rao");
        same("The Bombay Dyeing Co. Ltd", "Bombay Dyeing Company Limited");
        same("आशा उद्योग", "आशा उद्योग");
    }

    #[test]
    fn names_of_two_are_two() {
        differ("Acme Private Limited", "Acme LLP");
        differ("Acme Limited", "Acme Private Limited");
        differ("Shree Ganesh Traders", "Shree Ganesh Steels");
        differ("Ganesh Unit 1", "Ganesh Unit 2");
        differ("Asha Enterprises", "Usha Industries");
        differ("Acme", "Acme Logistics And Warehousing");
        differ("Acme Traders", "");
        differ("Private Limited", "Acme Private Limited");
    }
}
