//! The log: one line for each thing, on standard error, as text or as JSON.
//!
//! What others wrote is escaped here, whatever a line is made of. A place in the code that says too much is cut short, and says how much was
//! left out when it speaks again. The level can be changed while the agent runs.

mod fields;
mod sites;

use std::{
    fmt,
    io::{self, IsTerminal as _},
    str::FromStr,
    time::Instant,
};

use tracing::{Event, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    fmt::{
        FmtContext, FormatEvent, FormatFields, MakeWriter,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    reload,
    util::SubscriberInitExt as _,
};

use crate::plain;
use sites::{Sites, Turn};

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object: `timestamp`, `level`, `target`, `message`, and the line's own fields.
    Json,
}

/// The least important messages that are logged; can be changed at any time.
#[derive(Clone)]
pub struct Level(reload::Handle<LevelFilter, Registry>);

/// It is no level. Whoever asked acts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no level {0:?}; the levels are error, warn, info, debug and trace")]
pub struct UnknownLevel(String);

/// Logs to standard error from now on: standard output belongs to the alerts. Once in a process.
#[must_use]
pub fn start(level: LevelFilter, format: Format) -> Level {
    let (filter, handle) = reload::Layer::new(level);
    tracing_subscriber::registry().with(filter).with(layer(format, io::stderr, io::stderr().is_terminal(), Instant::now)).init();
    Level(handle)
}

fn layer<S, W>(format: Format, writer: W, colours: bool, now: fn() -> Instant) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        Format::Text => {
            let lines = lines.with_ansi(colours).fmt_fields(fields::plain());
            lines.event_format(Bounded { inner: tracing_subscriber::fmt::format(), format, sites: Sites::default(), now }).boxed()
        }
        Format::Json => {
            let json =
                tracing_subscriber::fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
            let lines = lines.with_ansi(false).fmt_fields(JsonFields::new());
            lines.event_format(Bounded { inner: json, format, sites: Sites::default(), now }).boxed()
        }
    }
}

impl Level {
    /// The level in force.
    #[must_use]
    pub fn get(&self) -> LevelFilter {
        self.0.clone_current().unwrap_or(LevelFilter::INFO)
    }

    /// Another one from now on.
    pub fn set(&self, level: LevelFilter) {
        // It is gone only with the subscriber, and then there is nothing to change.
        let _gone = self.0.reload(level);
    }
}

/// Reads a level as a person writes it.
pub fn level(text: &str) -> Result<LevelFilter, UnknownLevel> {
    let known = ["error", "warn", "info", "debug", "trace"].contains(&text);
    let level = LevelFilter::from_str(text).ok().filter(|_| known);
    level.ok_or_else(|| UnknownLevel(text.chars().take(20).collect()))
}

impl fmt::Debug for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Level({})", self.get())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => Err(format!("unknown format `{}`, expected text or json", other.escape_debug())),
        }
    }
}

/// Lines of a format, not too many from one place in the code.
struct Bounded<F> {
    inner: F,
    format: Format,
    sites: Sites,
    now: fn() -> Instant,
}

impl<S, N, F> FormatEvent<S, N> for Bounded<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        match self.sites.turn(event.metadata(), (self.now)()) {
            // What is empty is not written.
            Turn::Silent => Ok(()),
            Turn::Speak { suppressed: 0 } if self.format == Format::Text => self.inner.format_event(context, writer, event),
            Turn::Speak { suppressed } => {
                let mut line = String::new();
                self.inner.format_event(context, Writer::new(&mut line), event)?;
                let (end, name) = match self.format {
                    Format::Text => ("\n", " suppressed="),
                    Format::Json => {
                        line = plain::json(&line);
                        ("}\n", ",\"suppressed\":")
                    }
                };
                match suppressed {
                    0 => writer.write_str(&line),
                    _ => write!(writer, "{}{name}{suppressed}{end}", line.strip_suffix(end).unwrap_or(&line)),
                }
            }
        }
    }
}

#[cfg(test)]
mod remedies;
#[cfg(test)]
mod tests;
