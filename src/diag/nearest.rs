//! The name that a user most likely meant.
//!
//! Distance: insertions, deletions, replacements and swaps of neighbours, letter case free of charge. A name is near
//! when at most a third of it (and at least one letter) differs; of equally near ones the first listed wins.

/// How many edits lead from one to the other, in any case.
pub fn distance(a: &str, b: &str) -> usize {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (a, b) = (lower(a), lower(b));
    let mut older: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replace = last[j] + usize::from(a[i] != b[j]);
            let mut best = replace.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(older[j - 1] + 1);
            }
            row.push(best);
        }
        older = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The nearest of these names, if one is near.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 200 {
        return None;
    }
    let allowed = |name: &str| (name.chars().count().max(word.chars().count()) / 3).max(1);
    let near = names.into_iter().map(|name| (distance(word, name), name));
    near.filter(|(far, name)| *far <= allowed(name)).min_by_key(|(far, _)| *far).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_and_case_is_free() {
        assert_eq!(distance("batchsize", "batchSize"), 0);
        assert_eq!(distance("bacthSize", "batchSize"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn only_near_names_are_named() {
        let names = ["batchSize", "capacity", "keep-alive"];
        assert_eq!(nearest("batchsize", names), Some("batchSize"));
        assert_eq!(nearest("keepAlive", names), Some("keep-alive"));
        assert_eq!(nearest("frobnicate", names), None);
    }
}
