//! Sink groups: which sinks share a runner, and under which processor.
use super::Cx;
use crate::config::agent::Section;
use crate::config::common;
use crate::config::fields::{self, Owner};
use crate::config::graph::{GroupNode, Node, SinkNode};
use crate::config::spec::{Build, GroupPlan};
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
            let same = cx.same_channel(name, &section, &members, &sinks);
            let outcome = same.and_then(|()| cx.group_node(name, &section, members.clone(), &sinks));
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

    /// A group moves a batch between its sinks, and a batch belongs to one channel. (Flume runs such a group: each sink
    /// takes from its own channel while its turn lasts.)
    fn same_channel(
        &mut self,
        group: &str,
        section: &Section,
        members: &[String],
        sinks: &[SinkNode],
    ) -> Result<(), String> {
        let of = |name: &String| sinks.iter().find(|sink| sink.node.name == *name);
        let mut channels = members.iter().filter_map(|name| Some((name, of(name)?.channel.as_str())));
        let Some((first, channel)) = channels.next() else { return Ok(()) };
        let Some((other, second)) = channels.find(|(_, other)| *other != channel) else { return Ok(()) };
        let what = format!(
            "sinks of group `{group}` take from different channels: `{first}` from `{channel}`, `{other}` from `{second}`"
        );
        let span = section.get("sinks").map(|prop| prop.value.span);
        let problem = Diagnostic::error("group-channels", what).maybe_at(span);
        self.report.push(problem.hint(format!(
            "a batch of one channel goes from sink to sink: give all of them the same `channel`, or leave group `{group}` out"
        )));
        Err("its sinks take from different channels".to_string())
    }

    fn group_node(
        &mut self,
        name: &str,
        section: &Section,
        members: Vec<String>,
        sinks: &[SinkNode],
    ) -> Result<GroupNode, String> {
        let exactly_once = self.exactly_once(name, section, &members, sinks)?;
        let owner = format!("processor of sink group `{name}`");
        let processor = section.under("processor.");
        let spec = self.spec(Kind::SinkGroup, &owner, &processor, Some("default"))?;
        let span = processor.get("type").map(|prop| prop.value.span).or(section.first());
        let node = self.with_spec(spec, name, &owner, &processor, span)?;
        let keeps_order = self.plan(&node, &owner, &processor, &members)?;
        Ok(GroupNode { node, sinks: members, exactly_once, keeps_order })
    }

    /// Builds the processor once, and tells what it has to say; whether it keeps the order.
    fn plan(
        &mut self,
        node: &Node,
        owner: &str,
        processor: &Section,
        members: &[String],
    ) -> Result<bool, String> {
        let Build::Group(build) = node.spec.build else { return Ok(true) };
        let pulse = node.pulse();
        let plan = build(&node.at(self.place, &pulse), members);
        let GroupPlan { keeps_order, remarks, .. } =
            plan.map_err(|refusal| self.refused(refusal, node, owner, processor))?;
        for remark in remarks {
            let what = format!("{owner} ({}): {}", node.spec.name, remark.what);
            self.placed(Diagnostic::warning("group-setting", what), remark, node, processor);
        }
        Ok(keeps_order)
    }

    /// What the group's own keys say of a batch in doubt.
    fn exactly_once(
        &mut self,
        name: &str,
        section: &Section,
        members: &[String],
        sinks: &[SinkNode],
    ) -> Result<bool, String> {
        let title = format!("sink group `{name}`");
        let owner = Owner {
            lists: fields::explained(Kind::SinkGroup, "group"),
            title,
            type_name: "group",
            span: section.first(),
        };
        let fields: Vec<_> = common::GROUP.iter().collect();
        let values = fields::values(&owner, &fields, section, self.report).ok_or("its keys are wrong")?;
        let delivery = values.get(common::DELIVERY.key);
        let asked = delivery.is_some_and(|text| text.eq_ignore_ascii_case(common::EXACTLY_ONCE));
        let unable = sinks.iter().filter(|sink| members.contains(&sink.node.name) && !sink.keeps_record);
        for sink in unable.filter(|_| asked) {
            let sink = &sink.node.name;
            let what = format!(
                "sink group `{name}` asks for exactly-once, and sink `{sink}` keeps no record of what it has: what is in doubt there may come twice"
            );
            let span = section.get(common::DELIVERY.key).map(|prop| prop.value.span);
            self.report.push(Diagnostic::warning("group-setting", what).maybe_at(span));
        }
        Ok(asked)
    }
}
