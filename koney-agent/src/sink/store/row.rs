//! A row, and how it stands on disk.

use jiff::Timestamp;

use super::kind::Kind;

/// Of the encoding; a reader takes older ones too, there are none yet.
const VERSION: u8 = 1;
const SEALED: u8 = 1 << 7;
/// Bytes of an encoded row without its body.
pub(super) const HEAD: usize = 2 + 3 * 16 + 2 * 8 + 4 * 8;

/// What a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// One alert.
    Single = 0,
    /// What followed the first alert of a fine kind.
    Repeats = 1,
    /// What had no row of its own while space was short.
    Fold = 2,
}

/// Everything of a row but its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Of the alert, or of this row where it tells of several.
    pub(super) id: [u8; 16],
    pub(super) coarse: Kind,
    pub(super) fine: Kind,
    pub(super) state: State,
    /// It was handed out: what is told from now on must be the same.
    pub(super) sealed: bool,
    /// How many accesses it tells of.
    pub(super) count: u64,
    /// What the gaps it tells of count together.
    pub(super) missed: u64,
    pub(super) time: Timestamp,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// When it may be sent.
    pub(super) due: Timestamp,
}

impl Head {
    /// More may still become part of it.
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Single && !self.sealed
    }

    pub(super) fn encode(&self, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + body.len());
        bytes.push(VERSION);
        bytes.push(self.state as u8 | if self.sealed { SEALED } else { 0 });
        for part in [&self.id, &self.coarse.0, &self.fine.0] {
            bytes.extend_from_slice(part);
        }
        for number in [self.count, self.missed] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for time in [self.time, self.first, self.last, self.due] {
            bytes.extend_from_slice(&nanoseconds(time).to_le_bytes());
        }
        bytes.extend_from_slice(body);
        bytes
    }

    /// Total: `None` for whatever this version did not write.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader(bytes);
        let [version, flags] = reader.array()?;
        let state = match flags & !SEALED {
            0 => State::Single,
            1 => State::Repeats,
            2 => State::Fold,
            _ => return None,
        };
        let head = Self {
            state,
            sealed: flags & SEALED != 0,
            id: reader.array()?,
            coarse: Kind(reader.array()?),
            fine: Kind(reader.array()?),
            count: reader.number()?,
            missed: reader.number()?,
            time: reader.time()?,
            first: reader.time()?,
            last: reader.time()?,
            due: reader.time()?,
        };
        (version == VERSION).then_some((head, reader.0))
    }
}

/// Reads from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(i64::from_le_bytes(self.array()?).into()).ok()
    }
}

/// Since 1970, for the next two centuries.
pub(super) fn nanoseconds(time: Timestamp) -> i64 {
    let nanoseconds = time.as_nanosecond();
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(state: State, sealed: bool, count: u64, time: i64) -> Head {
        let time = Timestamp::from_nanosecond(time.into()).expect("within 1677 and 2262");
        let kind = Kind([2; 16]);
        Head { id: [1; 16], coarse: kind, fine: kind, state, sealed, count, missed: 3, time, first: time, last: time, due: time }
    }

    proptest! {
        #![proptest_config(crate::properties::cases(256))]

        #[test]
        fn reads_what_it_wrote(count: u64, time: i64, sealed: bool, body: Vec<u8>) {
            for state in [State::Single, State::Repeats, State::Fold] {
                let head = head(state, sealed, count, time);
                let bytes = head.encode(&body);
                prop_assert_eq!(Head::decode(&bytes), Some((head, body.as_slice())));
            }
        }

        #[test]
        fn takes_any_bytes(bytes: Vec<u8>) {
            if let Some((head, body)) = Head::decode(&bytes) {
                prop_assert_eq!(head.encode(body), bytes);
            }
        }
    }

    #[test]
    fn refuses_other_versions_and_short_rows() {
        let mut bytes = head(State::Single, false, 1, 0).encode(b"body");
        assert_eq!(Head::decode(bytes.get(..HEAD - 1).expect("longer")), None);
        bytes[0] = VERSION + 1;
        assert_eq!(Head::decode(&bytes), None);
    }
}
