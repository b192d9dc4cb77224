//! Avro schemas: from their JSON text to the end of a datum, and to the fingerprint that Flume puts into a header.
//!
//! Shape: a table of nodes that refer to each other by index, since named types may contain themselves.
//! Invariants: a node that can hold no byte is `empty` and never walked, so that every step of a skip reads something
//! or goes down one level: foreign schemas and counts cannot make it run for ever.
//! Truth: the Avro specification, "Schema Declaration", "Parsing Canonical Form" and "Schema Fingerprints".
use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::Fault;
use super::wire::Input;

/// Levels of one datum. Deeper ones are no data that anybody logs, and would need a deep stack.
const DEEPEST: u32 = 1000;

#[derive(Debug)]
enum Kind {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Record { name: String, fields: Vec<(String, usize)> },
    Enum { name: String, symbols: Vec<String> },
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Fixed { name: String, size: usize },
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// A datum of it has no bytes at all.
    empty: bool,
}

/// A schema that was understood.
#[derive(Debug)]
pub struct Schema {
    nodes: Vec<Node>,
    root: usize,
}

impl Schema {
    /// The schema of this JSON text; `Err` says what is wrong with it.
    pub fn parse(text: &str) -> Result<Schema, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let mut parser = Parser { nodes: Vec::new(), names: HashMap::new() };
        let root = parser.value(&value, "")?;
        let mut schema = Schema { nodes: parser.nodes, root };
        let mut known = vec![None; schema.nodes.len()];
        for index in 0..schema.nodes.len() {
            schema.nodes[index].empty = schema.is_empty(index, &mut known);
        }
        Ok(schema)
    }

    /// A type that contains itself is taken for one with bytes: it has no datum at all. What is used by name was
    /// defined before, so this goes no deeper than the text does.
    fn is_empty(&self, index: usize, known: &mut [Option<bool>]) -> bool {
        if let Some(known) = known[index] {
            return known;
        }
        known[index] = Some(false);
        let empty = match &self.nodes[index].kind {
            Kind::Null | Kind::Fixed { size: 0, .. } => true,
            Kind::Record { fields, .. } => fields.iter().all(|(_, field)| self.is_empty(*field, known)),
            _ => false,
        };
        known[index] = Some(empty);
        empty
    }

    /// Moves over one datum.
    pub fn skip(&self, input: &mut Input<'_>) -> Result<(), Fault> {
        self.skip_node(self.root, input, DEEPEST)
    }

    fn skip_node(&self, index: usize, input: &mut Input<'_>, levels: u32) -> Result<(), Fault> {
        let node = &self.nodes[index];
        if node.empty {
            return Ok(());
        }
        let Some(levels) = levels.checked_sub(1) else {
            return Err(Fault::Bad(format!("a record is nested deeper than {DEEPEST} levels")));
        };
        match &node.kind {
            Kind::Null => Ok(()),
            Kind::Boolean => input.take(1).map(drop),
            Kind::Int | Kind::Long => input.long().map(drop),
            Kind::Float => input.take(4).map(drop),
            Kind::Double => input.take(8).map(drop),
            Kind::Bytes | Kind::String => input.bytes().map(drop),
            Kind::Fixed { size, .. } => input.take(*size).map(drop),
            Kind::Enum { symbols, .. } => choice(input, symbols.len(), "symbol").map(drop),
            Kind::Record { fields, .. } => {
                fields.iter().try_for_each(|(_, field)| self.skip_node(*field, input, levels))
            }
            Kind::Union(branches) => {
                let branch = choice(input, branches.len(), "branch of a union")?;
                self.skip_node(branches[branch], input, levels)
            }
            Kind::Array(items) => self.skip_blocks(*items, false, input, levels),
            Kind::Map(values) => self.skip_blocks(*values, true, input, levels),
        }
    }

    /// Blocks of an array or a map: counted, or, with a negative count, with their size in bytes.
    fn skip_blocks(&self, item: usize, keyed: bool, input: &mut Input<'_>, levels: u32) -> Result<(), Fault> {
        loop {
            let count = input.long()?;
            match count {
                0 => return Ok(()),
                ..0 => {
                    let size = input.length()?;
                    input.take(size)?;
                }
                _ if !keyed && self.nodes[item].empty => {}
                _ => {
                    for _ in 0..count {
                        if keyed {
                            input.bytes()?;
                        }
                        self.skip_node(item, input, levels)?;
                    }
                }
            }
        }
    }

    /// The Parsing Canonical Form.
    pub fn canonical(&self) -> String {
        let (mut text, mut told) = (String::new(), HashSet::new());
        self.write(self.root, &mut text, &mut told);
        text
    }

    fn write(&self, index: usize, text: &mut String, told: &mut HashSet<usize>) {
        let name = match &self.nodes[index].kind {
            Kind::Record { name, .. } | Kind::Enum { name, .. } | Kind::Fixed { name, .. } => name,
            other => return self.write_unnamed(other, text, told),
        };
        if !told.insert(index) {
            return quote(name, text);
        }
        text.push_str("{\"name\":");
        quote(name, text);
        match &self.nodes[index].kind {
            Kind::Enum { symbols, .. } => {
                text.push_str(",\"type\":\"enum\",\"symbols\":[");
                each(symbols, text, |symbol, text| quote(symbol, text));
                text.push(']');
            }
            Kind::Fixed { size, .. } => *text += &format!(",\"type\":\"fixed\",\"size\":{size}"),
            Kind::Record { fields, .. } => {
                text.push_str(",\"type\":\"record\",\"fields\":[");
                each(fields, text, |(name, of), text| {
                    text.push_str("{\"name\":");
                    quote(name, text);
                    text.push_str(",\"type\":");
                    self.write(*of, text, told);
                    text.push('}');
                });
                text.push(']');
            }
            _ => {}
        }
        text.push('}');
    }

    fn write_unnamed(&self, kind: &Kind, text: &mut String, told: &mut HashSet<usize>) {
        match kind {
            Kind::Null => text.push_str("\"null\""),
            Kind::Boolean => text.push_str("\"boolean\""),
            Kind::Int => text.push_str("\"int\""),
            Kind::Long => text.push_str("\"long\""),
            Kind::Float => text.push_str("\"float\""),
            Kind::Double => text.push_str("\"double\""),
            Kind::Bytes => text.push_str("\"bytes\""),
            Kind::String => text.push_str("\"string\""),
            Kind::Array(items) => {
                text.push_str("{\"type\":\"array\",\"items\":");
                self.write(*items, text, told);
                text.push('}');
            }
            Kind::Map(values) => {
                text.push_str("{\"type\":\"map\",\"values\":");
                self.write(*values, text, told);
                text.push('}');
            }
            Kind::Union(branches) => {
                text.push('[');
                each(branches, text, |branch, text| self.write(*branch, text, told));
                text.push(']');
            }
            Kind::Record { name, .. } | Kind::Enum { name, .. } | Kind::Fixed { name, .. } => {
                quote(name, text)
            }
        }
    }

    /// The CRC-64-AVRO fingerprint, as Flume's header has it: hexadecimal, least significant byte first.
    pub fn fingerprint(&self) -> String {
        let sum = crc64(self.canonical().as_bytes());
        sum.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn choice(input: &mut Input<'_>, among: usize, of: &str) -> Result<usize, Fault> {
    let number = input.long()?;
    let index = usize::try_from(number).ok().filter(|index| *index < among);
    index.ok_or_else(|| Fault::Bad(format!("a record asks for {of} {number} of {among}")))
}

fn each<T>(all: &[T], text: &mut String, mut write: impl FnMut(&T, &mut String)) {
    for (index, one) in all.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(one, text);
    }
}

fn quote(name: &str, text: &mut String) {
    text.push('"');
    text.push_str(name);
    text.push('"');
}

/// A primitive type by its name.
fn primitive(name: &str) -> Option<Kind> {
    match name {
        "null" => Some(Kind::Null),
        "boolean" => Some(Kind::Boolean),
        "int" => Some(Kind::Int),
        "long" => Some(Kind::Long),
        "float" => Some(Kind::Float),
        "double" => Some(Kind::Double),
        "bytes" => Some(Kind::Bytes),
        "string" => Some(Kind::String),
        _ => None,
    }
}

struct Parser {
    nodes: Vec<Node>,
    /// Named types by full name.
    names: HashMap<String, usize>,
}

impl Parser {
    fn add(&mut self, kind: Kind) -> usize {
        self.nodes.push(Node { kind, empty: false });
        self.nodes.len() - 1
    }

    fn value(&mut self, value: &Value, space: &str) -> Result<usize, String> {
        match value {
            Value::String(name) => self.named(name, space),
            Value::Array(branches) => {
                let branches: Result<_, _> =
                    branches.iter().map(|branch| self.value(branch, space)).collect();
                Ok(self.add(Kind::Union(branches?)))
            }
            Value::Object(object) => self.object(object, space),
            other => Err(format!("`{other}` is no type")),
        }
    }

    fn named(&mut self, name: &str, space: &str) -> Result<usize, String> {
        if let Some(kind) = primitive(name) {
            return Ok(self.add(kind));
        }
        let found = self.names.get(&full_name(name, space)).or_else(|| self.names.get(name));
        found.copied().ok_or_else(|| format!("it has no type `{name}`"))
    }

    fn object(&mut self, object: &Map<String, Value>, space: &str) -> Result<usize, String> {
        let Some(of) = object.get("type") else { return Err("a type has no `type`".into()) };
        match of.as_str() {
            Some("record" | "error") => self.record(object, space),
            Some("enum") => {
                let symbols = list(object, "symbols")?.iter().filter_map(Value::as_str).map(str::to_string);
                let symbols = symbols.collect();
                let (name, _) = name_of(object, space)?;
                self.define(name.clone(), Kind::Enum { name, symbols })
            }
            Some("fixed") => {
                let size = object.get("size").and_then(Value::as_u64).and_then(|size| size.try_into().ok());
                let size = size.ok_or("a fixed type has no `size`")?;
                let (name, _) = name_of(object, space)?;
                self.define(name.clone(), Kind::Fixed { name, size })
            }
            Some("array") => {
                let items = self.value(object.get("items").ok_or("an array has no `items`")?, space)?;
                Ok(self.add(Kind::Array(items)))
            }
            Some("map") => {
                let values = self.value(object.get("values").ok_or("a map has no `values`")?, space)?;
                Ok(self.add(Kind::Map(values)))
            }
            _ => self.value(of, space),
        }
    }

    fn record(&mut self, object: &Map<String, Value>, space: &str) -> Result<usize, String> {
        let (name, space) = name_of(object, space)?;
        // Its name is known before its fields are, which may be of its own type.
        let index = self.define(name.clone(), Kind::Record { name: name.clone(), fields: Vec::new() })?;
        let mut fields = Vec::new();
        for field in list(object, "fields")? {
            let told = field.get("name").and_then(Value::as_str);
            let told = told.ok_or_else(|| format!("a field of `{name}` has no `name`"))?;
            let of = field.get("type").ok_or_else(|| format!("the field `{told}` has no `type`"))?;
            fields.push((told.to_string(), self.value(of, &space)?));
        }
        self.nodes[index].kind = Kind::Record { name, fields };
        Ok(index)
    }

    fn define(&mut self, name: String, kind: Kind) -> Result<usize, String> {
        let index = self.add(kind);
        match self.names.insert(name.clone(), index) {
            None => Ok(index),
            Some(_) => Err(format!("it defines `{name}` twice")),
        }
    }
}

fn list<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Vec<Value>, String> {
    object.get(key).and_then(Value::as_array).ok_or_else(|| format!("a type has no list of `{key}`"))
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() { name.into() } else { format!("{space}.{name}") }
}

/// The full name of a type that is defined here, and the namespace of what it contains.
fn name_of(object: &Map<String, Value>, space: &str) -> Result<(String, String), String> {
    let name = object.get("name").and_then(Value::as_str).ok_or("a named type has no `name`")?;
    let space = object.get("namespace").and_then(Value::as_str).unwrap_or(space);
    let full = full_name(name, space);
    let space = full.rsplit_once('.').map_or(String::new(), |(space, _)| space.to_string());
    Ok((full, space))
}

/// The fingerprint of no bytes, and the polynomial.
const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |sum, byte| {
        let mut step = (sum ^ u64::from(*byte)) & 0xFF;
        for _ in 0..8 {
            step = (step >> 1) ^ (EMPTY & (step & 1).wrapping_neg());
        }
        (sum >> 8) ^ step
    })
}

/// JSON without the white space between its parts; what lies inside strings stays.
pub fn compact(json: &str) -> String {
    let (mut text, mut inside, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if inside || !c.is_ascii_whitespace() {
            text.push(c);
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = inside,
            '"' => inside = !inside,
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests;
