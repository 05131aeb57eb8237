//! The API with a signed-in administrator.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{DemoError, Result, failed};
use crate::local::LocalStack;

/// The API with a signed-in administrator.
pub(super) struct Api {
    client: Client,
    base: String,
    token: String,
}

impl Api {
    pub(super) async fn login(stack: &LocalStack) -> Result<Self> {
        let mut api = Self {
            client: browser()?,
            base: stack.api_url().to_owned(),
            token: String::new(),
        };
        let body = json!({ "email": stack.admin_email(), "password": stack.admin_password() });
        let answer = api.json(Method::POST, "/api/v1/auth/login", Some(body), StatusCode::OK).await?;
        api.token = answer["access_token"].as_str().unwrap_or_default().to_owned();
        Ok(api)
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.token.is_empty() {
            request
        } else {
            request.bearer_auth(&self.token)
        }
    }

    pub(super) async fn json(&self, method: Method, path: &str, body: Option<Value>, expected: StatusCode) -> Result<Value> {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        self.send(request, &format!("{method} {path}"), expected).await
    }

    pub(super) async fn send(&self, request: RequestBuilder, what: &str, expected: StatusCode) -> Result<Value> {
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        if status != expected {
            return failed(format!("{what} answered {status}, expected {expected}: {text}"));
        }
        serde_json::from_str(&text).map_err(|error| DemoError(format!("{what} answered no JSON: {error}")))
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.json(Method::GET, path, None, StatusCode::OK).await
    }

    pub(super) async fn post(&self, path: &str, body: Value, expected: StatusCode) -> Result<Value> {
        self.json(Method::POST, path, Some(body), expected).await
    }

    /// Creates something, and gives its id.
    pub(super) async fn create(&self, path: &str, body: Value) -> Result<String> {
        let created = self.post(path, body, StatusCode::CREATED).await?;
        Ok(created["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Every item of a list, page by page.
    pub(super) async fn all(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}{cursor}")).await?;
            items.extend(page["items"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// Opens a vendor's personal form and answers it; gives the status of the answer.
    pub(super) async fn answer(url: &str, form: &[(&'static str, String)]) -> Result<StatusCode> {
        let browser = browser()?;
        let page = browser.get(url).send().await?;
        if page.status() != StatusCode::OK {
            return failed(format!("the form answered {}", page.status()));
        }
        Ok(browser.post(url).form(form).send().await?.status())
    }
}

/// A client that is nobody.
pub(super) fn browser() -> Result<Client> {
    Ok(crate::http().timeout(Duration::from_secs(60)).build()?)
}
