//! One file to an entry: bytes, text by its encoding, keys by the file's form, values by the kind.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::entry::{Entry, Subject, checked};
use super::kinds::Kind;
use super::write::credential;
use super::{from_toml, from_xml};
use crate::diag::{Diagnostic, Report};

/// An entry is a page, with certificates in it some more; what is larger is something else.
const MOST_BYTES: u64 = 128 << 10;

/// Reads one file as an entry. `None`: it is none, which has been reported.
pub fn read_file(kind: &'static Kind, name: &str, path: &Path, report: &mut Report) -> Option<Entry> {
    let is_xml = path.extension().is_some_and(|end| end == "xml");
    let (text, mode) = match content(path, is_xml) {
        Ok(content) => content,
        Err(why) => {
            report.push(Diagnostic::error("unreadable", format!("cannot read `{}`: {why}", path.display())));
            return None;
        }
    };
    let file = report.files.add(path.display().to_string(), text.clone());
    let raws = match is_xml {
        true => from_xml::parse(&text, file, report)?,
        false => from_toml::parse(&text, file, report)?,
    };
    let entry = checked(&Subject { kind, name, file: path, is_xml }, raws, report)?;
    let inline = entry.values.iter().find(|value| value.content.is_exposed());
    if let (Some(value), true) = (inline, mode & 0o004 != 0) {
        let what = format!("everybody on this host may read `{}` in `{}`", value.key, path.display());
        let problem = Diagnostic::warning("readable-secret", what);
        let problem =
            problem.hint(format!("`chmod o-rwx {}`; the service may read it all the same", path.display()));
        let name = credential(&entry, &value.key);
        report.push(problem.hint(format!("or write `{{ credential = \"{name}\" }}` in its place, in TOML")));
    }
    Some(entry)
}

/// The text of a file and its mode.
fn content(path: &Path, is_xml: bool) -> Result<(String, u32), String> {
    let facts = fs::metadata(path).map_err(|cause| cause.to_string())?;
    if !facts.is_file() {
        return Err("it is no file".to_string());
    }
    if facts.len() > MOST_BYTES {
        return Err(format!("it has {} bytes, and an entry at most {MOST_BYTES}", facts.len()));
    }
    let bytes = fs::read(path).map_err(|cause| cause.to_string())?;
    Ok((decoded(&bytes, is_xml)?, facts.permissions().mode()))
}

/// UTF-8, with or without a mark; XML also in UTF-16 with a mark, or as it declares.
fn decoded(bytes: &[u8], is_xml: bool) -> Result<String, String> {
    let marked =
        encoding_rs::Encoding::for_bom(bytes).filter(|(found, _)| is_xml || *found == encoding_rs::UTF_8);
    let (encoding, bytes) = match marked {
        Some((encoding, length)) => (encoding, &bytes[length..]),
        None if is_xml => (declared(bytes), bytes),
        None => (encoding_rs::UTF_8, bytes),
    };
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(|text| text.into_owned()).ok_or_else(|| match encoding == encoding_rs::UTF_8 {
        true => "it is not UTF-8; `iconv -f GBK -t UTF-8` makes it so, where it was saved as GBK".to_string(),
        false => format!("it says that it is {}, and is not", encoding.name()),
    })
}

/// The `encoding` of an XML declaration; UTF-8 where it says none that is known.
fn declared(bytes: &[u8]) -> &'static encoding_rs::Encoding {
    let head = bytes.strip_prefix(b"<?xml").and_then(|rest| rest.split(|byte| *byte == b'>').next());
    let head = String::from_utf8_lossy(head.unwrap_or_default());
    let label = head.split("encoding").nth(1).and_then(|rest| rest.split(['"', '\'']).nth(1));
    label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes())).unwrap_or(encoding_rs::UTF_8)
}
