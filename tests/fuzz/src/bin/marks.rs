//! Entries of mark records: foreign bytes never panic, what decodes comes back the same, and any record takes it.
#![no_main]
use dataflowkit::codec::marks;
use dataflowkit::event::Record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(entries) = marks::decode(data) else { return };
    let mut again = Vec::new();
    marks::encode(&entries, &mut again);
    assert_eq!(marks::decode(&again).as_ref(), Some(&entries));
    let mut record = Record::default();
    entries.iter().for_each(|entry| record.apply(entry));
});
