//! Reads one serialised Java object: as much of the format as sealed keys are written in.
//!
//! Truth: Java Object Serialization Specification, chapter 6. Taken are objects whose fields are primitives, strings,
//! byte arrays or such objects, and class descriptions without annotations; all else gives an error. No class is
//! loaded or run here: an object is its class's name and its fields.
//! Errors: foreign bytes give [`Foreign`] and never panic; nesting ends at 16.
use std::rc::Rc;

/// An object: the name of its class, and its fields, those of its superclasses first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub class: Rc<str>,
    pub fields: Vec<(Rc<str>, Value)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    /// A primitive; nobody has asked for its value yet.
    Primitive,
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    Object(Rc<Object>),
}

/// The bytes are no object of the kinds that are read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign;

impl Object {
    pub fn text(&self, field: &str) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn bytes(&self, field: &str) -> Option<&[u8]> {
        match self.get(field) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.iter().find(|(name, _)| **name == *field).map(|(_, value)| value)
    }
}

/// The object that a stream at the start of `bytes` begins with, and how many bytes it takes.
pub fn read(bytes: &[u8]) -> Result<(Rc<Object>, usize), Foreign> {
    let mut reader = Reader { rest: bytes, handles: Vec::new() };
    match reader.stream() {
        Some(Value::Object(object)) => Ok((object, bytes.len() - reader.rest.len())),
        _ => Err(Foreign),
    }
}

/// What every stream begins with.
pub const MAGIC: [u8; 4] = [0xac, 0xed, 0, 5];
const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS: u8 = 0x72;
const OBJECT: u8 = 0x73;
const STRING: u8 = 0x74;
const ARRAY: u8 = 0x75;
const BLOCK: u8 = 0x77;
const END: u8 = 0x78;
const FIRST_HANDLE: u32 = 0x7e_0000;
const SERIALIZABLE: u8 = 0x02;
const WRITES_MORE: u8 = 0x01;
const DEEPEST: u8 = 16;

struct Class {
    name: Rc<str>,
    writes_more: bool,
    fields: Vec<(u8, Rc<str>)>,
    parent: Option<Rc<Class>>,
}

/// What a later part of the stream may refer to.
#[derive(Clone)]
enum Handle {
    Class(Rc<Class>),
    Value(Value),
    /// An object that is being read.
    Open,
}

struct Reader<'a> {
    rest: &'a [u8],
    handles: Vec<Handle>,
}

impl<'a> Reader<'a> {
    fn stream(&mut self) -> Option<Value> {
        (self.take()? == MAGIC).then_some(())?;
        self.value(DEEPEST)
    }

    fn value(&mut self, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        match self.take()? {
            [NULL] => Some(Value::Null),
            [REFERENCE] => match self.reference()? {
                Handle::Value(value) => Some(value),
                _ => None,
            },
            [STRING] => {
                let text = Value::Text(self.text()?);
                self.handles.push(Handle::Value(text.clone()));
                Some(text)
            }
            [ARRAY] => self.array(depth),
            [OBJECT] => self.object(depth),
            _ => None,
        }
    }

    fn array(&mut self, depth: u8) -> Option<Value> {
        let class = self.class(depth)??;
        (&*class.name == "[B").then_some(())?;
        let length = u32::from_be_bytes(self.take()?) as usize;
        let bytes = Value::Bytes(self.bytes(length)?.into());
        self.handles.push(Handle::Value(bytes.clone()));
        Some(bytes)
    }

    fn object(&mut self, depth: u8) -> Option<Value> {
        let class = self.class(depth)??;
        let handle = self.handles.len();
        self.handles.push(Handle::Open);
        let mut fields = Vec::new();
        self.fields(&class, &mut fields, depth)?;
        let object = Value::Object(Rc::new(Object { class: class.name.clone(), fields }));
        self.handles[handle] = Handle::Value(object.clone());
        Some(object)
    }

    fn fields(&mut self, class: &Class, fields: &mut Vec<(Rc<str>, Value)>, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        if let Some(parent) = &class.parent {
            self.fields(parent, fields, depth)?;
        }
        for (kind, name) in &class.fields {
            let value = match kind {
                b'B' | b'Z' => self.primitive(1)?,
                b'C' | b'S' => self.primitive(2)?,
                b'F' | b'I' => self.primitive(4)?,
                b'D' | b'J' => self.primitive(8)?,
                _ => self.value(depth)?,
            };
            fields.push((name.clone(), value));
        }
        if class.writes_more { self.skip_blocks() } else { Some(()) }
    }

    fn primitive(&mut self, width: usize) -> Option<Value> {
        self.bytes(width).map(|_| Value::Primitive)
    }

    /// What a class wrote beside its fields; objects among it are not taken.
    fn skip_blocks(&mut self) -> Option<()> {
        loop {
            match self.take()? {
                [BLOCK] => {
                    let [length] = self.take()?;
                    self.bytes(length.into())?;
                }
                [END] => return Some(()),
                _ => return None,
            }
        }
    }

    /// A class description; `Some(None)` stands for none.
    fn class(&mut self, depth: u8) -> Option<Option<Rc<Class>>> {
        let depth = depth.checked_sub(1)?;
        match self.take()? {
            [NULL] => Some(None),
            [REFERENCE] => match self.reference()? {
                Handle::Class(class) => Some(Some(class)),
                _ => None,
            },
            [CLASS] => self.described(depth).map(Some),
            _ => None,
        }
    }

    fn described(&mut self, depth: u8) -> Option<Rc<Class>> {
        let name = self.text()?;
        self.take::<8>()?;
        let handle = self.handles.len();
        self.handles.push(Handle::Open);
        let [flags] = self.take()?;
        (flags & !WRITES_MORE == SERIALIZABLE).then_some(())?;
        let mut fields = Vec::new();
        for _ in 0..u16::from_be_bytes(self.take()?) {
            let [kind] = self.take()?;
            let name = self.text()?;
            match kind {
                b'B' | b'C' | b'D' | b'F' | b'I' | b'J' | b'S' | b'Z' => {}
                // The name of its type, which the value repeats.
                b'L' | b'[' => matches!(self.value(depth)?, Value::Text(_)).then_some(())?,
                _ => return None,
            }
            fields.push((kind, name));
        }
        (self.take()? == [END]).then_some(())?;
        let parent = self.class(depth)?;
        let class = Rc::new(Class { name, writes_more: flags & WRITES_MORE != 0, fields, parent });
        self.handles[handle] = Handle::Class(class.clone());
        Some(class)
    }

    fn reference(&mut self) -> Option<Handle> {
        let index = u32::from_be_bytes(self.take()?).checked_sub(FIRST_HANDLE)?;
        self.handles.get(index as usize).cloned()
    }

    /// Java's modified UTF-8, where it is UTF-8.
    fn text(&mut self) -> Option<Rc<str>> {
        let length = u16::from_be_bytes(self.take()?);
        std::str::from_utf8(self.bytes(length.into())?).ok().map(Into::into)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `class P implements Serializable { int n = 7; String a = "x"; String b = a; byte[] c = { 1, 2 }; }`, by hand.
    fn written() -> Vec<u8> {
        let mut bytes = b"\xac\xed\0\x05sr\0\x01P\0\0\0\0\0\0\0\x01\x02\0\x04".to_vec();
        bytes.extend(b"I\0\x01nL\0\x01at\0\x12Ljava/lang/String;L\0\x01bq\0\x7e\0\x01[\0\x01ct\0\x02[B");
        bytes.extend(b"xp\0\0\0\x07t\0\x01xq\0\x7e\0\x04");
        bytes.extend(b"ur\0\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\0\0xp\0\0\0\x02\x01\x02");
        bytes
    }

    #[test]
    fn an_object_is_its_class_and_its_fields() {
        let mut bytes = written();
        let length = bytes.len();
        bytes.extend(b"more");
        let (object, taken) = read(&bytes).unwrap();
        assert_eq!((&*object.class, taken), ("P", length));
        assert_eq!((object.text("a"), object.text("b")), (Some("x"), Some("x")));
        assert_eq!(object.bytes("c"), Some(&[1, 2][..]));
        assert_eq!((object.text("n"), object.text("none")), (None, None));
    }

    #[test]
    fn endless_nesting_is_refused() {
        let mut bytes = b"\xac\xed\0\x05".to_vec();
        for _ in 0..100_000 {
            bytes.extend(b"sr\0\x01P\0\0\0\0\0\0\0\x01\x02\0\x01L\0\x01a");
        }
        assert_eq!(read(&bytes), Err(Foreign));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(foreign in prop::collection::vec(any::<u8>(), 0..20), at in 0usize..150) {
            let mut bytes = written();
            let at = at.min(bytes.len());
            bytes.splice(at..(at + 3).min(bytes.len()), foreign);
            let _ = read(&bytes);
        }
    }
}
