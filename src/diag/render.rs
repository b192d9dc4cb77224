//! How a report is shown: as text for people, as one JSON object per line for scripts.
//!
//! Shape of the text: `severity[code]: message`, the place, the line with carets, then hints. The texts are interface
//! and pinned in tests.
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Diagnostic, Report, Span};

/// All problems in file order, a blank line between them.
pub fn text(report: &Report) -> String {
    let parts: Vec<String> = report.in_order().into_iter().map(|d| one(report, d)).collect();
    parts.join("\n")
}

/// One problem.
pub fn one(report: &Report, d: &Diagnostic) -> String {
    let mut out = format!("{}[{}]: {}\n", d.severity.word(), d.code, report.shown(&d.message));
    if let Some(span) = d.span {
        let _ = writeln!(out, "  --> {}", place(report, span));
        out.push_str(&snippet(report, span));
    }
    for label in &d.labels {
        let _ = writeln!(out, "note: {}\n  --> {}", report.shown(&label.text), place(report, label.span));
    }
    for hint in &d.hints {
        let _ = writeln!(out, "hint: {}", report.shown(hint));
    }
    out
}

fn place(report: &Report, span: Span) -> String {
    let spot = report.files.spot(span.file, span.start);
    format!("{}:{}:{}", report.files.name(span.file), spot.line, spot.column)
}

/// The line, and carets under the part of the span that is on it.
fn snippet(report: &Report, span: Span) -> String {
    let spot = report.files.spot(span.file, span.start);
    let line = report.masked(&report.files.line(span.file, spot.line));
    let until = report.files.spot(span.file, span.end);
    let count = line.chars().count() + 1;
    let end = if until.line == spot.line { until.column } else { count };
    let pad: String = line.chars().take(spot.column - 1).map(blank).collect();
    let marked = line.chars().skip(spot.column - 1).take(end.saturating_sub(spot.column));
    let carets: String = marked.map(|c| "^".repeat(blank(c).len())).collect();
    let number = spot.line.to_string();
    let carets = if carets.is_empty() { "^".to_string() } else { carets };
    format!("{number} | {line}\n{} | {pad}{carets}\n", " ".repeat(number.len()))
}

/// White space as wide as the character on a terminal.
fn blank(c: char) -> &'static str {
    match c {
        '\t' => "\t",
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' => "  ",
        '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' => "  ",
        '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => "  ",
        _ => " ",
    }
}

/// One JSON object per problem and line, in file order.
pub fn json(report: &Report) -> String {
    report.in_order().into_iter().map(|d| format!("{}\n", object(report, d))).collect()
}

fn object(report: &Report, d: &Diagnostic) -> Value {
    let labels = d.labels.iter().map(|l| json!({"message": report.shown(&l.text), "at": at(report, l.span)}));
    json!({
        "severity": d.severity.word(),
        "code": d.code,
        "message": report.shown(&d.message),
        "at": d.span.map(|span| at(report, span)),
        "labels": labels.collect::<Vec<_>>(),
        "hints": d.hints.iter().map(|hint| report.shown(hint)).collect::<Vec<_>>(),
    })
}

fn at(report: &Report, span: Span) -> Value {
    let (start, end) = (report.files.spot(span.file, span.start), report.files.spot(span.file, span.end));
    json!({
        "file": report.files.name(span.file),
        "line": start.line, "column": start.column,
        "end_line": end.line, "end_column": end.column,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Span;

    fn example() -> Report {
        let mut report = Report::new(true);
        let file =
            report.files.add("/etc/dataflowkit/agent.properties", "# one\na1.sources.tail.batchsize = 500\n");
        report.push(
            Diagnostic::warning("unknown-key", "source `tail` (taildir) has no key `batchsize`")
                .at(Span::new(file, 22..31))
                .hint("keys are case-sensitive; did you mean `batchSize`?")
                .hint("`dataflowkit explain source taildir` lists its keys"),
        );
        report
    }

    #[test]
    fn a_problem_is_shown_with_place_line_carets_and_hints() {
        assert_eq!(
            text(&example()),
            "error[unknown-key]: source `tail` (taildir) has no key `batchsize`\n  \
             --> /etc/dataflowkit/agent.properties:2:17\n\
             2 | a1.sources.tail.batchsize = 500\n  \
               |                 ^^^^^^^^^\n\
             hint: keys are case-sensitive; did you mean `batchSize`?\n\
             hint: `dataflowkit explain source taildir` lists its keys\n"
        );
    }

    #[test]
    fn json_has_one_object_per_line() {
        let line: Value = serde_json::from_str(json(&example()).trim_end()).unwrap();
        assert_eq!(line["severity"], "error");
        assert_eq!(line["at"]["line"], 2);
        assert_eq!(line["at"]["column"], 17);
        assert_eq!(line["at"]["end_column"], 26);
    }

    #[test]
    fn secrets_are_never_shown() {
        let mut report = Report::new(false);
        let file = report.files.add("x", "a.password = hunter2\n");
        report.files.mask(Span::new(file, 13..20));
        report.keep_secret("hunter2");
        let problem =
            Diagnostic::error("bad-number", "`hunter2` is not a number").at(Span::new(file, 13..20));
        report.push(problem.hint("not hunter2"));
        let shown = text(&report) + &json(&report);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
