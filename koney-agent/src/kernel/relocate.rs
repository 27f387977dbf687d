//! Completes the instructions of the check of every open before the programs are loaded (`koney_common::relocation`).

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::maps::MapData;
use aya_obj::{
    EbpfSectionKind, Map,
    generated::bpf_map_type::BPF_MAP_TYPE_ARRAY,
    maps::{LegacyMap, bpf_map_def},
};
use koney_common::{
    Gate, Offsets,
    offsets::ABSENT,
    relocation::{CAST, FILE_TYPE, FIRST_COPIED, FIRST_LENGTH, FIRST_MEMBER, FIRST_OFFSET, FIRST_START, GATE, Member, Part},
};
use object::{Object as _, ObjectSection as _, SectionKind};

use super::{btf::Btf, error::KernelError};

/// Bytes of an instruction.
const SIZE: usize = 8;
/// The class of an operation, and that of loads (`include/uapi/linux/bpf_common.h`).
const CLASS: u8 = 0x07;
const LOAD: u8 = 0x01;
/// `BPF_LD | BPF_IMM | BPF_DW`, `BPF_ALU64 | BPF_MOV | BPF_K` and `BPF_JMP | BPF_CALL`.
const LOAD_DOUBLE_WORD: u8 = 0x18;
const MOVE: u8 = 0xb7;
const CALL: u8 = 0x85;
/// The source register of an address in a map's value, and of a call of a kernel function (`include/uapi/linux/bpf.h`).
const MAP_VALUE: u8 = 2 << 4;
const KERNEL_FUNCTION: u8 = 2 << 4;
const DESTINATION: u8 = 0x0f;

/// What the places are filled with.
pub(super) struct Places {
    offsets: Offsets,
    /// `bpf_rdonly_cast` and `struct file`, in the kernel's type information.
    cast: Option<(u32, u32)>,
}

impl Places {
    /// As this kernel has them.
    pub(super) fn new(offsets: Offsets, btf: &Btf) -> Self {
        Self { offsets, cast: btf.function("bpf_rdonly_cast").zip(btf.structure("file")) }
    }

    /// A kprobe's program can load instead of probing, as far as the type information tells.
    pub(super) const fn can_cast(&self) -> bool {
        self.cast.is_some()
    }

    /// The object with all that is known of this kernel in its instructions.
    pub(super) fn fill(&self, object: &[u8], gate: &MapData) -> Result<Vec<u8>, KernelError> {
        let broken = |error| KernelError::Load(format!("the object in this binary is broken: {error}"));
        let elf = object::File::parse(object).map_err(broken)?;
        let code = elf.sections().filter(|section| section.kind() == SectionKind::Text);
        let ranges: Vec<_> = code.filter_map(|section| section.file_range()).collect();
        let mut filled = object.to_vec();
        for (start, length) in ranges {
            let (start, length) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(length).unwrap_or(usize::MAX));
            if let Some(code) = start.checked_add(length).and_then(|end| filled.get_mut(start..end)) {
                self.fill_code(code, gate.fd().as_fd().as_raw_fd());
            }
        }
        Ok(filled)
    }

    /// What stands for this offset of a load.
    fn offset(&self, place: i16) -> Option<u16> {
        let place = i32::from(place);
        if let Some(member) = standing_for(Member::ALL, FIRST_MEMBER.into(), place) {
            return Some(member.offset(&self.offsets));
        }
        let member = standing_for(Member::ALL, FIRST_COPIED.into(), place)?;
        let extent = member.part()?.extent(&self.offsets);
        // Of a part without length no copy is made, and the verifier never comes to this load.
        Some(member.offset(&self.offsets).saturating_sub(u16::try_from(extent.start).unwrap_or(u16::MAX)))
    }

    /// What stands for this immediate of a move.
    fn immediate(&self, place: i32) -> Option<i32> {
        let extent = |first| standing_for(Part::ALL, first, place).map(|part| part.extent(&self.offsets));
        let number = standing_for(Member::ALL, FIRST_OFFSET, place).map(|member| u32::from(member.offset(&self.offsets)));
        let number = number.or_else(|| extent(FIRST_START).map(|extent| extent.start));
        number.or_else(|| extent(FIRST_LENGTH).map(|extent| extent.length)).and_then(|number| i32::try_from(number).ok())
    }

    fn fill_code(&self, code: &mut [u8], gate: i32) {
        let (instructions, _) = code.as_chunks_mut::<SIZE>();
        let mut rest = instructions;
        while let Some((first, others)) = rest.split_first_mut() {
            let mut instruction = Instruction(first);
            match instruction.operation() {
                // Two instructions, the second of which is the upper half.
                LOAD_DOUBLE_WORD => {
                    let Some((second, others)) = others.split_first_mut() else { return };
                    let mut second = Instruction(second);
                    if u64::from(second.immediate().cast_unsigned()) << 32 | u64::from(instruction.immediate().cast_unsigned())
                        == GATE
                    {
                        instruction.set_source(MAP_VALUE);
                        instruction.set_immediate(gate);
                        second.set_immediate(0);
                    }
                    rest = others;
                    continue;
                }
                operation if operation & CLASS == LOAD => match self.offset(instruction.offset()) {
                    Some(ABSENT) => instruction.become_zero(),
                    Some(offset) => instruction.set_offset(offset),
                    None => {}
                },
                MOVE if instruction.immediate() == FILE_TYPE => {
                    instruction.set_immediate(self.cast.map_or(0, |(_, file)| file.cast_signed()));
                }
                MOVE => {
                    if let Some(immediate) = self.immediate(instruction.immediate()) {
                        instruction.set_immediate(immediate);
                    }
                }
                CALL if instruction.immediate() == CAST => {
                    if let Some((function, _)) = self.cast {
                        instruction.set_source(KERNEL_FUNCTION);
                        instruction.set_immediate(function.cast_signed());
                    }
                }
                _ => {}
            }
            rest = others;
        }
    }
}

/// The element for which a place stands, among those that begin at `first`.
fn standing_for<T: Copy>(all: &[T], first: i32, place: i32) -> Option<T> {
    place.checked_sub(first).and_then(|index| usize::try_from(index).ok()).and_then(|index| all.get(index)).copied()
}

/// `struct bpf_insn`, `include/uapi/linux/bpf.h`: operation, registers, offset, immediate.
struct Instruction<'a>(&'a mut [u8; SIZE]);

impl Instruction<'_> {
    const fn operation(&self) -> u8 {
        self.0[0]
    }

    const fn offset(&self) -> i16 {
        i16::from_le_bytes([self.0[2], self.0[3]])
    }

    const fn immediate(&self) -> i32 {
        i32::from_le_bytes([self.0[4], self.0[5], self.0[6], self.0[7]])
    }

    fn set_source(&mut self, source: u8) {
        self.0[1] = self.0[1] & DESTINATION | source;
    }

    fn set_offset(&mut self, offset: u16) {
        self.0[2..4].copy_from_slice(&offset.to_le_bytes());
    }

    fn set_immediate(&mut self, immediate: i32) {
        self.0[4..].copy_from_slice(&immediate.to_le_bytes());
    }

    /// Instead of a load of what this kernel does not have.
    fn become_zero(&mut self) {
        *self.0 = [MOVE, self.0[1] & DESTINATION, 0, 0, 0, 0, 0, 0];
    }
}

/// Makes the map that all of the programs and the agent look into.
pub(super) fn gate() -> Result<MapData, KernelError> {
    /// `BPF_F_MMAPABLE`, since 5.5.
    const MMAPABLE: u32 = 1 << 10;
    let def = bpf_map_def {
        map_type: BPF_MAP_TYPE_ARRAY as u32,
        key_size: 4,
        value_size: u32::try_from(size_of::<Gate>()).unwrap_or(u32::MAX),
        max_entries: 1,
        map_flags: MMAPABLE,
        ..bpf_map_def::default()
    };
    let map = LegacyMap {
        def,
        inner_def: None,
        section_index: 0,
        section_kind: EbpfSectionKind::Maps,
        symbol_index: None,
        data: Vec::new(),
    };
    MapData::create(Map::Legacy(map), "GATE", None)
        .map_err(|error| KernelError::Map { what: "gate", source: io::Error::other(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATE_FD: i32 = 9;

    fn instruction(operation: u8, registers: u8, offset: i16, immediate: i32) -> [u8; SIZE] {
        let ([low, high], [a, b, c, d]) = (offset.to_le_bytes(), immediate.to_le_bytes());
        [operation, registers, low, high, a, b, c, d]
    }

    fn filled(places: &Places, instructions: &[[u8; SIZE]]) -> Vec<[u8; SIZE]> {
        let mut code = instructions.concat();
        places.fill_code(&mut code, GATE_FD);
        code.as_chunks().0.to_vec()
    }

    fn places() -> Places {
        let offsets = Offsets { inode_number: 64, ..Offsets::ABSENT };
        Places { offsets, cast: Some((1234, 567)) }
    }

    #[test]
    fn a_load_gets_its_members_offset_and_one_of_nothing_becomes_zero() {
        let load = |member: Member| instruction(0x79, 0x21, member.place(), 0);
        let filled = filled(&places(), &[load(Member::InodeNumber), load(Member::MountRoot)]);
        assert_eq!(filled, [instruction(0x79, 0x21, 64, 0), instruction(MOVE, 0x01, 0, 0)]);
    }

    #[test]
    fn what_is_copied_gets_its_place_in_the_copy_and_a_part_its_extent() {
        let offsets = Offsets { inode_number: 64, inode_super_block: 40, file_inode: 32, ..Offsets::ABSENT };
        let places = Places { offsets, cast: None };
        let copied = |member: Member| instruction(0x79, 0x21, FIRST_COPIED + (member.place() - FIRST_MEMBER), 0);
        let moved = |immediate: i32| instruction(MOVE, 0x01, 0, immediate);
        let (member, part) = (|member: Member| FIRST_OFFSET + i32::from(member.place() - FIRST_MEMBER), |part: Part| part as i32);
        let code = [
            copied(Member::InodeNumber),
            copied(Member::SuperBlock),
            moved(FIRST_START + part(Part::Inode)),
            moved(FIRST_LENGTH + part(Part::Inode)),
            // Some of its members are not there.
            moved(FIRST_LENGTH + part(Part::File)),
            moved(member(Member::Inode)),
            moved(member(Member::Mode)),
        ];
        let expected = [
            instruction(0x79, 0x21, 24, 0),
            instruction(0x79, 0x21, 0, 0),
            moved(40),
            moved(32),
            moved(0),
            moved(32),
            moved(i32::from(ABSENT)),
        ];
        assert_eq!(filled(&places, &code), expected);
    }

    #[test]
    fn other_loads_and_stores_stay_as_they_are() {
        let last = Member::ALL.last().expect("there are some").place();
        let others = [
            instruction(0x79, 0x21, 0x60, 0),
            instruction(0x79, 0x2a, -8, 0),
            instruction(0x79, 0x21, last + 1, 0),
            instruction(0x79, 0x21, FIRST_MEMBER - 1, 0),
            // A store.
            instruction(0x7b, 0x21, FIRST_MEMBER, 0),
            instruction(MOVE, 0x02, 0, 7),
            instruction(CALL, 0, 0, 14),
        ];
        assert_eq!(filled(&places(), &others), others);
    }

    #[test]
    fn the_gate_becomes_an_address_in_its_map_and_a_double_word_is_never_looked_at_by_halves() {
        let [low, high] = [GATE & u64::from(u32::MAX), GATE >> 32].map(|half| i32::try_from(half).expect("it is positive"));
        let gate = [instruction(LOAD_DOUBLE_WORD, 0x08, 0, low), instruction(0, 0, 0, high)];
        let address = [instruction(LOAD_DOUBLE_WORD, 0x28, 0, GATE_FD), instruction(0, 0, 0, 0)];
        assert_eq!(filled(&places(), &gate), address);
        let other = [instruction(LOAD_DOUBLE_WORD, 0x08, 0, low), instruction(MOVE, 0, 0, FILE_TYPE)];
        assert_eq!(filled(&places(), &other), other);
    }

    #[test]
    fn the_cast_becomes_a_call_of_the_kernels_function_where_there_is_one() {
        let cast = [instruction(MOVE, 0x02, 0, FILE_TYPE), instruction(CALL, 0, 0, CAST)];
        assert_eq!(filled(&places(), &cast), [instruction(MOVE, 0x02, 0, 567), instruction(CALL, 0x20, 0, 1234)]);
        let none = Places { cast: None, ..places() };
        assert_eq!(filled(&none, &cast)[1], cast[1]);
    }
}
