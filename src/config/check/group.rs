//! Sink groups: which sinks share a runner, and under which processor.
use super::Cx;
use crate::config::agent::Section;
use crate::config::common;
use crate::config::fields::{self, Owner};
use crate::config::graph::{GroupNode, SinkNode};
use crate::config::spec::Build;
use crate::diag::{Diagnostic, nearest};
use crate::flow::Kind;

impl Cx<'_> {
    /// The groups that can run, and the sinks that are left: those of a group that cannot run go with it, since each
    /// alone would do what the group was to decide.
    pub(super) fn groups(&mut self, mut sinks: Vec<SinkNode>) -> (Vec<GroupNode>, Vec<SinkNode>) {
        let mut taken: Vec<(String, String)> = Vec::new();
        let mut lost: Vec<(String, String)> = Vec::new();
        let groups = self.each(Kind::SinkGroup, |cx, name| {
            let section = cx.agent.section(Kind::SinkGroup, name)?.clone();
            let members = cx.members(name, &section, &sinks, &mut taken)?;
            let outcome = cx.group_node(name, &section, members.clone());
            if let Err(why) = &outcome {
                lost.extend(
                    members.into_iter().map(|sink| (sink, format!("its group `{name}` cannot run: {why}"))),
                );
            }
            cx.built_or_dropped(Kind::SinkGroup, name, outcome)
        });
        for (sink, why) in lost {
            sinks.retain(|known| known.node.name != sink);
            self.drop(Kind::Sink, &sink, why);
        }
        (groups, sinks)
    }

    /// The sinks of a group that can run and that no earlier group has.
    fn members(
        &mut self,
        group: &str,
        section: &Section,
        sinks: &[SinkNode],
        taken: &mut Vec<(String, String)>,
    ) -> Option<Vec<String>> {
        let Some(prop) = section.get("sinks").cloned() else {
            let what = format!("sink group `{group}` needs `sinks`: its sinks, in order");
            self.report.push(Diagnostic::error("missing-key", what).maybe_at(section.first()));
            self.drop(Kind::SinkGroup, group, "it names no sinks");
            return None;
        };
        let agent = self.agent;
        let words = self.names("sinks", &prop.value, |name| agent.section(Kind::Sink, name).is_some());
        let mut members = Vec::new();
        for word in words {
            let name = &word.text;
            let problem = if let Some((_, other)) = taken.iter().find(|(sink, _)| sink == name) {
                Some(format!("sink `{name}` is in group `{other}` already; group `{group}` goes without it"))
            } else if sinks.iter().any(|sink| sink.node.name == *name) {
                taken.push((name.clone(), group.to_string()));
                members.push(name.clone());
                None
            } else if self.was_dropped(Kind::Sink, name) {
                Some(format!("sink group `{group}` goes without sink `{name}`, which cannot run"))
            } else {
                Some(format!("sink group `{group}`: there is no sink `{name}`"))
            };
            if let Some(what) = problem {
                let near = nearest(name, sinks.iter().map(|sink| sink.node.name.as_str()))
                    .filter(|near| near != name);
                let hint = near.map(|near| format!("did you mean `{near}`?"));
                self.report.push(Diagnostic::error("group-member", what).at(word.span).maybe_hint(hint));
            }
        }
        if members.is_empty() {
            self.drop(Kind::SinkGroup, group, "none of its sinks can run");
            return None;
        }
        Some(members)
    }

    fn group_node(&mut self, name: &str, section: &Section, sinks: Vec<String>) -> Result<GroupNode, String> {
        let title = format!("sink group `{name}`");
        let of_group = Owner { kind: Kind::SinkGroup, title, type_name: "group", span: section.first() };
        let fields: Vec<_> = common::GROUP.iter().collect();
        fields::values(&of_group, &fields, section, self.report).ok_or("its keys are wrong")?;
        let owner = format!("processor of sink group `{name}`");
        let processor = section.under("processor.");
        let spec = self.spec(Kind::SinkGroup, &owner, &processor, Some("default"))?;
        let span = processor.get("type").map(|prop| prop.value.span).or(section.first());
        let node = self.with_spec(spec, name, &owner, &processor, span)?;
        self.trial(&node, &owner, &processor)?;
        if matches!(spec.build, Build::SingleSink) && sinks.len() > 1 {
            let what = format!("{owner} (default) has {} sinks and can drive one", sinks.len());
            let problem = Diagnostic::error("group-size", what).maybe_at(span);
            self.report.push(problem.hint("sinks that stand in no group run alone, side by side"));
            return Err("the default processor drives one sink".to_string());
        }
        Ok(GroupNode { node, sinks })
    }
}
