//! Looking without opening.

use std::fs;

use rustix::{
    fs::{Access, access, getxattr},
    io::Errno,
};

use crate::steps::{Act, path};

pub(crate) const ACTS: &[(&str, Act)] = &[
    ("stat", |arguments, _| fs::metadata(path(arguments, 0)?).map(|_| ()).map_err(Into::into)),
    ("access", |arguments, _| Ok(access(path(arguments, 0)?, Access::READ_OK)?)),
    ("getxattr", |arguments, _| {
        let mut value = [0; 64];
        match getxattr(path(arguments, 0)?, "user.none", &mut value[..]) {
            Ok(_) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }),
    ("list", |arguments, _| {
        for entry in fs::read_dir(path(arguments, 0)?)? {
            // As `ls -l` does.
            entry?.metadata()?;
        }
        Ok(())
    }),
];
