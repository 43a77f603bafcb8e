//! How a plan comes to what it says of one tensor, as text.

use std::io::{self, Write};

use indicatif::HumanCount;
use varscale::{Content, Explanation, short};
use varscale_model::{Computed, Derivation, Fate, Plan, PlannedTensor, shown};

use super::{
    is_drawn,
    table::{place, sizes},
};

pub(super) fn write(
    plan: &Plan,
    derivation: &Derivation<'_>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut line = |what: &str, text: &str| writeln!(out, "{what:<13}{}", shown(text));
    match derivation.fate {
        Fate::Planned(planned) => {
            line("tensor", &format!("{} {}", planned.name, sizes(planned.shape())))?;
        }
        Fate::Skipped(tensor) => {
            line("tensor", &format!("{} {}, skipped", tensor.name, sizes(&tensor.shape)))?;
        }
        Fate::Tied(tie) => {
            let tensor = &tie.tensor;
            let text = format!("{} {}, tied to {}", tensor.name, sizes(&tensor.shape), tie.to);
            line("tensor", &text)?;
        }
        _ => {}
    }
    line("rule", derivation.rule.as_deref().unwrap_or("none: the spec's own initializer"))?;
    for passed in &derivation.passed {
        line("  not", passed)?;
    }
    for (name, value) in &derivation.captures {
        line("captures", &format!("{name} = {value}"))?;
    }
    let origin = |of: &str| {
        let found = derivation.origins.iter().find(|(what, _)| *what == of);
        found.map_or(String::new(), |(_, origin)| format!(" (of {origin})"))
    };
    let Fate::Planned(planned) = derivation.fate else { return Ok(()) };
    let explanation = planned.draw.explanation();
    line("initializer", &format!("{}{}", explanation.initializer, origin("initializer")))?;
    for computed in &derivation.expressions {
        line("  where", &expression(computed))?;
    }
    line("layout", &format!("{}{}", planned.layout(), origin("layout")))?;
    if let Some(sibling) = &derivation.fans_of {
        line("fans of", sibling)?;
    }
    for (what, text) in numbers(planned, explanation) {
        line(what, &text)?;
    }
    line("dtype", &format!("{}{}", planned.dtype(), origin("dtype")))?;
    line("seed", &seed(plan, planned, &derivation.origins))?;
    for (region, computed) in planned.regions().zip(&derivation.regions) {
        let at = place(region.region, planned.shape());
        let explanation = region.region.explanation();
        line(
            "region",
            &format!("{at} of slice {:?}: {}", region.slice.to_string(), explanation.initializer),
        )?;
        for computed in computed {
            line("  where", &expression(computed))?;
        }
        line("  layout", &region.layout.to_string())?;
        for (what, text) in numbers(planned, explanation) {
            line(&format!("  {what}"), &text)?;
        }
        if region.has_own_seed
            && let Some(seed) = region.initializer.seed()
        {
            line("  seed", &format!("{} (of the initializer)", seed.value()))?;
        }
    }
    if let Some(note) = planned.note() {
        line("note", &note)?;
    }
    if planned.is_subnormal() {
        line("note", &format!("most values are subnormal in {}, and lose bits", planned.dtype()))?;
    }
    let (elements, bytes) = (explanation.elements, planned.bytes());
    line("size", &format!("{} values, {} bytes", HumanCount(elements), HumanCount(bytes)))
}

/// As in `stddev = "0.02 / sqrt(2 * layers)" = 0.00408 with layers = 12`.
fn expression(computed: &Computed) -> String {
    let value = computed.value.map_or(String::new(), |value| format!(" = {value}"));
    let names: Vec<_> =
        computed.names.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let with = if names.is_empty() { "" } else { " with " };
    format!("{} = {:?}{value}{with}{}", computed.key, computed.written, names.join(", "))
}

/// Fans, scale, law and bounds.
fn numbers(planned: &PlannedTensor, explanation: &Explanation) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(scaling) = &explanation.scaling {
        let roles = scaling.fans.roles.iter().zip(&explanation.shape);
        let roles: Vec<_> = roles.map(|(role, size)| format!("{size} {role}")).collect();
        lines.push(("axes", roles.join(", ")));
        let (fans, number) = (&scaling.fans, |value| short(value, 6));
        lines.push(("fans", format!("fan_in {}, fan_out {}", fans.fan_in, fans.fan_out)));
        lines.push((
            "variance",
            format!(
                "scale {} / {} {} = {}",
                number(scaling.scale),
                scaling.mode,
                number(scaling.divisor),
                number(scaling.variance)
            ),
        ));
    }
    lines.push(("law", explanation.content.to_string()));
    let bounds = planned.stored_bounds(&explanation.content);
    if let (Some((low, high)), Content::Random(_) | Content::Orthogonal(_)) =
        (bounds, &explanation.content)
    {
        lines.push(("bounds", format!("[{low}, {high}] in {}", planned.dtype())));
    }
    lines
}

/// The seed, and where it comes from.
fn seed(plan: &Plan, planned: &PlannedTensor, origins: &[(&'static str, String)]) -> String {
    let origin = origins.iter().find(|(what, _)| *what == "seed");
    let origin = origin.map_or("", |(_, origin)| origin.as_str());
    match planned.seed() {
        Some(seed) if !(is_drawn(plan) && planned.seed_of_plan) => format!("{seed} (of {origin})"),
        Some(_) => "none yet: init draws one, and --seed N names one".to_owned(),
        None => format!("none: {origin}"),
    }
}
