//! Prints the OpenAPI document; `make openapi` keeps it in `functions/system/openapi.json`.

use std::io::Write as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &tests::catalogue::openapi())?;
    Ok(writeln!(out)?)
}
