//! The tests of koney: on the host and in every kernel of the matrix.

mod matrix;

pub(crate) use self::matrix::kernels;
