//! How the blocks of a container are compressed.
//!
//! Shape: `deflate` is raw RFC 1951; `snappy` is one raw snappy block and the CRC-32 of what is packed, big-endian;
//! `zstandard` is zstd frames. Levels are those of Avro's Java library.
//! Limits: what is unpacked is at most [`MOST`] bytes; a few bytes must not become all of memory.
use std::borrow::Cow;
use std::io::{self, Read, Write};

use super::Fault;

/// Bytes of one block, packed and unpacked. Writers end a block after some 16 KiB to 2 MiB; what is longer holds
/// one large record.
pub const MOST: usize = 512 << 20;

/// A codec that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    Null,
    Deflate,
    Snappy,
    Zstandard,
}

impl Codec {
    /// The codec of that name in `avro.codec`; an empty one is `null`, as none at all.
    pub fn named(name: &str) -> Option<Codec> {
        match name {
            "null" | "" => Some(Codec::Null),
            "deflate" => Some(Codec::Deflate),
            "snappy" => Some(Codec::Snappy),
            "zstandard" => Some(Codec::Zstandard),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Codec::Null => "null",
            Codec::Deflate => "deflate",
            Codec::Snappy => "snappy",
            Codec::Zstandard => "zstandard",
        }
    }

    /// The datums of a block.
    pub fn unpack(self, packed: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
        let wrong = |what: String| Fault::Bad(format!("a block is no {} data: {what}", self.name()));
        match self {
            Codec::Null => Ok(Cow::Borrowed(packed)),
            Codec::Deflate => {
                read_all(flate2::read::DeflateDecoder::new(packed)).map_err(wrong).map(Cow::Owned)
            }
            Codec::Zstandard => {
                let frames =
                    zstd::stream::read::Decoder::new(packed).map_err(|error| wrong(error.to_string()))?;
                read_all(frames).map_err(wrong).map(Cow::Owned)
            }
            Codec::Snappy => unpack_snappy(packed).map_err(wrong).map(Cow::Owned),
        }
    }

    /// The bytes of a block that holds these datums.
    pub fn pack(self, datums: &[u8]) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Codec::Null => Ok(Cow::Borrowed(datums)),
            Codec::Deflate => {
                let mut packer =
                    flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
                packer.write_all(datums)?;
                packer.finish().map(Cow::Owned)
            }
            Codec::Zstandard => zstd::stream::encode_all(datums, 3).map(Cow::Owned),
            Codec::Snappy => {
                let packed = snap::raw::Encoder::new().compress_vec(datums).map_err(io::Error::other)?;
                Ok(Cow::Owned([&packed[..], &crc32(datums).to_be_bytes()].concat()))
            }
        }
    }
}

fn read_all(packed: impl Read) -> Result<Vec<u8>, String> {
    let mut datums = Vec::new();
    packed.take(MOST as u64 + 1).read_to_end(&mut datums).map_err(|error| error.to_string())?;
    if datums.len() > MOST {
        return Err(format!("it unpacks to more than {MOST} bytes"));
    }
    Ok(datums)
}

fn unpack_snappy(packed: &[u8]) -> Result<Vec<u8>, String> {
    let (packed, sum) = packed.split_last_chunk::<4>().ok_or("its checksum is missing")?;
    let length = snap::raw::decompress_len(packed).map_err(|error| error.to_string())?;
    if length > MOST {
        return Err(format!("it unpacks to more than {MOST} bytes"));
    }
    let datums = snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| error.to_string())?;
    if crc32(&datums) != u32::from_be_bytes(*sum) {
        return Err("its checksum is another one".into());
    }
    Ok(datums)
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Codec; 4] = [Codec::Null, Codec::Deflate, Codec::Snappy, Codec::Zstandard];

    proptest! {
        #[test]
        fn what_is_packed_comes_back_and_foreign_bytes_never_panic(bytes: Vec<u8>) {
            for codec in ALL {
                let packed = codec.pack(&bytes).unwrap().into_owned();
                prop_assert_eq!(&*codec.unpack(&packed).unwrap(), &bytes[..]);
                let _ = codec.unpack(&bytes);
            }
        }
    }

    #[test]
    fn names_are_avros_and_others_are_not_known() {
        ALL.iter().for_each(|codec| assert_eq!(Codec::named(codec.name()), Some(*codec)));
        assert_eq!(Codec::named(""), Some(Codec::Null));
        assert_eq!((Codec::named("bzip2"), Codec::named("xz"), Codec::named("Deflate")), (None, None, None));
    }

    #[test]
    fn a_wrong_checksum_is_said() {
        let mut packed = Codec::Snappy.pack(b"datums").unwrap().into_owned();
        *packed.last_mut().unwrap() ^= 1;
        let told = Codec::Snappy.unpack(&packed).unwrap_err();
        assert_eq!(told.to_string(), "a block is no snappy data: its checksum is another one");
    }
}
