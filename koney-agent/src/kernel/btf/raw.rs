//! The type section as an index: id to position, and by names.

use thiserror::Error;

use super::named::Named;

const MAGIC: u16 = 0xEB9F;
const HEADER_LEN: usize = 24;
const TYPE_LEN: usize = 12;

pub(super) const KIND_INT: u32 = 1;
pub(super) const KIND_PTR: u32 = 2;
pub(super) const KIND_ARRAY: u32 = 3;
pub(super) const KIND_STRUCT: u32 = 4;
pub(super) const KIND_UNION: u32 = 5;
pub(super) const KIND_ENUM: u32 = 6;
pub(super) const KIND_TYPEDEF: u32 = 8;
pub(super) const KIND_VOLATILE: u32 = 9;
pub(super) const KIND_CONST: u32 = 10;
pub(super) const KIND_RESTRICT: u32 = 11;
pub(super) const KIND_FUNC: u32 = 12;
pub(super) const KIND_FUNC_PROTO: u32 = 13;
pub(super) const KIND_TYPE_TAG: u32 = 18;
pub(super) const KIND_ENUM64: u32 = 19;

/// The bytes are not BTF; fatal for eBPF detection, the operator acts.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BtfError {
    /// Too short, or the magic number is missing.
    #[error("not BTF of this machine's byte order")]
    Header,
    /// A section reaches beyond the end.
    #[error("the {0} section reaches beyond the end")]
    Section(&'static str),
    /// A type reaches beyond its section.
    #[error("type {id} at byte {position} is cut off")]
    Type {
        /// Type id.
        id: u32,
        /// Position in the type section.
        position: usize,
    },
}

/// Parsed BTF.
pub struct Btf {
    types: Vec<u8>,
    strings: Vec<u8>,
    /// Position of each type; id 0 is `void`.
    positions: Vec<u32>,
    /// Structs, unions, enums and functions.
    named: Named,
}

/// One type's fixed part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub(super) name: u32,
    pub(super) kind: u32,
    pub(super) count: u32,
    pub(super) kind_flag: bool,
    /// Size in bytes, or the id of the type referred to.
    pub(super) size_or_id: u32,
    /// Where the variable part starts.
    pub(super) body: usize,
}

impl Btf {
    /// Reads and indexes the bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        if u16_at(bytes, 0) != Some(MAGIC) {
            return Err(BtfError::Header);
        }
        let field = |position| u32_at(bytes, position).ok_or(BtfError::Header);
        let header_len = field(4)? as usize;
        if header_len < HEADER_LEN {
            return Err(BtfError::Header);
        }
        let section = |name, offset: u32, length: u32| {
            let start = header_len.checked_add(offset as usize).ok_or(BtfError::Section(name))?;
            let end = start.checked_add(length as usize).ok_or(BtfError::Section(name))?;
            bytes.get(start..end).ok_or(BtfError::Section(name))
        };
        let types = section("type", field(8)?, field(12)?)?.to_vec();
        let strings = section("string", field(16)?, field(20)?)?.to_vec();
        let mut btf = Self { types, strings, positions: vec![0], named: Named::default() };
        btf.index()?;
        Ok(btf)
    }

    fn index(&mut self) -> Result<(), BtfError> {
        let mut position = 0;
        while position < self.types.len() {
            let id = u32::try_from(self.positions.len()).unwrap_or(u32::MAX);
            let cut = BtfError::Type { id, position };
            let Some(found) = self.type_at(position) else { return Err(cut) };
            // Where the next type starts is unknown then. What came before can be used; a member that is not found disables its field.
            let Some(length) = body_len(found) else { break };
            let end = found.body.saturating_add(length);
            if end > self.types.len() {
                return Err(cut);
            }
            self.positions.push(u32::try_from(position).unwrap_or(u32::MAX));
            if is_named(found.kind) || found.kind == KIND_FUNC {
                let tail = self.strings.get(found.name as usize..).unwrap_or(&[]);
                self.named.add(tail, id);
            }
            position = end;
        }
        self.named.sort();
        Ok(())
    }

    /// Structs, unions and enums of this name.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = Type> {
        self.numbered(name).map(|(_, found)| found).filter(|found| is_named(found.kind))
    }

    /// Functions of this name too, each with its number.
    pub(super) fn numbered(&self, name: &str) -> impl Iterator<Item = (u32, Type)> {
        let ids = self.named.ids(name.as_bytes()).filter_map(|id| Some((id, self.get(id)?)));
        ids.filter(move |(_, found)| self.string(found.name) == name.as_bytes())
    }

    /// In no order, some of them several times.
    #[cfg(any(test, fuzzing))]
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.named.all().filter_map(|id| self.get(id)).filter(|found| is_named(found.kind)).map(|found| self.string(found.name))
    }

    pub(super) fn get(&self, id: u32) -> Option<Type> {
        if id == 0 {
            return None;
        }
        self.type_at(*self.positions.get(id as usize)? as usize)
    }

    /// The 32-bit word `index` of a type's variable part.
    pub(super) fn word(&self, found: Type, index: usize) -> Option<u32> {
        u32_at(&self.types, found.body.checked_add(index.checked_mul(4)?)?)
    }

    /// A name, without its NUL; empty where the offset leads nowhere.
    pub(super) fn string(&self, offset: u32) -> &[u8] {
        let tail = self.strings.get(offset as usize..).unwrap_or(&[]);
        let end = tail.iter().position(|byte| *byte == 0).unwrap_or(tail.len());
        tail.get(..end).unwrap_or(&[])
    }

    fn type_at(&self, position: usize) -> Option<Type> {
        let info = u32_at(&self.types, position.checked_add(4)?)?;
        Some(Type {
            name: u32_at(&self.types, position)?,
            kind: info >> 24 & 0x1F,
            count: info & 0xFFFF,
            kind_flag: info >> 31 != 0,
            size_or_id: u32_at(&self.types, position.checked_add(8)?)?,
            body: position + TYPE_LEN,
        })
    }
}

const fn is_named(kind: u32) -> bool {
    matches!(kind, KIND_STRUCT | KIND_UNION | KIND_ENUM | KIND_ENUM64)
}

/// Bytes after the fixed part, `None` for an unknown kind.
fn body_len(found: Type) -> Option<usize> {
    let count = found.count as usize;
    Some(match found.kind {
        KIND_INT | 14 | 17 => 4,
        KIND_PTR | 7 | KIND_TYPEDEF..=KIND_RESTRICT | KIND_FUNC | 16 | KIND_TYPE_TAG => 0,
        KIND_ARRAY => 12,
        KIND_STRUCT | KIND_UNION | 15 | KIND_ENUM64 => 12 * count,
        KIND_ENUM | KIND_FUNC_PROTO => 8 * count,
        _ => return None,
    })
}

fn u16_at(bytes: &[u8], position: usize) -> Option<u16> {
    let word = bytes.get(position..position.checked_add(2)?)?;
    Some(u16::from_ne_bytes(word.try_into().ok()?))
}

fn u32_at(bytes: &[u8], position: usize) -> Option<u32> {
    let word = bytes.get(position..position.checked_add(4)?)?;
    Some(u32::from_ne_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{super::synthetic::Builder, *};

    #[test]
    fn every_truncation_is_an_error_and_none_panics() {
        let mut builder = Builder::default();
        let int = builder.int("unsigned int", 4);
        builder.structure("inode", 16, &[("i_ino", int, 0), ("i_gen", int, 32)]);
        let bytes = builder.build();
        assert!(Btf::parse(&bytes).is_ok());
        for length in 0..bytes.len() {
            assert!(Btf::parse(&bytes[..length]).is_err(), "cut to {length} bytes");
        }
    }

    #[test]
    fn an_unknown_kind_ends_the_index_and_nothing_else() {
        let mut builder = Builder::default();
        let int = builder.int("unsigned int", 4);
        builder.structure("before", 4, &[("a", int, 0)]);
        builder.raw(&[0, 31 << 24, 0]);
        builder.structure("after", 4, &[("a", int, 0)]);
        let btf = Btf::parse(&builder.build()).expect("what is known can be used");
        let ids = |name| btf.numbered(name).map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!((ids("before"), ids("after")), (vec![2], vec![]));
    }
}
