//! Byte buffers that batches share, and the pool they come from.
use std::sync::{Arc, Mutex, PoisonError};

/// A byte buffer that goes back to its pool when the last batch that uses it is gone.
#[derive(Debug, Default)]
pub struct Buf {
    bytes: Vec<u8>,
    pool: Option<Arc<Pool>>,
}

impl Buf {
    pub fn as_mut_vec(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl From<Vec<u8>> for Buf {
    fn from(bytes: Vec<u8>) -> Self {
        Buf { bytes, pool: None }
    }
}

impl std::ops::Deref for Buf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::ops::DerefMut for Buf {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buf {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give(std::mem::take(&mut self.bytes));
        }
    }
}

/// Buffers of one size, kept for the next read: saves a page fault for every 4 KiB that is read.
#[derive(Debug)]
pub struct Pool {
    size: usize,
    keep: usize,
    free: Mutex<Vec<Vec<u8>>>,
}

impl Pool {
    /// Buffers of `size` bytes; at most `keep` of them wait for their next use.
    pub fn new(size: usize, keep: usize) -> Arc<Pool> {
        Arc::new(Pool { size, keep, free: Mutex::default() })
    }

    /// A buffer of exactly `size` bytes with arbitrary content.
    pub fn take(self: &Arc<Self>) -> Buf {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Buf { bytes: free.unwrap_or_else(|| vec![0; self.size]), pool: Some(self.clone()) }
    }

    fn give(&self, bytes: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if bytes.len() == self.size && free.len() < self.keep {
            free.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_returns_to_its_pool() {
        let pool = Pool::new(16, 1);
        drop(pool.take());
        drop((pool.take(), pool.take()));
        assert_eq!(pool.free.lock().unwrap().len(), 1);
    }
}
