//! Everything `sheets` promises, by way of its public functions.

mod fuzz;
mod reading;
mod support;
mod writing;
