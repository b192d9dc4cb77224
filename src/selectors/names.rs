//! Names of channels as bits, in the order of the source's channels.
use crate::config::Refusal;

/// The channels named in `list`, which white space separates. A name that is no channel of the source is refused.
pub fn bits(list: &str, channels: &[String], key: &str) -> Result<u64, Refusal> {
    let mut bits = 0;
    for name in list.split_whitespace() {
        match channels.iter().position(|channel| channel == name) {
            Some(index) => bits |= 1 << index,
            None => {
                let what = format!("channel `{name}` is not one of the source's channels");
                let instead = Some(format!("one of: {}", channels.join(" ")));
                return Err(Refusal { key: Some(key.into()), what, instead });
            }
        }
    }
    Ok(bits)
}
