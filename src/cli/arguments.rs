//! Flume's command lines, as they stand in start scripts, made ready for our parser.
//!
//! Truth: `bin/flume-ng` and Commons CLI's GNU parser: one dash may begin a long option; `-X…` goes to a JVM.

const LONG: [&str; 7] = ["name", "conf-file", "conf", "no-reload-conf", "classpath", "help", "version"];

/// Turns `-name` into `--name`, a dash of a word processor into a dash, and drops what only a JVM reads.
pub fn flume_style(arguments: impl Iterator<Item = String>) -> Vec<String> {
    arguments.filter(|argument| !is_for_a_jvm(argument)).map(mended).collect()
}

fn is_for_a_jvm(argument: &str) -> bool {
    ["-X", "-agentlib", "-agentpath", "-javaagent"].iter().any(|start| argument.starts_with(start))
}

fn mended(argument: String) -> String {
    let argument = match argument.strip_prefix(['\u{2013}', '\u{2014}']) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            eprintln!("dataflowkit: `{argument}` begins with a typographic dash; read as `-{rest}`");
            format!("-{rest}")
        }
        _ => argument,
    };
    let name = argument.strip_prefix('-').map(|rest| rest.split('=').next().unwrap_or(rest));
    if name.is_some_and(|name| LONG.contains(&name)) { format!("-{argument}") } else { argument }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> String {
        flume_style(line.split(' ').map(str::to_string)).join(" ")
    }

    #[test]
    fn command_lines_of_flume_scripts_are_understood() {
        assert_eq!(read("x agent -name a1 -conf-file=f -n a"), "x agent --name a1 --conf-file=f -n a");
        assert_eq!(read("x agent –f job.conf -Xmx20m -Dk=v"), "x agent -f job.conf -Dk=v");
    }
}
