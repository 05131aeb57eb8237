//! What vendors write back: that they want no more messages, in the languages of India, or their Udyam number.
//!
//! The words are matched at the beginning of a message or as the whole of it, never in the middle: "please don't stop" and "we
//! work non-stop" are no opt-outs. Where the meaning is in doubt the words decide for the vendor: an opt-out can be lifted by an
//! administrator, an unwanted message cannot be taken back.

use std::sync::LazyLock;

use domain::identifiers::{Parsed, Udyam};

/// Words and phrases that opt out also where more follows: "STOP sending this".
#[rustfmt::skip]
const AT_THE_START: &[&str] = &[
    // English
    "stop", "stopall", "unsubscribe", "unsub", "optout", "opt out", "opt-out", "do not contact", "don't contact", "dont contact",
    "do not message", "don't message", "dont message", "do not send", "don't send", "dont send", "no more messages",
    // Hindi
    "स्टॉप", "रोकें", "रोकिए", "रोकिये", "बंद करो", "बंद करें", "बंद करे", "बंद कीजिए", "बंद कर दो", "बंद कर दें", "मत भेजो", "मत भेजें",
    "मत भेजिए", "न भेजें", "मैसेज बंद करो", "मैसेज बंद करें", "मैसेज मत भेजो", "मैसेज मत भेजें", "संदेश बंद करें", "संदेश बंद करो",
    "संदेश मत भेजो", "संदेश मत भेजें", "संदेश न भेजें", "सदस्यता समाप्त",
    "band karo", "band kare", "band karen", "band karein", "band kar do", "band kijiye", "band kariye", "bandh karo", "mat bhejo",
    "mat bhejiye", "mat bheje", "message band karo", "message band kare", "messages band karo", "msg band karo", "message mat bhejo",
    "messages mat bhejo", "msg mat bhejo", "rokiye",
    // Marathi
    "थांबवा", "बंद करा", "पाठवू नका", "मेसेज पाठवू नका", "मेसेज बंद करा", "संदेश पाठवू नका", "संदेश बंद करा",
    "thambva", "thambava", "thaambva", "band kara", "pathvu naka", "pathavu naka", "message pathvu naka", "message band kara",
    // Gujarati
    "સ્ટોપ", "બંધ કરો", "બંધ કરી દો", "રોકો", "મોકલશો નહીં", "મોકલશો નહિ", "ન મોકલો", "મેસેજ બંધ કરો", "મેસેજ ન મોકલો", "સંદેશ બંધ કરો",
    "bandh kari do", "mokalsho nahi", "na moklo", "message na moklo", "message bandh karo",
    // Bengali
    "স্টপ", "বন্ধ করুন", "বন্ধ করো", "বন্ধ কর", "থামুন", "থামান", "থামাও", "পাঠাবেন না", "মেসেজ পাঠাবেন না", "মেসেজ বন্ধ করুন",
    "বার্তা বন্ধ করুন",
    "bondho korun", "bondho koro", "bandho korun", "bandha karun", "thamun", "thaman", "pathaben na", "message pathaben na",
    // Tamil
    "ஸ்டாப்", "நிறுத்து", "நிறுத்துங்கள்", "நிறுத்தவும்", "அனுப்ப வேண்டாம்", "அனுப்பாதீர்கள்", "அனுப்பாதே", "செய்தி அனுப்ப வேண்டாம்",
    "மெசேஜ் அனுப்ப வேண்டாம்",
    "niruthu", "niruthungal", "niruthavum", "niruttu", "nirutthu", "nirutthungal", "anuppa vendam", "anuppathinga", "message anuppa vendam",
    // Telugu
    "స్టాప్", "ఆపండి", "ఆపేయండి", "ఆపివేయండి", "నిలిపివేయండి", "పంపవద్దు", "పంపకండి", "పంపొద్దు", "మెసేజ్ పంపవద్దు", "సందేశాలు పంపవద్దు",
    "సందేశాలు ఆపండి",
    "apandi", "aapandi", "aapeyandi", "apeyandi", "pampavaddu", "pampoddu", "pampakandi", "message pampavaddu", "messages pampoddu",
    // Kannada
    "ಸ್ಟಾಪ್", "ನಿಲ್ಲಿಸಿ", "ನಿಲ್ಲಿಸು", "ಕಳುಹಿಸಬೇಡಿ", "ಕಳಿಸಬೇಡಿ", "ಸಂದೇಶ ನಿಲ್ಲಿಸಿ", "ಸಂದೇಶ ಕಳುಹಿಸಬೇಡಿ", "ಮೆಸೇಜ್ ಕಳಿಸಬೇಡಿ",
    "nillisi", "nillisu", "kaluhisabedi", "kalisabedi", "kalsbedi", "message kalisabedi",
    // Malayalam
    "സ്റ്റോപ്പ്", "സ്റ്റോപ്", "നിർത്തുക", "നിർത്തൂ", "നിർത്തു", "നിർത്തണം", "അയക്കരുത്", "അയയ്ക്കരുത്", "മെസേജ് അയക്കരുത്", "സന്ദേശം അയക്കരുത്",
    "nirthuka", "nirthu", "nirthoo", "nirutthuka", "ayakkaruthu", "ayakkaruth", "message ayakkaruthu",
    // Punjabi
    "ਸਟਾਪ", "ਬੰਦ ਕਰੋ", "ਬੰਦ ਕਰ ਦਿਓ", "ਰੋਕੋ", "ਨਾ ਭੇਜੋ", "ਮੈਸੇਜ ਬੰਦ ਕਰੋ", "ਮੈਸੇਜ ਨਾ ਭੇਜੋ", "ਸੁਨੇਹੇ ਬੰਦ ਕਰੋ",
    "na bhejo", "message na bhejo", "band kar deo",
    // Odia
    "ଷ୍ଟପ୍", "ଷ୍ଟପ", "ବନ୍ଦ କରନ୍ତୁ", "ବନ୍ଦ କର", "ପଠାନ୍ତୁ ନାହିଁ", "ମେସେଜ ପଠାନ୍ତୁ ନାହିଁ", "ମେସେଜ ବନ୍ଦ କରନ୍ତୁ",
    "banda karantu", "bandha karantu", "banda kara", "pathantu nahi", "message pathantu nahi",
    // Urdu
    "سٹاپ", "اسٹاپ", "روکیں", "بند کریں", "بند کرو", "بند کر دیں", "مت بھیجیں", "مت بھیجو", "نہ بھیجیں", "میسج بند کریں", "پیغام بند کریں",
    "میسج مت بھیجیں",
];

/// Words that opt out only where nothing else is said: each begins sentences that mean something else.
#[rustfmt::skip]
const ALONE: &[&str] = &[
    // English
    "cancel", "end", "quit", "revoke", "remove", "remove me", "block", "no messages", "not interested",
    // Hindi, Urdu and Punjabi
    "बंद", "रोको", "रुको", "नहीं चाहिए", "मुझे मैसेज मत भेजो", "मुझे संदेश मत भेजें", "بند", "روکو", "نہیں چاہیے", "ਬੰਦ", "ਨਹੀਂ ਚਾਹੀਦਾ",
    "band", "bandh", "roko", "ruko", "nahi chahiye", "nahin chahiye", "mujhe message mat bhejo", "mujhe msg mat bhejo",
    // Marathi
    "थांबा", "नको", "thamba", "nako",
    // Gujarati
    "બંધ", "નથી જોઈતું", "નથી જોઈતા", "nathi joitu", "nathi joita",
    // Bengali
    "বন্ধ", "চাই না", "bondho", "bandho", "chai na",
    // Tamil and Malayalam
    "வேண்டாம்", "vendam", "venda", "വേണ്ട",
    // Telugu
    "ఆపు", "వద్దు", "aapu", "apu", "vaddu", "voddu",
    // Kannada
    "ಬೇಡ", "beda", "bedi",
    // Odia
    "ବନ୍ଦ", "ଦରକାର ନାହିଁ", "banda", "darkar nahi",
];

/// What may stand before the words without changing what they say.
#[rustfmt::skip]
const POLITE: &[&str] = &[
    "please", "pls", "plz", "kindly", "hi", "hello", "sir", "कृपया", "प्लीज", "कृपा", "krupaya", "kripya", "kripaya", "કૃપા", "দয়া", "অনুগ্রহ",
    "ദയവായി", "தயவுசெய்து", "దయచేసి", "ದಯವಿಟ್ಟು", "ਕਿਰਪਾ", "ଦୟାକରି", "براہ", "dayachesi", "dayavittu",
];

static AT_THE_START_WORDS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| AT_THE_START.iter().map(|phrase| words(phrase)).collect());
static ALONE_WORDS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| ALONE.iter().map(|phrase| words(phrase)).collect());
static POLITE_WORDS: LazyLock<Vec<String>> = LazyLock::new(|| POLITE.iter().flat_map(|word| words(word)).collect());

/// Whether a message says that its sender wants no more messages.
pub fn is_opt_out(text: &str) -> bool {
    let all = words(text);
    let polite = all.iter().take_while(|word| POLITE_WORDS.contains(word)).count();
    [&all[..], &all[polite..]].into_iter().any(|said| {
        let begins = |phrase: &Vec<String>| said.starts_with(phrase);
        AT_THE_START_WORDS.iter().any(begins) || ALONE_WORDS.iter().any(|phrase| said == without_polite_end(phrase, said))
    })
}

/// `phrase` as `said` has it where only politeness follows: "band, please".
fn without_polite_end<'a>(phrase: &'a [String], said: &'a [String]) -> &'a [String] {
    let rest = said.strip_prefix(phrase);
    if rest.is_some_and(|rest| rest.iter().all(|word| POLITE_WORDS.contains(word))) {
        said
    } else {
        phrase
    }
}

/// The words of a text in one spelling: lower case, without punctuation. A hyphen or an apostrophe inside joins: `non-stop`.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        match c {
            // Joiners choose between shapes of the same letters.
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fe0f}' => {}
            // Marks that are mostly left out: nukta, Arabic vowels, the stretching stroke.
            '\u{093c}' | '\u{09bc}' | '\u{0a3c}' | '\u{0abc}' | '\u{0b3c}' | '\u{064b}'..='\u{065f}' | '\u{0640}' => {}
            '\'' | '’' | '‘' | '`' => {
                if !word.is_empty() {
                    word.push('\'');
                }
            }
            '-' | '\u{2010}' | '\u{2011}' => {
                if !word.is_empty() {
                    word.push('-');
                }
            }
            c if is_of_word(c) => word.extend(c.to_lowercase().flat_map(spelling)),
            _ => push_word(&mut words, &mut word),
        }
    }
    push_word(&mut words, &mut word);
    words
}

fn push_word(words: &mut Vec<String>, word: &mut String) {
    let trimmed = word.trim_matches(['-', '\'']);
    if !trimmed.is_empty() {
        // The nasal before द is a letter or a dot: बन्द, बंद.
        words.push(trimmed.replace("न्द", "ंद"));
    }
    word.clear();
}

/// Letters, digits, and the vowel signs and viramas of the Indian scripts, which are neither.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || (('\u{0900}'..='\u{0d7f}').contains(&c) && !matches!(c, '\u{0964}' | '\u{0965}' | '\u{0970}'))
}

/// One way to write letters that have two.
fn spelling(c: char) -> impl Iterator<Item = char> {
    const VIRAMA: char = '\u{0d4d}';
    let (first, second) = match c {
        // Devanagari and Gurmukhi letters that hold a nukta.
        '\u{0958}' => ('\u{0915}', None),
        '\u{0959}' => ('\u{0916}', None),
        '\u{095a}' => ('\u{0917}', None),
        '\u{095b}' => ('\u{091c}', None),
        '\u{095c}' => ('\u{0921}', None),
        '\u{095d}' => ('\u{0922}', None),
        '\u{095e}' => ('\u{092b}', None),
        '\u{095f}' => ('\u{092f}', None),
        '\u{0901}' => ('\u{0902}', None),
        '\u{09df}' => ('\u{09af}', None),
        '\u{09dc}' => ('\u{09a1}', None),
        '\u{09dd}' => ('\u{09a2}', None),
        // Malayalam's chillu letters, which older keyboards write with a virama.
        '\u{0d7a}' => ('\u{0d23}', Some(VIRAMA)),
        '\u{0d7b}' => ('\u{0d28}', Some(VIRAMA)),
        '\u{0d7c}' => ('\u{0d30}', Some(VIRAMA)),
        '\u{0d7d}' => ('\u{0d32}', Some(VIRAMA)),
        '\u{0d7e}' => ('\u{0d33}', Some(VIRAMA)),
        // Arabic letters in place of Urdu's.
        '\u{064a}' | '\u{0649}' => ('\u{06cc}', None),
        '\u{0643}' => ('\u{06a9}', None),
        '\u{0647}' | '\u{06c1}' | '\u{06be}' => ('\u{06c1}', None),
        c => (c, None),
    };
    std::iter::once(first).chain(second)
}

/// The Udyam number in a message, however it is spelt: `udyam mh 26 0012345`, `Udyam no: MH-26-0012345`, or only `MH 26 0012345`
/// where nothing else is said. The first, if there are several.
pub fn find_udyam(text: &str) -> Option<Udyam> {
    let text: Vec<char> = text.chars().map(|c| ascii_digit(c).to_ascii_uppercase()).collect();
    const WORD: [char; 5] = ['U', 'D', 'Y', 'A', 'M'];
    let after_word = (0..text.len())
        .filter(|at| text[*at..].starts_with(&WORD))
        .map(|at| &text[at + WORD.len()..]);
    after_word
        .map(without_filler)
        .chain(std::iter::once(text.as_slice()).filter(|_| text.len() <= 20))
        .find_map(number)
}

/// Skips what people put between the word and the number.
fn without_filler(mut text: &[char]) -> &[char] {
    const FILLER: [&str; 12] = [
        "REGISTRATION",
        "REGN",
        "REG",
        "CERTIFICATE",
        "NUMBER",
        "NUM",
        "NO",
        "ID",
        "IS",
        "URN",
        "AADHAAR",
        "AADHAR",
    ];
    loop {
        let start = text.iter().position(|c| c.is_alphanumeric()).unwrap_or(text.len());
        text = &text[start..];
        let length = text.iter().position(|c| !c.is_ascii_alphabetic()).unwrap_or(text.len());
        let word: String = text[..length].iter().collect();
        if !FILLER.contains(&word.as_str()) {
            return text;
        }
        text = &text[length..];
    }
}

/// Two letters, two digits, seven digits at the beginning of `text`, with separators anywhere between.
fn number(text: &[char]) -> Option<Udyam> {
    const LENGTH: usize = 11;
    let mut compact = String::new();
    let mut rest = text.iter().copied();
    while compact.len() < LENGTH {
        let c = rest.next()?;
        if c.is_ascii_alphanumeric() {
            compact.push(c);
        } else if !is_separator(c) {
            return None;
        }
    }
    if rest.next().is_some_and(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    Udyam::parse(&format!("UDYAM{compact}")).ok().map(Parsed::into_value)
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '_' | '.' | '/' | ':' | '\\' | '\u{2010}'..='\u{2015}' | '\u{200b}'..='\u{200f}' | '\u{2212}' | '*')
}

/// The digits of the Indian scripts and of Urdu as those of ASCII.
fn ascii_digit(c: char) -> char {
    const ZEROS: [u32; 11] = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66];
    let digit = ZEROS
        .into_iter()
        .find_map(|zero| u32::from(c).checked_sub(zero).filter(|digit| *digit < 10));
    digit.and_then(|digit| char::from_digit(digit, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_lists_opts_out_alone() {
        for phrase in AT_THE_START.iter().chain(ALONE) {
            assert!(is_opt_out(phrase), "{phrase}");
            assert!(is_opt_out(&format!("  {}!! ", phrase.to_uppercase())), "{phrase}");
        }
    }

    #[rustfmt::skip]
    #[test]
    fn opt_outs_are_understood() {
        for text in [
            "STOP", "Stop.", "stop\n", "*STOP*", "\"stop\"", "STOP 🛑", "STOP,please", "stop sending me messages", "Please stop", "pls. STOP!",
            "Stop promotions", "opt out", "Opt-Out", "OPTOUT", "Unsubscribe me", "don’t send me this", "Do not contact me again", "STOPALL",
            "cancel", "Not interested", "Band karo", "BAND", "band please", "mat bhejo", "Kripya band karen", "message mat bhejo bhai",
            "बंद", "बन्द", "बन्द करें", "बंद करें।", "कृपया बंद करें", "मत भेजो भाई", "थांबवा", "नको", "कृपया मेसेज पाठवू नका", "બંધ કરો", "মেসেজ পাঠাবেন না", "বন্ধ",
            "நிறுத்து", "வேண்டாம்.", "ఆపండి", "దయచేసి ఆపండి", "ನಿಲ್ಲಿಸಿ", "ದಯವಿಟ್ಟು ನಿಲ್ಲಿಸಿ", "നിർത്തുക", "നിര്\u{200d}ത്തുക", "വേണ്ട",
            "ਬੰਦ ਕਰੋ", "ବନ୍ଦ କରନ୍ତୁ", "بند کریں", "بند كريں", "मत भेजें", "মেসেজ বন্ধ করুন", "STOP/बंद", "thambva", "Niruthu", "nillisi", "vaddu",
        ] {
            assert!(is_opt_out(text), "{text}");
        }
    }

    #[rustfmt::skip]
    #[test]
    fn other_messages_are_not() {
        for text in [
            "", " ", "🙏", "ok", "please don't stop", "we work non-stop", "Non-stop service", "non stop", "do not stop", "stopped", "stoppage",
            "stop-loss", "I will stop by tomorrow", "when does this stop?", "cancel my order 12", "end of the month", "Band of brothers",
            "band mat karo", "message band mat karo", "bandhan", "nahi", "no", "yes", "मुझे फॉर्म भेजो", "बंद मत करो", "नमस्ते", "रोकड़", "বন্ধু",
            "வணக்கம்", "UDYAM-MH-26-0012345", "opt", "quit india movement", "remove GST number and add new", "hello sir", "please",
            "Venda Industries", "block 4, industrial estate",
        ] {
            assert!(!is_opt_out(text), "{text}");
        }
    }

    #[track_caller]
    fn udyam(text: &str, expected: Option<&str>) {
        assert_eq!(find_udyam(text).as_ref().map(Udyam::as_str), expected, "{text}");
    }

    #[rustfmt::skip]
    #[test]
    fn a_udyam_number_is_found_however_it_is_spelt() {
        let number = Some("UDYAM-MH-26-0012345");
        for text in [
            "UDYAM-MH-26-0012345", "udyam-mh-26-0012345", "Udyam MH 26 0012345", "UDYAMMH260012345", "UDYAM MH260012345", "udyam–mh–26–0012345",
            "Our number is UDYAM-MH-26-0012345, thanks", "Udyam no: MH-26-0012345", "udyam registration number is mh 26 0012345.",
            "Udyam Registration: UDYAM-MH-26-0012345 dated 1/1/2021", "MH-26-0012345", "mh260012345", "UDYAM-MH-२६-००१२३४५", "(UDYAM-MH-26-0012345)",
            "हमारा नंबर UDYAM-MH-26-0012345 है", "UDYAM- MH -26- 0012345", "udyam udyam mh-26-0012345", "*UDYAM-MH-26-0012345*",
        ] {
            udyam(text, number);
        }
        udyam("UDYAM-MH-26-0012345 and UDYAM-KR-03-0098765", number);
    }

    #[rustfmt::skip]
    #[test]
    fn what_is_no_udyam_number_is_left_alone() {
        for text in [
            "", "udyam", "UDYAM-MH-26-001234", "UDYAM-MH-26-00123456", "UDYAM-M-26-0012345", "UDYAM-MH-26-0012345X", "MH26D0012345",
            "we have applied for udyam, will send 26 0012345 later", "call me at 9876500001", "my bill MH-26-0012345 of 3rd June is open", "Udyam: नहीं",
        ] {
            udyam(text, None);
        }
    }
}
