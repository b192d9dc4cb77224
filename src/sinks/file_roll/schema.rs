//! Deliveries of events that are Avro datums: a file has one schema, so another one begins another file.
//!
//! Why several commits: a delivery whose events have two schemas touches two files. Each is committed by itself; where
//! a later one fails, the whole is in doubt, and the record tells what of it is there.
//! Invariants: all events were found to fit before anything is written, so that a refused delivery has left nothing.
use super::sink::FileRoll;
use crate::codec::serializer::schemas::Unfit;
use crate::event::Batch;
use crate::flow::DeliverError;

impl FileRoll {
    pub(super) fn commit_by_schema(&mut self, batches: &[Batch]) -> Result<(), DeliverError> {
        let schemas = self.schemas.as_mut().expect("asked for by a serializer that has them");
        let runs = schemas.runs(batches).map_err(|unfit| match unfit {
            Unfit::Load(what, error) => DeliverError::not_there(what, error),
            Unfit::Refused(what) => DeliverError::Refused(what),
        })?;
        for (nth, run) in runs.into_iter().enumerate() {
            self.begin_schema(run.schema.text.clone());
            self.commit(&run.batches).map_err(|error| match error {
                DeliverError::NotThere(what, cause) if nth > 0 => DeliverError::InDoubt(what, cause),
                other => other,
            })?;
        }
        Ok(())
    }

    /// From here on events have this schema.
    fn begin_schema(&mut self, schema: std::sync::Arc<str>) {
        if self.opening.schema == schema {
            return;
        }
        // One that has no byte yet is used on.
        if self.data.as_ref().is_some_and(|file| file.length > 0) {
            self.finish_file();
        }
        self.opening.schema = schema;
    }
}
