//! The delivery core: plan a campaign, send its chunks, fold what became of them, look after what got stuck.
//!
//! Everything it touches (clock, table, queues, providers) is behind [`Ports`], so that the same code runs in a Lambda
//! function and in a simulation that reorders, repeats, loses and crashes whatever it likes, from a seed.
//!
//! The promise: no duplicate comes from our retries. A message leaves only under a claim, is never repeated unless the
//! provider proved it did not accept it, and whatever cannot be proved is recorded as unknown. The only possible duplicate
//! is an unknown that someone chose to send again.

mod advance;
mod halt;
mod plan;
mod ports;
mod reconcile;
mod resume;
mod send;

pub use advance::advance;
pub use halt::halt;
pub use plan::plan;
pub use ports::{Audience, Clock, Error, Messages, Ports, Provider, Queue, Stretch, Style, Table};
pub use reconcile::reconcile;
pub use resume::{pending_or_closed, resume};
pub use send::{CLAIM, MAX_WAIT, Step, send_chunk};
