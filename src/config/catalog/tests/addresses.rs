//! `topics = itosi.orders`.
use super::*;

fn case() -> Case {
    Case::with("root/kafka/itosi.toml", "brokers = \"k:9092\"\n")
        .file("root/kafka/spare.toml", "brokers = \"s:9092\"\n")
}

type Outcome = Result<(Option<String>, Vec<String>), (String, Option<String>)>;

/// The entry's name and the topics, or what is wrong.
fn split(topics: &str, named: Option<&str>, has_address: bool) -> Outcome {
    let found = addressed(&case().catalogs(), &KAFKA, topics, named, has_address);
    found
        .map(|found| (found.entry.map(|entry| entry.name.clone()), found.topics))
        .map_err(|t| (t.what, t.instead))
}

fn to(entry: Option<&str>, topics: &[&str]) -> Outcome {
    Ok((entry.map(str::to_string), topics.iter().map(|topic| topic.to_string()).collect()))
}

#[test]
fn up_to_the_first_dot_it_is_the_entry() {
    assert_eq!(split("itosi.orders", None, false), to(Some("itosi"), &["orders"]));
    assert_eq!(split("itosi.app.orders.v1", None, false), to(Some("itosi"), &["app.orders.v1"]));
    assert_eq!(split(" itosi.a, itosi.b itosi.c ", None, false), to(Some("itosi"), &["a", "b", "c"]));
    assert_eq!(
        split("itosi.orders", None, true),
        to(Some("itosi"), &["orders"]),
        "also beside brokers of one's own"
    );
}

#[test]
fn a_named_entry_takes_topics_whole() {
    assert_eq!(
        split("app.orders, itosi.x", Some("itosi"), false),
        to(Some("itosi"), &["app.orders", "itosi.x"])
    );
}

#[test]
fn with_an_address_of_its_own_the_whole_is_the_topic() {
    assert_eq!(split("app.orders, plain", None, true), to(None, &["app.orders", "plain"]));
}

#[test]
fn without_any_address_it_is_an_error_that_names_the_entries() {
    let (what, instead) = split("itosy.orders", None, false).unwrap_err();
    assert_eq!(
        what,
        "`itosy.orders`: the env catalogs have no kafka entry `itosy`: there are `itosi`, `spare`"
    );
    assert!(instead.unwrap().starts_with("did you mean `itosi`? searched: "));
    assert_eq!(
        split("orders", None, false).unwrap_err(),
        (
            "`orders` says no place: neither an entry of the env catalogs nor `brokerList`".into(),
            Some("write `ENTRY.orders`, or give `brokerList`".into())
        )
    );
    assert!(split("orders", Some("nope"), true).is_err(), "a name that is given must be there");
}

#[test]
fn one_component_has_one_place() {
    let several = |text: &str, own: bool| split(text, None, own).unwrap_err().0;
    assert_eq!(
        several("itosi.a spare.b", false),
        "`itosi.a spare.b` names several places: `itosi` and `spare`"
    );
    assert_eq!(several("itosi.a b.c", true), "`itosi.a b.c` names several places: `itosi` and no entry");
    assert_eq!(several("itosi.", false), "`itosi.` names the kafka entry `itosi` and no topic");
    assert_eq!(several(" , ", false), "no topic is named");
}

#[test]
fn a_broken_entry_is_no_topic() {
    let case = Case::with("root/kafka/itosi.toml", "brokers = \n");
    let trouble = addressed(&case.catalogs(), &KAFKA, "itosi.orders", None, true).unwrap_err();
    assert!(trouble.what.starts_with("kafka entry `itosi` cannot be used: "), "{trouble:?}");
}
