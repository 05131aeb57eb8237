//! Folds chunks whose events changed, and moves campaigns on when their chunks allow it.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::CampaignId;
use engine::Live;
use futures::stream::{self, StreamExt as _};
use runtime::{App, RecordError, RecordFailure, StreamRecord, StreamWorker, Var};
use store::{ChunkRef, Touched, chunks, touched_by_stream_key};

/// The worker.
pub static WORKER: StreamWorker = StreamWorker {
    name: "workers-progress-aggregator",
    needs: &[Var::TableName],
    handler: |app, records| Box::pin(handle(app, records)),
};

const CONCURRENCY: usize = 8;
const BUDGET: Duration = Duration::from_secs(40);

async fn handle(app: &App, records: Vec<StreamRecord>) -> Vec<RecordFailure> {
    let mut uncounted: HashMap<ChunkRef, Vec<String>> = HashMap::new();
    let mut campaigns: BTreeSet<CampaignId> = BTreeSet::new();
    for record in records {
        match touched_by_stream_key(&record.pk, &record.sk) {
            Some(Touched::Uncounted(chunk)) => {
                uncounted.entry(chunk).or_default().push(record.id);
                campaigns.insert(chunk.campaign);
            }
            // The sender stored the counts with its outcomes.
            Some(Touched::Counted(chunk)) => {
                campaigns.insert(chunk.campaign);
            }
            None => {}
        }
    }
    let mut failures: Vec<RecordFailure> = stream::iter(uncounted)
        .map(|(chunk, records)| async move {
            match fold(app, chunk).await {
                Ok(()) => Vec::new(),
                Err(error) => {
                    let reason = error.to_string();
                    records
                        .into_iter()
                        .map(|id| RecordFailure {
                            id,
                            error: reason.clone().into(),
                        })
                        .collect()
                }
            }
        })
        .buffer_unordered(CONCURRENCY)
        .flat_map(stream::iter)
        .collect()
        .await;
    for campaign in campaigns {
        if let Err(error) = advance(app, campaign).await {
            // No single record is to blame: an empty id makes Lambda deliver the whole batch again.
            failures.push(RecordFailure { id: String::new(), error });
        }
    }
    failures
}

async fn fold(app: &App, chunk: ChunkRef) -> Result<(), RecordError> {
    chunks::fold(app.store()?, chunk).await?;
    Ok(())
}

/// [`delivery::advance`] on the real services.
///
/// # Errors
/// When the table cannot be reached.
pub async fn advance(app: &App, id: CampaignId) -> Result<(), RecordError> {
    delivery::advance(&Live::new(app, "", BUDGET)?, id).await
}
