//! `x-cf-signature`: what an account that has no fixed address to call from proves itself with.
//!
//! The client id, a dot and the Unix time in seconds, encrypted with the account's RSA public key (RSAES-OAEP, SHA-1, MGF1 with SHA-1) and
//! written as base64. Cashfree takes it for some minutes, so each request has one of its own.
//! <https://www.cashfree.com/docs/api-reference/vrs/getting-started>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::rand_core::OsRng;
use rsa::{Oaep, RsaPublicKey};
use secrecy::SecretString;
use sha1::Sha1;

/// A text that is no RSA public key, or one too short to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the public key cannot be read")]
pub struct UnreadableKey;

/// The public key of an account, as Cashfree's dashboard hands it out.
#[derive(Clone)]
pub struct CashfreePublicKey(RsaPublicKey);

impl fmt::Debug for CashfreePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CashfreePublicKey(…)")
    }
}

impl CashfreePublicKey {
    /// Reads a PEM file's text, `PUBLIC KEY` or `RSA PUBLIC KEY`, or the base64 between its first and last line. Line breaks may be written
    /// as `\n`, or be lost: whoever pastes a key into a JSON object has to do one or the other.
    ///
    /// # Errors
    /// When it is neither.
    pub fn parse(text: &str) -> Result<Self, UnreadableKey> {
        let text = text.replace("\\n", "\n").replace("\\r", "");
        let body = match text.split_once("-----BEGIN") {
            None => text.as_str(),
            Some((_, rest)) => {
                let (_, rest) = rest.split_once("KEY-----").ok_or(UnreadableKey)?;
                rest.split_once("-----END").ok_or(UnreadableKey)?.0
            }
        };
        let base64: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let der = STANDARD.decode(base64).map_err(|_| UnreadableKey)?;
        let key = RsaPublicKey::from_public_key_der(&der).or_else(|_| RsaPublicKey::from_pkcs1_der(&der));
        key.map(Self).map_err(|_| UnreadableKey)
    }

    /// The header of a request made at this second.
    ///
    /// # Errors
    /// When the key is too short for the client id, or the operating system has no randomness.
    pub fn sign(&self, client_id: &str, at_second: i64) -> Result<SecretString, UnreadableKey> {
        let message = format!("{client_id}.{at_second}");
        let encrypted = self.0.encrypt(&mut OsRng, Oaep::new::<Sha1>(), message.as_bytes());
        encrypted
            .map(|bytes| SecretString::from(STANDARD.encode(bytes)))
            .map_err(|_| UnreadableKey)
    }
}

#[cfg(test)]
mod tests {
    use rsa::RsaPrivateKey;
    use rsa::pkcs1::EncodeRsaPublicKey as _;
    use rsa::pkcs8::{EncodePublicKey as _, LineEnding};
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_key_is_read_however_it_was_pasted_and_its_owner_reads_the_signature() {
        // Short, so that it is quickly made.
        let private = RsaPrivateKey::new(&mut OsRng, 1024).unwrap();
        let pem = private.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let older = private.to_public_key().to_pkcs1_pem(LineEnding::CRLF).unwrap();
        let lines: Vec<&str> = pem.lines().collect();
        let body = lines[1..lines.len() - 1].concat();
        for pasted in [
            pem.clone(),
            older,
            pem.replace('\n', "\\n"),
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            body,
            format!("  {pem}\n"),
        ] {
            let signature = CashfreePublicKey::parse(&pasted).expect(&pasted).sign("CF1", 1_793_593_800).unwrap();
            let bytes = STANDARD.decode(signature.expose_secret()).unwrap();
            let message = private.decrypt(Oaep::new::<Sha1>(), &bytes).unwrap();
            assert_eq!(message, b"CF1.1793593800");
        }
        for text in ["", "no key", "-----BEGIN PUBLIC KEY-----", "AAAA", &pem[..60]] {
            assert_eq!(CashfreePublicKey::parse(text).err(), Some(UnreadableKey), "{text}");
        }
    }
}
