//! What was measured, with what follows from it, as JSON.

use serde_json::{Value as Json, json};
use varscale::Stream;

use super::{
    case::{Case, Place, Tensor, Work},
    memory::Memory,
    peer::Peer,
    samples::Samples,
    store::Store,
};

/// Of the JSON's form.
const FORMAT: u32 = 1;

pub(super) struct Report<'a> {
    pub(super) cases: &'a [Case],
    pub(super) samples: &'a [Samples],
    pub(super) peers: &'a [Peer],
}

/// One draw, of the library or of a peer.
pub(super) struct Line<'a> {
    pub(super) tensor: &'a Tensor,
    pub(super) place: Place,
    pub(super) samples: &'a Samples,
}

impl Line<'_> {
    pub(super) fn values_per_second(&self) -> f64 {
        self.tensor.values() as f64 / self.samples.median()
    }
}

impl<'a> Report<'a> {
    /// The library's draws, with their streams.
    pub(super) fn draws(&self) -> impl Iterator<Item = (Stream, Line<'a>)> {
        self.measured().filter_map(|(case, samples)| match &case.work {
            Work::Draw { tensor, stream, .. } => {
                Some((*stream, Line { tensor, place: case.place, samples }))
            }
            _ => None,
        })
    }

    /// The peers' draws: who, and which call.
    pub(super) fn peer_draws(&self) -> impl Iterator<Item = (&'a str, &'a str, Line<'a>)> {
        let peers = self.peers;
        self.measured().filter_map(|(case, samples)| match &case.work {
            Work::Peer { tensor, peer, call } => {
                let line = Line { tensor, place: case.place, samples };
                Some((peers[*peer].name.as_str(), call.as_str(), line))
            }
            _ => None,
        })
    }

    /// The stores, place by place, the fastest first.
    pub(super) fn limits(&self) -> Vec<(Place, Vec<(Store, &'a Samples)>)> {
        let mut places: Vec<(Place, Vec<_>)> = Vec::new();
        for (case, samples) in self.measured() {
            let Work::Store(store) = case.work else { continue };
            match places.iter_mut().find(|(place, _)| *place == case.place) {
                Some((_, stores)) => stores.push((store, samples)),
                None => places.push((case.place, vec![(store, samples)])),
            }
        }
        for (_, stores) in &mut places {
            stores.sort_by(|(_, a), (_, b)| a.median().total_cmp(&b.median()));
        }
        places
    }

    /// Of the speed at which the same memory takes stores.
    pub(super) fn ratio_to_store_limit(&self, line: &Line<'_>) -> Option<f64> {
        let limits = self.limits();
        let (_, stores) = limits.iter().find(|(place, _)| *place == line.place.limit())?;
        Some(stores.first()?.1.median() / line.samples.median())
    }

    /// The library's own draw, in `stream`, of what a peer drew.
    pub(super) fn counterpart(
        &self,
        line: &Line<'_>,
        stream: Stream,
        memory: impl Fn(Memory) -> bool,
    ) -> Option<Line<'a>> {
        let same = |(_, own): &(Stream, Line<'_>)| {
            own.tensor == line.tensor && own.place.threads == line.place.threads
        };
        self.draws()
            .filter(|(own, _)| *own == stream)
            .filter(same)
            .map(|(_, own)| own)
            .find(|own| memory(own.place.memory))
    }

    pub(super) fn to_json(&self) -> Json {
        json!({
            "format": FORMAT,
            "store_limits": self.limits().iter().map(limit_json).collect::<Vec<_>>(),
            "draws": self.draws().map(|(stream, line)| self.draw_json(stream, &line))
                .collect::<Vec<_>>(),
            "peers": self.peers.iter().map(|peer| json!({
                "peer": peer.name,
                "versions": peer.versions,
            })).collect::<Vec<_>>(),
            "peer_draws": self.peer_draws().map(|(peer, call, line)| {
                let mut json = line_json(&line);
                json["peer"] = peer.into();
                json["call"] = call.into();
                json
            }).collect::<Vec<_>>(),
        })
    }

    fn draw_json(&self, stream: Stream, line: &Line<'_>) -> Json {
        let mut json = line_json(line);
        json["stream"] = stream.name().into();
        json["ratio_to_store_limit"] = self.ratio_to_store_limit(line).into();
        json
    }

    fn measured(&self) -> impl Iterator<Item = (&'a Case, &'a Samples)> + use<'a> {
        self.cases.iter().zip(self.samples)
    }
}

fn line_json(line: &Line<'_>) -> Json {
    let Line { tensor, place, samples } = line;
    json!({
        "distribution": tensor.distribution.name(),
        "dtype": tensor.dtype.name(),
        "size": tensor.size.to_string(),
        "values": tensor.values(),
        "bytes": place.bytes,
        "threads": place.threads,
        "memory": place.memory.name(),
        "seconds": samples.to_json(),
        "values_per_second": line.values_per_second(),
    })
}

fn limit_json((place, stores): &(Place, Vec<(Store, &Samples)>)) -> Json {
    let median = stores.first().map(|(_, samples)| samples.median());
    json!({
        "bytes": place.bytes,
        "threads": place.threads,
        "memory": place.memory.name(),
        "bytes_per_second": median.map(|seconds| place.bytes as f64 / seconds),
        "stores": stores.iter().map(|(store, samples)| json!({
            "store": store.name(),
            "seconds": samples.to_json(),
        })).collect::<Vec<_>>(),
    })
}
