//! Ids by names: 90,000 of them on 6.12, of which a hundred are asked for, and so without a copy of any name.

/// Each with its name's hash; sorted once all are there.
#[derive(Default)]
pub(super) struct Named(Vec<(u32, u32)>);

impl Named {
    /// `tail` begins with the name, which ends with a NUL or with it. A type without a name is not kept.
    pub(super) fn add(&mut self, tail: &[u8], id: u32) {
        if tail.first().is_some_and(|first| *first != 0) {
            self.0.push((hash(tail), id));
        }
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// Those that may have this name, in their order.
    pub(super) fn ids(&self, name: &[u8]) -> impl Iterator<Item = u32> {
        let hash = hash(name);
        let start = self.0.partition_point(|(other, _)| *other < hash);
        self.0.iter().skip(start).take_while(move |(other, _)| *other == hash).map(|(_, id)| *id)
    }

    #[cfg(any(test, fuzzing))]
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|(_, id)| *id)
    }
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>), up to a NUL.
fn hash(name: &[u8]) -> u32 {
    let bytes = name.iter().take_while(|byte| **byte != 0);
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnvs() {
        assert_eq!([hash(b""), hash(b"a"), hash(b"foobar"), hash(b"a\0b")], [0x811c_9dc5, 0xe40c_292c, 0xbf9c_f968, 0xe40c_292c]);
    }

    #[test]
    fn ids_are_found_in_their_order() {
        let mut named = Named::default();
        for (id, tail) in [b"file\0x".as_slice(), b"\0", b"inode\0", b"file", b""].into_iter().enumerate() {
            named.add(tail, u32::try_from(id).expect("few"));
        }
        named.sort();
        let ids = |name: &[u8]| named.ids(name).collect::<Vec<_>>();
        assert_eq!((ids(b"file"), ids(b"inode"), ids(b"dentry"), ids(b"")), (vec![0, 3], vec![2], vec![], vec![]));
    }
}
