//! Five numbered texts, over and over, one every `delay` milliseconds: the MySource of Flume's tutorials.
//!
//! Each text has a position in the source's one stream, so a kill -9 loses and repeats none of them.
use std::time::Duration;

use dataflowkit::component::{
    At, Build, Builder, Fatal, Field, Input, Kind, Outlet, PutError, Refusal, Source, Span, Spec, Stop, Unit,
};

const FIELD: Field = Field::text("field").default("Hello!").doc("what each text begins with");
const DELAY: Field =
    Field::int("delay", 1, 86_400_000).unit(Unit::Millis).default("1000").doc("the pause before each text");

pub static SPEC: Spec = Spec {
    kind: Kind::Source,
    name: "mysource",
    class: "com.stt.demo.flume.Ch01_mySource.MySource",
    aliases: &["com.atguigu.MySource"],
    summary: "five numbered texts, over and over",
    fields: &[&[FIELD, DELAY]],
    build: Build::Source(build),
};

fn build(at: &At) -> Result<Box<dyn Source>, Refusal> {
    Ok(Box::new(MySource { field: at.text(&FIELD).into(), delay: at.time(&DELAY) }))
}

struct MySource {
    field: String,
    delay: Duration,
}

impl Source for MySource {
    fn run(&mut self, out: &Outlet, stop: &Stop) -> Result<(), Fatal> {
        let stream = out.only_stream()?;
        let mut next = stream.from;
        while !stop.wait(self.delay) {
            let mut batch = Builder::default();
            batch.push(format!("{}{}", self.field, next % 5).as_bytes(), next..next + 1);
            let span = Span::new(stream.stream.clone(), next, next + 1);
            match out.put_all(batch.finish(Some(span)), stop) {
                Ok(receipt) => receipt.forget(),
                Err(PutError::Gap { expected }) => {
                    next = expected;
                    continue;
                }
                Err(PutError::Broken(error)) => return Err(error.into()),
                Err(PutError::Closed | PutError::Full(_)) => return Ok(()),
            }
            next += 1;
        }
        Ok(())
    }

    fn input(&self) -> Input {
        Input::Again
    }
}
