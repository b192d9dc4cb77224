//! The book where several places have parts of one stream.
use super::*;
use crate::event::{MAX_RANGES, Span, StreamRecord};

struct Two {
    book: Book,
    stream: Arc<Stream>,
    seats: [Seat; 2],
}

impl Two {
    fn new() -> Two {
        let (mut book, stream) = (Book::default(), Stream::mint("s", Attributes::default()));
        book.join(&stream, 0, &Checks::default());
        let seats = ["one", "two"].map(|name| book.attach(name, Some(Destination(name.into()))).0);
        Two { book, stream, seats }
    }

    fn deliver(&mut self, seat: usize, number: u64) {
        let span = Span::new(self.stream.clone(), number * 10, number * 10 + 10);
        self.book.delivered(self.seats[seat], &[Batch::empty(span)]);
        self.agrees();
    }

    fn report(&mut self, seat: usize, mark: Mark) {
        let (source, attributes, checks) = ("s".into(), Attributes::default(), Checks::default());
        let record = StreamRecord { source, attributes, mark, checks };
        self.book.report(self.seats[seat], Some(Marks::from([(self.stream.id, record)])));
        self.agrees();
    }

    fn agrees(&self) {
        let ranges = self.book.settled(self.stream.id).ranges().len();
        assert_eq!(self.book.is_ragged(self.stream.id), ranges >= MAX_RANGES, "{ranges} ranges");
    }
}

#[test]
fn sinks_in_turn_are_not_ragged_however_many_pieces_each_has() {
    let mut two = Two::new();
    (0..400).for_each(|number| two.deliver((number % 2) as usize, number));
    assert_eq!(two.book.settled(two.stream.id), Mark::at(4000));
    assert!(!two.book.is_ragged(two.stream.id));
}

#[test]
fn a_hole_that_one_sink_leaves_is_seen_and_its_closing_too() {
    let mut two = Two::new();
    (0..400).filter(|number| number % 4 != 1).for_each(|number| two.deliver((number % 2) as usize, number));
    assert!(two.book.is_ragged(two.stream.id));
    (0..400).filter(|number| number % 4 == 1).for_each(|number| two.deliver(1, number));
    assert!(!two.book.is_ragged(two.stream.id));
}

#[test]
fn s2_a_report_takes_back_what_was_believed_of_the_whole() {
    let mut two = Two::new();
    (0..400).for_each(|number| two.deliver((number % 2) as usize, number));
    two.report(0, Mark::at(10));
    assert!(two.book.is_ragged(two.stream.id), "only the second one's pieces are left");
    two.report(1, Mark::at(4000));
    assert!(!two.book.is_ragged(two.stream.id));
}
