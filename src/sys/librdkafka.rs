//! What the C library of Kafka can do and its Rust interface does not offer.
use std::time::Duration;

use rdkafka::bindings::rd_kafka_flush;
use rdkafka::client::{Client, ClientContext};

/// Sends at once what lingers in a producer, and waits until nothing of it is in flight or `wait` has passed.
///
/// Why: the flush of the Rust interface waits for nothing in C, so lingering messages linger on, and then polls for a
/// tenth of a second whatever comes. Here a transaction of a hundred messages takes 5 ms with it and took 27 without.
#[allow(unsafe_code, reason = "the Rust interface has no flush that waits")]
pub fn flush<C: ClientContext>(producer: &Client<C>, wait: Duration) {
    let milliseconds = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    // Its answer, that something is left, is asked for by the caller too.
    // SAFETY: the pointer is that of a live client, as `producer` is borrowed; the call keeps nothing, may be made from
    // any thread, and refuses clients that are no producers.
    let _ = unsafe { rd_kafka_flush(producer.native_ptr(), milliseconds) };
}
