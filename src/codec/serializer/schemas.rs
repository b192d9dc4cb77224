//! Schemas of events whose bodies are datums: where an event tells its own, and runs of events that have the same.
//!
//! Why runs: a container has one schema. Where that of the events changes, another file has to begin.
//! Shape: the header `flume.avro.schema.url`, else `flume.avro.schema.literal`, else the sink's `schemaURL`. A URL is
//! that of a local file, which the caller reads: nothing here does.
//! Errors: an event without a schema, or one that is none of its schema, would make a file that nobody can read: it is
//! refused.
//! Truth: Flume 1.11 `org.apache.flume.sink.hdfs.AvroEventSerializer`.
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::codec::avro::Schema;
use crate::codec::avro::schema::compact;
use crate::codec::avro::wire::Input;
use crate::event::{Batch, EventRef};

const URL: &str = "flume.avro.schema.url";
const LITERAL: &str = "flume.avro.schema.literal";
const HASH: &str = "flume.avro.schema.hash";

/// Reads a local file.
pub type Load = fn(&Path) -> io::Result<String>;

/// A schema that was understood.
#[derive(Debug)]
pub struct Known {
    pub text: Arc<str>,
    schema: Schema,
}

/// Batches whose events have the same schema.
#[derive(Debug)]
pub struct Run {
    pub schema: Arc<Known>,
    pub batches: Vec<Batch>,
}

/// Why events cannot be put into a container.
#[derive(Debug)]
pub enum Unfit {
    /// The schema cannot be read at present.
    Load(String, io::Error),
    /// They never can; lowercase, no full stop.
    Refused(String),
}

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Url(&'a str),
    Literal(&'a str),
}

/// The schemas that were asked for.
#[derive(Debug)]
pub struct Schemas {
    /// Where no event tells it.
    fallback: Option<String>,
    load: Load,
    /// By URL, or by text.
    known: HashMap<String, Arc<Known>>,
}

/// Schemas that are kept; beyond it they are read again.
const KEPT: usize = 256;

impl Schemas {
    pub fn new(fallback: Option<String>, load: Load) -> Schemas {
        Schemas { fallback, load, known: HashMap::new() }
    }

    /// The batches in runs of one schema each; their events were found to be datums of it. Batches without events go
    /// with what lies before them.
    pub fn runs(&mut self, batches: &[Batch]) -> Result<Vec<Run>, Unfit> {
        let (mut runs, mut bare): (Vec<Run>, Vec<Batch>) = (Vec::new(), Vec::new());
        for batch in batches {
            let mut rest = batch.clone();
            while !rest.is_empty() {
                let (schema, count) = self.first_run(&rest)?;
                let part = rest.split_off_front(count);
                match runs.last_mut().filter(|run| run.schema.text == schema.text) {
                    Some(run) => run.batches.push(part),
                    None => {
                        let mut batches = std::mem::take(&mut bare);
                        batches.push(part);
                        runs.push(Run { schema, batches });
                    }
                }
            }
            let moves = rest.span().is_some_and(|span| span.from < span.to);
            match runs.last_mut() {
                _ if !moves => {}
                Some(run) => run.batches.push(rest),
                None => bare.push(rest),
            }
        }
        Ok(runs)
    }

    /// The schema of the first event, and how many events have the same.
    fn first_run(&mut self, batch: &Batch) -> Result<(Arc<Known>, usize), Unfit> {
        let first = batch.event(0);
        let place = place_of(first);
        let schema = match place {
            Some(place) => self.known(place)?,
            None => self.fallback(first)?,
        };
        let count = batch.events().take_while(|event| place_of(*event) == place).count();
        for event in batch.events().take(count) {
            let mut input = Input::new(event.body());
            let skipped = schema.schema.skip(&mut input);
            if skipped.is_err() || !input.is_at_end() {
                return Err(Unfit::Refused("the body of an event is no record of its Avro schema".into()));
            }
        }
        Ok((schema, count))
    }

    fn fallback(&mut self, event: EventRef<'_>) -> Result<Arc<Known>, Unfit> {
        let hash = event.header(HASH);
        let Some(url) = self.fallback.clone() else {
            let hint = match hash {
                Some(_) => {
                    "a fingerprint alone does not tell it: use `deserializer.schemaType = LITERAL`, or `schemaURL`"
                }
                None => {
                    "it has no header `flume.avro.schema.url` or `flume.avro.schema.literal`, and there is no `schemaURL`"
                }
            };
            return Err(Unfit::Refused(format!("the Avro schema of an event is not known: {hint}")));
        };
        let schema = self.known(Place::Url(&url))?;
        match hash.filter(|hash| *hash != schema.schema.fingerprint()) {
            None => Ok(schema),
            Some(hash) => Err(Unfit::Refused(format!(
                "an event has the Avro schema with the fingerprint `{hash}`, and `schemaURL` leads to another one"
            ))),
        }
    }

    fn known(&mut self, place: Place<'_>) -> Result<Arc<Known>, Unfit> {
        let (Place::Url(key) | Place::Literal(key)) = place;
        if let Some(known) = self.known.get(key) {
            return Ok(known.clone());
        }
        let text = match place {
            Place::Literal(text) => text.to_string(),
            Place::Url(url) => {
                let path = local_path(url).map_err(Unfit::Refused)?;
                (self.load)(path)
                    .map_err(|error| Unfit::Load(format!("cannot read the Avro schema `{url}`"), error))?
            }
        };
        let schema = Schema::parse(&text);
        let schema = schema.map_err(|what| Unfit::Refused(format!("an Avro schema is wrong: {what}")))?;
        if self.known.len() >= KEPT {
            self.known.clear();
        }
        let known = Arc::new(Known { text: compact(&text).into(), schema });
        self.known.insert(key.into(), known.clone());
        Ok(known)
    }
}

fn place_of(event: EventRef<'_>) -> Option<Place<'_>> {
    let own = |name| event.header(name).filter(|value| !value.is_empty());
    own(URL).map(Place::Url).or_else(|| own(LITERAL).map(Place::Literal))
}

/// The file that a URL leads to; `Err` says why it leads to none here.
pub fn local_path(url: &str) -> Result<&Path, String> {
    let path = url.strip_prefix("file://").or_else(|| url.strip_prefix("file:")).unwrap_or(url);
    if path.starts_with('/') {
        return Ok(Path::new(path));
    }
    Err(format!(
        "the Avro schema `{url}` is no local file: write `file:///path`, or put its text into `flume.avro.schema.literal`"
    ))
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Load(what, error) => write!(f, "{what}: {error}"),
            Unfit::Refused(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Attributes, Builder, Span, Stream};

    const STRING: &str = r#""string""#;

    fn schemas(fallback: Option<&str>) -> Schemas {
        Schemas::new(fallback.map(Into::into), |path| match path.to_str() {
            Some("/long.avsc") => Ok("  \"long\"\n".into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn batch(events: &[(&[u8], &str, &str)]) -> Batch {
        let mut builder = Builder::default();
        for (index, (body, name, value)) in events.iter().enumerate() {
            let at = index as u64;
            builder.push(body, at..at + 1).header(name, value);
        }
        let stream = Stream::mint("s", Attributes::default());
        builder.finish(Some(Span::new(stream, 0, events.len() as u64 + 5)))
    }

    fn told(batch: &Batch, fallback: Option<&str>) -> String {
        schemas(fallback).runs(std::slice::from_ref(batch)).unwrap_err().to_string()
    }

    #[test]
    fn a_run_ends_where_the_schema_changes_and_spans_stay_whole() {
        let events: &[(&[u8], &str, &str)] = &[
            (b"\x02a", LITERAL, STRING),
            (b"\x02b", LITERAL, STRING),
            (b"\x06", URL, "file:///long.avsc"),
            (b"\x08", "other", ""),
        ];
        let runs = schemas(Some("/long.avsc")).runs(&[batch(events)]).unwrap();
        let shape: Vec<_> = runs
            .iter()
            .map(|run| (&*run.schema.text, run.batches.iter().map(Batch::len).collect::<Vec<_>>()))
            .collect();
        assert_eq!(shape, [(STRING, vec![2]), (r#""long""#, vec![1, 1])]);
        let ends: Vec<_> =
            runs.iter().flat_map(|run| &run.batches).map(|batch| batch.span().unwrap().to).collect();
        assert_eq!(ends, [2, 3, 9], "what was filtered at the end goes along");
    }

    #[test]
    fn what_nobody_could_read_is_refused() {
        let body = "the body of an event is no record of its Avro schema";
        assert_eq!(told(&batch(&[(b"\x02ab", LITERAL, STRING)]), None), body);
        assert_eq!(told(&batch(&[(b"\x04a", LITERAL, STRING)]), None), body);
        assert!(told(&batch(&[(b"", "k", "v")]), None).ends_with("and there is no `schemaURL`"));
        assert!(told(&batch(&[(b"", HASH, "00")]), None).contains("deserializer.schemaType = LITERAL"));
        assert!(told(&batch(&[(b"\x02", HASH, "00")]), Some("/long.avsc")).ends_with("leads to another one"));
        assert!(
            told(&batch(&[(b"", LITERAL, "{")]), None)
                .starts_with("an Avro schema is wrong: it is no JSON: ")
        );
        assert!(told(&batch(&[(b"", URL, "hdfs://nn/x.avsc")]), None).contains("is no local file"));
        assert!(
            told(&batch(&[(b"", URL, "file:/gone")]), None)
                .starts_with("cannot read the Avro schema `file:/gone`: ")
        );
    }
}
