//! The yardstick of the cold-start benchmark: a function that answers 200 and does nothing else.
//!
//! A package of its own, so that one release build gives it the very dependencies and features of the real functions,
//! without the simulators that the package `tests` links.

use lambda_http::{Body, Error, Request, Response, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(async |_: Request| Ok::<_, Error>(Response::new(Body::Empty)))).await
}
