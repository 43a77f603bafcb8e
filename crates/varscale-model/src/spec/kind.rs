//! Kinds of files, by how they begin.

/// A kind that is no spec: how messages call it, where its files hold the text, and the text.
const OTHERS: &[(&str, usize, &[u8])] = &[
    (
        "it is a Git LFS pointer, not the file itself (git lfs pull fetches it)",
        0,
        b"version https://git-lfs",
    ),
    ("it is an HDF5 file (.h5, .hdf5 or .keras)", 0, b"\x89HDF\r\n\x1a\n"),
    ("it is a GGUF file", 0, b"GGUF"),
    ("it is a NumPy file (.npy)", 0, b"\x93NUMPY"),
    ("it is a pickle, such as an older PyTorch checkpoint (.bin, .pt)", 0, b"\x80\x02"),
    ("it is a pickle, such as a PyTorch checkpoint", 0, b"\x80\x03"),
    ("it is a pickle", 0, b"\x80\x04"),
    ("it is a pickle", 0, b"\x80\x05"),
    ("it is compressed by gzip", 0, b"\x1f\x8b"),
    ("it is compressed by Zstandard", 0, b"\x28\xb5\x2f\xfd"),
    ("it is compressed by xz", 0, b"\xfd7zXZ"),
    ("it is compressed by bzip2", 0, b"BZh"),
    ("it is a 7z archive", 0, b"7z\xbc\xaf"),
    ("it is a tar archive", 257, b"ustar"),
    ("it is a TFLite model", 4, b"TFL3"),
    ("it is a PDF", 0, b"%PDF"),
    ("it is an image (PNG)", 0, b"\x89PNG"),
    ("it is UTF-16 text, where UTF-8 is read", 0, b"\xff\xfe"),
    ("it is UTF-16 text, where UTF-8 is read", 0, b"\xfe\xff"),
];

/// What zip archives are, by the end of their first member's name.
const ARCHIVES: &[(&str, &str)] = &[
    ("data.pkl", "it is a PyTorch checkpoint (a zip archive of a pickle)"),
    ("metadata.json", "it is a Keras model (.keras)"),
    ("config.json", "it is a Keras model (.keras)"),
    (".weights.h5", "it is a Keras model (.keras)"),
    (".npy", "it is a NumPy archive (.npz)"),
];

/// So many bytes of a file tell its kind.
pub(super) const LONGEST: usize = 512;

/// UTF-8's byte order mark.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// What the file is that begins with `head`, where that is no kind of spec.
pub(super) fn other(head: &[u8]) -> Option<String> {
    // Its length may have the bytes of any other kind: 640 those of a pickle.
    if is_safetensors(head) {
        return None;
    }
    let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
    let holds = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|at| at.starts_with(magic));
    if text.is_empty() && head.len() < LONGEST {
        return Some("it is empty".into());
    }
    if text.starts_with(b"<") {
        return Some("it is HTML or XML, such as the page of an error".into());
    }
    if text.len() > 66 && text[..64].iter().all(u8::is_ascii_hexdigit) && text[64] == b' ' {
        return Some("it is a digest file (verify takes it as digests)".into());
    }
    if is_toml(text) {
        return Some("it is TOML text, such as a plan".into());
    }
    if holds(0, b"PK\x03\x04") || holds(0, b"PK\x05\x06") {
        return Some(archive(head).into());
    }
    OTHERS.iter().find(|(_, at, magic)| holds(*at, magic)).map(|(name, ..)| (*name).into())
}

/// Whether the first line that is no comment is a key with a value or begins a table.
fn is_toml(text: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(text) else { return false };
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.starts_with('#')).is_some_and(|line| {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        line.starts_with("[[rules]]") || key.is_some_and(|key| !key.is_empty() && is_key(key))
    })
}

/// A zip archive's first member has its name's length at byte 26, and its name from byte 30 on.
fn archive(head: &[u8]) -> &'static str {
    let name = head.get(26..28).and_then(|length| {
        let length = u16::from_le_bytes(length.try_into().ok()?);
        str::from_utf8(head.get(30..30 + usize::from(length))?).ok()
    });
    let known = ARCHIVES.iter().find(|(end, _)| name.is_some_and(|name| name.ends_with(end)));
    known.map_or("it is a zip archive", |(_, kind)| kind)
}

/// Whether the file begins as safetensors do: a length of 8 bytes, which are no text, and JSON.
pub(super) fn is_safetensors(head: &[u8]) -> bool {
    head.len() > 8 && head[8] == b'{' && head[7] == 0
}

/// Whether the file begins as a JSON object does.
pub(super) fn is_json(head: &[u8]) -> bool {
    head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start().starts_with(b"{")
}
