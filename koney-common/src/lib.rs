//! koney
