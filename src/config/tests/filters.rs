//! Config filters and dates, through whole files.
use super::*;
use crate::diag::text;

/// [`GOOD`] with a filter `f1` of the environment, a filter `f2` that prints `KEY-by-program`, and another `bind`.
fn filtered(bind: &str) -> Case {
    let filters = "a1.configfilters = f1 f2\na1.configfilters.f1.type = env\na1.configfilters.f2.type = external\n\
                   a1.configfilters.f2.command = printf ${format}\\\\n\nformat = %s-by-program\n";
    let mut case = Case::new(&(GOOD.replace("127.0.0.1", bind) + filters));
    let env = [("HOST", "h.example"), ("WHICH", "HOST")];
    case.request.env = env.map(|(key, value)| (key.to_string(), value.to_string())).into();
    case
}

fn bind(case: &Case) -> String {
    let loaded = case.load();
    let graph = loaded.graph.as_ref().unwrap_or_else(|| panic!("{}", text(&loaded.report)));
    graph.sources[0].node.values["bind"].clone()
}

#[test]
fn filters_give_values_in_every_spelling() {
    for (written, expected) in [
        ("${f1['HOST']}", "h.example"),
        ("${f1[\"HOST\"]}", "h.example"),
        ("${f1[HOST]}", "h.example"),
        ("a-${f1['HOST']}-${f2['x_Y-1']}", "a-h.example-x_Y-1-by-program"),
        ("${f1['${env:WHICH}']}", "h.example"),
        ("${f1['NOPE']:-none}", "none"),
        ("${where}\nwhere = ${f1['HOST']}", "h.example"),
        ("$${f1['HOST']}", "${f1['HOST']}"),
    ] {
        let case = filtered(written);
        assert_eq!(bind(&case), expected, "{written}");
        assert_eq!(case.clean(&case.load()), "", "{written}");
    }
}

#[test]
fn toml_declares_filters_by_their_tables() {
    let text = "[a1.sources.r1]\ntype = \"netcat\"\nbind = \"${f1['HOST']}\"\nport = 1\nchannels = [\"c1\"]\n\
                [a1.channels.c1]\ntype = \"memory\"\n[a1.sinks.k1]\ntype = \"logger\"\nchannel = \"c1\"\n\
                [a1.configfilters.f1]\ntype = \"env\"\n";
    let mut case = Case::named("agent.toml", text);
    case.request.env = [("HOST".to_string(), "h.example".to_string())].into();
    assert_eq!(bind(&case), "h.example");
    assert_eq!(case.clean(&case.load()), "");
}

#[test]
fn what_a_filter_answers_is_never_shown() {
    for bind in ["${f1['HOST']}", "${f2['key']}"] {
        let case = filtered(&format!("{bind}\na1.sources.r1.password = {bind}"));
        let told = case.clean(&case.load());
        assert!(told.contains("`password` must be a number from 0 to 9, not `****`"), "{told}");
        assert!(!told.contains("h.example") && !told.contains("key-by-program"), "{told}");
    }
}

#[test]
fn a_program_is_asked_once_for_a_key_however_many_values_need_it_and_not_for_keys_that_none_does() {
    let case = Case::new("");
    let asked = case.dir.path().join("asked");
    let script = case.dir.path().join("get.sh");
    fs::write(&script, format!("echo $1 >> {}\necho 10.0.0.1\n", asked.display())).unwrap();
    let config = GOOD.replace("127.0.0.1", "${f['b']}${f['a']}${f['b']:-x}${file:nope:-${f['b']}}");
    let config = format!(
        "{config}unused = ${{f['c']}}\na1.configfilters = f\na1.configfilters.f.type = external\n\
         a1.configfilters.f.command = /bin/sh {}\n",
        script.display()
    );
    fs::write(&case.request.file, config).unwrap();
    assert_eq!(bind(&case), "10.0.0.1".repeat(4));
    assert_eq!(fs::read_to_string(asked).unwrap(), "b\na\n");
}

#[test]
fn a_filter_gives_values_to_its_own_agent_only() {
    let mut case = filtered("x\na2.channels = c1\na2.sources = r1\na2.sources.r1.bind = ${f1['HOST']}");
    case.request.name = Some("a1".into());
    let told = case.clean(&case.load());
    let expected = "warning[unknown-filter]: agent `a2` has no config filter `f1`: `${f1['HOST']}` stays as it is written\n";
    assert!(told.starts_with(expected), "{told}");
    assert!(
        told.contains(
            "hint: `a2.configfilters = f1` and `a2.configfilters.f1.type = env` would declare it\n"
        ),
        "{told}"
    );
}

#[test]
fn a_bash_array_is_no_filter_and_stays_as_it_is_written() {
    for written in ["${arr[0]}", "${arr[@]}"] {
        let case = filtered(written);
        assert_eq!(bind(&case), written);
        let loaded = case.load();
        assert!(!loaded.report.has_errors(), "{}", case.clean(&loaded));
        assert_eq!(case.clean(&filtered(&format!("${written}")).load()), "");
    }
}

#[test]
fn dates_are_of_one_moment_and_a_java_that_is_told_about_needs_a_default() {
    let stamp = "${date:yyyyMMddHHmmssSSS}";
    let twice = bind(&filtered(&format!("{stamp} {stamp}")));
    let (one, other) = twice.split_once(' ').unwrap();
    assert_eq!((one, one.len()), (other, 17));
    assert!(one.bytes().all(|byte| byte.is_ascii_digit()), "{one}");
    assert_eq!(bind(&filtered("${date:'at' G}")), "at AD");
    assert_eq!(bind(&filtered("${java:version:-17}")), "17");
    assert_eq!(bind(&filtered("${java:version}")), "${java:version}");
}

/// A rule with a date in it is the same rule tomorrow: else each start would take marks back and offer again what was
/// routed elsewhere.
#[test]
fn a_new_moment_changes_no_fingerprint_and_another_pattern_does() {
    let print = |value: &str| {
        let rule = "a1.sources.r1.interceptors = i\na1.sources.r1.interceptors.i.type = host\n\
                    a1.sources.r1.interceptors.i.useIP = ";
        let loaded = Case::new(&format!("{GOOD}stamp = ${{date:SSS}}\n{rule}{value}\n")).load();
        let graph = loaded.graph.unwrap();
        (graph.sources[0].fingerprint, graph.sources[0].interceptors[0].values["useIP"].clone())
    };
    for value in ["x${date:SSS}", "x${stamp}"] {
        let (first, moment) = print(value);
        assert!(moment.len() == 4 && moment.starts_with('x'), "{moment}");
        // Two loads within one millisecond would prove nothing.
        let (again, later) = (0..1000).map(|_| print(value)).find(|(_, later)| *later != moment).unwrap();
        assert_eq!(first, again, "{moment} {later}");
        assert_ne!(first, print("x${date:SS}").0);
    }
}
