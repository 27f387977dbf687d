//! Places in the instructions of the check of every open that the agent fills in before it loads them: what CO-RE relocations are to C.
//!
//! Frozen read-only data ([`crate::offsets`]) is a constant to the verifier, and still loaded each time: an address, an offset and an
//! addition for each member. In the instruction itself the offset costs nothing.

/// A load from this offset is one of [`Member`]'s; no kernel object that the programs load from is so large.
pub const FIRST_MEMBER: i16 = 0x7000;

macro_rules! members {
    ($($(#[$doc:meta])* $member:ident => $field:ident,)+) => {
        /// What the check of every open loads, in the order of the offsets that stand for it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i16)]
        pub enum Member {
            $($(#[$doc])* $member,)+
        }

        impl Member {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$member,)+];

            /// Where this kernel has it, [`crate::offsets::ABSENT`] where it has none.
            #[must_use]
            pub const fn offset(self, offsets: &crate::Offsets) -> u16 {
                match self {
                    $(Self::$member => offsets.$field,)+
                }
            }
        }
    };
}

members! {
    /// `file.f_inode`
    Inode => file_inode,
    /// `file.f_path.dentry`
    Dentry => file_dentry,
    /// `file.f_path.mnt`
    Mount => file_mount,
    /// `file.f_mode`
    Mode => file_mode,
    /// `inode.i_ino`
    InodeNumber => inode_number,
    /// `inode.i_sb`
    SuperBlock => inode_super_block,
    /// `super_block.s_dev`
    Device => super_block_device,
    /// `dentry.d_name.len`
    NameLength => dentry_name_length,
    /// `dentry.d_iname`, the first eight bytes
    InlineName => dentry_inline_name,
    /// `vfsmount.mnt_root`
    MountRoot => vfsmount_root,
}

impl Member {
    /// The offset that stands for it in a load from its object.
    #[must_use]
    pub const fn place(self) -> i16 {
        FIRST_MEMBER + self as i16
    }

    /// What is read at once with it, where it is not read alone.
    #[must_use]
    pub const fn part(self) -> Option<Part> {
        match self {
            Self::Inode | Self::Dentry | Self::Mount => Some(Part::File),
            Self::InodeNumber | Self::SuperBlock => Some(Part::Inode),
            Self::NameLength | Self::InlineName => Some(Part::Entry),
            Self::Mode | Self::Device | Self::MountRoot => None,
        }
    }
}

/// A part of a kernel object that a program copies at once, where it cannot load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Part {
    /// Of a `struct file`.
    File,
    /// Of a `struct inode`.
    Inode,
    /// Of a `struct dentry`.
    Entry,
}

impl Part {
    /// All of them.
    pub const ALL: &[Self] = &[Self::File, Self::Inode, Self::Entry];

    /// Where it lies in this kernel's object.
    #[must_use]
    pub fn extent(self, offsets: &crate::Offsets) -> crate::offsets::Extent {
        match self {
            Self::File => offsets.file_extent(),
            Self::Inode => offsets.inode_extent(),
            Self::Entry => offsets.dentry_extent(),
        }
    }
}

/// A load from this offset in a copy of a part is one of [`Member`]'s, which lies so many bytes behind the part's begin.
pub const FIRST_COPIED: i16 = 0x7100;
/// An immediate that stands for the offset of the first [`Member`] in its object, [`crate::offsets::ABSENT`] where there is none; the next stand
/// for those of the others.
pub const FIRST_OFFSET: i32 = 0x6b6f_0100;
/// An immediate that stands for where the first [`Part`] begins.
pub const FIRST_START: i32 = 0x6b6f_0200;
/// An immediate that stands for the first [`Part`]'s length in bytes; 0 where its members lie too far apart and are read one by one.
pub const FIRST_LENGTH: i32 = 0x6b6f_0300;

/// A double-word immediate that stands for the address of [`crate::Gate`], the only value of its map (`BPF_PSEUDO_MAP_VALUE`).
pub const GATE: u64 = 0x6b6f_6e65_6761_7465;
/// An immediate that stands for the type number of `struct file`.
pub const FILE_TYPE: i32 = 0x6b6f_0001;
/// A call that stands for that of `bpf_rdonly_cast`, since 6.2 (`kernel/bpf/helpers.c`).
pub const CAST: i32 = 0x6b6f_0002;
