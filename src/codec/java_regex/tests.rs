use super::*;

/// What `Matcher.find()` of JDK 17 finds, one `<whole|group|…>` per match, `~` for a group that took no part; `!` where
/// the pattern is refused.
const JDK: &[(&str, &str, &str)] = &[
    ("abc", "xabcx", "<abc>"),
    ("^abc$", "abc\r", "<abc>"),
    ("^abc$", "abc\n", "<abc>"),
    ("^abc$", "abc\r\n", "<abc>"),
    ("^abc$", "abc\nx", ""),
    ("a.c", "a\rc a\u{85}c abc", "<abc>"),
    ("(?s)a.c", "a\nc", "<a\nc>"),
    (r"\d", "٣", ""),
    (r"^\w+$", "é", ""),
    (r"[\d-]+", "1-2", "<1-2>"),
    (r"[^\s]", " \t", ""),
    (r"\Qa.b\E*", "a.bbb axb", "<a.bbb>"),
    (r"\p{Alpha}\p{Punct}", "a~", "<a~>"),
    (r"\p{IsLatin}", "é", "<é>"),
    (r"\P{Upper}", "A", ""),
    (r"[\p{Upper}\p{Digit}]{2}", "A1", "<A1>"),
    (r"\u0041\x42\0103", "ABC", "<ABC>"),
    (r"\<a\>", "<a>", "<<a>>"),
    ("[+--]", ",", "<,>"),
    ("[~~]", "~", "<~>"),
    ("[]a]", "]", "<]>"),
    ("[^]a]", "]b", "<b>"),
    ("a*?b", "aab", "<aab>"),
    ("(?i)error", "ERROR", "<ERROR>"),
    ("(?iu)é", "É", "<É>"),
    ("(?i)é", "É", ""),
    ("(?i)k", "\u{212a}", ""),
    ("(?iu)k", "\u{212a}", "<\u{212a}>"),
    ("(?i)[a-c]+", "aBCd", "<aBC>"),
    ("(?i)[^a]", "Aab", "<b>"),
    ("(?<level>ERROR|WARN)", "a WARN", "<WARN|WARN>"),
    ("", "", "<>"),
    ("", "ab", "<><><>"),
    ("a*", "baac", "<><aa><><>"),
    (r"\cA", "\u{1}", "<\u{1}>"),
    ("(?m)^b$", "a\nb\nc", "<b>"),
    ("(?m)^", "a\n", "<>"),
    ("(?m)^", "a\r\nb\u{2028}c\rd", "<><><><>"),
    ("(?m)$", "a\r\nb\n", "<><><>"),
    ("$", "a\r\n", "<><>"),
    ("$", "a\n\n", "<><>"),
    (r"\r$", "a\r\n", ""),
    ("(.*)$", "ab\n", "<ab|ab><|><|>"),
    (r"\Z", "a\n", "<><>"),
    ("(?d)a$", "a\r", ""),
    ("(?d).+", "a\rb\nc", "<a\rb><c>"),
    ("(?md)^.", "a\rb\nc", "<a><c>"),
    ("(a)?b", "b ab", "<b|~><ab|a>"),
    ("(a|ab)(c|bcd)(d*)", "abcd", "<abcd|a|bcd|>"),
    ("(?:(a)|b)*", "ab", "<ab|a><|~>"),
    ("(a*)*", "b", "<|><|>"),
    ("(a*)+", "b", "<|><|>"),
    ("(?:a|(b))+", "ba", "<ba|b>"),
    ("(|a)+", "aa", "<|><|><|>"),
    (r"(a)\1", "aab", "<aa|a>"),
    (r"(a)(b)?\2c", "ac", ""),
    (r"(?<x>.)\k<x>", "abba", "<bb|b>"),
    (r"(a)\11", "aa1", "<aa1|a>"),
    (r"(?i)(ab)\1", "abAB", "<abAB|ab>"),
    ("a++a", "aaa", ""),
    ("a*+b", "aab", "<aab>"),
    ("a?+a", "a", ""),
    ("(ab){2}+", "ababab", "<abab|ab>"),
    ("(?>a|ab)c", "abc ac", "<ac>"),
    ("a(?=b)", "ab ac", "<a>"),
    ("a(?!b)", "ab ac", "<a>"),
    ("(?<=a)b", "ab cb", "<b>"),
    ("(?<!a)b", "ab cb", "<b>"),
    ("(?<=a|bc)d", "ad bcd", "<d><d>"),
    ("(?<=ab{1,3})c", "abbc c", "<c>"),
    ("[a-z&&[^b-y]]+", "abz", "<a><z>"),
    ("[a-z&&b-d]", "abcde", "<b><c><d>"),
    ("[a-d[m-p]]", "am", "<a><m>"),
    ("[^a-d[m-p]]", "amz", "<z>"),
    ("[[:a]]", ":", "<:>"),
    (r"[a\-z]+", "a-z", "<a-z>"),
    (r"[\Q^-]\E]+", "^-]", "<^-]>"),
    ("[a-c-e]+", "-bde", "<-b><e>"),
    ("[-a]+", "a-", "<a->"),
    ("[a-]+", "a-", "<a->"),
    ("(?x) a b # c\n c", "abc", "<abc>"),
    ("(?x)[a b]+", "a b", "<a><b>"),
    (r"(?x)a\ b", "a b", "<a b>"),
    ("a(?i)b|c", "aB C", "<aB><C>"),
    ("a(?i:b)c", "aBc aBC", "<aBc>"),
    ("(?-i)a", "A", ""),
    ("((?i)a)b", "Ab AB", "<Ab|A>"),
    (r"\h+", "a\u{a0} \tb", "<\u{a0} \t>"),
    (r"\v", "a\u{b}b", "<\u{b}>"),
    (r"\R", "a\r\nb\n", "<\r\n><\n>"),
    (r"\s+", "a\u{b} b", "<\u{b} >"),
    (r"\S", "\u{a0}", "<\u{a0}>"),
    (r"\bé", "x é", "<é>"),
    (r"\ba", "éa a", "<a>"),
    (r"\Ba", "éa a", "<a>"),
    (r"\uD83D\uDE00", "😀", "<😀>"),
    (".", "😀", "<😀>"),
    (r"\x{1F600}", "😀", "<😀>"),
    (r"[\x{1F600}-\x{1F610}]", "😅", "<😅>"),
    (r"\p{L}+", "aé1", "<aé>"),
    (r"\pL", "é", "<é>"),
    (r"\p{Lu}", "aÉ", "<É>"),
    (r"(?i)\p{Lu}", "a", "<a>"),
    (r"(?i)\p{Lower}", "A", "<A>"),
    (r"\p{IsAlphabetic}", "é", "<é>"),
    (r"\p{Cntrl}", "\u{7f}", "<\u{7f}>"),
    (r"\p{Punct}+", "$+<=>^`|~", "<$+<=>^`|~>"),
    (r"[\W]", "é", "<é>"),
    (r"(?U)\w+", "é1", "<é1>"),
    (r"(?U)\d", "٣", "<٣>"),
    (r"(?U)\bé", "é", "<é>"),
    ("x{2}", "xxx", "<xx>"),
    ("x{2,}", "xxx", "<xxx>"),
    ("x{1,2}?", "xxx", "<x><x><x>"),
    ("x{0}", "x", "<><>"),
    ("}", "}", "<}>"),
    ("]", "]", "<]>"),
    ("a{,3}", "a{,3}", "!"),
    ("{", "{", "!"),
    ("a**", "a", "!"),
    ("*a", "a", "!"),
    ("(a", "a", "!"),
    ("a)", "a", "!"),
    ("[a", "a", "!"),
    (r"\y", "y", "!"),
    ("[b-a]", "b", "!"),
    ("a{2,1}", "a", "!"),
    (r"[\d-z]+", "1-z", "<1-z>"),
    (r"[a-\d]", "a", "!"),
    (r"\E", "a", "!"),
    ("(?<a>x)(?<a>y)", "xy", "!"),
    ("(?z)a", "a", "!"),
    (r"\k<n>", "a", "!"),
    (r"\08", "8", "!"),
    (
        r"^(\d{12}) ([0-9a-f]{8}) ",
        "000000000001 0a1b2c3d rest",
        "<000000000001 0a1b2c3d |000000000001|0a1b2c3d>",
    ),
    (
        r#"^(\S+) (\S+) \[([^\]]+)\] \"(\w+) ([^\"]*)\" (\d{3})"#,
        "h u [t] \"GET /x\" 200",
        "<h u [t] \"GET /x\" 200|h|u|t|GET|/x|200>",
    ),
    (r"^(?:[^|]*\|){2}([^|]*)", "a|b|c|d", "<a|b|c|c>"),
    (r"(\w+)@(\w+)\.com", "me@ex.com", "<me@ex.com|me|ex>"),
];

fn found(pattern: &Pattern, text: &str) -> String {
    let (mut all, mut spans) = (String::new(), Spans::new(usize::MAX));
    let outcome = pattern.each(text, &mut spans, &mut |spans| {
        let groups = (0..=pattern.groups()).map(|group| spans.group(group).map_or("~", |group| &text[group]));
        all += &format!("<{}>", groups.collect::<Vec<_>>().join("|"));
    });
    outcome.map_or_else(|gave_up| gave_up.to_string(), |()| all)
}

#[test]
fn patterns_find_what_the_jdk_finds() {
    let mut wrong = Vec::new();
    for (pattern, text, expected) in JDK {
        let own = find(pattern).map_or_else(|why| format!("! {why}"), |compiled| found(&compiled, text));
        if own != *expected && !(own.starts_with('!') && *expected == "!") {
            wrong.push(format!("{pattern:?} in {text:?}: {own:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), JDK.len(), wrong.join("\n"));
}

#[test]
fn bytes_that_are_no_utf8_are_one_sign_each() {
    assert!(find("^.$").unwrap().is_match(b"\xff"));
    assert!(find("\u{fffd}(?=b)").unwrap().is_match(b"a\xffb"));
}

#[test]
fn a_full_match_leaves_nothing_over() {
    let full = |pattern: &str, text: &str| full_match(pattern).unwrap().is_match(text.as_bytes());
    assert!(full(r".*\.log", "a.log"));
    assert!(full("a|ab", "ab"));
    assert!(full("(?!b).*", "ab") && !full("(?!a).*", "ab"));
    assert!(!full(r".*\.log", "a.log.1"));
    assert!(!full("abc$", "abc\n"));
    assert!(!full(r".*\.log", "a\nb.log"));
}

#[test]
fn what_needs_no_backtracking_runs_in_linear_time() {
    let linear = |pattern: &str| find(pattern).unwrap().is_linear();
    assert!(linear(r"^(?i)a(?s:.)[\w&&[^b]]{2,3}?\R(?<x>c)$".trim_end_matches('$')));
    assert!(!linear("a(?=b)") && !linear(r"(a)\1") && !linear("a$"));
    assert!(lint("", "a$").is_none() && lint("", "(?i)a").is_none());
    let said = lint("", r"(a)\1").unwrap().message;
    assert!(said.starts_with("back-references are not matched in linear time"), "{said}");
}

#[test]
fn a_pattern_that_takes_too_long_gives_up() {
    let pattern = find(r"^(a|aa)+\1$").unwrap();
    let text = "a".repeat(100) + "b";
    assert_eq!(pattern.matches(text.as_bytes()), Err(GaveUp));
    assert_eq!(pattern.find_at(&text, 0, &mut Spans::new(1)), Err(GaveUp));
    assert!(!pattern.is_match(text.as_bytes()));
}

#[test]
fn texts_are_split_as_java_splits_them() {
    let split = |pattern: &str, text: &'static str| find(pattern).unwrap().split(text).unwrap().join("/");
    assert_eq!(split(",", "a,b,,c,,"), "a/b//c");
    assert_eq!(split(",", ",a"), "/a");
    assert_eq!(split("", "abc"), "a/b/c");
    assert_eq!(split(",", ""), "");
    assert_eq!(split(",", ",,"), "");
    assert_eq!(split(r"\s*,\s*", "a , b,c"), "a/b/c");
    assert_eq!(split(r"\|", "none"), "none");
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let refused = |pattern: &str| find(pattern).unwrap_err();
    assert_eq!(refused(r"\Ga"), "`\\G` is not supported");
    assert_eq!(refused(r"\X"), "`\\X` is not supported");
    assert_eq!(refused(r"\b{g}"), "`\\b{g}` is not supported");
    assert_eq!(refused(r"\p{InGreek}"), "`\\p{InGreek}` is not supported");
    assert_eq!(refused(r"\p{javaLowerCase}"), "`\\p{javaLowerCase}` is not supported");
    assert_eq!(refused(r"(a)\2"), "there is no group 2 to refer back to");
    assert_eq!(refused("(a"), "a group is not closed");
    assert_eq!(refused("a)"), "a `)` closes no group");
    assert_eq!(refused(r"\uD83D"), "`D83D` is not the code of a character");
    assert_eq!(refused("a\\"), "the pattern ends in a lone `\\`");
    assert_eq!(refused("a{b"), "`{` needs `{n}`, `{n,}` or `{n,m}` here; write `\\{` for the sign itself");
    assert_eq!(refused("(?<n>a)(?<n>b)"), "two groups are called `n`");
    assert_eq!(refused("[a&&]"), "`&&` needs something on both sides");
}

proptest::proptest! {
    #[test]
    fn foreign_patterns_and_texts_never_panic(
        pattern in r"([\\a-zA-Z0-9\[\]\(\)\?\{\}\*\+\.\^\$\-~&<>=!:|é😀 #]|\(\?<?[=!>:]|\\[QEpPkxu]|\[\^|&&){0,16}",
        text in proptest::collection::vec(proptest::num::u8::ANY, 0..40),
    ) {
        let text = super::text(&text);
        for pattern in [find(&pattern), full_match(&pattern)].into_iter().flatten() {
            let _ = pattern.matches(text.as_bytes());
            let _ = pattern.split(&text);
            let _ = found(&pattern, &text);
            let _ = Replacement::parse("$1$0\\$", &pattern);
        }
        let _ = lint("", &pattern);
    }
}
