//! Numbers that nobody can guess; in a simulation, numbers that its seed repeats.

/// Random bytes from the kernel.
#[cfg(not(test))]
pub fn random<const N: usize>() -> [u8; N] {
    from_kernel()
}

fn from_kernel<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes once booted");
    bytes
}

#[cfg(test)]
pub use seeded::{random, repeat};

#[cfg(test)]
mod seeded {
    use std::cell::RefCell;

    use crate::sys::disk::simulated::Random;

    thread_local! {
        static SEED: RefCell<Option<Random>> = const { RefCell::new(None) };
    }

    /// From here on this thread's random numbers are those of a seed.
    pub fn repeat(seed: u64) {
        SEED.set(Some(Random::new(seed)));
    }

    pub fn random<const N: usize>() -> [u8; N] {
        SEED.with_borrow_mut(|seed| match seed {
            Some(seed) => std::array::from_fn(|_| seed.draw() as u8),
            None => super::from_kernel(),
        })
    }
}
