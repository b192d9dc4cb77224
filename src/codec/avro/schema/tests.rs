use super::*;
use proptest::prelude::*;

fn canonical(text: &str) -> String {
    Schema::parse(text).unwrap().canonical()
}

fn skipped(schema: &str, bytes: &[u8]) -> Result<usize, Fault> {
    let mut input = Input::new(bytes);
    Schema::parse(schema).unwrap().skip(&mut input)?;
    Ok(input.at())
}

#[test]
fn the_canonical_form_keeps_names_types_and_order_only() {
    let text = r#" {"type":"record", "doc":"d", "name":"R", "namespace":"a.b", "fields":[
        {"name":"id","type":{"type":"int"},"default":0}, {"name":"next","type":["null","R"]},
        {"name":"m","type":{"type":"map","values":{"type":"array","items":"string"}}},
        {"name":"e","type":{"type":"enum","name":"c.E","symbols":["X","Y"]}}, {"name":"f","type":"c.E"},
        {"name":"h","type":{"type":"fixed","name":"H","size":16}} ]} "#;
    let expected = r#"{"name":"a.b.R","type":"record","fields":[{"name":"id","type":"int"},{"name":"next","type":["null","a.b.R"]},{"name":"m","type":{"type":"map","values":{"type":"array","items":"string"}}},{"name":"e","type":{"name":"c.E","type":"enum","symbols":["X","Y"]}},{"name":"f","type":"c.E"},{"name":"h","type":{"name":"a.b.H","type":"fixed","size":16}}]}"#;
    assert_eq!(canonical(text), expected);
}

#[test]
fn fingerprints_are_those_of_avros_own_tests() {
    // share/test/data/schema-tests.txt of Avro has them as signed numbers.
    let known: [(&str, i64); 4] = [
        ("null", 7_195_948_357_588_979_594),
        ("boolean", -6_970_731_678_124_411_036),
        ("int", 8_247_732_601_305_521_295),
        ("bytes", 5_746_618_253_357_095_269),
    ];
    for (name, sum) in known {
        let hex: String = sum.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Schema::parse(&format!("\"{name}\"")).unwrap().fingerprint(), hex, "{name}");
    }
}

#[test]
fn every_type_is_skipped_to_its_end() {
    for (schema, bytes) in [
        (r#""null""#, &b""[..]),
        (r#""boolean""#, b"\x01"),
        (r#""long""#, b"\x80\x01"),
        (r#""float""#, b"\0\0\0\0"),
        (r#""double""#, b"\0\0\0\0\0\0\0\0"),
        (r#""string""#, b"\x06foo"),
        (r#"{"type":"fixed","name":"F","size":3}"#, b"abc"),
        (r#"{"type":"enum","name":"E","symbols":["A","B"]}"#, b"\x02"),
        (r#"["null","string"]"#, b"\x02\x06foo"),
        (r#"{"type":"array","items":"long"}"#, b"\x04\x06\x36\x00"),
        (r#"{"type":"array","items":"long"}"#, b"\x03\x04\x06\x36\x00"),
        (r#"{"type":"array","items":"null"}"#, b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f\x00"),
        (r#"{"type":"map","values":"bytes"}"#, b"\x02\x02a\x04xy\x00"),
        (r#"{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]}]}"#, b"\x02\x02\x00"),
    ] {
        assert_eq!(skipped(schema, &[bytes, b"rest"].concat()), Ok(bytes.len()), "{schema}");
        for cut in 0..bytes.len() {
            assert_eq!(skipped(schema, &bytes[..cut]), Err(Fault::Ends), "{schema} at {cut}");
        }
    }
}

#[test]
fn what_cannot_be_is_said() {
    let enum_of_two = r#"{"type":"enum","name":"E","symbols":["A","B"]}"#;
    assert_eq!(skipped(enum_of_two, b"\x04"), Err(Fault::bad("a record asks for symbol 2 of 2")));
    assert_eq!(
        skipped(r#"["null"]"#, b"\x01"),
        Err(Fault::bad("a record asks for branch of a union -1 of 1"))
    );
    let endless = r#"{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}"#;
    assert_eq!(skipped(endless, b""), Err(Fault::bad("a record is nested deeper than 1000 levels")));
    for (schema, told) in [
        (r#""nosuch""#, "it has no type `nosuch`"),
        ("{}", "a type has no `type`"),
        ("7", "`7` is no type"),
        (r#"{"type":"fixed","name":"F"}"#, "a fixed type has no `size`"),
        (r#"{"type":"record","name":"R","fields":[{"name":"x"}]}"#, "the field `x` has no `type`"),
        (
            r#"[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":1}]"#,
            "it defines `F` twice",
        ),
    ] {
        assert_eq!(Schema::parse(schema).unwrap_err(), told);
    }
    assert!(Schema::parse("{").unwrap_err().starts_with("it is no JSON: "));
}

#[test]
fn a_schema_that_doubles_with_every_level_costs_nothing_while_it_is_empty() {
    let mut text = r#"[{"type":"record","name":"R0","fields":[]}"#.to_string();
    for level in 1..60 {
        let below = level - 1;
        text += &format!(
            r#",{{"type":"record","name":"R{level}","fields":[{{"name":"a","type":"R{below}"}},{{"name":"b","type":"R{below}"}}]}}"#
        );
    }
    assert_eq!(skipped(&(text + "]"), b"\x76"), Ok(1));
}

#[test]
fn white_space_goes_outside_of_strings_only() {
    assert_eq!(compact("{ \"a b\" :\n\t\"c \\\" d\\\\\" , \"e\": [ 1 ] }"), r#"{"a b":"c \" d\\","e":[1]}"#);
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(bytes: Vec<u8>) {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"m","type":{"type":"map","values":["null","R","string"]}},
            {"name":"a","type":{"type":"array","items":{"type":"record","name":"Z","fields":[]}}}]}"#;
        let _ = skipped(schema, &bytes);
    }

    #[test]
    fn foreign_schemas_never_panic(text in r#"[\[\]{}",: a-z0-9\\]{0,60}"#) {
        let _ = Schema::parse(&text);
        let _ = compact(&text);
    }
}
