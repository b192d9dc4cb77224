//! `env list|show|import`, as the binary runs them, on catalogs as they are found on hosts: both forms, all layouts, broken
//! ones.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use dataflowkit::cli::samples;
use dataflowkit::config::{State, catalog};

const ITOSI: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<xsd:BeanMap xmlns:xsd=\"http://www.xsd.webservice.env.iplatform.org\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">
  <xsd:Desc>group Kafka cluster</xsd:Desc>
  <xsd:Property><xsd:Key>brokerList</xsd:Key><xsd:Value>k1.example:9092,k2.example:9092</xsd:Value><xsd:Type>String</xsd:Type></xsd:Property>
  <xsd:Property><xsd:Key>zookeeper</xsd:Key><xsd:Value>z.example:2181</xsd:Value><xsd:Type>String</xsd:Type></xsd:Property>
  <xsd:Property><xsd:Key>requestRequiredAcks</xsd:Key><xsd:Value>-1</xsd:Value><xsd:Type>Integer</xsd:Type></xsd:Property>
  <xsd:Property><xsd:Key>batchSize</xsd:Key><xsd:Value>100</xsd:Value><xsd:Type>Integer</xsd:Type></xsd:Property>
  <xsd:Property><xsd:Key>partitionerClass</xsd:Key><xsd:Value>kafka.producer.DefaultPartitioner</xsd:Value><xsd:Type>Class</xsd:Type><xsd:Desc>as ever</xsd:Desc></xsd:Property>
  <xsd:Property><xsd:Key>send.buffer.bytes</xsd:Key><xsd:Value>65536</xsd:Value></xsd:Property>
</xsd:BeanMap>
";
const GROUP: &str = "<BeanMap><Desc>group MQ</Desc>
<Property><Key>providerURL</Key><Value>failover:(tcp://me:pw1234@mq.example:61616)</Value></Property>
<Property><Key>username</Key><Value>dfk</Value></Property>
<Property><Key>password</Key><Value>hunter2</Value></Property>
</BeanMap>
";

/// A directory with catalogs in it.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Host {
        Host { dir: tempfile::tempdir().unwrap() }
    }

    /// As the older platform leaves them.
    fn legacy() -> Host {
        Host::new().file("old/common/kafka/itosi.xml", ITOSI).file("old/env/common/jms/group.xml", GROUP)
    }

    fn file(self, path: &str, content: impl AsRef<[u8]>) -> Host {
        let file = self.path(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o640)).unwrap();
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Exit status, output and error output of `env …`; `@` is the directory.
    fn run(&self, arguments: &str) -> (i32, String, String) {
        let dir = self.dir.path().display().to_string();
        let arguments: Vec<String> = arguments.split(' ').map(|word| word.replace('@', &dir)).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dataflowkit"));
        command
            .arg("env")
            .args(arguments)
            .env_remove("DATAFLOWKIT_ENV_ROOT")
            .env_remove("CREDENTIALS_DIRECTORY");
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&dir, "@");
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn list_names_each_entry_with_its_file_and_what_it_hides() {
    let host = Host::legacy()
        .file("conf/env/kafka/itosi.toml", "brokers = 'k:9092'\n")
        .file("conf/env_root/evn/common/kafka/spare.xml", ITOSI);
    let (status, out, err) = host.run("list --env-root @/old -c @/conf");
    assert_eq!(
        out,
        "kafka  itosi  @/old/common/kafka/itosi.xml  group Kafka cluster\n              hides @/conf/env/kafka/itosi.toml\n\
         kafka  spare  @/conf/env_root/evn/common/kafka/spare.xml  group Kafka cluster\n\
         jms    group  @/old/env/common/jms/group.xml  group MQ\n"
    );
    assert_eq!(status, 0, "{err}");
    let (status, out, _) = host.run("list jms -c @/conf");
    assert_eq!((status, out.as_str()), (0, ""));
}

#[test]
fn show_prints_values_with_their_lines_and_no_secret() {
    let host = Host::legacy();
    let (status, out, err) = host.run("show jms group --env-root @/old");
    assert_eq!(
        out,
        "jms group  @/old/env/common/jms/group.xml\n  \
           description   group MQ                                   @/old/env/common/jms/group.xml:1:16\n  \
           provider_url  failover:(tcp://me:****@mq.example:61616)  @/old/env/common/jms/group.xml:2:40\n  \
           username      dfk                                        @/old/env/common/jms/group.xml:3:37\n  \
           password      (secret)                                   @/old/env/common/jms/group.xml:4:37\n"
    );
    assert_eq!((status, err.as_str()), (0, ""));
    let (_, out, err) = host.run("show kafka itosi --env-root @/old");
    assert!(out.contains("\n  acks                      all "), "{out}");
    assert!(out.contains("\n  client.send.buffer.bytes  65536 "), "{out}");
    assert!(out.contains("@/old/common/kafka/itosi.xml:5:56, without effect\n"), "{out}");
    assert!(err.starts_with("note[ignored-key]: `zookeeper` has no effect: "), "{err}");
    assert!(err.contains("\nnote[unknown-type]: `Class` is no type that is known here; "), "{err}");
    assert!(
        err.contains("\nnote[unknown-key]: kafka entry `itosi` has no key `send.buffer.bytes`; "),
        "{err}"
    );
}

#[test]
fn an_instance_sees_its_own_entries_first_and_secrets_are_named_by_where_they_are() {
    let own = "provider_url = 'tcp://own:1'\npassword = { credential = 'jms-group' }\nusername = { file = 'user' }\n";
    let host = Host::new()
        .file("conf/orders.d/env/jms/group.toml", own)
        .file("conf/env/jms/group.xml", GROUP)
        .file("conf/orders.d/env/jms/user", "me");
    let (status, out, err) = host.run("show jms group -c @/conf --instance orders");
    assert_eq!(
        out,
        "jms group  @/conf/orders.d/env/jms/group.toml\nhides @/conf/env/jms/group.xml\n  \
           provider_url  tcp://own:1  @/conf/orders.d/env/jms/group.toml:1:17\n  \
           password      (secret)     @/conf/orders.d/env/jms/group.toml:2:28, credential `jms-group`\n  \
           username      (secret)     @/conf/orders.d/env/jms/group.toml:3:22, file `@/conf/orders.d/env/jms/user`\n"
    );
    assert_eq!(status, 0, "{err}");
    let (_, out, _) = host.run("show jms group -c @/conf");
    assert!(out.starts_with("jms group  @/conf/env/jms/group.xml\n"), "{out}");
}

#[test]
fn what_is_not_there_ends_with_2_and_names_what_is() {
    let host = Host::legacy();
    let (status, _, err) = host.run("show jms grop --env-root @/old -c @/conf");
    assert_eq!(status, 2);
    assert_eq!(
        err,
        "dataflowkit env: the env catalogs have no jms entry `grop`: there is `group`\n\
         hint: did you mean `group`? searched: `@/old/jms`, `@/old/{env/common,common,evn/common}/jms`, `@/conf/env/jms`, \
         `@/conf/env_root/{env/common,common,evn/common}/jms`, `/etc/dataflowkit/env/jms`, \
         `/etc/dataflowkit/env_root/{env/common,common,evn/common}/jms`, `/usr/lib/dataflowkit/env/jms`\n"
    );
    let (status, _, err) = host.run("list kafak");
    assert_eq!(
        (status, err.as_str()),
        (2, "dataflowkit env: there is no kind `kafak`; did you mean `kafka`?\n")
    );
    let (status, _, err) = host.run("show oracle x");
    assert_eq!(
        (status, err.as_str()),
        (2, "dataflowkit env: there is no kind `oracle`: there are kafka and jms\n")
    );
    let (status, _, err) = host.run("import @/old/env/common/kafka");
    assert_eq!(status, 2);
    assert!(
        err.starts_with("dataflowkit env: `@/old/env/common/kafka` has no XML entries: looked for "),
        "{err}"
    );
    assert_eq!(host.run("show").0, 2);
}

#[test]
fn broken_files_are_told_with_place_and_cure_and_end_with_1() {
    let cut = ITOSI.replace("XMLSchema-instance\">", "XMLSchema-in");
    let dtd = format!(
        "<!DOCTYPE BeanMap [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>\n{}",
        GROUP.replace("dfk", "&x;")
    );
    let twice = GROUP.replace("username", "password");
    let host = Host::new()
        .file("root/common/kafka/cut.xml", cut)
        .file("root/common/jms/dtd.xml", dtd)
        .file("root/common/jms/twice.xml", twice)
        .file("root/jms/wide.toml", "provider_url ＝ 'tcp://mq:1'\n");
    let (status, out, err) = host.run("list --env-root @/root -c @/conf");
    assert_eq!(status, 1);
    assert_eq!(
        out,
        "kafka  cut  @/root/common/kafka/cut.xml  BROKEN\n\
         jms    dtd    @/root/common/jms/dtd.xml  BROKEN\njms    twice  @/root/common/jms/twice.xml  BROKEN\n\
         jms    wide   @/root/jms/wide.toml  BROKEN\n"
    );
    for told in [
        "error[bad-xml]: the value of `xmlns:xsi` is not closed: a quote is missing at its end\n  --> @/root/common/kafka/cut.xml:2:70\n",
        "error[dtd]: an entry has no document type: it is not read, and neither is what it points to\n  --> @/root/common/jms/dtd.xml:1:1\n",
        "error[duplicate-key]: jms entry `twice` says `password` twice\n  --> @/root/common/jms/twice.xml:4:16\n",
        "\n  --> @/root/jms/wide.toml:1:",
        "hint: `＝` stands on this line: write `=`\n",
    ] {
        assert!(err.contains(told), "{told}\n{err}");
    }
    assert!(!err.contains("hunter2") && !err.contains("dfk"), "{err}");
}

#[test]
fn import_prints_toml_without_secrets() {
    let (status, out, err) = Host::legacy().run("import @/old");
    assert_eq!(status, 0, "{err}");
    assert_eq!(
        out,
        "# kafka/itosi.toml\n# from @/old/common/kafka/itosi.xml\ndescription = \"group Kafka cluster\"\n\
         brokers = [\"k1.example:9092\", \"k2.example:9092\"]\n\
         # zookeeper = \"z.example:2181\"   # no effect: clients ask the brokers, not ZooKeeper\n\
         acks = \"all\"\nbatch_size = 100\n# as ever\npartitioner = \"java-string-hash\"\n\n[client]\n\"send.buffer.bytes\" = \"65536\"\n\n\
         # jms/group.toml\n# from @/old/env/common/jms/group.xml\ndescription = \"group MQ\"\n\
         provider_url = \"failover:(tcp://me:****@mq.example:61616)\"\nusername = \"dfk\"\n\
         password = { credential = \"jms-group-password\" }\n\n"
    );
    let told = [
        "`provider_url` of jms entry `group` holds a secret, which is not printed: put it in place of the stars, or let `--to DIR` write the file\n",
        "`password` of jms entry `group` holds a secret, which is not printed: give it to the unit by `LoadCredential=jms-group-password:PATH`, or let `--to DIR` write the file\n",
    ];
    assert!(err.ends_with(&told.concat()), "{err}");
}

#[test]
fn import_writes_files_that_say_the_same_and_overwrites_none() {
    let host = Host::legacy().file("old/common/jms/group.xml", GROUP.replace("dfk", "second"));
    let (status, out, err) = host.run("import @/old --to @/new");
    assert_eq!((status, out.as_str()), (0, "@/new/kafka/itosi.toml\n@/new/jms/group.toml\n"), "{err}");
    assert!(
        err.contains(
            "left out: `@/old/common/jms/group.xml`, since `@/old/env/common/jms/group.xml` comes first\n"
        ),
        "{err}"
    );
    let mode = |path: &str| fs::metadata(host.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new/jms/group.toml") & 0o027, 0, "a secret is in it");
    let shown = |root: &str, entry: &str| {
        let (status, out, err) = host.run(&format!("show {entry} --env-root @/{root}"));
        assert_eq!(status, 0, "{err}");
        let rows = out.lines().filter(|line| line.starts_with("  "));
        rows.filter_map(|line| line.split("  @/").next().map(|row| row.trim().to_string()))
            .filter(|row| !row.starts_with("zookeeper"))
            .collect::<Vec<_>>()
    };
    for entry in ["kafka itosi", "jms group"] {
        assert_eq!(shown("new", entry), shown("old", entry));
    }
    let before = fs::read(host.path("new/kafka/itosi.toml")).unwrap();
    let (status, out, err) = host.run("import @/old --to @/new");
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("not written: `@/new/kafka/itosi.toml` is there already\n"), "{err}");
    assert_eq!(fs::read(host.path("new/kafka/itosi.toml")).unwrap(), before);
}

#[test]
fn import_takes_an_install_directory_and_one_folder_too() {
    let host = Host::new().file("kit/conf/env_root/evn/common/jms/group.xml", GROUP);
    for dir in ["@/kit", "@/kit/conf", "@/kit/conf/env_root", "@/kit/conf/env_root/evn/common/jms"] {
        let (status, out, _) = host.run(&format!("import {dir}"));
        assert_eq!(status, 0);
        assert!(
            out.starts_with("# jms/group.toml\n# from @/kit/conf/env_root/evn/common/jms/group.xml\n"),
            "{dir}: {out}"
        );
    }
}

#[test]
fn an_entry_that_cannot_be_imported_does_not_keep_the_others_back() {
    let host = Host::legacy().file("old/common/kafka/bad.xml", "<beans/>");
    let (status, out, err) = host.run("import @/old --to @/new");
    assert_eq!(status, 1);
    assert_eq!(out, "@/new/kafka/itosi.toml\n@/new/jms/group.toml\n");
    assert!(err.starts_with("error[no-entry]: `beans` is no catalog entry\n"), "{err}");
    assert!(!host.path("new/kafka/bad.toml").exists());
}

#[test]
fn the_samples_of_entries_have_nothing_wrong_with_them() {
    for (file, text) in samples::entries() {
        let kind = file.trim_start_matches("catalog-").trim_end_matches(".toml").to_string();
        // As they are, and with all that they show.
        let shown = text
            .lines()
            .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line));
        let whole: String = shown.map(|line| format!("{line}\n")).collect();
        for content in [text.clone(), whole] {
            let host = Host::new().file(&format!("root/{kind}/sample.toml"), &content);
            let (status, out, err) = host.run(&format!("show {kind} sample --env-root @/root"));
            let only_no_credentials = err.is_empty() || err.starts_with("note[missing-secret]: ");
            assert!(status == 0 && only_no_credentials && out.lines().count() > 1, "{content}\n{out}{err}");
        }
    }
}

#[test]
fn explain_tells_the_keys_of_entries() {
    let explain = |words: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_dataflowkit")).arg("explain").args(words).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(
        explain(&["catalog"]),
        (0, "catalog types\n  kafka                a cluster of brokers\n  jms                  a message broker\n".to_string())
    );
    for kind in catalog::ALL {
        let (status, told) = explain(&["catalog", kind.name]);
        assert_eq!(status, 0);
        for field in kind.fields {
            assert!(told.contains(&format!("\n{}", field.key)), "{told}");
            assert!(field.state != State::Honoured || !field.doc.is_empty(), "{}", field.key);
        }
    }
    assert!(explain(&["catalog", "jms", "providerURL"]).1.starts_with("provider_url  text, required\n"));
    assert_eq!(explain(&["catalog", "jmx"]).0, 2);
}
