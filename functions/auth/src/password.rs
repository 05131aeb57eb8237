//! Passwords at rest: argon2id, 19 MiB, two passes, one lane.
//!
//! The parameters are those of OWASP's Password Storage Cheat Sheet.
//! <https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use runtime::ApiError;

const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash of today's strength that no password is known for: what an unknown user's password is checked against, so
/// that it takes as long as a known user's. A test compares its parameters with those above.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$9vCt5sdtLjMJ0g8Yw5PVYg$gHNVvKLEHZpnZkpxKPyLoXBP4eyEuKEdPdKzTcZkQhs";

/// What a check of a password found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not the password.
    Wrong,
    /// The password.
    Right,
    /// The password, but its hash is not of today's strength: store a new one.
    RightButOutdated,
}

fn argon2id() -> Result<Argon2<'static>, ApiError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError::Internal(format!("password hashing: {error}").into())
}

/// Hashes a password with a new salt, as a PHC string.
///
/// # Errors
/// When there is no randomness for the salt.
pub fn hash(password: &str) -> Result<String, ApiError> {
    let hash: PasswordHash = argon2id()?.hash_password(password.as_bytes()).map_err(internal)?;
    Ok(hash.to_string())
}

/// Checks a password against a stored hash: argon2 in PHC form, or bcrypt.
pub fn verify(password: &str, stored: &str) -> Verdict {
    if ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|prefix| stored.starts_with(prefix)) {
        return match bcrypt::verify(password, stored) {
            Ok(true) => Verdict::RightButOutdated,
            _ => Verdict::Wrong,
        };
    }
    let Ok(parsed) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if Argon2::default().verify_password(password.as_bytes(), &parsed).is_err() {
        return Verdict::Wrong;
    }
    if is_current(&parsed) {
        Verdict::Right
    } else {
        Verdict::RightButOutdated
    }
}

/// Takes as long as [`verify`] of a wrong password.
pub(crate) fn verify_nobodys(password: &str) {
    verify(password, NOBODYS);
}

fn is_current(hash: &PasswordHash) -> bool {
    let strength = Params::try_from(hash).map(|params| (params.m_cost(), params.t_cost(), params.p_cost()));
    hash.algorithm == argon2::ARGON2ID_IDENT && hash.version == Some(Version::V0x13.into()) && strength == Ok((MEMORY_KIB, PASSES, LANES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_its_password_and_no_other() {
        let hash = hash("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify("correct horse battery", &hash), Verdict::Right);
        assert_eq!(verify("correct horse batterz", &hash), Verdict::Wrong);
    }

    #[test]
    fn a_weaker_hash_is_right_but_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
        let hash: PasswordHash = weak.hash_password(b"correct horse battery").unwrap();
        assert_eq!(verify("correct horse battery", &hash.to_string()), Verdict::RightButOutdated);
        assert_eq!(verify("wrong", &hash.to_string()), Verdict::Wrong);
    }

    // From the test suite of Openwall's crypt_blowfish.
    #[test]
    fn a_bcrypt_hash_is_right_but_outdated() {
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert_eq!(verify("U*U", hash), Verdict::RightButOutdated);
        assert_eq!(verify("U*V", hash), Verdict::Wrong);
    }

    #[test]
    fn what_is_no_hash_fits_no_password() {
        for stored in ["", "password", "$argon2id$", "$2b$", "$2b$99$x"] {
            assert_eq!(verify("password", stored), Verdict::Wrong, "{stored}");
        }
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_a_known_one() {
        let hash = PasswordHash::new(NOBODYS).unwrap();
        assert!(is_current(&hash));
        assert_eq!(hash.hash.map(|output| output.len()), Some(32));
    }
}
