//! Includes: rules and constants of other files.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::{
    Constant, Constants, PlanFile, PlanFileError, PlanLayout, Rule, check_rules, from_toml, text,
};
use crate::{Error, families::FAMILIES};

/// A file that is included: rules, and constants that are defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Included {
    #[serde(default, deserialize_with = "include")]
    include: Vec<String>,
    #[serde(default)]
    constants: Constants,
    /// Of its own rules, where they have none.
    #[serde(default)]
    layout: Option<PlanLayout>,
    /// Whether any of its own rules may decide no tensor: a model may be a part of what they are for.
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    rules: Vec<Rule>,
}

/// One name or path, or a list of them.
pub(super) fn include<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let allowed = "a family's name, a path that ends in .toml, or a list of these";
    let invalid = |value: &toml::Value| {
        D::Error::custom(format!("invalid include {value}: it must be {allowed}"))
    };
    let text =
        |value: &toml::Value| value.as_str().map(str::to_owned).ok_or_else(|| invalid(value));
    match toml::Value::deserialize(deserializer)? {
        toml::Value::Array(values) => values.iter().map(text).collect(),
        value => Ok(vec![text(&value)?]),
    }
}

/// Where rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Family(&'static str, &'static str),
    Path(PathBuf),
}

impl Source {
    /// The source of a name or path, which is relative to `folder`; inside a family's file, none.
    fn new(name: &str, folder: Option<&Path>) -> Result<Self, PlanFileError> {
        if name.ends_with(".toml") {
            let folder = folder.ok_or_else(|| {
                let reason = format!("include {name:?}: a family's rules include only families");
                PlanFileError { reason }
            })?;
            return Ok(Self::Path(folder.join(name)));
        }
        let found = FAMILIES.iter().find(|(family, _)| *family == name);
        found.map(|&(name, text)| Self::Family(name, text)).ok_or_else(|| {
            let known: Vec<_> = FAMILIES.iter().map(|(name, _)| format!("{name:?}")).collect();
            let known = known.join(", ");
            let reason = format!(
                "include {name:?}: no such family is installed (there are {known}), and a path ends in \
                 .toml"
            );
            PlanFileError { reason }
        })
    }

    /// What tells whether two are the same.
    fn identity(&self) -> Self {
        match self {
            Self::Path(path) => Self::Path(path.canonicalize().unwrap_or_else(|_| path.clone())),
            family => family.clone(),
        }
    }

    /// How messages call it.
    fn title(&self) -> String {
        match self {
            Self::Family(name, _) => format!("{name} (installed)"),
            Self::Path(path) => crate::shown(&path.to_string_lossy()).into_owned(),
        }
    }

    fn read(&self) -> Result<Included, Error> {
        let title = self.title();
        let failed = |source| Error::PlanFile { path: PathBuf::from(&title), source };
        let mut file: Included = match self {
            Self::Family(_, text) => from_toml(text).map_err(failed)?,
            Self::Path(path) => from_toml(&text(path)?).map_err(failed)?,
        };
        check_rules(&mut file.rules, Some(&title)).map_err(failed)?;
        for rule in &mut file.rules {
            rule.optional |= file.optional;
            if rule.tie.is_none() && rule.fans_of.is_none() {
                rule.layout = rule.layout.take().or_else(|| file.layout.clone());
            }
        }
        Ok(file)
    }

    fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Family(..) => None,
            Self::Path(path) => Some(path.clone()),
        }
    }

    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Family(..) => None,
            Self::Path(path) => Some(path.parent().unwrap_or(Path::new(""))),
        }
    }
}

/// What is included, so far.
#[derive(Default)]
struct Includes {
    rules: Vec<Rule>,
    included: Vec<String>,
    files: Vec<PathBuf>,
    done: Vec<Source>,
    /// Those inside which the next one stands.
    open: Vec<Source>,
}

impl Includes {
    /// Adds files by their names, and returns the constants that they set.
    fn add(&mut self, names: &[String], folder: Option<&Path>) -> Result<Defaults, Error> {
        let mut all = Defaults::default();
        for name in names {
            let source = Source::new(name, folder).map_err(Error::Include)?;
            let identity = source.identity();
            if self.open.contains(&identity) {
                let mut circle: Vec<_> = self.open.iter().map(Source::title).collect();
                circle.push(source.title());
                let reason = format!("include {name:?}: a circle, {}", circle.join(" -> "));
                return Err(Error::Include(PlanFileError { reason }));
            }
            if self.done.contains(&identity) {
                continue;
            }
            let file = source.read()?;
            self.included.push(source.title());
            self.files.extend(source.file());
            self.rules.extend(file.rules);
            self.open.push(identity);
            let inner = self.add(&file.include, source.folder())?;
            self.done.extend(self.open.pop());
            all.join(Defaults::new(file.constants, &source.title(), inner));
        }
        Ok(all)
    }
}

impl PlanFile {
    /// The plan file with what it includes, whose paths are relative to `folder`: included rules stand
    /// behind its own, and included constants where it has none of the name.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::PlanFile`] or [`Error::Include`], which name the file.
    pub fn with_includes(self, folder: &Path) -> Result<Self, Error> {
        let mut includes = Includes::default();
        let defaults = includes.add(&self.include, Some(folder))?;
        let constants = defaults.under(self.constants).map_err(Error::Include)?;
        let Includes { rules, included, files, .. } = includes;
        let rules = self.rules.into_iter().chain(rules).collect();
        let included = self.included.into_iter().chain(included).collect();
        let files = self.files.into_iter().chain(files).collect();
        Ok(Self { include: Vec::new(), constants, rules, included, files, ..self })
    }
}

/// Constants that included files set.
#[derive(Default)]
struct Defaults(Vec<Setting>);

/// A constant, the file that sets it, and another file that sets it to another value.
struct Setting {
    name: String,
    value: Constant,
    file: String,
    other: Option<String>,
}

impl Defaults {
    /// A file's own constants, and of what it includes those that it does not set.
    fn new(own: Constants, file: &str, mut included: Self) -> Self {
        included.0.retain(|setting| own.get(&setting.name).is_none());
        let setting = |(name, value)| Setting { name, value, file: file.to_owned(), other: None };
        included.0.extend(own.into_iter().map(setting));
        included
    }

    /// Those of another file beside these.
    fn join(&mut self, others: Self) {
        for other in others.0 {
            match self.0.iter_mut().find(|setting| setting.name == other.name) {
                None => self.0.push(other),
                Some(setting) if setting.value == other.value => {}
                Some(setting) => setting.other = Some(other.file),
            }
        }
    }

    /// The plan's own constants, with these where it has none of the name.
    fn under(self, mut own: Constants) -> Result<Constants, PlanFileError> {
        for Setting { name, value, file, other } in self.0 {
            if own.get(&name).is_some() {
                continue;
            }
            if let Some(other) = other {
                let reason = format!(
                    "{file} and {other}, which are both included, set the constant {name} to different \
                     values: set it in the plan"
                );
                return Err(PlanFileError { reason });
            }
            own.insert(name, value);
        }
        Ok(own)
    }
}
