//! The event source mappings' concurrency. MiniStack leaves a number that comes from a parameter as text, on which its queue
//! poller fails for every queue, so those are set once more as numbers.

use serde_json::json;

use super::aws::Aws;
use super::error::{Context as _, Error};

const PATH: &str = "/2015-03-31/event-source-mappings";

pub(super) async fn repair(aws: &Aws) -> Result<(), Error> {
    let mappings = aws.get("lambda", &format!("{PATH}?MaxItems=100")).await?;
    for mapping in mappings["EventSourceMappings"].as_array().into_iter().flatten() {
        let (Some(id), Some(text)) = (mapping["UUID"].as_str(), mapping["ScalingConfig"]["MaximumConcurrency"].as_str()) else {
            continue;
        };
        let number: u32 = text.parse().context(|| format!("the MaximumConcurrency of mapping {id} is {text:?}"))?;
        let input = json!({ "ScalingConfig": { "MaximumConcurrency": number } });
        aws.put("lambda", &format!("{PATH}/{id}"), &input).await?;
    }
    Ok(())
}
