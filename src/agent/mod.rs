//! Running graphs.
