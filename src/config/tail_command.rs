//! Commands that follow a file (`tail -F FILE`), for which there are better sources.

/// The files that a command follows; none if it does something else.
pub fn followed(command: &str) -> Vec<&str> {
    // What is behind a pipe works on what `tail` prints.
    let first = command.split(['|', ';', '&', '>', '<']).next().unwrap_or_default();
    let mut words = first.split_whitespace().skip_while(|word| *word == "exec").peekable();
    if words.next().is_none_or(|program| program != "tail" && !program.ends_with("/tail")) {
        return Vec::new();
    }
    let (mut files, mut follows) = (Vec::new(), false);
    while let Some(word) = words.next() {
        if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.starts_with('-')) {
            follows |= letters.contains(['f', 'F']);
            if letters.ends_with(['n', 'c', 's']) {
                words.next();
            }
        } else if word.starts_with("--") {
            follows |= word.starts_with("--follow");
            if ["--lines", "--bytes", "--pid", "--sleep-interval"].contains(&word) {
                words.next();
            }
        } else if !word.starts_with('+') {
            files.push(word.trim_matches(['"', '\'']));
        }
    }
    if follows { files } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_that_follows_is_told_from_other_commands() {
        for (command, files) in [
            ("tail -F /var/log/a.log", &["/var/log/a.log"][..]),
            ("/usr/bin/tail -n 0 -f a.log", &["a.log"]),
            ("tail -fn0 a b", &["a", "b"]),
            ("tail -n +1 --follow=name --retry '/a' | grep x", &["/a"]),
            ("exec tail --lines 5 -F a", &["a"]),
            ("tail -n 10 a.log", &[]),
            ("cat /a -F", &[]),
            ("retail -F /a", &[]),
            ("", &[]),
        ] {
            assert_eq!(followed(command), files, "{command}");
        }
    }
}
