//! BTF made by hand, for tests.

use super::raw::{KIND_ARRAY, KIND_ENUM, KIND_FUNC, KIND_FUNC_PROTO, KIND_INT, KIND_PTR, KIND_STRUCT, KIND_UNION};

/// Collects types; ids count from 1.
pub(crate) struct Builder {
    words: Vec<u32>,
    strings: Vec<u8>,
    next: u32,
}

impl Default for Builder {
    fn default() -> Self {
        Self { words: Vec::new(), strings: vec![0], next: 1 }
    }
}

impl Builder {
    pub(crate) fn next_id(&self) -> u32 {
        self.next
    }

    pub(crate) fn raw(&mut self, words: &[u32]) -> u32 {
        self.words.extend_from_slice(words);
        self.next += 1;
        self.next - 1
    }

    pub(crate) fn int(&mut self, name: &str, size: u32) -> u32 {
        let name = self.string(name);
        self.raw(&[name, KIND_INT << 24, size, size * 8])
    }

    pub(crate) fn pointer(&mut self, to: u32) -> u32 {
        self.raw(&[0, KIND_PTR << 24, to])
    }

    pub(crate) fn qualifier(&mut self, kind: u32, of: u32) -> u32 {
        self.raw(&[0, kind << 24, of])
    }

    pub(crate) fn array(&mut self, of: u32, count: u32) -> u32 {
        self.raw(&[0, KIND_ARRAY << 24, 0, of, of, count])
    }

    pub(crate) fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.composite(KIND_STRUCT, name, size, members)
    }

    pub(crate) fn union(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.composite(KIND_UNION, name, size, members)
    }

    pub(crate) fn bit_field(&mut self, name: &str, size: u32, member: &str, of: u32, offset: u32, width: u32) -> u32 {
        let (name, member) = (self.string(name), self.string(member));
        self.raw(&[name, 1 << 31 | KIND_STRUCT << 24 | 1, size, member, of, width << 24 | offset])
    }

    pub(crate) fn function(&mut self, name: &str, arguments: &[u32]) -> u32 {
        let mut words = vec![0, KIND_FUNC_PROTO << 24 | u32::try_from(arguments.len()).expect("few arguments"), 0];
        words.extend(arguments.iter().flat_map(|argument| [0, *argument]));
        let signature = self.raw(&words);
        let name = self.string(name);
        self.raw(&[name, KIND_FUNC << 24, signature])
    }

    pub(crate) fn enumeration(&mut self, name: &str, values: &[(&str, u32)]) -> u32 {
        let mut words = vec![self.string(name), KIND_ENUM << 24 | u32::try_from(values.len()).expect("few values"), 4];
        for (name, value) in values {
            words.extend([self.string(name), *value]);
        }
        self.raw(&words)
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let types = u32::try_from(self.words.len() * 4).expect("small");
        let strings = u32::try_from(self.strings.len()).expect("small");
        let mut bytes = 0xEB9F_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, types, types, strings].iter().chain(&self.words) {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(&self.strings);
        bytes
    }

    fn composite(&mut self, kind: u32, name: &str, size: u32, members: &[(&str, u32, u32)]) -> u32 {
        let mut words = vec![self.string(name), kind << 24 | u32::try_from(members.len()).expect("few members"), size];
        for (name, of, bits) in members {
            words.extend([self.string(name), *of, *bits]);
        }
        self.raw(&words)
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let offset = u32::try_from(self.strings.len()).expect("small");
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        offset
    }
}
