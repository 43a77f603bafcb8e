//! Families of models, whose rules plans include by name.

macro_rules! families {
    ($($name:literal)*) => {
        /// Name and text of each family's rules: `rules/NAME.toml`.
        pub(crate) const FAMILIES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../rules/", $name, ".toml")))),*];
    };
}

families! {
    "bert"
    "gpt2"
    "llama"
    "mamba"
    "mamba-ssm"
    "mixtral"
    "mixtral-fan-in"
    "olmo"
    "olmo-core"
    "resnet"
    "t5"
    "vit"
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// A file without its row would be no family.
    #[test]
    fn every_file_has_its_row() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let files: BTreeSet<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let rows = FAMILIES.iter().map(|(name, _)| format!("{name}.toml")).collect();
        assert_eq!(files, rows);
    }
}
