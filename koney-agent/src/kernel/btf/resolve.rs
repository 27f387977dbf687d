//! From `("file", ["f_path", "dentry"])` to a byte offset, looking into unnamed members and through qualifiers.

use koney_common::offsets::ABSENT;
use thiserror::Error;

use super::raw::{
    Btf, KIND_ARRAY, KIND_CONST, KIND_ENUM, KIND_ENUM64, KIND_INT, KIND_PTR, KIND_RESTRICT, KIND_STRUCT, KIND_TYPE_TAG,
    KIND_TYPEDEF, KIND_UNION, KIND_VOLATILE, Type,
};

/// What the programs will read at the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A pointer.
    Pointer,
    /// An integer, an enum or a wrapper struct of this many bytes.
    Sized(u32),
    /// An array of this many bytes.
    Bytes(u32),
    /// A struct whose address is taken.
    Embedded,
    /// An array whose address is taken.
    Array,
}

/// The member cannot be used: the field it stands for is disabled, nothing else.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MemberError {
    /// No struct of that name.
    #[error("this kernel has no struct {0}")]
    NoStruct(String),
    /// The struct has no such member.
    #[error("struct {0} has no member {1}")]
    NoMember(String, String),
    /// The member is of another kind or width than the programs read.
    #[error("{0} is not what was expected ({1:?})")]
    Shape(String, Expect),
    /// Several structs of one name disagree.
    #[error("the kernel has several structs {0} that disagree on {1}")]
    Ambiguous(String, String),
    /// A bit field, beyond the end of its struct, or farther from the start than an offset can say.
    #[error("{0} is a bit field or out of reach")]
    Unreachable(String),
}

/// Where a member was found.
struct Member {
    /// From the start of the struct asked about.
    bits: u64,
    /// Its type.
    id: u32,
    bit_field: bool,
}

/// Deepest nesting of unnamed members and of qualifiers followed.
const DEPTH: u32 = 16;
/// Most members looked at for one name, many times those of the largest struct: unnamed ones that lead back multiply with each level.
const MOST_MEMBERS: u32 = 1 << 13;
/// An offset or a size as the programs take it: the greatest number says "absent" there and can be neither.
pub(in super::super) fn sayable(bytes: u64) -> Option<u16> {
    u16::try_from(bytes).ok().filter(|bytes| *bytes != ABSENT)
}

/// Width of a pointer on the machines that koney runs on.
const POINTER: u32 = 8;

impl Btf {
    /// The byte offset of a member, by the path of names that leads to it.
    pub fn member(&self, structure: &str, path: &[&str], expect: Expect) -> Result<u16, MemberError> {
        let mut found: Option<Result<u16, MemberError>> = None;
        for outer in self.named(structure).filter(|outer| matches!(outer.kind, KIND_STRUCT | KIND_UNION)) {
            let here = self.follow(outer, structure, path, expect);
            match &found {
                None => found = Some(here),
                Some(earlier) if *earlier == here => {}
                Some(_) => return Err(MemberError::Ambiguous(structure.to_owned(), path.join("."))),
            }
        }
        found.unwrap_or_else(|| Err(MemberError::NoStruct(structure.to_owned())))
    }

    /// Size of a struct in bytes.
    pub fn size_of(&self, structure: &str) -> Result<u16, MemberError> {
        let mut sizes = self.named(structure).map(|found| found.size_or_id);
        let first = sizes.next().ok_or_else(|| MemberError::NoStruct(structure.to_owned()))?;
        if sizes.any(|other| other != first) {
            return Err(MemberError::Ambiguous(structure.to_owned(), "its size".to_owned()));
        }
        sayable(u64::from(first)).ok_or_else(|| MemberError::Unreachable(structure.to_owned()))
    }

    /// Size in bytes of a member that is an array of integers.
    pub fn length_of(&self, structure: &str, path: &[&str]) -> Result<u16, MemberError> {
        let mut outers = self.named(structure).filter(|outer| matches!(outer.kind, KIND_STRUCT | KIND_UNION));
        let outer = outers.next().ok_or_else(|| MemberError::NoStruct(structure.to_owned()))?;
        let Member { id, .. } = self.walk(outer, structure, path)?;
        let array = self.unqualified(id).filter(|found| found.kind == KIND_ARRAY);
        let bytes = array.and_then(|array| self.array_bytes(array)).and_then(|bytes| sayable(u64::from(bytes)));
        bytes.ok_or_else(|| MemberError::Shape(format!("{structure}.{}", path.join(".")), Expect::Array))
    }

    /// The value of an enumerator.
    pub fn enumerator(&self, enumeration: &str, name: &str) -> Result<u32, MemberError> {
        for found in self.named(enumeration) {
            let width = match found.kind {
                KIND_ENUM => 2,
                KIND_ENUM64 => 3,
                _ => continue,
            };
            for index in 0..found.count as usize {
                let (Some(its_name), Some(value)) = (self.word(found, index * width), self.word(found, index * width + 1)) else {
                    break;
                };
                if self.string(its_name) == name.as_bytes() {
                    return Ok(value);
                }
            }
        }
        Err(MemberError::NoMember(enumeration.to_owned(), name.to_owned()))
    }

    fn follow(&self, outer: Type, structure: &str, path: &[&str], expect: Expect) -> Result<u16, MemberError> {
        let label = || format!("{structure}.{}", path.join("."));
        let Member { bits, id, .. } = self.walk(outer, structure, path)?;
        if !self.fits(id, expect) {
            return Err(MemberError::Shape(label(), expect));
        }
        let end = bits / 8 + u64::from(self.width(id, expect));
        match sayable(bits / 8) {
            Some(bytes) if bits.is_multiple_of(8) && end <= u64::from(outer.size_or_id) => Ok(bytes),
            _ => Err(MemberError::Unreachable(label())),
        }
    }

    /// Where the path leads, whatever is there.
    fn walk(&self, outer: Type, structure: &str, path: &[&str]) -> Result<Member, MemberError> {
        let mut at = outer;
        let mut bits = 0_u64;
        let mut id = 0;
        let mut left = MOST_MEMBERS;
        let label = || format!("{structure}.{}", path.join("."));
        for (index, name) in path.iter().enumerate() {
            if index > 0 {
                at = self
                    .unqualified(id)
                    .filter(|inner| matches!(inner.kind, KIND_STRUCT | KIND_UNION))
                    .ok_or_else(|| MemberError::Shape(label(), Expect::Embedded))?;
            }
            let member = self
                .find(at, name, DEPTH, &mut left)
                .ok_or_else(|| MemberError::NoMember(structure.to_owned(), path.join(".")))?;
            if member.bit_field {
                return Err(MemberError::Unreachable(label()));
            }
            bits += member.bits;
            id = member.id;
        }
        Ok(Member { bits, id, bit_field: false })
    }

    /// A member, also inside unnamed structs and unions.
    fn find(&self, outer: Type, name: &str, depth: u32, left: &mut u32) -> Option<Member> {
        let depth = depth.checked_sub(1)?;
        for index in 0..outer.count as usize {
            *left = left.checked_sub(1)?;
            let (its_name, id, offset) =
                (self.word(outer, index * 3)?, self.word(outer, index * 3 + 1)?, self.word(outer, index * 3 + 2)?);
            let (offset, width) = if outer.kind_flag { (offset & 0x00FF_FFFF, offset >> 24) } else { (offset, 0) };
            let its_name = self.string(its_name);
            if its_name == name.as_bytes() {
                return Some(Member { bits: u64::from(offset), id, bit_field: width != 0 });
            }
            if !its_name.is_empty() {
                continue;
            }
            let Some(inner) = self.unqualified(id).filter(|inner| matches!(inner.kind, KIND_STRUCT | KIND_UNION)) else {
                continue;
            };
            if let Some(found) = self.find(inner, name, depth, left) {
                return Some(Member { bits: u64::from(offset) + found.bits, ..found });
            }
        }
        None
    }

    fn fits(&self, id: u32, expect: Expect) -> bool {
        let Some(found) = self.unqualified(id) else { return false };
        match expect {
            Expect::Pointer => found.kind == KIND_PTR,
            Expect::Embedded => matches!(found.kind, KIND_STRUCT | KIND_UNION),
            Expect::Array => found.kind == KIND_ARRAY,
            Expect::Sized(bytes) => {
                matches!(found.kind, KIND_INT | KIND_ENUM | KIND_ENUM64 | KIND_STRUCT | KIND_UNION) && found.size_or_id == bytes
            }
            Expect::Bytes(bytes) => found.kind == KIND_ARRAY && self.array_bytes(found) == Some(bytes),
        }
    }

    /// Bytes that are the member's. An array at a struct's end may have none in it.
    fn width(&self, id: u32, expect: Expect) -> u32 {
        match expect {
            Expect::Pointer => POINTER,
            Expect::Sized(bytes) | Expect::Bytes(bytes) => bytes,
            Expect::Embedded => self.unqualified(id).map_or(0, |found| found.size_or_id),
            Expect::Array => 0,
        }
    }

    pub(super) fn array_bytes(&self, array: Type) -> Option<u32> {
        let element = self.unqualified(self.word(array, 0)?)?;
        (element.kind == KIND_INT).then_some(())?;
        element.size_or_id.checked_mul(self.word(array, 2)?)
    }

    /// Looks through typedefs, qualifiers and type tags.
    pub(super) fn unqualified(&self, id: u32) -> Option<Type> {
        let mut found = self.get(id)?;
        for _ in 0..DEPTH {
            if !matches!(found.kind, KIND_TYPEDEF | KIND_VOLATILE | KIND_CONST | KIND_RESTRICT | KIND_TYPE_TAG) {
                return Some(found);
            }
            found = self.get(found.size_or_id)?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{super::synthetic::Builder, *};

    fn parse(builder: &Builder) -> Btf {
        Btf::parse(&builder.build()).expect("synthetic BTF parses")
    }

    #[test]
    fn members_inside_unnamed_unions_and_behind_const_are_found() {
        let mut builder = Builder::default();
        let pointer = builder.pointer(0);
        let path = builder.structure("path", 16, &[("mnt", pointer, 0), ("dentry", pointer, 64)]);
        let constant = builder.qualifier(KIND_CONST, path);
        let union = builder.union("", 16, &[("__f_path", path, 0), ("f_path", constant, 0)]);
        builder.structure("file", 64, &[("f_inode", pointer, 0), ("", union, 256)]);
        let btf = parse(&builder);
        assert_eq!(btf.member("file", &["f_path"], Expect::Embedded), Ok(32));
        assert_eq!(btf.member("file", &["f_path", "dentry"], Expect::Pointer), Ok(40));
        assert_eq!(
            btf.member("file", &["f_mode"], Expect::Sized(4)),
            Err(MemberError::NoMember("file".to_owned(), "f_mode".to_owned()))
        );
    }

    #[test]
    fn kind_and_width_must_agree() {
        let mut builder = Builder::default();
        let int = builder.int("unsigned int", 4);
        let uid = builder.structure("kuid", 4, &[("val", int, 0)]);
        let kuid = builder.qualifier(KIND_TYPEDEF, uid);
        builder.structure("cred", 8, &[("uid", kuid, 32), ("count", int, 0)]);
        let btf = parse(&builder);
        assert_eq!(btf.member("cred", &["uid"], Expect::Sized(4)), Ok(4));
        assert_eq!(
            btf.member("cred", &["uid"], Expect::Sized(8)),
            Err(MemberError::Shape("cred.uid".to_owned(), Expect::Sized(8)))
        );
        assert!(btf.member("cred", &["count"], Expect::Pointer).is_err());
        assert_eq!(btf.member("nobody", &["uid"], Expect::Pointer), Err(MemberError::NoStruct("nobody".to_owned())));
    }

    #[test]
    fn two_structs_of_one_name_must_agree() {
        let mut builder = Builder::default();
        let int = builder.int("unsigned int", 4);
        builder.structure("mount", 8, &[("a", int, 0), ("b", int, 32)]);
        builder.structure("mount", 8, &[("a", int, 0), ("b", int, 0)]);
        let btf = parse(&builder);
        assert_eq!(btf.member("mount", &["a"], Expect::Sized(4)), Ok(0));
        assert!(matches!(btf.member("mount", &["b"], Expect::Sized(4)), Err(MemberError::Ambiguous(..))));
    }

    #[test]
    fn bit_fields_and_cycles_are_refused() {
        let mut builder = Builder::default();
        let int = builder.int("unsigned int", 4);
        builder.bit_field("flags", 4, "low", int, 3, 2);
        let next = builder.next_id();
        builder.qualifier(KIND_TYPEDEF, next);
        builder.structure("loop", 8, &[("", next, 0), ("member", next, 0)]);
        let btf = parse(&builder);
        assert_eq!(btf.member("flags", &["low"], Expect::Sized(4)), Err(MemberError::Unreachable("flags.low".to_owned())));
        assert!(btf.member("loop", &["member"], Expect::Sized(4)).is_err());
    }

    #[test]
    fn no_size_is_taken_for_an_absent_one() {
        let mut builder = Builder::default();
        let char = builder.int("char", 1);
        let name = builder.array(char, u32::from(ABSENT));
        builder.structure("upid", u32::from(ABSENT), &[("name", name, 0)]);
        let btf = parse(&builder);
        assert_eq!(btf.size_of("upid"), Err(MemberError::Unreachable("upid".to_owned())));
        assert_eq!(btf.length_of("upid", &["name"]), Err(MemberError::Shape("upid.name".to_owned(), Expect::Array)));
    }

    #[test]
    fn enumerators_and_arrays() {
        let mut builder = Builder::default();
        let char = builder.int("char", 1);
        builder.enumeration("cgroup_subsys_id", &[("cpu_cgrp_id", 1), ("memory_cgrp_id", 4)]);
        let comm = builder.array(char, 16);
        builder.structure("task_struct", 32, &[("comm", comm, 64)]);
        let btf = parse(&builder);
        assert_eq!(btf.enumerator("cgroup_subsys_id", "memory_cgrp_id"), Ok(4));
        assert!(btf.enumerator("cgroup_subsys_id", "gone").is_err());
        assert_eq!(btf.member("task_struct", &["comm"], Expect::Bytes(16)), Ok(8));
        assert!(btf.member("task_struct", &["comm"], Expect::Bytes(32)).is_err());
        assert_eq!(btf.size_of("task_struct"), Ok(32));
    }
}
