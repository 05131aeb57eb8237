//! Wiring of `campaigns-unschedule`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::unschedule::ROUTE)
}
