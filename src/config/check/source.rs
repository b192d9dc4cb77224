//! A source: its channels, interceptors and selector.
use super::Cx;
use super::component::Trial;
use crate::config::agent::Section;
use crate::config::common;
use crate::config::graph::{Node, SourceNode, fingerprint};
use crate::config::text::Text;
use crate::diag::{Diagnostic, nearest};
use crate::flow::Kind;

impl Cx<'_> {
    pub(super) fn source(&mut self, name: &str, channels: &[Node]) -> Option<SourceNode> {
        let section = self.agent.section(Kind::Source, name)?.clone();
        let outcome = self.source_node(name, &section, channels);
        self.built_or_dropped(Kind::Source, name, outcome)
    }

    fn source_node(
        &mut self,
        name: &str,
        section: &Section,
        channels: &[Node],
    ) -> Result<SourceNode, String> {
        let owner = format!("source `{name}`");
        let (section, slip) = &self.singular_or_plural(&owner, section, ("channel", "channels"));
        // every part is looked at before one of them fails, so that all problems are shown
        let node = self.component(Kind::Source, name, &owner, section);
        let names = self.source_channels(&owner, section, channels);
        let interceptors = self.interceptors(&owner, section);
        let node = node.and_then(|node| self.trial(&node, &owner, section).map(|trial| (node, trial)));
        slip.clone()?;
        let ((node, Trial { input, .. }), names) = (node?, names?);
        let selector = self.selector(&owner, section, &names, node.span)?;
        let interceptors = interceptors?;
        for channel in channels.iter().filter(|channel| names.contains(&channel.name)) {
            self.batch_fits(&node, channel);
        }
        let fingerprint = fingerprint(&names, &selector, &interceptors);
        let from_start = node.at(self.place, &node.pulse()).flag(&common::FROM_START);
        Ok(SourceNode { node, channels: names, selector, interceptors, fingerprint, from_start, input })
    }

    /// A source has `channels`, a sink has `channel`: the other word is told once and read as the right one, to find
    /// further problems; the component does not run.
    pub(super) fn singular_or_plural(
        &mut self,
        owner: &str,
        section: &Section,
        (wrong, right): (&str, &str),
    ) -> (Section, Result<(), String>) {
        let mut section = section.clone();
        let has_right = section.get(right).is_some();
        let Some(prop) = section.props.iter_mut().find(|prop| prop.key.text == wrong && !has_right) else {
            return (section, Ok(()));
        };
        let span = prop.key.span;
        prop.key = Text::computed(right, span);
        let what = format!("{owner} has `{wrong}` and needs `{right}`");
        let hint = "a source has `channels`, a sink has one `channel`";
        self.report.push(Diagnostic::error("missing-key", what).at(span).hint(hint));
        (section, Err(format!("it has `{wrong}` and needs `{right}`")))
    }

    /// Its channels that can run; the others are named.
    fn source_channels(
        &mut self,
        owner: &str,
        section: &Section,
        channels: &[Node],
    ) -> Result<Vec<String>, String> {
        let Some(prop) = section.get("channels").cloned() else {
            return Err("it has no channels".to_string());
        };
        let agent = self.agent;
        let known = |name: &str| agent.section(Kind::Channel, name).is_some();
        let words = self.names("channels", &prop.value, known);
        let (valid, gone): (Vec<Text>, Vec<Text>) =
            words.into_iter().partition(|word| channels.iter().any(|channel| channel.name == word.text));
        for word in &gone {
            self.no_such_channel(owner, word, channels);
        }
        match valid.is_empty() {
            true => Err("none of its channels can run".to_string()),
            false => Ok(valid.into_iter().map(|word| word.text).collect()),
        }
    }

    /// A channel that does not exist, or was left out itself.
    pub(super) fn no_such_channel(&mut self, owner: &str, word: &Text, channels: &[Node]) {
        let name = &word.text;
        let is_meant = self.meant.contains(&(Kind::Channel, name.clone()));
        let problem = if is_meant || self.was_dropped(Kind::Channel, name) {
            Diagnostic::error(
                "channel-left-out",
                format!("{owner} goes without channel `{name}`, which cannot run"),
            )
        } else {
            let near = nearest(name, channels.iter().map(|channel| channel.name.as_str()));
            let hint = match (name.contains(','), near) {
                (true, _) => Some("names are separated by blanks, not by commas".to_string()),
                (_, near) => near.map(|near| format!("did you mean `{near}`?")),
            };
            Diagnostic::error("unknown-channel", format!("{owner}: there is no channel `{name}`"))
                .maybe_hint(hint)
        };
        self.report.push(problem.at(word.span));
    }

    /// In listed order. One that cannot run takes its source or sink along: events would pass that it should change or stop.
    pub(super) fn interceptors(&mut self, owner: &str, section: &Section) -> Result<Vec<Node>, String> {
        let all = section.under("interceptors.");
        let Some(list) = section.get("interceptors").cloned() else {
            if let Some(span) = all.first() {
                let what = format!("{owner} has no `interceptors` list, so these keys have no effect");
                self.report.push(Diagnostic::warning("unlisted", what).at(span));
            }
            return Ok(Vec::new());
        };
        let has = |name: &str| !all.under(&format!("{name}.")).props.is_empty();
        let words = self.names("interceptors", &list.value, has);
        self.unlisted_interceptors(owner, &all, &words);
        let nodes: Vec<Result<Node, String>> =
            words.iter().map(|word| self.interceptor(owner, word, &all)).collect();
        nodes.into_iter().collect()
    }

    fn interceptor(&mut self, owner: &str, word: &Text, all: &Section) -> Result<Node, String> {
        let name = &word.text;
        let section = all.under(&format!("{name}."));
        let title = format!("interceptor `{name}` of {owner}");
        if section.props.is_empty() {
            let problem = Diagnostic::error("not-configured", format!("{title} is listed and has no keys"));
            let near = nearest(name, all.props.iter().filter_map(|prop| prop.key.text.split('.').next()));
            self.report
                .push(problem.at(word.span).maybe_hint(near.map(|near| format!("did you mean `{near}`?"))));
            return Err(format!("its interceptor `{name}` has no keys"));
        }
        let node = self.component(Kind::Interceptor, name, &title, &section);
        let node = node.and_then(|node| self.trial(&node, &title, &section).map(|_| node));
        node.map_err(|why| format!("its interceptor `{name}` cannot run: {why}"))
    }

    fn unlisted_interceptors(&mut self, owner: &str, all: &Section, listed: &[Text]) {
        let mut named: Vec<&str> = Vec::new();
        for prop in &all.props {
            let name = prop.key.text.split('.').next().unwrap_or_default();
            if !listed.iter().any(|word| word.text == name) && !named.contains(&name) {
                named.push(name);
                let what = format!("interceptor `{name}` of {owner} is not listed and does not run");
                self.report.push(Diagnostic::warning("unlisted", what).at(prop.key.span));
            }
        }
    }

    fn selector(
        &mut self,
        owner: &str,
        section: &Section,
        channels: &[String],
        span: Option<crate::diag::Span>,
    ) -> Result<Node, String> {
        let section = section.under("selector.");
        let title = format!("selector of {owner}");
        let why = |why: String| format!("its selector cannot run: {why}");
        let spec = self.spec(Kind::Selector, &title, &section, Some("replicating")).map_err(why)?;
        let span = section.get("type").map(|prop| prop.value.span).or(section.first()).or(span);
        let mut node = self.with_spec(spec, "selector", &title, &section, span).map_err(why)?;
        node.channels = channels.to_vec();
        self.selector_channels(&title, &section, channels).map_err(why)?;
        self.trial(&node, &title, &section).map_err(why)?;
        if spec.name == "multiplexing" && section.get("default").is_none() {
            let what =
                format!("{title} has no `default`: events without a mapping go nowhere and are counted");
            self.report.push(Diagnostic::note("no-default", what).maybe_at(span));
        }
        Ok(node)
    }

    /// All channels that a selector names are channels of its source.
    fn selector_channels(
        &mut self,
        title: &str,
        section: &Section,
        channels: &[String],
    ) -> Result<(), String> {
        let lists = |key: &str| {
            matches!(key, "optional" | "default")
                || key.starts_with("mapping.")
                || key.starts_with("optional.")
        };
        let mut outcome = Ok(());
        for prop in section.props.iter().filter(|prop| lists(&prop.key.text)) {
            let known = |name: &str| channels.iter().any(|channel| channel == name);
            let words = self.names(&prop.key.text, &prop.value, known);
            for word in words.iter().filter(|word| !known(&word.text)) {
                let what = format!("{title}: `{}` is no channel of its source", word.text);
                let near = nearest(&word.text, channels.iter().map(String::as_str));
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                self.report.push(Diagnostic::error("unknown-channel", what).at(word.span).maybe_hint(hint));
                outcome = Err(format!("`{}` is no channel of its source", word.text));
            }
        }
        outcome
    }
}
