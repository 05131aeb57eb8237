//! Prefixed, time-sortable identifiers: `vnd_01J…`. The prefix says what an id names wherever it turns up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A string that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an id of the form {prefix}_ followed by 26 letters and digits")]
pub struct InvalidId {
    /// The prefix the id should have had, without the underscore.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(Ulid);

        impl $name {
            /// The prefix that marks this kind of id, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Names a new thing by a ULID made elsewhere.
            pub const fn from_ulid(ulid: Ulid) -> Self {
                Self(ulid)
            }

            /// The ULID behind the prefix.
            pub const fn ulid(self) -> Ulid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .filter(|rest| rest.len() == 26)
                    .and_then(|rest| Ulid::from_string(rest).ok())
                    .map(Self)
                    .ok_or(InvalidId { prefix: $prefix })
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    )*};
}

ids! {
    /// A person or service that signs in.
    UserId = "usr";
    /// A vendor of the organisation.
    VendorId = "vnd";
    /// A campaign.
    CampaignId = "cmp";
    /// A message template.
    TemplateId = "tpl";
    /// A vendor import job.
    ImportId = "imp";
    /// A vendor's answer to a form.
    ResponseId = "rsp";
    /// A schedule of a campaign.
    ScheduleId = "sch";
    /// A saved search for vendors.
    SegmentId = "seg";
    /// A file of vendors made for download.
    ExportId = "exp";
    /// An external system vendors are taken from.
    SyncSourceId = "syn";
    /// One reading of such a system.
    SyncRunId = "syr";
    /// A verification of many vendors.
    VerificationRunId = "ver";
    /// A Udyam number that a vendor sent and somebody is to look at.
    ProposalId = "prp";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_itself_and_refuses_another_kind() {
        let id = VendorId::from_ulid(Ulid::from_parts(1_700_000_000_000, 7));
        assert_eq!(id.to_string().parse::<VendorId>(), Ok(id));
        assert_eq!(id.to_string().parse::<UserId>(), Err(InvalidId { prefix: "usr" }));
        assert!("vnd_123".parse::<VendorId>().is_err());
    }
}
