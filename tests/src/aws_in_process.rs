//! What tests and benchmarks need of AWS in this process: DynamoDB with the template's table, and how the SDK sends files to S3.

use dynoxide::Database;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Why the table could not be had.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The table's name.
pub const TABLE: &str = "main";

/// Serves DynamoDB in memory with the table of the template the stack is deployed from, empty; gives its address.
///
/// # Errors
/// When a port or the database cannot be had, or the template cannot be read.
pub async fn serve_dynamodb() -> Result<String, Error> {
    let database = Database::memory()?;
    database.create_table(serde_json::from_value(table_of_template()?)?)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Ok(address)
}

/// `CreateTable` as CloudFormation would ask it.
fn table_of_template() -> Result<Value, Error> {
    let path = crate::bench::workspace_root().join("template.yaml");
    let template: serde_yaml::Value = serde_yaml::from_str(&std::fs::read_to_string(path)?)?;
    let properties = &template["Resources"]["Table"]["Properties"];
    let mut table = json!({ "TableName": TABLE });
    for name in ["BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes"] {
        table[name] = serde_json::to_value(&properties[name])?;
    }
    Ok(table)
}

/// The payload of a body in `aws-chunked` encoding: `<hex length>[;…]\r\n<bytes>\r\n` until a length of nought.
pub fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(body.len());
    while let Some(line_end) = body.windows(2).position(|pair| pair == b"\r\n") {
        let line = String::from_utf8_lossy(&body[..line_end]);
        let length = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16).unwrap_or(0);
        let start = line_end + 2;
        if length == 0 || body.len() < start + length {
            break;
        }
        payload.extend_from_slice(&body[start..start + length]);
        body = body.get(start + length + 2..).unwrap_or_default();
    }
    payload
}
