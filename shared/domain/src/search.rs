//! Finding vendors by the beginnings of words: what of a vendor is looked up, and what a query asks for.

use std::collections::BTreeSet;

use crate::vendor::VendorProfile;

/// The shortest beginning that can be looked up.
pub const MIN_CHARS: usize = 2;
/// The most words of a query that count.
pub const MAX_WORDS: usize = 6;
/// The most entries the name of a vendor gets: all entries of a vendor change in one transaction of 100 writes.
const MAX_NAME_TOKENS: usize = 9;
/// Longer ones are cut: nobody types more.
const MAX_CHARS: usize = 40;

/// Words that tell nothing apart: legal forms and particles.
const STOP_WORDS: [&str; 17] = [
    "and",
    "the",
    "of",
    "pvt",
    "private",
    "ltd",
    "limited",
    "llp",
    "co",
    "company",
    "inc",
    "corp",
    "corporation",
    "ms",
    "messrs",
    "mr",
    "opc",
];

/// What a vendor is found by: letters and digits in lower case of its name's words, code, GSTINs, PAN, Udyam number, telephone
/// numbers and e-mail addresses.
pub fn tokens(profile: &VendorProfile) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    let mut add = |text: &str| {
        let token: String = compact(text).chars().take(MAX_CHARS).collect();
        if token.chars().count() >= MIN_CHARS {
            tokens.insert(token);
        }
    };
    for word in name_words(&profile.company_name) {
        add(&word);
    }
    add(profile.vendor_code.as_str());
    profile.gst_numbers.iter().for_each(|gstin| add(gstin.as_str()));
    profile.pan_number.iter().for_each(|pan| add(pan.as_str()));
    profile.udyam_number.iter().for_each(|udyam| add(udyam.as_str()));
    profile.phone_numbers.iter().for_each(|phone| add(phone.national()));
    profile.emails.iter().for_each(|email| add(&email.normalised()));
    tokens
}

fn name_words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in name.split_whitespace() {
        let whole = compact(word);
        let parts: Vec<String> = word
            .split(|c: char| !c.is_alphanumeric())
            .map(compact)
            .filter(|part| !part.is_empty())
            .collect();
        // "A-One" is found as "aone" and as "one".
        if parts.len() > 1 {
            words.extend(parts.into_iter().filter(|part| part.chars().count() >= MIN_CHARS));
        }
        words.push(whole);
    }
    let telling: Vec<String> = words.iter().filter(|word| !is_stop_word(word)).cloned().collect();
    // "The Company Limited" is found by what it has.
    let mut words = if telling.is_empty() { words } else { telling };
    words.truncate(MAX_NAME_TOKENS);
    words
}

/// The beginnings a query asks for, every one of which has to be found; empty where it asks for nothing that can be looked up.
pub fn query(text: &str) -> Vec<String> {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| national(compact(word)))
        .filter(|word| word.chars().count() >= MIN_CHARS)
        .collect();
    let telling: Vec<String> = words.iter().filter(|word| !is_stop_word(word)).cloned().collect();
    let mut words = if telling.is_empty() { words } else { telling };
    words.truncate(MAX_WORDS);
    words
}

/// Whether what a vendor is found by begins with every word of a query.
pub fn matches(tokens: &BTreeSet<String>, query: &[String]) -> bool {
    query
        .iter()
        .all(|word| tokens.range(word.clone()..).next().is_some_and(|token| token.starts_with(word.as_str())))
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

fn compact(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A telephone number without what stands before the ten digits: `+919876543210` was typed, `9876543210` is looked up.
fn national(word: String) -> String {
    let is_number = word.bytes().all(|b| b.is_ascii_digit());
    match word.len() {
        12 if is_number && word.starts_with("91") => word[2..].to_owned(),
        11 if is_number && word.starts_with('0') => word[1..].to_owned(),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::RawVendor;

    #[test]
    fn a_vendor_is_found_by_the_beginnings_of_what_it_is_known_by() {
        let raw = RawVendor {
            vendor_code: Some("V-1001/B".to_owned()),
            company_name: Some("M/s A-One Kaveri Castings Pvt. Ltd.".to_owned()),
            emails: vec!["Accounts@Kaveri.example".to_owned()],
            phone_numbers: vec!["+91 98765 43210".to_owned()],
            gst_numbers: vec!["27AAPFU0939F1ZV".to_owned()],
            ..RawVendor::default()
        };
        let tokens = tokens(&VendorProfile::parse(raw).unwrap().0);
        let check = |text: &str, found: bool| assert_eq!(matches(&tokens, &query(text)), found, "{text}");
        for text in [
            "kav",
            "CAST kaveri",
            "one",
            "a-one",
            "v-1001",
            "V1001b",
            "27AAPFU",
            "aapfu0939f",
            "+919876543210",
            "09876543210",
            "98765",
        ] {
            check(text, true);
        }
        for text in ["accounts@kaveri.ex", "kaveri private limited"] {
            check(text, true);
        }
        for text in ["averi", "kaveri steel", "1001", "43210"] {
            check(text, false);
        }
        assert!(query("a - .").is_empty());
        assert_eq!(query("private limited"), ["private", "limited"]);
    }

    #[test]
    fn all_entries_of_a_vendor_change_in_one_transaction() {
        let most = MAX_NAME_TOKENS + 3 + crate::vendor::MAX_GSTINS + crate::vendor::MAX_PHONES + crate::vendor::MAX_EMAILS;
        // Old entries go and new ones come; the record, its code twice, the directory twice, history, status and counters beside.
        assert!(2 * most + 9 <= 100, "{most} entries");
    }
}
