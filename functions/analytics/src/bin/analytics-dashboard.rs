//! Wiring of `analytics-dashboard`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&analytics::dashboard::ROUTE)
}
