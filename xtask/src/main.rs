//! koney
fn main() {}
