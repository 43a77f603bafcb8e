//! The option of how many threads draw, which commands share.

use varscale::Pool;

fn help() -> String {
    let most = Pool::MOST;
    format!(
        "Threads, 0 to {most}: 0 for one per processor. The values are the same for every number"
    )
}

/// How many threads draw.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Threads {
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true, help = help(),
          value_parser = clap::value_parser!(u16).range(..=Pool::MOST as i64))]
    threads: u16,
}

impl From<Threads> for usize {
    fn from(Threads { threads }: Threads) -> Self {
        threads.into()
    }
}
