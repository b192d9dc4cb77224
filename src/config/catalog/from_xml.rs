//! An entry as the older platform has it: a `BeanMap` of `Property` elements with `Key`, `Value`, `Type` and `Desc`.
//!
//! Elements are matched by their local names; namespaces say nothing. An empty value is none. `Type` is held against the
//! value; one that is not known is read as text. A DTD is refused, so there are no entities and nothing is loaded.
use roxmltree::{Document, Node, ParsingOptions};

use super::entry::{Raw, hide};
use super::secret::is_secret;
use super::xml_errors;
use crate::config::text::Text;
use crate::diag::{Diagnostic, FileId, Report, Severity, Span};

/// More elements than any entry has; it bounds memory.
const MOST_NODES: u32 = 20_000;

/// The properties in the order written. `None`: it is no entry.
pub(super) fn parse(text: &str, file: FileId, report: &mut Report) -> Option<Vec<Raw>> {
    let before = report.count(Severity::Error);
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(text, options) {
        Ok(document) => document,
        Err(error) => {
            xml_errors::hide_secrets(text, file, report);
            report.push(xml_errors::told(text, file, &error));
            return None;
        }
    };
    let mut run = Run { text, file, report, out: Vec::new() };
    run.root(document.root_element());
    let Run { out, .. } = run;
    (report.count(Severity::Error) == before).then_some(out)
}

struct Run<'a> {
    text: &'a str,
    file: FileId,
    report: &'a mut Report,
    out: Vec<Raw>,
}

impl Run<'_> {
    fn root(&mut self, root: Node<'_, '_>) {
        let name = root.tag_name().name();
        if name != "BeanMap" {
            let what = format!("`{name}` is no catalog entry");
            let problem = Diagnostic::error("no-entry", what).at(self.tag(root));
            return self.report.push(problem.hint("an entry is a `BeanMap` with a `Property` for each key"));
        }
        for child in root.children() {
            match child.tag_name().name() {
                "Property" => self.property(child),
                "Desc" => {
                    let value = self.content(child);
                    if !value.text.is_empty() {
                        let key = Text::computed("Desc", self.tag(child));
                        self.out.push(Raw { key, value, outside: None, doc: None });
                    }
                }
                _ => self.stray(child, "BeanMap", "Desc and Property"),
            }
        }
    }

    fn property(&mut self, property: Node<'_, '_>) {
        let [mut key, mut value, mut kind, mut doc] = [const { None::<Text> }; 4];
        for child in property.children() {
            let place = match child.tag_name().name() {
                "Key" => &mut key,
                "Value" => &mut value,
                "Type" => &mut kind,
                "Desc" => &mut doc,
                _ => {
                    self.stray(child, "Property", "Key, Value, Type and Desc");
                    continue;
                }
            };
            if place.is_some() {
                let what = format!("this `Property` has two elements `{}`", child.tag_name().name());
                let problem = Diagnostic::error("duplicate-key", what).at(self.tag(child));
                self.report.push(problem.hint("give each key a `Property` of its own"));
            }
            *place = Some(self.content(child));
        }
        let Some(key) = key.filter(|key| !key.text.is_empty()) else {
            let problem =
                Diagnostic::error("missing-key", "this `Property` has no `Key`").at(self.tag(property));
            return self.report.push(problem.hint("write `<xsd:Key>NAME</xsd:Key>`"));
        };
        let Some(value) = value.filter(|value| !value.text.is_empty()) else { return };
        hide(&key.text, &value, self.report);
        if let Some(kind) = kind.filter(|kind| !kind.text.is_empty()) {
            self.typed(&key, &value, &kind);
        }
        let doc = doc.map(|doc| doc.text).filter(|doc| !doc.is_empty());
        self.out.push(Raw { key, value, outside: None, doc });
    }

    /// The value against what `Type` says of it.
    fn typed(&mut self, key: &Text, value: &Text, kind: &Text) {
        let text = value.text.as_str();
        let fits = match kind.text.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "string" => true,
            "integer" | "int" => text.parse::<i32>().is_ok(),
            "long" => text.parse::<i64>().is_ok(),
            "boolean" => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
            "double" => text.parse::<f64>().is_ok(),
            _ => {
                let what =
                    format!("`{}` is no type that is known here; `{}` is read as text", kind.text, key.text);
                let problem = Diagnostic::note("unknown-type", what).at(kind.span);
                return self.report.push(problem.hint("String, Integer, Long, Boolean and Double are known"));
            }
        };
        if !fits {
            let shown = if is_secret(&key.text) { "the value" } else { &format!("`{text}`") };
            let what = format!("`{}` is said to be of type {}, and {shown} is not", key.text, kind.text);
            let problem = Diagnostic::error("wrong-type", what).at(value.span);
            self.report
                .push(problem.label(kind.span, "the type").hint("change the value, or the type to String"));
        }
    }

    /// What is neither text between elements nor one that belongs here.
    fn stray(&mut self, node: Node<'_, '_>, parent: &str, known: &str) {
        if node.is_element() {
            let what = format!("`{}` has no meaning in `{parent}` and is left out", node.tag_name().name());
            let problem = Diagnostic::warning("unknown-element", what).at(self.tag(node));
            self.report.push(problem.hint(format!("a `{parent}` has {known}")));
        } else if node.is_text() && node.text().is_some_and(|text| !text.trim().is_empty()) {
            let what = format!("this text stands between the elements of `{parent}` and is left out");
            self.report.push(Diagnostic::warning("unknown-element", what).at(self.span(node)));
        }
    }

    /// The trimmed text of an element.
    fn content(&mut self, element: Node<'_, '_>) -> Text {
        if let Some(inner) = element.children().find(Node::is_element) {
            let (outer, inner_name) = (element.tag_name().name(), inner.tag_name().name());
            let what = format!("`{outer}` holds text, and here an element `{inner_name}`");
            let problem = Diagnostic::error("bad-xml", what).at(self.tag(inner));
            self.report.push(problem.hint(format!("close `{outer}` before it")));
        }
        let parts: Vec<Node<'_, '_>> = element.children().filter(Node::is_text).collect();
        let text: String = parts.iter().filter_map(Node::text).collect();
        let Some((first, last)) = parts.first().zip(parts.last()) else {
            return Text::computed("", self.tag(element));
        };
        let span = self.span(*first).to(self.span(*last));
        match self.text.get(span.start..span.end) == Some(text.as_str()) {
            true => Text::plain(text, self.file, span.start).trimmed(),
            false => Text::computed(text.trim(), span),
        }
    }

    fn span(&self, node: Node<'_, '_>) -> Span {
        Span::new(self.file, node.range())
    }

    /// The opening tag alone.
    fn tag(&self, node: Node<'_, '_>) -> Span {
        let range = node.range();
        let end = self.text[range.clone()].find('>').map_or(range.end, |at| range.start + at + 1);
        Span::new(self.file, range.start..end)
    }
}
