//! Wiring of `campaigns-list-schedules`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&campaigns::list_schedules::ROUTE)
}
