//! Foreign bytes, and that what is written is what was read.
use proptest::prelude::*;

use super::*;

/// Harms a text: bytes replaced, cut out, doubled.
fn harmed(text: &str, harm: &[(usize, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, way, byte) in harm {
        let at = at % bytes.len().max(1);
        match way % 4 {
            0 if !bytes.is_empty() => bytes[at] = *byte,
            1 => bytes.truncate(at),
            2 => bytes.insert(at.min(bytes.len()), *byte),
            _ => bytes.extend_from_within(at.min(bytes.len())..),
        }
    }
    bytes
}

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<xsd:BeanMap xmlns:xsd="http://x" xmlns:xsi="http://y">
  <xsd:Desc>组 &amp; more</xsd:Desc>
  <xsd:Property><xsd:Key>password</xsd:Key><xsd:Value>hunter2</xsd:Value><xsd:Type>Integer</xsd:Type></xsd:Property>
  <xsd:Property><xsd:Key>batchSize</xsd:Key><xsd:Value><![CDATA[100]]></xsd:Value></xsd:Property><!-- c -->
</xsd:BeanMap>"#;
const TOML: &str = "description = \"组\"\nbrokers = [\"k:9092\", 'l']\nacks = 1\n[client]\n\"a.b\" = { file = \"x\" }\npassword = \"hunter2\"\nc.d = 1.5e3\ne = 1979-05-27\n";

fn harm() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    proptest::collection::vec((0usize..2000, any::<u8>(), any::<u8>()), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_harm_makes_a_reader_panic(harm in harm(), is_xml in any::<bool>()) {
        for kind in ALL {
            let _ = match is_xml {
                true => read(kind, "a.xml", harmed(XML, &harm)),
                false => read(kind, "a.toml", harmed(TOML, &harm)),
            };
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in any::<String>()) {
        for file in ["a.xml", "a.toml"] {
            let _ = read(&KAFKA, file, &bytes);
            let _ = read(&JMS, file, &text);
        }
    }

    #[test]
    fn what_is_written_as_toml_is_what_was_read(
        description in "[^\u{0}-\u{8}\u{b}-\u{1f}<&\u{7f}-\u{9f}\u{fffe}\u{ffff}]{0,20}",
        keys in proptest::collection::btree_map("[a-z][a-z.]{0,8}", "[ -;=?-~\t\n]{1,20}", 0..4),
    ) {
        let property = |(key, value): (&String, &String)| {
            format!("<Property><Key>{key}</Key><Value>{}</Value><Desc>{key}\nnote</Desc></Property>", value.replace('&', "&amp;"))
        };
        let properties: String = keys.iter().map(property).collect();
        let xml = format!("<BeanMap><Desc>{description}</Desc><Property><Key>brokerList</Key><Value>k:1,l:2</Value></Property>{properties}</BeanMap>");
        let case = Case::with("root/kafka/a.xml", xml);
        if let Ok(entry) = case.catalogs().entry(&KAFKA, "a") {
            let toml = as_toml(&entry, Inline::Written);
            let again = Case::with("root/kafka/a.toml", &toml).catalogs().entry(&KAFKA, "a").expect(&toml);
            let values = |entry: &Entry| {
                let all = entry.values.iter().filter(|value| value.key != "zookeeper");
                all.map(|value| (value.key.clone(), value.content.clone())).collect::<std::collections::BTreeMap<_, _>>()
            };
            prop_assert_eq!(values(&again), values(&entry), "{}", toml);
        }
    }
}

/// As much as is read of what each loop over a text could stumble over again and again.
#[test]
fn long_nonsense_is_refused_quickly() {
    for piece in [
        "<a",
        "<a b=\"",
        "pwd=",
        "//x:",
        "//x:y@",
        "<Key>password",
        "<Key>password</Key><Value>",
        "password=\n",
        "[a]\n",
    ] {
        let text = piece.repeat((128 << 10) / piece.len());
        for file in ["a.xml", "a.toml"] {
            let start = std::time::Instant::now();
            let (entry, _) = read(&KAFKA, file, &text);
            assert!(entry.is_err(), "{piece}");
            assert!(start.elapsed().as_secs() < 10, "{piece} in {file}: {:?}", start.elapsed());
        }
    }
}
