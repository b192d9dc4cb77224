//! A sink and its channel.
use super::Cx;
use crate::config::agent::Section;
use crate::config::graph::{Node, SinkNode};
use crate::config::text::Text;
use crate::flow::Kind;

impl Cx<'_> {
    pub(super) fn sink(&mut self, name: &str, channels: &[Node]) -> Option<SinkNode> {
        let section = self.agent.section(Kind::Sink, name)?.clone();
        let outcome = self.sink_node(name, &section, channels);
        self.built_or_dropped(Kind::Sink, name, outcome)
    }

    fn sink_node(&mut self, name: &str, section: &Section, channels: &[Node]) -> Result<SinkNode, String> {
        let owner = format!("sink `{name}`");
        let (section, slip) = &self.singular_or_plural(&owner, section, ("channels", "channel"));
        let channel = self.sink_channel(&owner, section, channels);
        let node = self.component(Kind::Sink, name, &owner, section);
        let interceptors = self.interceptors(&owner, section);
        let node = node.and_then(|node| self.trial(&node, &owner, section).map(|trial| (node, trial)));
        slip.clone()?;
        let ((node, trial), channel, interceptors) = (node?, channel?, interceptors?);
        for taken_from in channels.iter().filter(|known| known.name == channel) {
            self.batch_fits(&node, taken_from);
        }
        let (own, pulse) = (node.clone(), node.pulse());
        let sink = SinkNode::new(node, channel, trial.keeps_record, &own.at(self.place, &pulse));
        Ok(SinkNode { interceptors, unheard: trial.unheard, ..sink })
    }

    fn sink_channel(&mut self, owner: &str, section: &Section, channels: &[Node]) -> Result<String, String> {
        let Some(prop) = section.get("channel").cloned() else {
            return Err("it has no channel".to_string());
        };
        let words =
            self.names("channel", &prop.value, |name| channels.iter().any(|channel| channel.name == name));
        let whole = prop.value.clone();
        let word: &Text = if words.len() == 1 { &words[0] } else { &whole };
        match channels.iter().find(|channel| channel.name == word.text) {
            Some(channel) => Ok(channel.name.clone()),
            None => {
                self.no_such_channel(owner, word, channels);
                Err(format!("its channel `{}` cannot run", word.text))
            }
        }
    }
}
