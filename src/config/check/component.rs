//! One component: its type, its keys, and a trial build.
use super::Cx;
use crate::config::agent::{Prop, Section};
use crate::config::fields::{self, Owner, kind_word};
use crate::config::graph::Node;
use crate::config::resolve::{Unknown, resolve};
use crate::config::spec::{At, Build, Field, Refusal, Spec};
use crate::config::{common, note};
use crate::diag::{Diagnostic, Span};
use crate::flow::{Input, Kind, Sink};

impl Cx<'_> {
    /// A node whose values are checked and which can be built. `Err`: why not, in a few words, after the report.
    pub(super) fn component(
        &mut self,
        kind: Kind,
        name: &str,
        owner: &str,
        section: &Section,
    ) -> Result<Node, String> {
        let spec = self.spec(kind, owner, section, None)?;
        let span = section.get("type").map(|prop| prop.value.span).or(section.first());
        self.with_spec(spec, name, owner, section, span)
    }

    /// The same when the type is known already.
    pub(super) fn with_spec(
        &mut self,
        spec: &'static Spec,
        name: &str,
        owner: &str,
        section: &Section,
        span: Option<Span>,
    ) -> Result<Node, String> {
        let fields: Vec<&'static Field> = spec.fields().chain(common::of(spec.kind)).collect();
        let has_type = section.get("type").is_some();
        let fields: Vec<_> = fields.into_iter().filter(|field| has_type || field.key != "type").collect();
        let lists = fields::explained(spec.kind, spec.name);
        let owner = Owner { lists, title: owner.to_string(), type_name: spec.name, span };
        let values = fields::values(&owner, &fields, section, self.report);
        let values = values.ok_or_else(|| "its keys are wrong".to_string())?;
        let undated = |prop: &Prop| Some((fields::find(&fields, &prop.key.text)?.1, prop.undated.clone()?));
        let undated = section.props.iter().filter_map(undated).collect();
        Ok(Node { name: name.to_string(), spec, values, undated, span, channels: Vec::new() })
    }

    /// The component that `type` names, or the default one.
    pub(super) fn spec(
        &mut self,
        kind: Kind,
        owner: &str,
        section: &Section,
        default: Option<&str>,
    ) -> Result<&'static Spec, String> {
        let Some(prop) = section.get("type") else {
            let Some(name) = default else {
                let what = format!("{owner} has no `type`");
                self.report.push(Diagnostic::error("missing-type", what).maybe_at(section.first()));
                return Err("it has no `type`".to_string());
            };
            let found = resolve(kind, name, self.specs).map(|found| found.spec);
            return found.map_err(|_| {
                let why = format!("this build has no {} `{name}`", kind.word());
                self.report.push(
                    Diagnostic::error("unknown-type", format!("{owner}: {why}")).maybe_at(section.first()),
                );
                why
            });
        };
        let mut found = resolve(kind, &prop.value.text, self.specs);
        if found.is_err() && note::find(&prop.value.text).is_some() {
            let fits = |text: &str| resolve(kind, text, self.specs).is_ok();
            let text = match note::cut_if(prop, fits, self.report) {
                Some(text) => text,
                None => note::find(&prop.value.text).map_or("", |(text, _)| text).to_string(),
            };
            found = resolve(kind, &text, self.specs);
        }
        match found {
            Ok(found) => {
                if let Some(full) = found.cut_from {
                    let what = format!("`{}` is cut short and taken for `{full}`", prop.value.text);
                    self.report.push(Diagnostic::warning("cut-class-name", what).at(prop.value.span));
                }
                self.built(found.spec, owner, prop)
            }
            Err(unknown) => {
                let problem = unknown_type(kind, (&self.agent.name, owner), prop, unknown);
                self.report.push(problem);
                Err(format!("its type `{}` is not known", prop.value.text))
            }
        }
    }

    fn built(&mut self, spec: &'static Spec, owner: &str, prop: &Prop) -> Result<&'static Spec, String> {
        let Build::NotYet(instead) = spec.build else { return Ok(spec) };
        let what = format!("{owner}: `{}` is known, not in this version yet", spec.name);
        self.report.push(Diagnostic::error("not-yet", what).at(prop.value.span).hint(instead));
        Err(format!("`{}` is not in this version yet", spec.name))
    }

    /// Builds the component once, so that what only it can judge is told with a place.
    pub(super) fn trial(&mut self, node: &Node, owner: &str, section: &Section) -> Result<Trial, String> {
        let pulse = node.pulse();
        let at = node.at(self.place, &pulse);
        Trial::of(node.spec, &at).map_err(|refusal| self.refused(refusal, node, owner, section))
    }

    /// Reports what the component refuses; why, in a few words.
    pub(super) fn refused(
        &mut self,
        refusal: Refusal,
        node: &Node,
        owner: &str,
        section: &Section,
    ) -> String {
        let why = refusal.what.clone();
        let problem = Diagnostic::error("refused-value", format!("{owner} ({}): {why}", node.spec.name));
        self.placed(problem, refusal, node, section);
        why
    }

    /// Reports what a component has to say of its keys, at the key that it names.
    pub(super) fn placed(&mut self, problem: Diagnostic, refusal: Refusal, node: &Node, section: &Section) {
        let fields: Vec<&'static Field> = node.spec.fields().chain(common::of(node.spec.kind)).collect();
        let is_it = |prop: &&Prop, key: &str| {
            fields::find(&fields, &prop.key.text).is_some_and(|(_, name)| name == key)
        };
        let prop = refusal.key.as_deref().and_then(|key| section.props.iter().find(|prop| is_it(prop, key)));
        let problem = problem.maybe_at(prop.map(|p| p.value.span).or(node.span));
        self.report.push(problem.maybe_hint(refusal.instead));
    }
}

/// What a trial build shows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Trial {
    pub keeps_record: bool,
    pub unheard: Option<(&'static str, &'static str)>,
    pub input: Input,
}

impl Trial {
    fn of(spec: &Spec, at: &At<'_>) -> Result<Trial, Refusal> {
        match spec.build {
            Build::Source(build) => {
                build(at).map(|source| Trial { input: source.input(), ..Trial::default() })
            }
            Build::Channel(build) => build(at).map(|_| Trial::default()),
            Build::Sink(build) => {
                let of = |sink: Box<dyn Sink>| (sink.destination().is_some(), sink.unheard());
                build(at).map(of).map(|(keeps_record, unheard)| Trial {
                    keeps_record,
                    unheard,
                    ..Trial::default()
                })
            }
            Build::Relay(relay) => {
                relay.parts().iter().try_fold(Trial::default(), |_, part| Trial::of(part, at))
            }
            Build::Interceptor(build) => build(at).map(|_| Trial::default()),
            Build::Selector(build) => build(at).map(|_| Trial::default()),
            // Built with its sinks, where they are known.
            Build::Group(_) | Build::NotYet(_) => Ok(Trial::default()),
        }
    }
}

fn unknown_type(kind: Kind, (agent, owner): (&str, &str), prop: &Prop, unknown: Unknown) -> Diagnostic {
    let (text, span) = (prop.shown(), prop.value.span);
    let lists = format!("`dataflowkit explain {}` lists the types", kind_word(kind));
    match unknown {
        Unknown::OtherKind(spec) => {
            let other = spec.kind.word();
            let what = format!("{owner}: `{text}` is a {other}, no {}", kind.word());
            let list = super::names::list_word(spec.kind);
            Diagnostic::error("wrong-kind", what).at(span).hint(match list {
                "" => format!("it belongs where a {other} is named"),
                list => format!("move it to `{agent}.{list}.NAME.type`"),
            })
        }
        Unknown::JavaClass { nearest } => {
            let what =
                format!("{owner}: Java class `{text}` is not known, and Java plug-ins cannot be loaded");
            let near = nearest.map(|name| format!("did you mean `{name}`?"));
            let problem = Diagnostic::error("java-class", what).at(span).maybe_hint(near);
            let own = "rewrite it as a program in any language and run that: `type = exec`, `format = json`";
            let as_program = matches!(kind, Kind::Source | Kind::Sink).then(|| own.to_string());
            problem.maybe_hint(as_program).hint(lists)
        }
        Unknown::Ambiguous(all) => {
            let what = format!("{owner}: `{text}` is cut short and could be any of {}", all.join(", "));
            Diagnostic::error("unknown-type", what).at(span)
        }
        Unknown::Word { nearest } => {
            let what = format!("{owner}: there is no {} of type `{text}`", kind.word());
            let near = nearest.map(|name| format!("did you mean `{name}`?"));
            Diagnostic::error("unknown-type", what).at(span).maybe_hint(near).hint(lists)
        }
    }
}
