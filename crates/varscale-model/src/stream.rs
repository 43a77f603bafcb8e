//! A file's bytes, one after the other through a few buffers: drawn into one while others are hashed and
//! written.

use std::{io, sync::mpsc, thread};

use varscale::Pool;

use crate::{ByteSize, Options, Piece, WriteError, pieces::Fill};

/// Buffers start at a multiple of so many bytes in memory and in the file, and hold one: what disks
/// write without a copy, and whole blocks of the stream of values.
pub(crate) const BLOCK: usize = 4096;

/// One is drawn into while another is written and a third waits.
const BUFFERS: usize = 3;

/// What a file's bytes go through, in turn: each on a thread of its own.
pub(crate) type Stage<'s> = Box<dyn FnMut(&[u8]) -> io::Result<()> + Send + 's>;

/// How a file's bytes are made.
pub(crate) struct Stream<'a> {
    /// What draws.
    pub(crate) pool: &'a Pool,
    /// Size of a buffer.
    pub(crate) buffer: usize,
    /// Whether no buffer holds values of two pieces.
    pub(crate) apart: bool,
    /// Whether nobody wants them any more.
    pub(crate) stopped: &'a (dyn Fn() -> bool + Sync),
}

impl Options {
    /// How many buffers a file takes, without digests.
    pub const BUFFERS: usize = BUFFERS;

    /// As many files at once, with buffers as large, as this memory has room for.
    ///
    /// # Errors
    /// [`WriteError::Budget`], which names the least.
    ///
    /// ```
    /// use varscale_model::Options;
    /// let options = Options::default().within("1GB".parse()?)?;
    /// assert!(options.memory(options.files) <= 1_000_000_000);
    /// assert!(Options::default().within("1KB".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn within(self, memory: ByteSize) -> Result<Self, WriteError> {
        // Smaller ones cost more than a second file gains, larger ones gain nothing.
        const SMALL: u64 = 1 << 20;
        const LARGE: u64 = 64 << 20;
        let size = |files: usize| memory.get() / (self.buffers() * files) as u64;
        let files = (1..=self.files.max(1)).rev().find(|&files| size(files) >= SMALL).unwrap_or(1);
        let room = size(files).min(LARGE) as usize;
        match (room / BLOCK).checked_sub(1) {
            None | Some(0) => Err(WriteError::Budget {
                received: memory.get(),
                least: (self.buffers() * 2 * BLOCK) as u64,
            }),
            Some(blocks) => Ok(Self { files, buffer: blocks * BLOCK, ..self }),
        }
    }

    /// Bytes that the buffers of so many files at once take.
    #[must_use]
    pub fn memory(&self, files: usize) -> u64 {
        let buffer = self.buffer.max(1).next_multiple_of(BLOCK) + BLOCK;
        buffer.saturating_mul(self.buffers() * files) as u64
    }

    fn buffers(&self) -> usize {
        BUFFERS + if self.digests { 2 } else { 0 }
    }

    /// Where an allocation fails, the process ends at once; this asks for all at once, and a little more.
    pub(crate) fn check_memory(&self, files: usize) -> Result<(), WriteError> {
        const SPARE: usize = 8 << 20;
        let bytes = self.memory(files) as usize;
        let wanted = bytes.saturating_add(SPARE);
        Vec::<u8>::new().try_reserve_exact(wanted).map_err(|_| WriteError::Memory { bytes })
    }
}

/// Bytes in memory from a multiple of [`BLOCK`] on.
struct Buffer {
    words: Vec<u64>,
    start: usize,
    /// How many are filled.
    length: usize,
}

impl Buffer {
    fn new(bytes: usize) -> Self {
        let words = vec![0_u64; (bytes + BLOCK) / 8];
        let start = words.as_ptr().cast::<u8>().align_offset(BLOCK);
        // Where no place can be told, one is as good as another.
        Self { words, start: if start < BLOCK { start } else { 0 }, length: 0 }
    }

    fn filled(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[self.start..][..self.length]
    }

    fn rest(&mut self, capacity: usize) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words)[self.start..][self.length..capacity]
    }
}

impl Stream<'_> {
    /// Gives `header` and then the bytes of `pieces` to `stages`; `drawn` is told how many bytes of values
    /// were drawn more.
    ///
    /// # Errors
    /// [`WriteError`]; a stage is not called again after its first error.
    pub(crate) fn run<'s>(
        &self,
        header: &[u8],
        pieces: impl IntoIterator<Item = Piece>,
        drawn: &mut dyn FnMut(u64),
        stages: Vec<Stage<'s>>,
    ) -> Result<(), WriteError> {
        let capacity = self.buffer.max(1).next_multiple_of(BLOCK);
        let buffers = BUFFERS + stages.len() - 1;
        let (free, empty) = mpsc::sync_channel::<Buffer>(buffers);
        for _ in 0..buffers {
            // Cannot fail: `empty` is still here.
            let _ = free.send(Buffer::new(capacity));
        }
        thread::scope(|scope| {
            let mut running = Vec::new();
            let (full, mut filled) = mpsc::sync_channel::<Buffer>(buffers);
            let count = stages.len();
            for (place, mut stage) in stages.into_iter().enumerate() {
                let (passed, next) = mpsc::sync_channel::<Buffer>(buffers);
                let mine = std::mem::replace(&mut filled, next);
                let passed = if place + 1 == count { free.clone() } else { passed };
                let work = move || -> io::Result<()> {
                    for mut buffer in mine {
                        stage(buffer.filled())?;
                        if place + 1 == count {
                            buffer.length = 0;
                        }
                        // Nobody takes it when all is drawn.
                        let _ = passed.send(buffer);
                    }
                    Ok(())
                };
                let thread = thread::Builder::new().spawn_scoped(scope, work);
                running.push(thread.map_err(|error| {
                    let reason = error.to_string();
                    WriteError::Threads(varscale::Error::Threads { threads: 1, reason })
                })?);
            }
            // Channels close once a stage has failed: it knows why.
            drop((free, filled));
            let mut window = Window { capacity, buffer: None, empty, full };
            let result = self.fill(header, pieces, drawn, &mut window);
            let result = result.map(|()| window.flush());
            // Tells the stages that nothing more comes.
            drop(window);
            let mut written = Ok(());
            for stage in running {
                let result = stage.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                written = written.and(result);
            }
            result?;
            written?;
            // Since the last buffer was drawn: in time, since nothing is finished yet.
            if (self.stopped)() { Err(WriteError::Interrupted) } else { Ok(()) }
        })
    }

    fn fill(
        &self,
        mut header: &[u8],
        pieces: impl IntoIterator<Item = Piece>,
        drawn: &mut dyn FnMut(u64),
        window: &mut Window,
    ) -> Result<(), WriteError> {
        while !header.is_empty() {
            let Some(rest) = window.rest() else { return Ok(()) };
            let bytes = rest.len().min(header.len());
            let (now, later) = header.split_at(bytes);
            rest[..bytes].copy_from_slice(now);
            header = later;
            window.filled(bytes);
        }
        for piece in pieces {
            let (mut fill, mut remaining) = piece.open()?;
            let size = piece.dtype.size();
            while remaining > 0 {
                if (self.stopped)() {
                    return Err(WriteError::Interrupted);
                }
                if !window.length().is_multiple_of(size) {
                    // Of narrower elements before: no element may lie in two buffers.
                    window.flush();
                }
                let Some(rest) = window.rest() else { return Ok(()) };
                let bytes = remaining.min(rest.len() as u64) as usize;
                self.draw(&mut fill, &mut rest[..bytes], size)?;
                window.filled(bytes);
                remaining -= bytes as u64;
                drawn(bytes as u64);
            }
            if self.apart {
                window.flush();
            }
        }
        Ok(())
    }

    fn draw(&self, fill: &mut Fill, values: &mut [u8], size: usize) -> Result<(), WriteError> {
        self.pool.install(|| fill(values))?;
        if cfg!(target_endian = "big") {
            values.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        Ok(())
    }
}

/// The buffer that is being filled.
struct Window {
    capacity: usize,
    buffer: Option<Buffer>,
    empty: mpsc::Receiver<Buffer>,
    full: mpsc::SyncSender<Buffer>,
}

impl Window {
    fn length(&self) -> usize {
        self.buffer.as_ref().map_or(0, |buffer| buffer.length)
    }

    /// What is left of it, or of the next one; `None` where a stage has failed.
    fn rest(&mut self) -> Option<&mut [u8]> {
        if self.buffer.is_none() {
            self.buffer = self.empty.recv().ok();
        }
        self.buffer.as_mut().map(|buffer| buffer.rest(self.capacity))
    }

    fn filled(&mut self, bytes: usize) {
        if let Some(buffer) = &mut self.buffer {
            buffer.length += bytes;
            if buffer.length == self.capacity {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        if let Some(buffer) = self.buffer.take().filter(|buffer| buffer.length > 0) {
            let _ = self.full.send(buffer);
        }
    }
}
