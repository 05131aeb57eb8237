//! The HTTP API's routes. MiniStack does not import the OpenAPI body that SAM makes of `HttpApi` events, so its routes,
//! integrations and CORS rules are read from the processed template and created one by one.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::aws::{Aws, element};
use super::deploy::Stack;
use super::error::{Context as _, Error};
use super::ministack::{ACCOUNT, REGION};

/// Requests to the emulator at once: it answers one after the other, so more would only wait.
const CONCURRENT_REQUESTS: usize = 4;

/// Creates what is missing and returns the API's id and the number of its routes.
pub(super) async fn wire(aws: &Aws, stack_name: &str, stack: &Stack) -> Result<(String, usize), Error> {
    let answer = aws.cloudformation("GetTemplate", stack_name, &[("TemplateStage", "Processed")]).await?;
    let template: Value = serde_json::from_str(&element(&answer, "TemplateBody")).context(|| "cannot parse the processed template".to_owned())?;
    let (logical_id, api) = template["Resources"]
        .as_object()
        .into_iter()
        .flatten()
        .find(|(_, resource)| resource["Type"] == "AWS::ApiGatewayV2::Api")
        .ok_or_else(|| Error::new("template.yaml has no HTTP API"))?;
    let api_id = physical_id(stack, logical_id)?;
    let body = &api["Properties"]["Body"];
    let base = format!("/v2/apis/{api_id}");

    // From the template as it was written: the emulator's transform fills in parameters' defaults instead of their values.
    let written = aws.cloudformation("GetTemplate", stack_name, &[("TemplateStage", "Original")]).await?;
    let written: Value = serde_yaml::from_str(&element(&written, "TemplateBody")).context(|| "cannot parse the deployed template".to_owned())?;
    let cors = Resolver {
        parameters: &stack.parameters,
        conditions: &written["Conditions"],
    }
    .value(&written["Resources"][logical_id]["Properties"]["CorsConfiguration"]);
    if let Value::Object(rules) = cors {
        aws.update(&base, &json!({"corsConfiguration": in_camel_case(rules)})).await?;
    }

    let existing = aws.get("apigateway", &format!("{base}/routes")).await?;
    let existing: BTreeSet<&str> = existing["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|route| route["routeKey"].as_str())
        .collect();
    let routes = routes(body)?;
    let missing: BTreeMap<&String, &String> = routes.iter().filter(|(key, _)| !existing.contains(key.as_str())).collect();

    // One integration per function serves all its routes.
    let functions: BTreeSet<&String> = missing.values().copied().collect();
    let integrations_path = format!("{base}/integrations");
    let integrations: BTreeMap<&String, String> = stream::iter(functions)
        .map(|function| {
            let path = &integrations_path;
            async move {
                let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", physical_id(stack, function)?);
                let integration = json!({
                    "integrationType": "AWS_PROXY",
                    "integrationUri": format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"),
                    "integrationMethod": "POST",
                    "payloadFormatVersion": "2.0",
                });
                let created = aws.create(path, &integration).await?;
                let id = created["integrationId"]
                    .as_str()
                    .ok_or_else(|| Error::new("CreateIntegration answered without an id"))?;
                Ok::<_, Error>((function, id.to_owned()))
            }
        })
        .buffer_unordered(CONCURRENT_REQUESTS)
        .try_collect()
        .await?;
    stream::iter(missing)
        .map(|(route_key, function)| {
            let target = integrations.get(function).map(|id| format!("integrations/{id}"));
            let route = json!({"routeKey": route_key, "target": target});
            let path = format!("{base}/routes");
            async move { aws.create(&path, &route).await.map(drop) }
        })
        .buffer_unordered(CONCURRENT_REQUESTS)
        .try_collect::<()>()
        .await?;
    Ok((api_id.to_owned(), routes.len()))
}

/// Route keys (`GET /api/v1/vendors/{id}`) of an OpenAPI body, each with the logical id of its function.
fn routes(body: &Value) -> Result<BTreeMap<String, String>, Error> {
    let mut routes = BTreeMap::new();
    for (path, operations) in body["paths"].as_object().into_iter().flatten() {
        for (method, operation) in operations.as_object().into_iter().flatten() {
            let key = match (method.as_str(), path.as_str()) {
                ("x-amazon-apigateway-any-method", "/$default") => "$default".to_owned(),
                ("x-amazon-apigateway-any-method", path) => format!("ANY {path}"),
                (method, path) => format!("{} {path}", method.to_uppercase()),
            };
            let uri = operation["x-amazon-apigateway-integration"]["uri"].to_string();
            let function = uri
                .split_once("functions/${")
                .and_then(|(_, reference)| reference.split_once(".Arn}"))
                .map(|(function, _)| function.to_owned())
                .ok_or_else(|| Error::new(format!("the route {key} has an integration the local stack does not know: {uri}")))?;
            routes.insert(key, function);
        }
    }
    Ok(routes)
}

fn physical_id<'a>(stack: &'a Stack, logical_id: &str) -> Result<&'a str, Error> {
    stack
        .resources
        .get(logical_id)
        .map(String::as_str)
        .ok_or_else(|| Error::new(format!("the deployed stack has no resource {logical_id}")))
}

/// CORS rules as the API takes them (`allowOrigins`), from CloudFormation's names (`AllowOrigins`).
fn in_camel_case(rules: serde_json::Map<String, Value>) -> Value {
    rules
        .into_iter()
        .map(|(name, value)| {
            let mut letters = name.chars();
            let first = letters.next().map(|first| first.to_ascii_lowercase());
            (first.into_iter().chain(letters).collect::<String>(), value)
        })
        .collect()
}

/// Resolves the intrinsic functions that rules are written with: references to parameters, splits and conditions.
struct Resolver<'a> {
    parameters: &'a BTreeMap<String, String>,
    conditions: &'a Value,
}

impl Resolver<'_> {
    /// The value with every intrinsic function in it replaced; `null` for what is not known or `AWS::NoValue`.
    fn value(&self, value: &Value) -> Value {
        let object = match value {
            Value::Object(object) => object,
            Value::Array(items) => return items.iter().map(|item| self.value(item)).collect(),
            other => return other.clone(),
        };
        if let Some(name) = object.get("Ref").and_then(Value::as_str) {
            return self.parameters.get(name).map_or(Value::Null, |value| json!(value));
        }
        if let Some([separator, text]) = arguments(object, "Fn::Split") {
            let text = self.value(text);
            return text.as_str().unwrap_or_default().split(separator.as_str().unwrap_or(",")).collect();
        }
        if let Some([condition, then, otherwise]) = arguments(object, "Fn::If") {
            let holds = condition.as_str().is_some_and(|name| self.holds(&self.conditions[name]));
            return self.value(if holds { then } else { otherwise });
        }
        object.iter().map(|(key, value)| (key.clone(), self.value(value))).collect()
    }

    fn holds(&self, condition: &Value) -> bool {
        let Value::Object(object) = condition else { return false };
        if let Some(name) = object.get("Condition").and_then(Value::as_str) {
            return self.holds(&self.conditions[name]);
        }
        if let Some([left, right]) = arguments(object, "Fn::Equals") {
            return self.value(left) == self.value(right);
        }
        if let Some([negated]) = arguments(object, "Fn::Not") {
            return !self.holds(negated);
        }
        if let Some(all) = arguments(object, "Fn::And") {
            return all.iter().all(|condition| self.holds(condition));
        }
        arguments(object, "Fn::Or").is_some_and(|any| any.iter().any(|condition| self.holds(condition)))
    }
}

fn arguments<'a>(object: &'a serde_json::Map<String, Value>, function: &str) -> Option<&'a [Value]> {
    object.get(function)?.as_array().map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_name_method_path_and_function() {
        let integration = |function: &str| json!({"x-amazon-apigateway-integration": {"uri": {"Fn::Sub": format!("arn:x:lambda:path/2015-03-31/functions/${{{function}.Arn}}/invocations")}}});
        let body = json!({"paths": {"/f/{token}": {"get": integration("ShowFunction"), "post": integration("AnswerFunction")}}});
        let expected = [("GET /f/{token}", "ShowFunction"), ("POST /f/{token}", "AnswerFunction")];
        assert_eq!(
            routes(&body).unwrap(),
            expected.map(|(key, function)| (key.to_owned(), function.to_owned())).into()
        );
    }

    #[test]
    fn cors_rules_take_the_values_of_parameters() {
        let conditions = json!({"HasOrigins": {"Fn::Not": [{"Fn::Equals": [{"Ref": "AllowedOrigins"}, ""]}]}});
        let rules = json!({"Fn::If": [
            "HasOrigins",
            {"AllowOrigins": {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}, "MaxAge": 600},
            {"Ref": "AWS::NoValue"},
        ]});
        let resolved = |origins: &str| {
            let parameters = BTreeMap::from([("AllowedOrigins".to_owned(), origins.to_owned())]);
            Resolver {
                parameters: &parameters,
                conditions: &conditions,
            }
            .value(&rules)
        };
        assert_eq!(
            resolved("http://a,http://b"),
            json!({"AllowOrigins": ["http://a", "http://b"], "MaxAge": 600})
        );
        assert_eq!(resolved(""), Value::Null);
    }

    #[test]
    fn rules_are_renamed_for_the_api() {
        let Value::Object(rules) = json!({"AllowOrigins": ["http://a"]}) else {
            unreachable!()
        };
        assert_eq!(in_camel_case(rules), json!({"allowOrigins": ["http://a"]}));
    }
}
