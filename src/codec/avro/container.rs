//! Avro object containers: a header with the schema, then blocks of datums.
//!
//! Shape: `Obj\x01`, a map (`avro.schema`, `avro.codec`), 16 bytes that mark ends; then blocks `[count][size][datums,
//! packed; size bytes][the 16 bytes]`, numbers as varints.
//! Invariants: a container cut behind any block is a container. A header or block that is not whole is told from one
//! that is wrong, so that a file being written can be waited for.
use super::codec::{Codec, MOST};
use super::schema::{Schema, compact};
use super::wire::{Input, put_bytes, put_long};
use super::{Fault, wire};

pub const MAGIC: &[u8; 4] = b"Obj\x01";

/// What ends the header and every block of one container; random, so that it is found nowhere else.
pub type Sync = [u8; 16];

/// The beginning of a container.
#[derive(Debug)]
pub struct Header {
    pub schema: Schema,
    /// The schema's text, without white space.
    pub text: String,
    pub codec: Codec,
    pub sync: Sync,
    /// Bytes of the header.
    pub length: usize,
}

impl Header {
    /// The header that stands at the start of these bytes.
    pub fn read(bytes: &[u8]) -> Result<Header, Fault> {
        let seen = &bytes[..bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(seen) {
            return Err(Fault::bad("it does not begin as an Avro container"));
        }
        let mut input = Input::new(bytes);
        input.take(MAGIC.len())?;
        let (schema, codec) = metadata(&mut input)?;
        let sync = input.take(16)?.try_into().map_err(|_| Fault::Ends)?;
        let schema = schema.ok_or_else(|| Fault::bad("its header has no schema"))?;
        let text = std::str::from_utf8(schema).map_err(|_| Fault::bad("its schema is no UTF-8"))?;
        let schema =
            Schema::parse(text).map_err(|what| Fault::Bad(format!("its schema is wrong: {what}")))?;
        Ok(Header { schema, text: compact(text), codec, sync, length: input.at() })
    }
}

fn metadata<'a>(input: &mut Input<'a>) -> Result<(Option<&'a [u8]>, Codec), Fault> {
    let (mut schema, mut codec) = (None, Codec::Null);
    loop {
        let count = input.long()?;
        if count == 0 {
            return Ok((schema, codec));
        }
        if count < 0 {
            // The size of the block of entries follows; they are read all the same.
            input.length()?;
        }
        for _ in 0..count.unsigned_abs() {
            let (key, value) = (input.bytes()?, input.bytes()?);
            match key {
                b"avro.schema" => schema = Some(value),
                b"avro.codec" => codec = known_codec(value)?,
                _ => {}
            }
        }
    }
}

fn known_codec(name: &[u8]) -> Result<Codec, Fault> {
    let name = String::from_utf8_lossy(name);
    Codec::named(&name).ok_or_else(|| {
        Fault::Bad(format!(
            "its codec `{name}` is not known here, which are null, deflate, snappy and zstandard"
        ))
    })
}

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    pub count: u64,
    /// The datums, packed by the container's codec.
    pub packed: &'a [u8],
    /// Where they begin, from the start of the block.
    pub start: usize,
    /// Bytes of the whole block.
    pub length: usize,
}

impl<'a> Block<'a> {
    /// The block that stands at the start of these bytes.
    pub fn read(bytes: &'a [u8], sync: &Sync) -> Result<Block<'a>, Fault> {
        let mut input = Input::new(bytes);
        let (count, size) = (input.long()?, input.long()?);
        let count = u64::try_from(count).map_err(|_| Fault::Bad(format!("a block has {count} records")))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= MOST);
        let size =
            size.ok_or_else(|| Fault::Bad(format!("a block is longer than {MOST} bytes, or no block")))?;
        let start = input.at();
        let (packed, end) = (input.take(size)?, input.take(sync.len())?);
        if end != sync {
            return Err(Fault::bad("a block does not end with the marker of its file"));
        }
        Ok(Block { count, packed, start, length: input.at() })
    }

    /// How many bytes the block needs, if its beginning tells; at most a little more than [`MOST`].
    pub fn needs(bytes: &[u8]) -> Option<usize> {
        let mut input = Input::new(bytes);
        input.long().ok()?;
        let size = input.length().ok().filter(|size| *size <= MOST)?;
        Some(input.at() + size + 16)
    }
}

/// Appends a header.
pub fn put_header(schema: &str, codec: Codec, sync: &Sync, out: &mut Vec<u8>) {
    out.extend_from_slice(MAGIC);
    put_long(2, out);
    put_bytes(b"avro.schema", out);
    put_bytes(schema.as_bytes(), out);
    put_bytes(b"avro.codec", out);
    put_bytes(codec.name().as_bytes(), out);
    put_long(0, out);
    out.extend_from_slice(sync);
}

/// Appends a block of `count` datums.
pub fn put_block(
    count: u64,
    datums: &[u8],
    codec: Codec,
    sync: &Sync,
    out: &mut Vec<u8>,
) -> std::io::Result<()> {
    let packed = codec.pack(datums)?;
    put_long(count as i64, out);
    wire::put_bytes(&packed, out);
    out.extend_from_slice(sync);
    Ok(())
}

#[cfg(test)]
mod tests;
