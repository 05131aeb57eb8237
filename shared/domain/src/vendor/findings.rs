//! What is wrong or odd about a vendor's fields.

use std::fmt;

use serde::Serialize;
use utoipa::ToSchema;

/// One field that keeps a vendor from being accepted.
///
/// `Debug` leaves the value out, which may be personal.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The column, as in `gst_number`.
    pub field: &'static str,
    /// The text that was refused; empty if it was missing.
    pub value: String,
    /// A stable word for machines, as in `gstin_check_character`.
    pub code: &'static str,
    /// A sentence that says what is wrong and what to do.
    pub message: String,
}

impl FieldError {
    /// An error of `field`, which held `value`.
    pub fn new(field: &'static str, value: &str, code: &'static str, message: &str) -> Self {
        Self {
            field,
            value: value.to_owned(),
            code,
            message: message.to_owned(),
        }
    }
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldError({}: {})", self.field, self.code)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Something odd about a field that was accepted all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct VendorWarning {
    /// The column, as in `pin_code`.
    pub field: &'static str,
    /// A stable word for machines, as in `pan_from_gstin`.
    pub code: &'static str,
    /// A sentence that says what was noticed and what to do.
    pub message: String,
}
