//! Folds chunks whose outcomes or events changed, and moves campaigns on when their chunks allow it.

use std::collections::{BTreeSet, HashMap};

use domain::CampaignId;
use domain::campaign::CampaignState;
use domain::delivery::Counts;
use futures::stream::{self, StreamExt as _};
use runtime::{App, RecordError, RecordFailure, StreamRecord, StreamWorker, Var};
use store::chunks::{self, ChunkState};
use store::{ChunkRef, StoreError, campaigns, chunk_of_stream_key};

/// The worker.
pub static WORKER: StreamWorker = StreamWorker {
    name: "workers-progress-aggregator",
    needs: &[Var::TableName],
    handler: |app, records| Box::pin(handle(app, records)),
};

const CONCURRENCY: usize = 8;

async fn handle(app: &App, records: Vec<StreamRecord>) -> Vec<RecordFailure> {
    let mut touched: HashMap<ChunkRef, Vec<String>> = HashMap::new();
    for record in records {
        if let Some(chunk) = chunk_of_stream_key(&record.pk, &record.sk) {
            touched.entry(chunk).or_default().push(record.id);
        }
    }
    let campaigns: BTreeSet<CampaignId> = touched.keys().map(|chunk| chunk.campaign).collect();
    let mut failures: Vec<RecordFailure> = stream::iter(touched)
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

/// Moves a campaign to `collecting` when everything is sent, and to `completed` when nothing more can come and the
/// ledger balances.
///
/// # Errors
/// When the table cannot be reached.
pub async fn advance(app: &App, id: CampaignId) -> Result<(), RecordError> {
    let (store, now) = (app.store()?, app.now());
    let campaign = match campaigns::get(store, id).await {
        Ok(campaign) => campaign,
        Err(StoreError::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if campaign.planned_at.is_none() || !matches!(campaign.state, CampaignState::Sending | CampaignState::Collecting) {
        return Ok(());
    }
    let summaries = chunks::summaries(store, id).await?;
    if summaries.iter().any(|chunk| chunk.state != ChunkState::Closed) {
        return Ok(());
    }
    let mut counts = Counts::default();
    for chunk in &summaries {
        counts.merge(&chunk.counts);
    }
    let mut steps = Vec::new();
    if campaign.state == CampaignState::Sending {
        steps.push((CampaignState::Sending, CampaignState::Collecting));
    }
    let over = counts.is_settled() || campaign.content.deadline <= now;
    if over && counts.pending == 0 && counts.is_balanced() && counts.targeted == campaign.targeted {
        steps.push((CampaignState::Collecting, CampaignState::Completed));
    }
    for (from, next) in steps {
        match campaigns::transition(store, id, from, next, None, now).await {
            Ok(_) => {}
            // An operator or another aggregator was first.
            Err(StoreError::Conflict(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
