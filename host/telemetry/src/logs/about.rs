//! Lines that say which request they are about.

use std::fmt::{self, Write};

use callfs_model::request::{self, RequestNames};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;

/// Lines of another format, with `request_id` and `trace_id` as their last fields where they are
/// logged on behalf of a request.
pub(super) struct AboutRequests<F> {
    pub(super) lines: F,
    pub(super) format: LogFormat,
}

impl<S, N, F> FormatEvent<S, N> for AboutRequests<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let named = event.metadata().fields().field("request_id").is_some();
        let names = request::current().filter(|_| !named);
        let Some(names) = names else {
            return self.lines.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.lines
            .format_event(context, Writer::new(&mut line), event)?;
        add(&mut line, self.format, &names)?;
        writer.write_str(&line)
    }
}

/// Both names are words of letters, digits and `._-`: nothing in them needs an escape.
fn add(line: &mut String, format: LogFormat, names: &RequestNames) -> fmt::Result {
    let end = match format {
        LogFormat::Text => "\n",
        LogFormat::Json => "}\n",
    };
    line.truncate(line.strip_suffix(end).map_or(line.len(), str::len));
    let RequestNames {
        request_id,
        trace_id,
    } = names;
    let trace_id = trace_id.as_ref();
    let fields = [("request_id", Some(request_id)), ("trace_id", trace_id)];
    for (field, value) in fields {
        let Some(value) = value else { continue };
        match format {
            LogFormat::Text => write!(line, " {field}={value}")?,
            LogFormat::Json => write!(line, ",\"{field}\":\"{value}\"")?,
        }
    }
    line.push_str(end);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_the_names_of_its_request() {
        let names = |trace_id: Option<&str>| RequestNames {
            request_id: "one".into(),
            trace_id: trace_id.map(str::to_owned),
        };
        for (format, line, trace_id, expected) in [
            (
                LogFormat::Text,
                "WARN a: b c=d\n",
                None,
                "WARN a: b c=d request_id=one\n",
            ),
            (
                LogFormat::Text,
                "a\n",
                Some("two"),
                "a request_id=one trace_id=two\n",
            ),
            (
                LogFormat::Json,
                "{\"a\":1}\n",
                None,
                "{\"a\":1,\"request_id\":\"one\"}\n",
            ),
            (
                LogFormat::Json,
                "{\"a\":1}\n",
                Some("two"),
                "{\"a\":1,\"request_id\":\"one\",\"trace_id\":\"two\"}\n",
            ),
        ] {
            let mut line = line.to_owned();
            add(&mut line, format, &names(trace_id)).expect("a string takes everything");
            assert_eq!(line, expected);
        }
    }
}
