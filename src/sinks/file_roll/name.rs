//! Names of data files, as Flume's path managers give them.
//!
//! `DEFAULT`: `<prefix><T>-<n>[.<extension>]`, T: milliseconds when the sink was made, n from 1. `ROLLTIME`: T is the
//! local time of the roll as `yyyyMMddHHmmss`, n begins again at 1 with every other second.
//! Truth: Flume 1.11 `DefaultPathManager`, `RollTimePathManager`; an extension gets its dot, also if it has one.
use crate::sys;

/// What T is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    Default,
    RollTime,
}

/// Gives the name of one file after another.
#[derive(Debug)]
pub struct Names {
    manager: Manager,
    prefix: String,
    extension: String,
    stamp: String,
    number: u64,
}

impl Names {
    pub fn new(manager: Manager, prefix: &str, extension: &str) -> Names {
        let extension = if extension.is_empty() { String::new() } else { format!(".{extension}") };
        Names { manager, prefix: prefix.into(), extension, stamp: sys::wall_ms().to_string(), number: 0 }
    }

    /// The next name.
    pub fn next(&mut self) -> String {
        match self.manager {
            Manager::Default => self.after(None),
            Manager::RollTime => self.after(Some(jiff::Zoned::now().strftime("%Y%m%d%H%M%S").to_string())),
        }
    }

    fn after(&mut self, stamp: Option<String>) -> String {
        if let Some(stamp) = stamp.filter(|stamp| *stamp != self.stamp) {
            self.stamp = stamp;
            self.number = 0;
        }
        self.number += 1;
        format!("{}{}-{}{}", self.prefix, self.stamp, self.number, self.extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_names_count_from_one_under_one_stamp() {
        let mut names = Names::new(Manager::Default, "p", "log");
        let stamp = names.stamp.clone();
        assert_eq!(names.next(), format!("p{stamp}-1.log"));
        assert_eq!(names.next(), format!("p{stamp}-2.log"));
        assert_eq!(Names::new(Manager::Default, "", ".txt").next().matches("..txt").count(), 1);
    }

    #[test]
    fn roll_time_names_begin_again_with_every_second() {
        let mut names = Names::new(Manager::RollTime, "t_", "");
        assert_eq!(names.after(Some("20261121082901".into())), "t_20261121082901-1");
        assert_eq!(names.after(Some("20261121082901".into())), "t_20261121082901-2");
        assert_eq!(names.after(Some("20261121082902".into())), "t_20261121082902-1");
        assert_eq!(Names::new(Manager::RollTime, "", "").next().len(), "20261121082901-1".len());
    }
}
