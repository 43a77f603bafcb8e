//! Replays the corpus of every fuzz target, so that what fuzzing found is tested without it.

use std::{fs, path::Path};

use varscale_properties::TARGETS;

#[test]
fn every_input_of_the_corpus_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    for (target, property) in TARGETS {
        let folder = corpus.join(target);
        let files = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            // A failure shows the last line printed.
            println!("{}", file.display());
            property(&fs::read(&file).unwrap());
        }
    }
}
