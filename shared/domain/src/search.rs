//! Finding vendors by the beginnings of words: what of a vendor is looked up, and what a query asks for.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::identifiers::is_invisible;
use crate::vendor::VendorProfile;

/// The shortest beginning that can be looked up.
pub const MIN_CHARS: usize = 2;
/// The most words of a query that count.
pub const MAX_WORDS: usize = 6;
/// The most entries the name of a vendor gets: all entries of a vendor change in one transaction of 100 writes.
const MAX_NAME_TOKENS: usize = 9;
/// Longer ones are cut, on both sides: nobody types more to tell vendors apart.
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

/// What a query asks of the beginnings of what a vendor is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Something begins with this.
    Prefix(String),
    /// Every one of these holds.
    All(Vec<Query>),
    /// One of these holds: a word may be written in several ways.
    Any(Vec<Query>),
}

impl Query {
    /// Whether what a vendor is found by is what the query asks for.
    pub fn matches(&self, tokens: &BTreeSet<String>) -> bool {
        match self {
            Self::Prefix(prefix) => {
                let next = tokens.range(prefix.clone()..).next();
                next.is_some_and(|token| token.starts_with(prefix.as_str()))
            }
            Self::All(parts) => parts.iter().all(|part| part.matches(tokens)),
            Self::Any(ways) => ways.iter().any(|way| way.matches(tokens)),
        }
    }

    /// Every beginning that has to be looked up to answer the query.
    pub fn prefixes(&self) -> BTreeSet<&str> {
        match self {
            Self::Prefix(prefix) => BTreeSet::from([prefix.as_str()]),
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::prefixes).collect(),
        }
    }

    /// One of several ways of writing, each of which is long enough to be looked up; none if there is none.
    fn any(ways: Vec<Self>) -> Option<Self> {
        let mut distinct: Vec<Self> = Vec::with_capacity(ways.len());
        for way in ways {
            if !distinct.contains(&way) {
                distinct.push(way);
            }
        }
        match distinct.len() {
            0 | 1 => distinct.pop(),
            _ => Some(Self::Any(distinct)),
        }
    }

    fn all(mut parts: Vec<Self>) -> Option<Self> {
        match parts.len() {
            0 | 1 => parts.pop(),
            _ => Some(Self::All(parts)),
        }
    }

    fn prefix(text: &str) -> Option<Self> {
        let prefix = cut(text);
        is_long_enough(&prefix).then_some(Self::Prefix(prefix))
    }

    fn all_prefixes(texts: &[String]) -> Option<Self> {
        Self::all(texts.iter().filter_map(|text| Self::prefix(text)).collect())
    }
}

/// What a vendor is found by: letters and digits in lower case of its name's words, code, GSTINs, PAN, Udyam number, telephone
/// numbers and e-mail addresses.
pub fn tokens(profile: &VendorProfile) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    let mut add = |text: &str| {
        let token = cut(&compact(text));
        if is_long_enough(&token) {
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

/// The words a name is found by, each once. What is too short to be looked up takes no place of another.
fn name_words(name: &str) -> Vec<String> {
    let words = words(name);
    let singles = words.iter().flat_map(|word| word.parts.iter()).cloned();
    // "A-One" is found as "one" and as "aone", "Pvt.Ltd." neither as "pvtltd" nor as its parts.
    let joined = words
        .iter()
        .filter(|word| word.parts.len() > 1 && !word.parts.iter().all(|part| is_stop_word(part)))
        .map(Word::whole);
    let mut distinct: Vec<String> = Vec::new();
    for word in singles.chain(joined).map(|word| cut(&word)) {
        if is_long_enough(&word) && !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    let telling: Vec<String> = distinct.iter().filter(|word| !is_stop_word(word)).cloned().collect();
    // "The Company Limited" is found by what it has.
    let mut words = if telling.is_empty() { distinct } else { telling };
    words.truncate(MAX_NAME_TOKENS);
    words
}

/// What a text asks for; none where it holds nothing that can be looked up.
///
/// Every word has to be found. A word with punctuation may be written without it, or as several words; digits may be a telephone
/// number with spaces and a prefix; several words with digits may be one code or identifier, typed with spaces.
pub fn query(text: &str) -> Option<Query> {
    let words = words(text);
    let terms = terms(&words);
    let telling: Vec<Query> = terms.iter().filter(|term| term.tells).map(|term| term.query.clone()).collect();
    let mut asked = if telling.is_empty() {
        terms.into_iter().map(|term| term.query).collect()
    } else {
        telling
    };
    asked.truncate(MAX_WORDS);
    let mut ways: Vec<Query> = Query::all(asked).into_iter().collect();
    if words.len() > 1 && !words.iter().all(Word::is_number) {
        let whole: String = words.iter().map(Word::whole).collect();
        // Names are taken apart at their spaces, so only a code, a GSTIN or another identifier can be found like this.
        if whole.contains(|c: char| c.is_ascii_digit()) && whole.chars().count() <= MAX_CHARS {
            ways.extend(Query::prefix(&whole));
        }
    }
    Query::any(ways)
}

/// What looks up exactly one identifier or address, however it is punctuated; none where it is too short.
pub fn identifier(text: &str) -> Option<Query> {
    Query::prefix(&compact(text))
}

/// A word of a query, or adjacent ones that may be one number.
struct Term {
    query: Query,
    /// Whether it is more than a legal form or a particle.
    tells: bool,
}

fn terms(words: &[Word]) -> Vec<Term> {
    let runs = words.chunk_by(|left, right| left.is_number() && right.is_number());
    runs.filter_map(|run| match run {
        [word] if !word.is_number() => word.term(),
        numbers => number(numbers).map(|query| Term { query, tells: true }),
    })
    .collect()
}

/// Adjacent words of digits: each by itself, all of them as one number, and that as a telephone number without what stands before its
/// ten digits.
fn number(words: &[Word]) -> Option<Query> {
    let wholes: Vec<String> = words.iter().map(Word::whole).collect();
    let joined = wholes.concat();
    let mut ways = Vec::new();
    if wholes.len() > 1 {
        ways.extend(Query::all_prefixes(&wholes));
    }
    ways.extend(Query::prefix(&joined));
    let first = words.first()?;
    let stands_apart = words.len() > 1 || first.parts.len() > 1;
    for national in nationals(&joined, first.is_international, stands_apart.then_some(first.parts.first()?)) {
        ways.extend(Query::prefix(national));
    }
    Query::any(ways)
}

/// What may be the beginning of a number's ten digits, where the digits begin as a prefix does. They are looked up as they are, too: a
/// code may begin like that.
fn nationals<'a>(digits: &'a str, is_international: bool, first: Option<&String>) -> Vec<&'a str> {
    let prefixed = |prefix: &str| is_international || first.is_some_and(|first| first == prefix);
    let without_country = match digits.strip_prefix("0091") {
        Some(rest) => Some(rest),
        None => digits.strip_prefix("91").filter(|rest| rest.len() == 10 || prefixed("91")),
    };
    let without_trunk = |digits: &'a str| digits.strip_prefix('0').filter(|rest| rest.len() == 10);
    let mut found: Vec<&str> = without_country.into_iter().collect();
    found.extend(without_country.and_then(without_trunk));
    found.extend(without_trunk(digits));
    // `0 98765`: the rest of it is not typed yet.
    found.extend(digits.strip_prefix('0').filter(|_| first.is_some_and(|first| first == "0")));
    found
}

/// What stands between two spaces.
struct Word {
    /// Its letters and digits, divided where there is punctuation.
    parts: Vec<String>,
    /// Whether a plus stands before it.
    is_international: bool,
    is_address: bool,
}

impl Word {
    fn whole(&self) -> String {
        self.parts.concat()
    }

    fn is_number(&self) -> bool {
        self.parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()))
    }

    fn term(&self) -> Option<Term> {
        let whole = self.whole();
        let tells = !self.parts.iter().all(|part| begins_stop_word(part)) && !begins_stop_word(&whole);
        let ways = [Query::prefix(&whole), self.divided()];
        let query = Query::any(ways.into_iter().flatten().collect())?;
        Some(Term { query, tells })
    }

    /// The word as several: `Kaveri,Castings`. Not an address, and not a code like `V-1001`, whose parts are anybody's.
    fn divided(&self) -> Option<Query> {
        if self.parts.len() < 2 || self.is_address {
            return None;
        }
        let has_digits = self.parts.iter().any(|part| part.contains(|c: char| c.is_ascii_digit()));
        if has_digits && self.parts.iter().any(|part| part.chars().count() <= MIN_CHARS) {
            return None;
        }
        let telling: Vec<String> = self.parts.iter().filter(|part| !begins_stop_word(part)).cloned().collect();
        Query::all_prefixes(&telling)
    }
}

/// Takes a text apart, names and queries alike.
fn words(text: &str) -> Vec<Word> {
    let text = normal(text);
    let words = text.split_whitespace().map(|word| Word {
        parts: word
            .split(|c| !is_of_word(c))
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect(),
        is_international: word.trim_start_matches('(').starts_with('+'),
        is_address: word.contains('@'),
    });
    words.filter(|word| !word.parts.is_empty()).collect()
}

fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// `Kaveri Castings Pr` is on the way to `Kaveri Castings Private Limited`.
fn begins_stop_word(word: &str) -> bool {
    STOP_WORDS.iter().any(|stop_word| stop_word.starts_with(word))
}

fn is_long_enough(word: &str) -> bool {
    word.chars().count() >= MIN_CHARS
}

fn cut(word: &str) -> String {
    word.chars().take(MAX_CHARS).collect()
}

fn compact(text: &str) -> String {
    normal(text).chars().filter(|c| is_of_word(*c)).collect()
}

/// One form of everything that is written alike: composed, without width or font, in lower case, without joiners.
fn normal(text: &str) -> String {
    let visible = text.nfkc().filter(|c| !is_invisible(*c));
    visible.flat_map(char::to_lowercase).collect()
}

/// Vowel signs, virama and nukta of Indian scripts are marks, and belong to the letter before them.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vendor::RawVendor;

    fn tokens_of(raw: RawVendor) -> BTreeSet<String> {
        tokens(&VendorProfile::parse(raw).unwrap().0)
    }

    fn named(name: &str) -> BTreeSet<String> {
        tokens_of(RawVendor {
            vendor_code: Some("V-1".to_owned()),
            company_name: Some(name.to_owned()),
            ..RawVendor::default()
        })
    }

    #[track_caller]
    fn check(tokens: &BTreeSet<String>, text: &str, found: bool) {
        let is_found = query(text).is_some_and(|query| query.matches(tokens));
        assert_eq!(is_found, found, "{text}: {:?}", query(text));
    }

    #[test]
    fn a_vendor_is_found_by_the_beginnings_of_what_it_is_known_by() {
        let tokens = tokens_of(RawVendor {
            vendor_code: Some("V-1001/B".to_owned()),
            company_name: Some("M/s A-One Kaveri Castings Pvt. Ltd.".to_owned()),
            emails: vec!["Accounts@Kaveri.example".to_owned()],
            phone_numbers: vec!["+91 98765 43210".to_owned()],
            gst_numbers: vec!["27AAPFU0939F1ZV".to_owned()],
            ..RawVendor::default()
        });
        for text in ["kav", "CAST kaveri", "one", "a-one", "v-1001", "V1001b", "27AAPFU", "aapfu0939f", "98765"] {
            check(&tokens, text, true);
        }
        for text in ["accounts@kaveri.ex", "kaveri private limited", "v 1001 b", "27 AAPFU 0939F 1ZV"] {
            check(&tokens, text, true);
        }
        for text in ["averi", "kaveri steel", "1001", "43210"] {
            check(&tokens, text, false);
        }
        assert_eq!(query("a - ."), None);
        assert!(query("private limited").is_some());
    }

    #[test]
    fn a_telephone_number_is_found_as_people_type_it() {
        let tokens = tokens_of(RawVendor {
            vendor_code: Some("V-1".to_owned()),
            company_name: Some("Kaveri".to_owned()),
            phone_numbers: vec!["+91 98765 43210".to_owned()],
            ..RawVendor::default()
        });
        for text in [
            "+919876543210",
            "09876543210",
            "+91 98765 43210",
            "98765 43210",
            "+9198765",
            "00919876543210",
            "91 98765",
            "+91-98765-43210",
            "(+91) 98765 43210",
            "+91 098765 43210",
            "0 98765",
            "kaveri 98765 43210",
        ] {
            check(&tokens, text, true);
        }
        for text in ["+91 98765 43211", "43210 98765", "+92 98765"] {
            check(&tokens, text, false);
        }
    }

    #[test]
    fn a_code_that_looks_like_a_telephone_number_is_found() {
        let coded = |code: &str| {
            tokens_of(RawVendor {
                vendor_code: Some(code.to_owned()),
                company_name: Some("Kaveri".to_owned()),
                ..RawVendor::default()
            })
        };
        for code in ["910012345678", "01234567890", "0091123", "10 20"] {
            check(&coded(code), code, true);
        }
    }

    #[test]
    fn names_and_queries_are_taken_apart_alike() {
        for name in [
            "Kaveri Castings Pvt.Ltd.",
            "Kaveri Castings Pvt Ltd",
            "Kaveri,Castings",
            "Kaveri-Castings (Private) Limited",
        ] {
            let tokens = named(name);
            for text in [
                "Kaveri Castings Pvt.Ltd.",
                "Kaveri,Castings",
                "kaveri limi",
                "kaveri pr",
                "castings & co.",
            ] {
                check(&tokens, text, true);
            }
        }
        check(&named("Kaveri Castings"), "Kaveri,Steel", false);
    }

    #[test]
    fn what_is_longer_than_a_token_is_cut_like_one() {
        let email = format!("{}@{}.example", "accounts".repeat(6), "kaveri".repeat(5));
        let tokens = tokens_of(RawVendor {
            vendor_code: Some("V-1".to_owned()),
            company_name: Some("Kaveri".to_owned()),
            emails: vec![email.clone()],
            ..RawVendor::default()
        });
        check(&tokens, &email, true);
        let long = "य".repeat(2_000);
        assert!(query(&long).unwrap().prefixes().iter().all(|prefix| prefix.len() < 1_024));
    }

    #[test]
    fn words_of_indian_scripts_are_whole_with_their_signs() {
        let tokens = named("कावेरी कास्टिंग्स ગુજરાત ફોર્જ தமிழ் வார்ப்பு");
        for text in ["कावेरी", "कास्टिंग्स", "कास्टि", "ગુજરાત", "ફોર્જ", "தமிழ்", "வார்ப்பு"]
        {
            check(&tokens, text, true);
        }
        check(&tokens, "क्", false);
        // A nukta typed as a sign of its own, and one in the letter.
        check(&named("फ\u{93c}ौलाद"), "\u{95e}ौलाद", true);
        // Full-width letters from another keyboard.
        check(&named("ＫＡＶＥＲＩ"), "kaveri", true);
    }

    #[test]
    fn words_that_are_no_words_take_no_place_of_others() {
        let tokens = named("- A & B - C - D . E , F ; The Great Great Great Indian Bolt Nut Screw Rivet Washer Works");
        for text in ["great", "indian", "bolt", "washer", "works"] {
            check(&tokens, text, true);
        }
    }

    #[test]
    fn all_entries_of_a_vendor_change_in_one_transaction() {
        let most = MAX_NAME_TOKENS + 3 + crate::vendor::MAX_GSTINS + crate::vendor::MAX_PHONES + crate::vendor::MAX_EMAILS;
        // Old entries go and new ones come; the record, its code twice, the directory twice, history, status and counters beside.
        assert!(2 * most + 9 <= 100, "{most} entries");
    }
}
