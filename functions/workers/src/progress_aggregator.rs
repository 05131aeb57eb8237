//! Folds chunks whose events changed, and moves campaigns on when their chunks allow it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
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
    let mut uncounted: BTreeMap<ChunkRef, Vec<String>> = BTreeMap::new();
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
    let chunks: Vec<ChunkRef> = uncounted.keys().copied().collect();
    let mut failures = Vec::new();
    for chunks in chunks.chunks(chunks::FOLDS_PER_CALL) {
        for (chunk, error) in fold(app, chunks).await {
            let failed = uncounted.remove(&chunk).unwrap_or_default().into_iter().map(|id| RecordFailure {
                id,
                error: error.clone().into(),
            });
            failures.extend(failed);
        }
    }
    for campaign in campaigns {
        if let Err(error) = advance(app, campaign).await {
            // No single record is to blame: an empty id makes Lambda deliver the whole batch again.
            failures.push(RecordFailure { id: String::new(), error });
        }
    }
    failures
}

/// Folds chunks, stores what could be read together, and gives those that were not stored.
async fn fold(app: &App, chunks: &[ChunkRef]) -> Vec<(ChunkRef, String)> {
    let failed = |chunks: &[ChunkRef], error: &dyn Display| chunks.iter().map(|chunk| (*chunk, error.to_string())).collect();
    let store = match app.store() {
        Ok(store) => store,
        Err(error) => return failed(chunks, &error),
    };
    let read: Vec<_> = stream::iter(chunks.iter().copied())
        .map(|chunk| async move { (chunk, chunks::read_fold(store, chunk).await) })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    let (mut folded, mut folds, mut failures) = (Vec::new(), Vec::new(), Vec::new());
    for (chunk, read) in read {
        match read {
            Ok(fold) => {
                folded.push(chunk);
                folds.push(fold);
            }
            Err(error) => failures.push((chunk, error.to_string())),
        }
    }
    if let Err(error) = chunks::store_folds(store, &folds).await {
        failures.extend::<Vec<_>>(failed(&folded, &error));
    }
    failures
}

/// [`delivery::advance`] on the real services.
///
/// # Errors
/// When the table cannot be reached.
pub async fn advance(app: &App, id: CampaignId) -> Result<(), RecordError> {
    delivery::advance(&Live::new(app, "", BUDGET)?, id).await
}
