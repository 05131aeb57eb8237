//! Wiring of `public-answer-form`.

fn main() -> Result<(), runtime::StartError> {
    runtime::serve_http(&public::answer_form::ROUTE)
}
