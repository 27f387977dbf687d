//! Which argument of a kernel function is the one that is wanted: signatures change from release to release.

use super::raw::{Btf, KIND_FUNC, KIND_FUNC_PROTO, KIND_PTR, KIND_STRUCT};

impl Btf {
    /// The index of the first argument of `function` that is a pointer to `structure`; `None` where the kernel has no such function or
    /// it takes no such argument.
    #[must_use]
    pub fn argument(&self, function: &str, structure: &str) -> Option<u32> {
        let (_, found) = self.numbered(function).find(|(_, found)| found.kind == KIND_FUNC)?;
        let signature = self.get(found.size_or_id).filter(|signature| signature.kind == KIND_FUNC_PROTO)?;
        (0..signature.count).find(|index| {
            let id = self.word(signature, *index as usize * 2 + 1);
            id.is_some_and(|id| self.is_pointer_to(id, structure))
        })
    }

    /// The number of a function of the kernel.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<u32> {
        self.number(name, KIND_FUNC)
    }

    /// The number of a structure.
    #[must_use]
    pub fn structure(&self, name: &str) -> Option<u32> {
        self.number(name, KIND_STRUCT)
    }

    fn number(&self, name: &str, kind: u32) -> Option<u32> {
        self.numbered(name).find(|(_, found)| found.kind == kind).map(|(id, _)| id)
    }

    fn is_pointer_to(&self, id: u32, structure: &str) -> bool {
        let pointer = self.unqualified(id).filter(|found| found.kind == KIND_PTR);
        let target = pointer.and_then(|pointer| self.unqualified(pointer.size_or_id));
        target.is_some_and(|target| target.kind == KIND_STRUCT && self.string(target.name) == structure.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{raw::KIND_CONST, synthetic::Builder};
    use super::*;

    #[test]
    fn the_argument_is_found_wherever_it_stands() {
        let mut builder = Builder::default();
        let dentry = builder.structure("dentry", 8, &[]);
        let other = builder.structure("mnt_idmap", 8, &[]);
        let (to_dentry, to_other) = (builder.pointer(dentry), builder.pointer(other));
        let constant = builder.qualifier(KIND_CONST, to_dentry);
        builder.function("old", &[to_dentry, to_other]);
        builder.function("new", &[to_other, constant]);
        builder.function("none", &[to_other]);
        let btf = Btf::parse(&builder.build()).expect("well-formed");
        assert_eq!(btf.argument("old", "dentry"), Some(0));
        assert_eq!(btf.argument("new", "dentry"), Some(1));
        assert_eq!(btf.argument("none", "dentry"), None);
        assert_eq!(btf.argument("absent", "dentry"), None);
    }

    #[test]
    fn functions_and_structures_have_numbers() {
        let mut builder = Builder::default();
        let file = builder.structure("file", 8, &[]);
        let pointer = builder.pointer(file);
        let function = builder.function("cast", &[pointer]);
        let btf = Btf::parse(&builder.build()).expect("well-formed");
        assert_eq!((btf.structure("file"), btf.function("cast")), (Some(file), Some(function)));
        assert_eq!((btf.structure("cast"), btf.function("file")), (None, None));
    }
}
