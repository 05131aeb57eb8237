//! The delivery core's world as it is in production: the table, the queues, the providers and the clock of an [`App`].
//!
//! [`Live`] is what workers and routes pass to `delivery`; [`message`] writes what one recipient gets, for a campaign as for a
//! test; [`providers`] makes the providers' clients from the settings.

pub mod message;
pub mod providers;
pub mod quota;
pub mod test_send;

mod live;

pub use live::Live;
pub use message::{Compiled, Message};

#[doc(no_inline)]
pub use runtime::App;
