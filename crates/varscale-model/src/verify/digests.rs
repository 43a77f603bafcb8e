//! Digest files: what `--digests` writes beside a checkpoint's files.

use std::{
    collections::HashSet,
    path::{Component, Path, PathBuf},
};

use crate::{Error, input};

/// What a digest file says: the SHA-256 of a file, and of each tensor in it.
///
/// Its first line is as `sha256sum` writes it, and a line for each tensor follows, which `sha256sum -c`
/// skips: `# HEX  DTYPE [SHAPE] "NAME"`, of the values in row-major order and little-endian bytes.
///
/// ```
/// use varscale_model::Digests;
/// let hex = "0123456789abcdef".repeat(4);
/// let digests = Digests::parse(&format!("{hex}  m.safetensors\n# {hex}  F32 [2, 3] \"w\"\n"))?;
/// assert_eq!((&digests.file[..], &digests.tensors[0].shape[..]), ("m.safetensors", &[2, 3][..]));
/// # Ok::<(), varscale_model::DigestsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Where it was read; empty, where it was not.
    pub path: PathBuf,
    /// Name of the file beside it.
    pub file: String,
    /// The file's SHA-256, in hexadecimal.
    pub sha256: String,
    /// The tensors in it.
    pub tensors: Vec<TensorDigest>,
}

/// The digest of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorDigest {
    /// Its name.
    pub name: String,
    /// Its dtype, by the format's name.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The SHA-256 of its values, in hexadecimal.
    pub sha256: String,
}

/// What is wrong with a digest file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestsError {
    /// No text.
    #[error("it is no digest file: it is not UTF-8")]
    Text,
    /// Nothing in it.
    #[error("it is no digest file: it is empty")]
    Empty,
    /// A line that is none of a digest file.
    #[error("line {line}: {received:?} is not {expected}")]
    Line {
        /// Its number, counted from 1.
        line: usize,
        /// What stands there.
        received: String,
        /// What should.
        expected: &'static str,
    },
    /// A list of several files, as `sha256sum *` writes it.
    #[error(
        "line {line} is of a second file: a digest file is of one (sha256sum -c checks a list)"
    )]
    Several {
        /// Its number, counted from 1.
        line: usize,
    },
    /// A file that does not stand beside it.
    #[error("line 1: {received:?} is no file beside it")]
    File {
        /// The name received.
        received: String,
    },
    /// A tensor that stands there twice, or in two digest files.
    #[error("tensor {tensor:?} stands there twice: each has one digest")]
    Duplicate {
        /// Its name.
        tensor: String,
    },
    /// The digest of an index without those of its shards.
    #[error("it is of an index, which holds no tensors: name the digest files of its shards, too")]
    OfIndex,
}

const OF_FILE: &str = "64 hexadecimal digits, two spaces and a file's name";
const OF_TENSOR: &str = "# and 64 hexadecimal digits, two spaces, DTYPE [SHAPE] \"NAME\"";

impl Digests {
    /// Reads a digest file.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Digests`], which name the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = String::from_utf8(input::read(path)?).map_err(|_| DigestsError::Text);
        let digests = text.and_then(|text| Self::parse(&text));
        let digests = digests.map_err(|source| Error::Digests { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), ..digests })
    }

    /// Reads the content of a digest file.
    ///
    /// # Errors
    /// [`DigestsError`].
    pub fn parse(text: &str) -> Result<Self, DigestsError> {
        let mut lines = text.lines().enumerate().map(|(place, line)| (place + 1, line));
        let Some((_, first)) = lines.next() else { return Err(DigestsError::Empty) };
        let line = |line, received: &str, expected| DigestsError::Line {
            line,
            // A wrong file may be one line of many megabytes.
            received: received.chars().take(200).collect(),
            expected,
        };
        let (sha256, file) = of_file(first).ok_or_else(|| line(1, first, OF_FILE))?;
        let mut parts = Path::new(&file).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            return Err(DigestsError::File { received: file });
        }
        let (mut tensors, mut known) = (Vec::new(), HashSet::new());
        for (number, text) in lines {
            if of_file(text).is_some() {
                return Err(DigestsError::Several { line: number });
            }
            let digest = of_tensor(text).ok_or_else(|| line(number, text, OF_TENSOR))?;
            if !known.insert(digest.name.clone()) {
                return Err(DigestsError::Duplicate { tensor: digest.name });
            }
            tensors.push(digest);
        }
        Ok(Self { path: PathBuf::new(), file, sha256, tensors })
    }
}

/// 64 hexadecimal digits, and what follows them.
fn sum(text: &str) -> Option<(String, &str)> {
    let (digits, rest) = text.split_at_checked(64)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| (digits.to_ascii_lowercase(), rest))
}

fn of_file(line: &str) -> Option<(String, String)> {
    // A name with a backslash or a line end is escaped, and the line says so in front.
    let (escaped, line) = match line.strip_prefix('\\') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let (sha256, rest) = sum(line)?;
    let name = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    if !escaped {
        return (!name.is_empty()).then(|| (sha256, name.to_owned()));
    }
    let (mut plain, mut characters) = (String::new(), name.chars());
    while let Some(character) = characters.next() {
        plain.push(match (character, if character == '\\' { characters.next() } else { None }) {
            ('\\', Some('\\')) => '\\',
            ('\\', Some('n')) => '\n',
            ('\\', Some('r')) => '\r',
            ('\\', _) => return None,
            (character, _) => character,
        });
    }
    Some((sha256, plain))
}

fn of_tensor(line: &str) -> Option<TensorDigest> {
    let (sha256, rest) = sum(line.strip_prefix("# ")?)?;
    let (dtype, rest) = rest.strip_prefix("  ")?.split_once(' ')?;
    let end = rest.find(']')? + 1;
    let (shape, rest) = rest.split_at_checked(end)?;
    let shape = serde_json::from_str(shape).ok()?;
    let name = serde_json::from_str(rest.strip_prefix(' ')?).ok()?;
    (!dtype.is_empty()).then(|| TensorDigest { name, dtype: dtype.to_owned(), shape, sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_files_are_as_sha256sum_writes_them() {
        let hex = "0123456789abcdef".repeat(4);
        for (line, name) in [
            (format!("{hex}  a b.safetensors"), "a b.safetensors"),
            (format!("{hex} *m"), "m"),
            (format!("\\{hex}  a\\\\b\\nc"), "a\\b\nc"),
            (format!("{}  m", hex.to_uppercase()), "m"),
        ] {
            let digests = Digests::parse(&line).unwrap();
            assert_eq!((&digests.file[..], &digests.sha256), (name, &hex));
        }
        let name = "a\"b] [\u{1b}";
        let line = format!("# {hex}  BF16 [] {}", serde_json::Value::from(name));
        let digests = Digests::parse(&format!("{hex}  m\n{line}\n")).unwrap();
        let [tensor] = &digests.tensors[..] else { panic!() };
        assert_eq!(
            (&tensor.name[..], &tensor.dtype[..], &tensor.shape[..]),
            (name, "BF16", &[][..])
        );
    }

    #[test]
    fn malformed_ones_are_refused_by_line() {
        let hex = "0".repeat(64);
        let first = format!("{hex}  m\n");
        let cases = [
            (String::new(), "empty"),
            ("\n".into(), "line 1"),
            (format!("{}  m", &hex[1..]), "line 1"),
            (format!("{hex}0  m"), "line 1"),
            (format!("{}g  m", &hex[1..]), "line 1"),
            (format!("{hex} m"), "line 1"),
            (format!("{hex}  "), "line 1"),
            (format!("\\{hex}  a\\tb"), "line 1"),
            ("\u{e9}".repeat(64), "line 1"),
            (format!("{hex}  ../m"), "no file beside it"),
            (format!("{hex}  /m"), "no file beside it"),
            (format!("{hex}  a/m"), "no file beside it"),
            (format!("{hex}  .."), "no file beside it"),
            (format!("{first}{hex}  n"), "line 2 is of a second file"),
            (format!("{first}# {hex}"), "line 2"),
            (format!("{first}# {hex}  F32 [2 \"w\""), "line 2"),
            (format!("{first}# {hex}  F32 [-1] \"w\""), "line 2"),
            (format!("{first}# {hex}  F32 [2] w"), "line 2"),
            (format!("{first}# {hex}  F32 [2] \"w\" x"), "line 2"),
            (format!("{first}# {}  F32 [2] \"w\"", &hex[1..]), "line 2"),
            (
                format!("{first}# {hex}  F32 [2] \"w\"\n# {hex}  F32 [2] \"w\""),
                "\"w\" stands there twice",
            ),
        ];
        for (text, part) in cases {
            let message = Digests::parse(&text).unwrap_err().to_string();
            assert!(message.contains(part), "{text:?}: {message:?} does not say {part:?}");
        }
    }
}
