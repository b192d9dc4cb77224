//! One problem, and all problems of a run.
//!
//! Invariants: a report never shows a registered secret; under `strict` warnings are errors, and so are those notes
//! that tell of a repair.
use super::{Files, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was written does not run.
    Error,
    /// It runs, most likely not as meant.
    Warning,
    /// It runs as meant; worth knowing.
    Note,
}

impl Severity {
    pub fn word(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A second place that belongs to a problem.
#[derive(Clone, Debug)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// A problem with its place, and its cures.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub severity: Severity,
    /// A stable word for scripts: `unknown-key`.
    pub code: &'static str,
    pub message: String,
    pub span: Option<Span>,
    pub labels: Vec<Label>,
    pub hints: Vec<String>,
    /// A note that is an error under `strict`: something was repaired.
    repair: bool,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity,
            code,
            message: message.into(),
            span: None,
            labels: Vec::new(),
            hints: Vec::new(),
            repair: false,
        }
    }

    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Error, code, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Warning, code, message)
    }

    pub fn note(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(Severity::Note, code, message)
    }

    /// A note that tells of a repair: an error under `strict`.
    pub fn repair(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic { repair: true, ..Diagnostic::new(Severity::Note, code, message) }
    }

    pub fn at(mut self, span: Span) -> Diagnostic {
        self.span = Some(span);
        self
    }

    pub fn maybe_at(mut self, span: Option<Span>) -> Diagnostic {
        self.span = span;
        self
    }

    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hints.push(hint.into());
        self
    }

    pub fn maybe_hint(mut self, hint: Option<String>) -> Diagnostic {
        self.hints.extend(hint);
        self
    }
}

/// All problems of a run and the texts they are in.
#[derive(Debug, Default)]
pub struct Report {
    pub files: Files,
    pub strict: bool,
    diagnostics: Vec<Diagnostic>,
    secrets: Vec<String>,
}

impl Report {
    pub fn new(strict: bool) -> Report {
        Report { strict, ..Report::default() }
    }

    /// Adds a problem; `strict` decides here how bad it is.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        if self.strict && (diagnostic.severity == Severity::Warning || diagnostic.repair) {
            diagnostic.severity = Severity::Error;
        }
        self.diagnostics.push(diagnostic);
    }

    /// Adds the texts, problems and secrets of another report.
    pub fn absorb(&mut self, other: &Report) {
        let moved = self.files.absorb(&other.files);
        for diagnostic in &other.diagnostics {
            let mut diagnostic = diagnostic.clone();
            diagnostic.span = diagnostic.span.map(&moved);
            diagnostic.labels.iter_mut().for_each(|label| label.span = moved(label.span));
            self.push(diagnostic);
        }
        other.secrets.iter().for_each(|secret| self.keep_secret(secret));
    }

    /// A value that no message may show. Very short ones would blank out every word, and keep nothing secret.
    pub fn keep_secret(&mut self, value: &str) {
        if value.chars().count() >= 3 && !self.secrets.iter().any(|known| known == value) {
            self.secrets.push(value.to_string());
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// A text for users: secrets are stars.
    pub fn shown(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_string(), |text, secret| text.replace(secret.as_str(), "****"))
    }

    /// A line of a file: secrets are stars, as many as they have characters, so that columns stay.
    pub fn masked(&self, line: &str) -> String {
        let stars = |line: String, secret: &String| {
            let count = secret.chars().count();
            line.replace(secret.as_str(), &"*".repeat(count))
        };
        self.secrets.iter().fold(line.to_string(), stars)
    }

    /// All problems in file order; those without a place come last.
    pub fn in_order(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.diagnostics.iter().collect();
        all.sort_by_key(|d| (d.span.is_none(), d.span.map(|span| (span.file, span.start)), d.severity));
        all
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == severity).count()
    }

    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}
