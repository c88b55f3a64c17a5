//! Packets: what travels on a link. One item of the job, as bytes or as frames, or its failure.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::budget::Permit;
use crate::error::Error;
use crate::event::Loss;
use crate::frame::Frame;

/// One item of the job on its way through the stages.
#[derive(Debug)]
pub struct Packet {
    /// 0.., no holes: the order in which the source gave it out.
    pub seq: u64,
    /// Which item.
    pub item: Item,
    /// What there is of it, or why there is nothing. A failed packet goes on to the sink, so
    /// that every number arrives and every failure is counted.
    pub outcome: Result<Vec<Part>, Error>,
    /// What was learnt on the way.
    pub notes: Notes,
    /// The memory that it holds; given back when the packet is dropped.
    pub permit: Permit,
}

impl Packet {
    /// A packet with one part of bytes.
    pub fn bytes(seq: u64, item: Item, bytes: Vec<u8>) -> Self {
        let part = Part { key: (item.number, 0), payload: Payload::Bytes(bytes) };
        Self::new(seq, item, Ok(vec![part]))
    }

    /// A packet that says why there is nothing.
    pub fn failed(seq: u64, item: Item, error: Error) -> Self {
        Self::new(seq, item, Err(error))
    }

    /// A packet without notes and without a permit.
    pub fn new(seq: u64, item: Item, outcome: Result<Vec<Part>, Error>) -> Self {
        Self { seq, item, outcome, notes: Notes::default(), permit: Permit::none() }
    }

    /// Bytes of all parts; 0 for a failed packet.
    pub fn payload_bytes(&self) -> u64 {
        let parts = self.outcome.as_deref().unwrap_or_default();
        parts.iter().map(|part| part.payload.len()).sum()
    }
}

/// One input of the job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where it is.
    #[serde(with = "crate::event::path_text")]
    pub input: PathBuf,
    /// The path that the output mirrors, with the source's extension.
    #[serde(with = "crate::event::path_text")]
    pub rel: PathBuf,
    /// 1.. in the sorted list of inputs; with holes in a shard.
    pub number: u64,
    /// Bytes.
    pub size: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub mtime_ns: i64,
}

/// One piece of a packet. One input may have several outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Input and output that it belongs to.
    pub key: (u64, u64),
    /// The data.
    pub payload: Payload,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A coded file, or a piece of one.
    Bytes(Vec<u8>),
    /// A decoded frame. Shared; changed in place only where it is unique.
    Frame(Arc<Frame>),
}

impl Payload {
    /// Bytes that it takes on a link, without padding.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Frame(frame) => frame.layout().bytes(),
        }
    }

    /// True for zero bytes; a frame is never empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What was learnt of an item on the way, for the journal and the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// Pixels of the input; 0 where it was not read that far.
    pub pixels: u64,
    /// Columns of the output.
    pub width: u32,
    /// Rows of the output.
    pub height: u32,
    /// The extension that goes with what was encoded: `jpg`.
    pub format: Option<String>,
    /// What could not be kept.
    pub losses: Vec<Loss>,
    /// When a frame of a clip is shown, in ticks of the clip's time base. Stills have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pts: Option<i64>,
    /// For how many ticks it is shown, where its source says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<i64>,
}
