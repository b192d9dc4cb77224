//! The older form.
use super::*;

const GROUP: &str = r#"<xsd:BeanMap xmlns:xsd="http://www.xsd.webservice.env.iplatform.org" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <xsd:Desc> group MQ </xsd:Desc>
  <xsd:Property>
    <xsd:Key>providerURL</xsd:Key>
    <xsd:Value>
      tcp://mq:61616
    </xsd:Value>
    <xsd:Type>String</xsd:Type>
    <xsd:Desc>the &amp; broker</xsd:Desc>
  </xsd:Property>
  <xsd:Property>
    <xsd:Key>username</xsd:Key>
    <xsd:Value></xsd:Value>
    <xsd:Type>String</xsd:Type>
  </xsd:Property>
</xsd:BeanMap>
"#;

/// One property in an entry.
fn property(inner: &str) -> String {
    format!("<BeanMap>\n<Property>{inner}</Property>\n</BeanMap>\n")
}

#[test]
fn values_are_trimmed_and_empty_ones_are_none() {
    let (entry, told) = read(&JMS, "group.xml", GROUP);
    assert_eq!(entry, pairs(&[("description", "group MQ"), ("provider_url", "tcp://mq:61616")]));
    assert_eq!(told, "");
}

#[test]
fn marks_and_declared_encodings_are_read_and_prefixes_say_nothing() {
    let expected = pairs(&[("description", "组"), ("brokers", "k:9092")]);
    let plain =
        "<BeanMap><Desc>组</Desc><Property><Key>brokerList</Key><Value>k:9092</Value></Property></BeanMap>";
    let marked = format!("\u{feff}<?xml version='1.0' encoding='UTF-8'?>\n{plain}");
    let gbk = format!("<?xml version=\"1.0\" encoding=\"GBK\"?>{plain}");
    let gbk = encoding_rs::GBK.encode(&gbk).0.into_owned();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(plain.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for content in [plain.as_bytes().to_vec(), marked.into_bytes(), gbk, utf16] {
        assert_eq!(read(&KAFKA, "a.xml", &content), (expected.clone(), String::new()));
    }
}

#[test]
fn bytes_that_are_not_what_they_say_are_told() {
    let gbk = encoding_rs::GBK.encode("<BeanMap><Desc>日志组</Desc></BeanMap>").0.into_owned();
    let (_, told) = read(&KAFKA, "a.xml", &gbk);
    assert_eq!(
        told,
        "error[unreadable]: cannot read `root/kafka/a.xml`: it is not UTF-8; `iconv -f GBK -t UTF-8` makes it so, where it was saved as GBK\n"
    );
    let (_, told) = read(&KAFKA, "a.xml", b"<?xml version='1.0' encoding='GBK'?><BeanMap>\xff\xff</BeanMap>");
    assert_eq!(
        told,
        "error[unreadable]: cannot read `root/kafka/a.xml`: it says that it is GBK, and is not\n"
    );
}

#[test]
fn an_attribute_that_was_cut_off_is_told_by_its_name() {
    let cut = GROUP.replace("XMLSchema-instance\">", "XMLSchema-in");
    let (entry, told) = read(&JMS, "group.xml", &cut);
    assert_eq!(
        entry.unwrap_err(),
        "jms entry `group` cannot be used: root/jms/group.xml:1:70: the value of `xmlns:xsi` is not closed: a quote is missing at its end"
    );
    assert_eq!(
        told,
        "error[bad-xml]: the value of `xmlns:xsi` is not closed: a quote is missing at its end\n  --> root/jms/group.xml:1:70\n\
         1 | <xsd:BeanMap xmlns:xsd=\"http://www.xsd.webservice.env.iplatform.org\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-in\n  \
           |                                                                      ^^^^^^^^^\n\
         hint: write `xmlns:xsi=\"…\"`, and close the element by `>`\n"
    );
}

/// What is said of a text that is no XML: message, place and hints.
fn harm(from: &str, to: &str) -> String {
    let (entry, told) = read(&JMS, "group.xml", GROUP.replacen(from, to, 1));
    assert!(entry.is_err(), "{to}");
    let lines = told.lines().filter(|line| !line.contains(" | "));
    lines.map(|line| line.replace("root/jms/group.xml:", "")).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_usual_harm_is_told_with_place_and_cure() {
    for (from, to, told) in [
        (
            "xsi=\"http://www.w3.org",
            "xsi=“http://www.w3.org",
            "error[bad-xml]: a quote belongs here, not this character;   --> 1:80; hint: `“` stands on this line: write `\"`",
        ),
        (
            " xmlns:xsd=",
            " xmlns:xsx=",
            "error[bad-xml]: the prefix `xsd` is declared nowhere;   --> 1:2; hint: add `xmlns:xsd=\"http://www.xsd.webservice.env.iplatform.org\"` to `BeanMap`, with that prefix",
        ),
        (
            "61616\n",
            "61616?a=1&b=2\n",
            "error[bad-xml]: a lone `&` cannot stand in XML;   --> 6:25; hint: write `&amp;`",
        ),
        (
            "&amp;",
            "&nbsp;",
            "error[bad-xml]: `&nbsp;` stands for nothing;   --> 9:19; hint: XML has `&amp;`, `&lt;`, `&gt;`, `&quot;` and `&apos;`",
        ),
        (
            "</xsd:Key>",
            "</xsd:Keys>",
            "error[bad-xml]: `xsd:Keys` is closed here, but `xsd:Key` is open;   --> 4:25; hint: close what was opened last first",
        ),
        (
            "</xsd:BeanMap>",
            "",
            "error[bad-xml]: it ends before its elements are closed;   --> 15:18; hint: the last line is `</xsd:BeanMap>`",
        ),
        (
            "<xsd:BeanMap",
            "\n<?xml version=\"1.0\"?><xsd:BeanMap",
            "error[bad-xml]: `<?xml …?>` stands behind something else;   --> 2:1; hint: make it the very first characters of the file",
        ),
        (
            GROUP,
            " \n",
            "error[bad-xml]: there is nothing in it;   --> 1:1; hint: an entry is a `BeanMap` with a `Property` for each key",
        ),
        (
            GROUP,
            "brokers = \"k\"\n",
            "error[bad-xml]: this is no XML;   --> 1:1; hint: an entry is a `BeanMap` with a `Property` for each key",
        ),
        (
            "BeanMap",
            "Beans",
            "error[bad-xml]: `xsd:BeanMap` is closed here, but `xsd:Beans` is open;   --> 16:1; hint: close what was opened last first",
        ),
        (
            "<xsd:BeanMap",
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>\n<xsd:BeanMap",
            "error[dtd]: an entry has no document type: it is not read, and neither is what it points to;   --> 1:1; hint: take it out, and write what its entities stand for",
        ),
    ] {
        assert_eq!(harm(from, to), told);
    }
}

#[test]
fn what_is_no_entry_is_told() {
    let (_, told) = read(&JMS, "a.xml", "<beans><bean id='x'/></beans>");
    assert_eq!(
        told,
        "error[no-entry]: `beans` is no catalog entry\n  --> root/jms/a.xml:1:1\n1 | <beans><bean id='x'/></beans>\n  | ^^^^^^^\n\
         hint: an entry is a `BeanMap` with a `Property` for each key\n"
    );
}

#[test]
fn a_property_needs_a_key_once_and_holds_text() {
    for (inner, told) in [
        (
            "<Value>1</Value>",
            "error[missing-key]: this `Property` has no `Key`\n  --> root/kafka/a.xml:2:1\n",
        ),
        (
            "<Key>a</Key><Key>b</Key>",
            "error[duplicate-key]: this `Property` has two elements `Key`\n  --> root/kafka/a.xml:2:23\n",
        ),
        (
            "<Key>a</Key><Value><b/></Value>",
            "error[bad-xml]: `Value` holds text, and here an element `b`\n  --> root/kafka/a.xml:2:30\n",
        ),
    ] {
        let (_, all) = read(&KAFKA, "a.xml", property(inner));
        assert!(all.starts_with(told), "{all}");
    }
    let (_, told) = read(&KAFKA, "a.xml", property("<Key>brokerList</Key><Value>k</Value><Kind/>stray"));
    assert_eq!(
        told,
        "warning[unknown-element]: `Kind` has no meaning in `Property` and is left out\n  --> root/kafka/a.xml:2:48\n\
         2 | <Property><Key>brokerList</Key><Value>k</Value><Kind/>stray</Property>\n  |                                                ^^^^^^^\n\
         hint: a `Property` has Key, Value, Type and Desc\n\n\
         warning[unknown-element]: this text stands between the elements of `Property` and is left out\n  --> root/kafka/a.xml:2:55\n\
         2 | <Property><Key>brokerList</Key><Value>k</Value><Kind/>stray</Property>\n  |                                                       ^^^^^\n"
    );
}

#[test]
fn a_key_that_stands_twice_is_an_error_with_both_places() {
    let one = "<Property><Key>brokerList</Key><Value>k</Value></Property>";
    let (_, told) = read(&KAFKA, "a.xml", format!("<BeanMap>\n{one}\n{one}\n</BeanMap>"));
    assert_eq!(
        told,
        "error[duplicate-key]: kafka entry `a` says `brokers` twice\n  --> root/kafka/a.xml:3:16\n\
         3 | <Property><Key>brokerList</Key><Value>k</Value></Property>\n  |                ^^^^^^^^^^\n\
         note: `brokerList` says it first\n  --> root/kafka/a.xml:2:16\nhint: keep one of them\n"
    );
}

#[test]
fn types_are_held_against_values_and_unknown_ones_are_text() {
    let typed = |key: &str, value: &str, kind: &str| {
        property(&format!("<Key>{key}</Key><Value>{value}</Value><Type>{kind}</Type>"))
    };
    let (entry, told) = read(&KAFKA, "a.xml", typed("batchSize", "ten", "Integer"));
    assert!(entry.is_err());
    assert!(
        told.starts_with("error[wrong-type]: `batchSize` is said to be of type Integer, and `ten` is not\n  --> root/kafka/a.xml:2:38\n"),
        "{told}"
    );
    let (entry, told) = read(&KAFKA, "a.xml", typed("brokerList", "k", "HostList"));
    assert!(entry.is_ok());
    assert_eq!(
        told,
        "note[unknown-type]: `HostList` is no type that is known here; `brokerList` is read as text\n  --> root/kafka/a.xml:2:54\n\
         2 | <Property><Key>brokerList</Key><Value>k</Value><Type>HostList</Type></Property>\n  |                                                      ^^^^^^^^\n\
         hint: String, Integer, Long, Boolean and Double are known\n"
    );
    for (value, kind) in
        [("1", "java.lang.Integer"), ("5000000000", "Long"), ("true", "Boolean"), ("1.5", "Double")]
    {
        let (_, told) = read(&KAFKA, "a.xml", typed("socket.x", value, kind));
        assert!(!told.contains("error"), "{told}");
    }
}

#[test]
fn a_password_is_not_shown_where_the_file_is_broken() {
    for content in [
        property("<Key>password</Key><Value>hunter2</Valeu>"),
        property("<Key>password</Key>\n<Value>hunter2&</Value>"),
        property("<Key>password</Key><Value>hunter2</Value><Type>Integer</Type>"),
        property("<Key>password</Key><Value>hunter2"),
    ] {
        let (entry, told) = read(&JMS, "a.xml", &content);
        assert!(told.starts_with("error["), "{told}");
        assert!(!told.contains("hunter2") && !entry.unwrap_err().contains("hunter2"), "{told}");
    }
}
