//! `GET /health/dependencies`.

use std::time::Instant;

use domain::user::Permission;
use http::Method;
use runtime::{Access, ApiError, App, Request, Response, Route, Var, respond};
use serde::Serialize;
use utoipa::ToSchema;

/// The route.
pub static ROUTE: Route = Route::new(
    "system-dependencies",
    Method::GET,
    "/health/dependencies",
    Access::Requires(Permission::SystemRead),
    |app, request| Box::pin(handle(app, request)),
)
.needing(&[Var::BucketName, Var::QueueUrls]);

/// The health of everything the product stands on.
#[derive(Debug, Serialize, ToSchema)]
struct Dependencies {
    /// `ok`, or `degraded` when one of them does not answer.
    status: &'static str,
    dependencies: Vec<Dependency>,
}

/// One of them.
#[derive(Debug, Serialize, ToSchema)]
struct Dependency {
    name: String,
    /// `ok` or `down`; why is in the log.
    status: &'static str,
    /// How long the check took.
    ms: u64,
    /// Messages waiting, for queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
}

/// Asks the table, bucket, queues, secrets and SES whether they answer.
#[utoipa::path(get, path = "/health/dependencies", operation_id = "system-dependencies", tag = "system",
    responses((status = 200, description = "What answers and what does not", body = Dependencies)), security(("bearer" = [])))]
pub async fn handle(app: &App, _request: Request) -> Result<Response, ApiError> {
    let mut dependencies = vec![
        check("table", async { app.store()?.check().await.map(|()| None).map_err(Into::into) }).await,
        check("bucket", async {
            app.s3().head_bucket().bucket(app.config().get(Var::BucketName)?).send().await?;
            Ok(None)
        })
        .await,
        check("secrets", async {
            app.signing_keys().await.map(|_| None).map_err(|error| format!("{error:?}").into())
        })
        .await,
        check("ses", async {
            app.ses().get_account().send().await?;
            Ok(None)
        })
        .await,
    ];
    for url in app.config().get(Var::QueueUrls)?.split(',').filter(|url| !url.is_empty()) {
        let name = format!("queue {}", url.rsplit('/').next().unwrap_or(url));
        dependencies.push(check(&name, waiting(app, url)).await);
    }
    let status = if dependencies.iter().all(|dependency| dependency.status == "ok") {
        "ok"
    } else {
        "degraded"
    };
    respond::ok(&Dependencies { status, dependencies })
}

type Checked = Result<Option<u64>, Box<dyn std::error::Error + Send + Sync>>;

async fn waiting(app: &App, url: &str) -> Checked {
    use aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages;
    let output = app
        .sqs()
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(ApproximateNumberOfMessages)
        .send()
        .await?;
    Ok(output.attributes.and_then(|found| found.get(&ApproximateNumberOfMessages)?.parse().ok()))
}

async fn check(name: &str, answer: impl Future<Output = Checked>) -> Dependency {
    let started = Instant::now();
    let result = answer.await;
    if let Err(error) = &result {
        tracing::warn!(dependency = name, %error, "dependency does not answer");
    }
    Dependency {
        name: name.to_owned(),
        status: if result.is_ok() { "ok" } else { "down" },
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        waiting: result.ok().flatten(),
    }
}
