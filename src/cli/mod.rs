//! Commands: one file each, with its arguments and a function from them to an exit status. The only place that prints.
pub mod check;
pub mod explain;
pub mod samples;
pub mod version;

/// `KEY=VALUE` of a `-D`; without `=` the value is empty, as Java has it.
pub fn define(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err("a name is missing before `=`".to_string());
    }
    Ok((key.to_string(), value.to_string()))
}
