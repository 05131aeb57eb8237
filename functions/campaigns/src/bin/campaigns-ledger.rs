//! Wiring of `campaigns-ledger`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::ledger::ROUTE)
}
