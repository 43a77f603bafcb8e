//! The memory that is written to: mapped and touched before, or fresh, in huge pages or small ones.

use std::{collections::BTreeMap, fs};

use memmap2::MmapMut;
use rayon::prelude::*;
use varscale_cli::terminal::Failure;

/// Size of the pages that the system is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pages {
    Huge,
    Small,
}

/// Where values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Memory {
    /// A buffer that was written to before.
    Prefaulted(Pages),
    /// A new mapping: the system gives every page, zeroed, at its first store.
    Fresh(Pages),
    /// A new buffer that the library or the peer allocates itself.
    Allocated,
}

impl Memory {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Prefaulted(Pages::Huge) => "prefaulted, huge pages",
            Self::Prefaulted(Pages::Small) => "prefaulted, small pages",
            Self::Fresh(Pages::Huge) => "fresh, huge pages",
            Self::Fresh(Pages::Small) => "fresh, small pages",
            Self::Allocated => "allocated by the call",
        }
    }
}

impl Pages {
    /// The largest that the system gives to who asks for them.
    pub(super) fn best() -> Self {
        match transparent_huge_pages() {
            Some(setting) if setting != "never" => Self::Huge,
            _ => Self::Small,
        }
    }
}

/// Linux's setting: `always`, `madvise` or `never`.
pub(super) fn transparent_huge_pages() -> Option<String> {
    let text = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").ok()?;
    let (_, rest) = text.split_once('[')?;
    Some(rest.split_once(']')?.0.to_owned())
}

/// A new mapping, which has no pages yet.
pub(super) fn fresh(bytes: usize, pages: Pages) -> Result<MmapMut, Failure> {
    let failed = |error| Failure::System(format!("cannot map a buffer of {bytes} bytes: {error}"));
    let map = MmapMut::map_anon(bytes).map_err(failed)?;
    #[cfg(target_os = "linux")]
    {
        use memmap2::Advice;
        let advice = match pages {
            Pages::Huge => Advice::HugePage,
            Pages::Small => Advice::NoHugePage,
        };
        // A kernel that is built without huge pages knows neither advice: it has small ones.
        if let Err(error) = map.advise(advice)
            && pages == Pages::Huge
        {
            return Err(failed(error));
        }
    }
    let _ = pages;
    Ok(map)
}

/// One buffer per size of pages, which all prefaulted cases share.
#[derive(Default)]
pub(super) struct Buffers(BTreeMap<Pages, MmapMut>);

impl Buffers {
    /// Makes sure of a touched buffer of at least `bytes`.
    pub(super) fn prepare(&mut self, pages: Pages, bytes: usize) -> Result<(), Failure> {
        if self.0.get(&pages).is_none_or(|map| map.len() < bytes) {
            self.0.remove(&pages);
            let mut map = fresh(bytes, pages)?;
            map.par_chunks_mut(1 << 21).for_each(|chunk| chunk.fill(1));
            self.0.insert(pages, map);
        }
        Ok(())
    }

    /// The first `bytes` of a buffer that was prepared.
    pub(super) fn get(&mut self, pages: Pages, bytes: usize) -> &mut [u8] {
        let map = self.0.get_mut(&pages).expect("prepared before the first round");
        &mut map[..bytes]
    }
}
