//! The fields of a line of text, as tracing-subscriber writes them but for what they hold: nothing in a value moves a terminal, begins another
//! line or turns text around.

use std::fmt::{Debug, Write as _};

use tracing::field::Field;
use tracing_subscriber::{
    field::MakeExt as _,
    fmt::{
        FormatFields,
        format::{Writer, debug_fn},
    },
};

use crate::plain::Plain;

pub(super) fn plain() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        match field.name() {
            "message" => {}
            name if writer.has_ansi_escapes() => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            name => write!(writer, "{name}=")?,
        }
        write!(Plain(writer), "{value:?}")
    })
    .delimited(" ")
}
