//! Globs over tensors' names, and what their parts matched.

use std::{fmt::Write as _, ops::Range};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, de::Error as _};

/// A glob, and what it compiles to.
///
/// `*` stands for any characters and takes as few as it can, so that `*.{layer}.*` captures the first
/// number; `?` for one; `[ab]` and `[!ab]` for one of some and of all others; `{a,b}` for either;
/// `{layer}` for digits, which are captured.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    text: String,
    regex: Regex,
    pieces: Vec<Piece>,
    captures: Vec<String>,
}

/// A part of a glob that stands in no braces of another.
#[derive(Debug, Clone)]
enum Piece {
    Literal(String),
    /// As written, and its group in the regular expression.
    Wild(String, usize),
}

/// Most bytes of a glob: its braces nest, and every level takes stack.
const LONGEST: usize = 1000;

impl Glob {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            let length = text.len();
            return Err(format!("a glob of {length} bytes: at most {LONGEST} are allowed"));
        }
        let mut parser = Parser { text, at: 0, groups: 0, regex: "^".into(), captures: vec![] };
        let pieces =
            parser.pieces().map_err(|reason| format!("invalid glob {text:?}: {reason}"))?;
        let Parser { mut regex, captures, .. } = parser;
        regex.push('$');
        let regex = RegexBuilder::new(&regex).dot_matches_new_line(true).build();
        let regex = regex.map_err(|error| format!("glob {text:?} is too deep: {error}"))?;
        Ok(Self { text: text.to_owned(), regex, pieces, captures })
    }

    /// As written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole name.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// Names of what it captures.
    pub(crate) fn captures(&self) -> &[String] {
        &self.captures
    }

    /// What each capture matched in a name: digits.
    pub(crate) fn captured<'n>(&self, name: &'n str) -> Vec<(&str, &'n str)> {
        if self.captures.is_empty() {
            return Vec::new();
        }
        let Some(found) = self.regex.captures(name) else { return Vec::new() };
        let of = |capture: &String| Some(found.name(capture)?.as_str());
        let captures = self.captures.iter();
        captures.filter_map(|capture| Some((capture.as_str(), of(capture)?))).collect()
    }
}

/// The name of a tensor's sibling: text, and what a glob's wild parts matched in the tensor's name.
#[derive(Debug, Clone)]
pub(crate) struct Sibling(Vec<Part>);

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Group(usize),
    Capture(String),
}

impl Sibling {
    /// A sibling of the names that `glob` matches: each wild part stands for what the same one of the
    /// glob matched, in their order, and a capture for what it captured.
    pub(crate) fn new(text: &str, glob: &Glob) -> Result<Self, String> {
        let mut groups: Vec<_> = glob.pieces.iter().filter_map(Piece::wild).collect();
        let mut parts = Vec::new();
        for piece in Glob::new(text)?.pieces {
            let part = match piece {
                Piece::Literal(text) => {
                    parts.push(Part::Literal(text));
                    continue;
                }
                Piece::Wild(part, _) => part,
            };
            let capture = part.trim_matches(['{', '}']);
            if glob.captures.iter().any(|known| known == capture) {
                parts.push(Part::Capture(capture.to_owned()));
                continue;
            }
            let Some(same) = groups.iter().position(|(known, _)| *known == part) else {
                let glob = glob.text();
                return Err(format!(
                    "{part} of {text:?} stands for no other part of match {glob:?}"
                ));
            };
            parts.push(Part::Group(groups.remove(same).1));
        }
        Ok(Self(parts))
    }

    /// The sibling of a tensor, whose name `glob` matches.
    pub(crate) fn of(&self, name: &str, glob: &Glob) -> Option<String> {
        let found = glob.regex.captures(name)?;
        let part = |part: &Part| match part {
            Part::Literal(text) => Some(text.clone()),
            Part::Group(group) => Some(found.get(*group)?.as_str().to_owned()),
            Part::Capture(capture) => Some(found.name(capture)?.as_str().to_owned()),
        };
        self.0.iter().map(part).collect()
    }
}

impl Piece {
    fn wild(&self) -> Option<(&str, usize)> {
        match self {
            Self::Literal(_) => None,
            Self::Wild(text, group) => Some((text, *group)),
        }
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// From a glob to a regular expression, in which all that is wild outside braces is a group.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    groups: usize,
    regex: String,
    captures: Vec<String>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<char> {
        let next = self.text[self.at..].chars().next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        self.at += if found { expected.len_utf8() } else { 0 };
        found
    }

    fn pieces(&mut self) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        loop {
            let (start, group) = (self.at, self.groups + 1);
            match self.text[start..].chars().next() {
                None => return Ok(pieces),
                Some('*' | '?' | '[' | '{') => {
                    self.groups += 1;
                    self.regex.push('(');
                    self.one()?;
                    self.regex.push(')');
                    let part = &self.text[start..self.at];
                    // Several stars are one.
                    let part = if part.starts_with('*') { "*" } else { part };
                    pieces.push(Piece::Wild(part.to_owned(), group));
                }
                Some(_) => {
                    let literal = self.literal()?;
                    match pieces.last_mut() {
                        Some(Piece::Literal(text)) => text.push(literal),
                        _ => pieces.push(Piece::Literal(literal.into())),
                    }
                }
            }
        }
    }

    /// One part, wild or literal, inside braces or not.
    fn one(&mut self) -> Result<(), String> {
        match self.text[self.at..].chars().next() {
            Some('*') => {
                while self.eat('*') {}
                self.regex.push_str(".*?");
            }
            Some('?') => {
                self.next();
                self.regex.push('.');
            }
            Some('[') => self.class()?,
            Some('{') => match self.capture() {
                Some(name) => self.captured(&self.text[name])?,
                None => self.alternatives()?,
            },
            _ => drop(self.literal()?),
        }
        Ok(())
    }

    fn literal(&mut self) -> Result<char, String> {
        let literal = match self.next() {
            Some('\\') => self.next().ok_or("nothing follows its last backslash")?,
            Some('}') => return Err("a } without its {".into()),
            Some(literal) => literal,
            None => return Err("it ends too early".into()),
        };
        self.regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
        Ok(literal)
    }

    fn class(&mut self) -> Result<(), String> {
        const UNCLOSED: &str = "a [ without its ]";
        self.next();
        self.regex.push('[');
        if self.eat('!') || self.eat('^') {
            self.regex.push('^');
        }
        let first = self.at;
        loop {
            let low = self.next().ok_or(UNCLOSED)?;
            if low == ']' && self.at > first + 1 {
                break;
            }
            let mut high = low;
            // A hyphen at an end stands for itself.
            if self.text[self.at..].starts_with('-') && !self.text[self.at..].starts_with("-]") {
                self.next();
                high = self.next().ok_or(UNCLOSED)?;
            }
            if high < low {
                return Err(format!("its range {low}-{high} is empty"));
            }
            let _ = write!(self.regex, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high));
        }
        self.regex.push(']');
        Ok(())
    }

    /// Where the name of a capture stands: an identifier, alone in braces.
    fn capture(&self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let end = start + self.text[start..].find('}')?;
        is_identifier(&self.text[start..end]).then_some(start..end)
    }

    fn captured(&mut self, name: &'a str) -> Result<(), String> {
        self.at += name.len() + 2;
        if self.captures.iter().any(|known| known == name) {
            return Err(format!("it captures {{{name}}} twice"));
        }
        self.groups += 1;
        let _ = write!(self.regex, "(?<{name}>[0-9]+)");
        self.captures.push(name.to_owned());
        Ok(())
    }

    fn alternatives(&mut self) -> Result<(), String> {
        self.next();
        self.regex.push_str("(?:");
        loop {
            if self.eat('}') {
                self.regex.push(')');
                return Ok(());
            } else if self.eat(',') {
                self.regex.push('|');
            } else if self.at == self.text.len() {
                return Err("a { without its }".into());
            } else {
                self.one()?;
            }
        }
    }
}

/// Whether it may name a capture or a constant.
pub(crate) fn is_identifier(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(first) && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("*.bias", &["h.0.attn.bias", ".bias"], &["h.bias.x", "bias", "h.Bias"]),
            ("*", &["", "two\nlines"], &[]),
            ("**", &["", "a/b"], &[]),
            ("h.?", &["h.1", "h.ä"], &["h.11", "h."]),
            ("h.[0-3].{w,b}", &["h.2.b", "h.0.w"], &["h.4.b", "h.2.c"]),
            ("[!ab]x", &["cx"], &["ax", "x"]),
            ("[]-]x", &["]x", "-x"], &["ax"]),
            ("[a^&&b]", &["&", "^"], &["!"]),
            ("{a,b{1,2},}c", &["ac", "b1c", "b2c", "c"], &["bc", "b3c"]),
            ("a,b", &["a,b"], &["a"]),
            ("a\\*\\{b}".trim_end_matches('}'), &["a*{b"], &["ax{b"]),
            ("h.{layer}.w", &["h.0.w", "h.12.w"], &["h..w", "h.x.w", "h.1.2.w"]),
            ("{a-b}", &["a-b"], &["1"]),
        ];
        for (glob, matched, others) in cases {
            let glob = Glob::new(glob).unwrap();
            for name in *matched {
                assert!(glob.matches(name), "{} {name}", glob.text);
            }
            for name in *others {
                assert!(!glob.matches(name), "{} {name}", glob.text);
            }
        }
    }

    #[test]
    fn captures_are_digits_of_the_name() {
        type Captured<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(&str, &str, Captured)] = &[
            ("h.{layer}.w", "h.12.w", &[("layer", "12")]),
            ("*.{layer}.*", "model.layers.3.experts.7.w", &[("layer", "3")]),
            ("*h{layer}*", "xh007y", &[("layer", "007")]),
            ("*{layer}.w", "h.12.w", &[("layer", "12")]),
            ("*.{l}.*.{e}.w", "a.1.b.2.w", &[("l", "1"), ("e", "2")]),
            ("{a{i},b}.w", "a5.w", &[("i", "5")]),
            ("{a{i},b}.w", "b.w", &[]),
        ];
        for (glob, name, captured) in cases {
            assert_eq!(Glob::new(glob).unwrap().captured(name), *captured, "{glob} {name}");
        }
    }

    #[test]
    fn siblings_are_named_by_what_was_matched() {
        let cases: &[(&str, &str, &str, &str)] = &[
            ("*.bias", "*.weight", "a.bias", "a.weight"),
            ("*.{q,k}.bias", "*.{q,k}.weight", "a.k.bias", "a.k.weight"),
            ("*.{q,k}.bias", "{q,k}/*", "a.k.bias", "k/a"),
            ("h.{i}.*.b", "w.*.{i}", "h.07.x.b", "w.x.07"),
            ("*.?[ab]*", "*-*-?", "x.1ay", "x-y-1"),
            ("**.b", "*.w", "x.y.b", "x.y.w"),
            ("{a{i}}.b", "a{i}.w", "a3.b", "a3.w"),
            ("b", "w\\*", "b", "w*"),
        ];
        for (glob, sibling, name, expected) in cases {
            let glob = Glob::new(glob).unwrap();
            let made = Sibling::new(sibling, &glob).unwrap();
            assert_eq!(made.of(name, &glob).as_deref(), Some(*expected), "{sibling}");
        }
        for (glob, sibling) in [("*.b", "*.*"), ("*.b", "{i}.w"), ("[ab]", "[ba]"), ("*", "[a")] {
            assert!(Sibling::new(sibling, &Glob::new(glob).unwrap()).is_err(), "{sibling}");
        }
    }

    #[test]
    fn globs_that_say_nothing_are_refused() {
        for (glob, part) in [
            ("a[", "a [ without its ]"),
            ("[a", "a [ without its ]"),
            ("[b-a]", "range b-a is empty"),
            ("{a,b", "a { without its }"),
            ("a}", "a } without its {"),
            ("a\\", "backslash"),
            ("{i}.{i}", "captures {i} twice"),
            (&"?".repeat(1001), "1001 bytes"),
            (&("{".repeat(499) + "a" + &"}".repeat(499)), "too deep"),
        ] {
            let reason = Glob::new(glob).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        }
    }
}
