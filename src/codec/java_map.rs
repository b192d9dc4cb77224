//! Headers as Java prints a `HashMap`: `{k1=v1, k2=v2}`, in the order of its buckets.
//!
//! The order is that of a map of default size that got its entries one by one; Flume's own depends on how a map was
//! built and copied, so that nobody can rely on more.
//! Truth: `java.util.HashMap` (JDK 8 and later): bucket = (h ^ h>>>16) & (n-1), n doubling above 0.75 n.
use crate::event::Headers;

/// Appends the text.
pub fn print(headers: &Headers, out: &mut Vec<u8>) {
    let mut pairs: Vec<(&str, &str)> = headers.iter().collect();
    let mut buckets = 16;
    while pairs.len() * 4 > buckets * 3 {
        buckets *= 2;
    }
    // Stable: entries of one bucket stay in the order they came in.
    pairs.sort_by_key(|(name, _)| {
        let hash = java_hash(name);
        (hash ^ (hash >> 16)) as usize & (buckets - 1)
    });
    out.push(b'{');
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value.as_bytes());
    }
    out.push(b'}');
}

/// `String.hashCode`.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_printed_in_the_order_of_its_buckets() {
        assert_eq!(java_hash("timestamp"), 55_126_294);
        let mut out = Vec::new();
        print(&Headers::from_iter([("timestamp", "5"), ("host", "h"), ("file", "f")]), &mut out);
        // Buckets, by hand: timestamp 15, host 8, file 3.
        assert_eq!(String::from_utf8(out).unwrap(), "{file=f, host=h, timestamp=5}");
    }

    #[test]
    fn an_empty_map_is_two_braces() {
        let mut out = Vec::new();
        print(&Headers::default(), &mut out);
        assert_eq!(out, b"{}");
    }
}
