//! Which file an entry is.
use super::*;

const BROKER: &str = "provider_url = \"tcp://mq:1\"\n";
const XML: &str = "<BeanMap><Property><Key>providerURL</Key><Value>tcp://mq:2</Value></Property></BeanMap>";

fn file_of(case: &Case) -> String {
    case.clean(&case.catalogs().entry(&JMS, "group").unwrap().file.display().to_string())
}

#[test]
fn the_first_place_counts_and_a_lower_one_when_it_is_gone() {
    let places = [
        "root/jms/group.toml",
        "root/jms/group.xml",
        "root/env/common/jms/group.xml",
        "root/common/jms/group.xml",
        "root/evn/common/jms/group.xml",
        "conf/orders.d/env/jms/group.toml",
        "conf/env/jms/group.toml",
        "conf/env/jms/group.xml",
        "conf/env_root/env/common/jms/group.xml",
        "conf/env_root/common/jms/group.xml",
        "conf/env_root/evn/common/jms/group.xml",
    ];
    let content = |path: &str| if path.ends_with("toml") { BROKER } else { XML };
    let case = places.iter().fold(Case::new(), |case, path| case.file(path, content(path)));
    for path in places {
        assert_eq!(file_of(&case), path);
        fs::remove_file(case.path(path)).unwrap();
    }
    assert!(case.catalogs().entry(&JMS, "group").is_err());
}

#[test]
fn two_files_of_one_name_are_a_lint_unless_one_is_there_to_replace_the_other() {
    let case = Case::with("root/env/common/jms/group.xml", XML)
        .file("root/common/jms/group.xml", XML)
        .file("conf/env/jms/group.toml", BROKER);
    let catalogs = case.catalogs();
    catalogs.entry(&JMS, "group").unwrap();
    assert_eq!(
        case.told(&catalogs),
        "note[hidden-entry]: `root/common/jms/group.xml` is hidden by `root/env/common/jms/group.xml`\n\
         hint: both are jms entry `group`; keep one\n"
    );
    let listed = catalogs.list(&JMS);
    assert_eq!((listed.len(), listed[0].files.len()), (1, 3));
}

#[test]
fn an_unknown_name_is_told_with_the_names_there_are_and_the_places() {
    let case = Case::with("root/kafka/itosi.toml", "")
        .file("conf/env/kafka/spare.toml", "")
        .file("conf/env/kafka/.hidden.toml", "")
        .file("conf/env/kafka/notes.txt", "");
    let trouble = case.catalogs().entry(&KAFKA, "itosy").unwrap_err();
    assert_eq!(trouble.what, "the env catalogs have no kafka entry `itosy`: there are `itosi`, `spare`");
    assert_eq!(
        case.clean(&trouble.instead.unwrap()),
        "did you mean `itosi`? searched: `root/kafka`, `root/{env/common,common,evn/common}/kafka`, \
         `conf/orders.d/env/kafka`, `/etc/dataflowkit/orders.d/env/kafka`, `conf/env/kafka`, \
         `conf/env_root/{env/common,common,evn/common}/kafka`, `/etc/dataflowkit/env/kafka`, \
         `/etc/dataflowkit/env_root/{env/common,common,evn/common}/kafka`, `/usr/lib/dataflowkit/env/kafka`"
    );
    assert_eq!(
        case.catalogs().entry(&JMS, "x").unwrap_err().what,
        "the env catalogs have no jms entry `x`: there are none"
    );
}

#[test]
fn no_name_leads_out_of_the_folders() {
    let case = Case::with("root/secret.toml", BROKER).file("root/jms/.toml", BROKER);
    for name in ["../secret", "", ".", "..", "/etc/passwd", "a\0b", "../jms/"] {
        assert!(!case.catalogs().has(&JMS, name), "{name}");
        assert!(case.catalogs().entry(&JMS, name).is_err(), "{name}");
    }
}

#[test]
fn an_entry_stays_as_it_was_first_read_and_is_told_of_once() {
    let case = Case::with("root/jms/a.toml", BROKER.to_string() + "x = 1\n");
    let catalogs = case.catalogs();
    let first = catalogs.entry(&JMS, "a").unwrap();
    let case = case.file("root/jms/a.toml", "provider_url = 'tcp://other:1'\n");
    assert_eq!(catalogs.clone().entry(&JMS, "a").unwrap(), first);
    assert_eq!(case.told(&catalogs).matches("unknown-key").count(), 1);
    assert_ne!(case.catalogs().entry(&JMS, "a").unwrap(), first);
}

#[test]
fn what_is_no_file_or_too_large_is_told_and_does_not_block() {
    let case = Case::with("root/jms/big.toml", "#".repeat((128 << 10) + 1));
    fs::create_dir(case.path("root/jms/dir.toml")).unwrap();
    std::os::unix::fs::symlink("nowhere", case.path("root/jms/link.toml")).unwrap();
    nix::unistd::mkfifo(&case.path("root/jms/fifo.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let why = |name: &str| case.clean(&case.catalogs().entry(&JMS, name).unwrap_err().what);
    assert_eq!(
        why("big"),
        "jms entry `big` cannot be used: root/jms/big.toml: cannot read `root/jms/big.toml`: it has 131073 bytes, and an entry at most 131072"
    );
    assert_eq!(
        why("dir"),
        "jms entry `dir` cannot be used: root/jms/dir.toml: cannot read `root/jms/dir.toml`: it is no file"
    );
    assert_eq!(
        why("fifo"),
        "jms entry `fifo` cannot be used: root/jms/fifo.toml: cannot read `root/jms/fifo.toml`: it is no file"
    );
    assert!(
        why("link").ends_with("cannot read `root/jms/link.toml`: No such file or directory (os error 2)"),
        "{}",
        why("link")
    );
}

#[test]
fn a_folder_that_cannot_be_looked_into_is_told_where_it_would_come_first() {
    let case = Case::with("conf/env/jms/group.toml", BROKER)
        .file("root/jms", "no folder")
        .file("conf/env_root", "none");
    let catalogs = case.catalogs();
    catalogs.entry(&JMS, "group").unwrap();
    let told = case.told(&catalogs);
    assert_eq!(
        told,
        "warning[unreadable]: cannot look into `root/jms`: Not a directory (os error 20)\n\
         hint: jms entry `group` may be there and come first\n"
    );
    let hint = case.clean(&catalogs.entry(&JMS, "x").unwrap_err().instead.unwrap());
    assert!(hint.contains("; cannot look into `root/jms`: Not a directory (os error 20)"), "{hint}");
}
