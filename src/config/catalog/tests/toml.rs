//! This form.
use super::*;

const WHOLE: &str = "\
description = \"group Kafka cluster\"
brokers     = [\"k1.example:9092\", \"k2.example:9092\"]
acks        = \"1\"
batch_size  = 1_00
partitioner = \"java-string-hash\"

[client]
\"security.protocol\" = \"sasl_ssl\"
sasl.username = \"dfk\"
\"sasl.password\" = { credential = \"kafka-itosi\" }
";

#[test]
fn a_whole_entry_is_read_in_its_order_and_its_credential_is_only_named() {
    let (entry, told) = read(&KAFKA, "itosi.toml", WHOLE);
    assert_eq!(
        entry,
        pairs(&[
            ("description", "group Kafka cluster"),
            ("brokers", "k1.example:9092,k2.example:9092"),
            ("acks", "1"),
            ("batch_size", "100"),
            ("partitioner", "java-string-hash"),
            ("client.security.protocol", "sasl_ssl"),
            ("client.sasl.username", "dfk"),
            ("client.sasl.password", "(secret)"),
        ])
    );
    assert_eq!(
        told,
        "note[missing-secret]: `client.sasl.password` of kafka entry `itosi` (root/kafka/itosi.toml:10): cannot read \
         credential `kafka-itosi`: systemd gave this process none\n\
         hint: add `LoadCredential=kafka-itosi:PATH` to the unit: `systemctl edit dataflowkit@INSTANCE`\n"
    );
}

#[test]
fn values_are_read_through_fields_and_lists_split() {
    let case = Case::with("root/kafka/a.toml", WHOLE);
    let catalogs = case.catalogs();
    let entry = catalogs.entry(&KAFKA, "a").unwrap();
    assert_eq!(catalogs.list_of(&entry, &kafka::BROKERS).unwrap(), ["k1.example:9092", "k2.example:9092"]);
    assert_eq!(entry.setting(&kafka::BATCH_SIZE), Some("100"));
    assert_eq!(catalogs.text(&entry, &kafka::ZOOKEEPER), Ok(None));
    let client: Vec<&str> = entry.under(&kafka::CLIENT).into_iter().map(|(key, _)| key).collect();
    assert_eq!(client, ["security.protocol", "sasl.username", "sasl.password"]);
    let at = entry.values[1].at;
    assert_eq!((at.line, at.column), (2, 15));
}

#[test]
fn older_spellings_are_right_with_a_lint_and_older_values_are_renamed() {
    let (entry, told) = read(
        &KAFKA,
        "a.toml",
        "brokerList = \"k:9092\"\nacks = -1\npartitioner = \"kafka.producer.DefaultPartitioner\"\nzookeeper = \"z:2181\"\n",
    );
    assert_eq!(
        entry,
        pairs(&[
            ("brokers", "k:9092"),
            ("acks", "all"),
            ("partitioner", "java-string-hash"),
            ("zookeeper", "z:2181")
        ])
    );
    assert_eq!(
        told,
        "note[alias]: `brokerList` is the older spelling of `brokers`\n  --> root/kafka/a.toml:1:1\n\
         1 | brokerList = \"k:9092\"\n  | ^^^^^^^^^^\n\n\
         note[ignored-key]: `zookeeper` has no effect: clients ask the brokers, not ZooKeeper\n  --> root/kafka/a.toml:4:1\n\
         4 | zookeeper = \"z:2181\"\n  | ^^^^^^^^^\n"
    );
}

#[test]
fn wrong_values_are_told_all_at_once_and_the_first_is_the_reason() {
    let content =
        "brokers = \"k1:9092；k2:9092\"\nacks = \"al\"\nbatch_size = \"many\"\n[client]\nacks = 1\n";
    let (entry, told) = read(&KAFKA, "a.toml", content);
    assert_eq!(
        entry.unwrap_err(),
        "kafka entry `a` cannot be used: root/kafka/a.toml:1:12: `brokers`: `k1:9092；k2:9092` is no HOST:PORT"
    );
    assert_eq!(
        told,
        "error[bad-address]: `brokers`: `k1:9092；k2:9092` is no HOST:PORT\n  --> root/kafka/a.toml:1:12\n\
         1 | brokers = \"k1:9092；k2:9092\"\n  |            ^^^^^^^^^^^^^^^^\nhint: write ASCII `:` and `,`\n\n\
         error[bad-choice]: kafka entry `a`: `acks` must be one of `0`, `1`, `all`, not `al`\n  --> root/kafka/a.toml:2:9\n\
         2 | acks = \"al\"\n  |         ^^\nhint: did you mean `all`?\n\n\
         error[bad-number]: kafka entry `a`: `batch_size` must be a number from 1 to 10000000, not `many`\n  --> root/kafka/a.toml:3:15\n\
         3 | batch_size = \"many\"\n  |               ^^^^\n\n\
         error[refused-key]: `client.acks` cannot be set below the client: the entry has a key of its own for it\n  --> root/kafka/a.toml:5:8\n\
         5 | acks = 1\n  |        ^\nhint: write `acks = \"all\"` above all tables\n"
    );
}

#[test]
fn no_toml_is_told_with_its_place_and_the_character_that_was_meant() {
    let (entry, told) = read(&JMS, "group.toml", "provider_url ＝ \"tcp://mq:61616\"\n");
    assert!(
        entry.unwrap_err().starts_with("jms entry `group` cannot be used: root/jms/group.toml:1:"),
        "{told}"
    );
    assert!(told.starts_with("error[bad-toml]: "), "{told}");
    assert!(told.contains("\n  --> root/jms/group.toml:1:"), "{told}");
    assert!(told.ends_with("hint: `＝` stands on this line: write `=`\n"), "{told}");
}

#[test]
fn a_password_is_shown_neither_where_the_file_is_right_nor_where_it_is_not() {
    let (entry, told) = read(&JMS, "a.toml", "provider_url = \"tcp://mq:1\"\npassword = \"hunter2\"\n");
    assert_eq!(entry, pairs(&[("provider_url", "tcp://mq:1"), ("password", "(secret)")]));
    assert_eq!(told, "");
    for content in [
        "password = \"hunter2\nusername = \"me\"\n",
        "a = 1\npassword = hunter2\n",
        "password = 'hunter2'\npassword = 'hunter2'\n",
    ] {
        let (entry, told) = read(&JMS, "a.toml", content);
        assert!(entry.is_err(), "{content}");
        assert!(!told.contains("hunter2") && !entry.unwrap_err().contains("hunter2"), "{told}");
    }
}

#[test]
fn a_key_of_nobody_is_the_clients_in_kafka_and_without_effect_in_jms() {
    let (entry, told) = read(&KAFKA, "a.toml", "brokers = \"k\"\n\"linger.ms\" = 5\n");
    assert_eq!(entry, pairs(&[("brokers", "k"), ("client.linger.ms", "5")]));
    assert_eq!(
        told,
        "note[unknown-key]: kafka entry `a` has no key `linger.ms`; it is handed to the client as it is\n  --> root/kafka/a.toml:2:1\n\
         2 | \"linger.ms\" = 5\n  | ^^^^^^^^^^^\nhint: write it below `[client]`\n"
    );
    let (_, told) = read(
        &JMS,
        "a.toml",
        "provider_url = \"tcp://mq:1\"\nuser_name = \"me\"\nstomp_url = \"stomp://mq:61613\"\n",
    );
    assert_eq!(
        told,
        "warning[unknown-key]: jms entry `a` has no key `user_name`, which has no effect\n  --> root/jms/a.toml:2:1\n\
         2 | user_name = \"me\"\n  | ^^^^^^^^^\nhint: did you mean `username`?\n\n\
         error[refused-key]: jms entry `a` cannot have `stomp_url`\n  --> root/jms/a.toml:3:1\n\
         3 | stomp_url = \"stomp://mq:61613\"\n  | ^^^^^^^^^\nhint: write the address that is to be used as `provider_url`\n"
    );
}

#[test]
fn an_empty_file_is_an_entry_without_an_address_which_is_said() {
    let (entry, told) = read(&JMS, "a.toml", "");
    assert_eq!(entry, pairs(&[]));
    assert_eq!(
        told,
        "warning[missing-key]: jms entry `a` has no `provider_url`: tcp://HOST:61616, ssl://, failover:(…), stomp://, amqp://\n\
         hint: who names it needs `providerURL` of its own\n"
    );
}

#[test]
fn an_inline_secret_that_everybody_may_read_is_a_warning() {
    let case = Case::with("root/jms/a.toml", "provider_url = \"tcp://mq:1\"\npassword = \"hunter2\"\n");
    fs::set_permissions(case.path("root/jms/a.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let catalogs = case.catalogs();
    let entry = catalogs.entry(&JMS, "a").unwrap();
    assert_eq!(
        case.told(&catalogs),
        "warning[readable-secret]: everybody on this host may read `password` in `root/jms/a.toml`\n\
         hint: `chmod o-rwx root/jms/a.toml`; the service may read it all the same\n\
         hint: or write `{ credential = \"jms-a-password\" }` in its place, in TOML\n"
    );
    assert_eq!(catalogs.reveal(entry.get("password").unwrap()).unwrap(), "hunter2");
}

#[test]
fn secrets_come_from_credentials_the_environment_and_files() {
    let content = "provider_url = \"tcp://mq:1\"\nusername = { env = \"MQ_USER\" }\npassword = { file = \"secret\" }\nclient_id = { credential = \"id\" }\n";
    let case = Case::with("root/jms/a.toml", content)
        .file("root/jms/secret", "hunter2\r\n")
        .file("creds/id", "me\n");
    let dir = case.path("creds").display().to_string();
    let case = case.env("MQ_USER", "dfk").env("CREDENTIALS_DIRECTORY", &dir);
    let catalogs = case.catalogs();
    let entry = catalogs.entry(&JMS, "a").unwrap();
    assert_eq!(case.told(&catalogs), "");
    let text = |field: &crate::config::Field| catalogs.reveal(entry.get(field.key).unwrap()).unwrap();
    assert_eq!([text(&jms::USERNAME), text(&jms::PASSWORD), text(&jms::CLIENT_ID)], ["dfk", "hunter2", "me"]);
    assert!(!format!("{entry:?}").contains("hunter2"));
}

#[test]
fn secrets_that_cannot_be_had_are_warnings_with_a_cure() {
    let content = "provider_url = \"tcp://mq:1\"\nusername = { env = \"MQ_USER\" }\npassword = { file = \"secret\" }\nclient_id = { credential = \"../id\" }\n";
    let case = Case::with("root/jms/a.toml", content).env("CREDENTIALS_DIRECTORY", "/nowhere");
    let catalogs = case.catalogs();
    let entry = catalogs.entry(&JMS, "a").unwrap();
    assert_eq!(
        case.told(&catalogs),
        "warning[missing-secret]: `username` of jms entry `a` (root/jms/a.toml:2): the environment has no `MQ_USER`\n\
         hint: add `MQ_USER=…` to `/etc/dataflowkit/INSTANCE.env`, or use `{ credential = … }`\n\n\
         warning[missing-secret]: `password` of jms entry `a` (root/jms/a.toml:3): cannot read `root/jms/secret`: No such file or directory (os error 2)\n\
         hint: it must be a file that the agent's user may read\n\n\
         warning[missing-secret]: `client_id` of jms entry `a` (root/jms/a.toml:4): `../id` is no name of a credential\n\
         hint: add `LoadCredential=../id:PATH` to the unit: `systemctl edit dataflowkit@INSTANCE`\n"
    );
    assert!(catalogs.reveal(entry.get("password").unwrap()).is_err());
}

#[test]
fn a_number_cannot_come_from_elsewhere() {
    let (_, told) = read(&KAFKA, "a.toml", "brokers = 'k'\nbatch_size = { env = \"N\" }\n");
    assert!(
        told.starts_with(
            "error[misplaced-secret]: kafka entry `a`: `batch_size` must stand in the file itself\n"
        ),
        "{told}"
    );
}

#[test]
fn both_spellings_of_a_key_are_one_too_many() {
    let (_, told) = read(&KAFKA, "a.toml", "brokers = \"k:1\"\nbrokerList = \"k:2\"\n");
    assert_eq!(
        told,
        "error[duplicate-key]: kafka entry `a` says `brokers` twice\n  --> root/kafka/a.toml:2:1\n\
         2 | brokerList = \"k:2\"\n  | ^^^^^^^^^^\nnote: `brokers` says it first\n  --> root/kafka/a.toml:1:1\nhint: keep one of them\n"
    );
}

#[test]
fn a_secret_that_says_wrongly_where_it_is_is_handed_to_nobody() {
    for table in ["{ credental = \"x\" }", "{ credential = \"x\", a = 1 }", "{ file = 1 }", "{}"] {
        let (_, told) =
            read(&KAFKA, "a.toml", format!("brokers = 'k'\n[client]\n\"sasl.password\" = {table}\n"));
        assert_eq!(
            told.lines().next(),
            Some(
                "error[bad-secret]: `client.sasl.password` is a table that does not say where the secret is"
            )
        );
    }
}

#[test]
fn a_password_inside_an_address_is_not_shown_either() {
    let (entry, told) = read(&JMS, "a.toml", "providerURL = \"tcp://me:hunter2@mq:1\"\nx = {\n");
    assert!(!told.contains("hunter2") && !entry.unwrap_err().contains("hunter2"), "{told}");
    let case = Case::with("root/jms/a.toml", "providerURL = \"tcp://me:hunter2@mq:1\"\n");
    fs::set_permissions(case.path("root/jms/a.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let catalogs = case.catalogs();
    let entry = catalogs.entry(&JMS, "a").unwrap();
    let told = case.told(&catalogs);
    assert!(told.contains("1 | providerURL = \"tcp://me:*******@mq:1\"\n"), "{told}");
    assert!(
        told.contains("warning[readable-secret]: everybody on this host may read `provider_url` "),
        "{told}"
    );
    assert!(!format!("{entry:?}").contains("hunter2"));
    assert_eq!(catalogs.text(&entry, &jms::PROVIDER_URL).unwrap().as_deref(), Some("tcp://me:hunter2@mq:1"));
}

#[test]
fn brokers_can_come_from_the_environment() {
    let case =
        Case::with("root/kafka/a.toml", "brokers = { env = \"BROKERS\" }\n").env("BROKERS", "k:1, l:2");
    let catalogs = case.catalogs();
    let entry = catalogs.entry(&KAFKA, "a").unwrap();
    assert_eq!(catalogs.list_of(&entry, &kafka::BROKERS).unwrap(), ["k:1", "l:2"]);
}
