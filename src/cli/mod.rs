//! Commands: one file each, with its arguments and a function from them to an exit status. The only place that prints.
pub mod agent;
pub mod arguments;
pub mod channel;
pub mod check;
pub mod explain;
pub mod place;
pub mod samples;
pub mod service;
pub mod status;
pub mod version;

/// `KEY=VALUE` of a `-D`; without `=` the value is empty, as Java has it. Seed files also write `KEY==VALUE`.
pub fn define(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    if key.is_empty() {
        return Err("a name is missing before `=`".to_string());
    }
    Ok((key.to_string(), value.trim_start_matches('=').to_string()))
}
