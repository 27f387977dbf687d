//! The sinks' part of the catalogue of errors.

use super::{
    Action, ConfigError, Form, SinkId,
    http::{InvalidUrl, Refused, Remedies, Reply},
    store::News,
    syslog,
};
use crate::catalogue::{Entry, REASON, Said, entries};

/// Of every sink over HTTP, each in its own words.
const REMEDIES: Remedies = Remedies {
    address: "check `url`",
    credential: "check `token`: it is missing, wrong or revoked",
    permission: "give the token the right to write events",
};

pub(crate) fn entries() -> Vec<Entry> {
    let id = || SinkId::new("koney-system", "prod");
    let secret = || "prod-ingest".to_owned();
    let of_key = |problem: String| ConfigError::KeyInvalid { sink: id(), secret: secret(), key: "url", problem };
    let mut entries = entries!(ConfigError, Said::whole;
        ConfigError::NoReceiver { .. } = ConfigError::NoReceiver { sink: id() }, "sink koney-system/prod", "no receiver";
        ConfigError::SecretMissing { .. } = ConfigError::SecretMissing { sink: id(), secret: secret(), keys: "`url`" },
            "Secret `prod-ingest`", "not found";
        ConfigError::KeyMissing { .. } = ConfigError::KeyMissing { sink: id(), secret: secret(), key: "url" }, "`url`", "no value";
        ConfigError::KeyInvalid { .. } = of_key(InvalidUrl::UserInfo.to_string()), "`url`", "holds a user name";
    );
    entries.extend(entries!(InvalidUrl, |error: &InvalidUrl| Said::whole(&of_key(error.to_string()));
        InvalidUrl::Syntax(..) = InvalidUrl::Syntax(REASON.to_owned(), "https://HOST"), "`url`", REASON;
        InvalidUrl::Scheme(_) = InvalidUrl::Scheme("https://HOST"), "`url`", "not https";
        InvalidUrl::PlainHttp(_) = InvalidUrl::PlainHttp("webhook"), "`url`", "plain http";
        InvalidUrl::UserInfo = InvalidUrl::UserInfo, "`url`", "user name";
        InvalidUrl::Query = InvalidUrl::Query, "`url`", "has a query";
        InvalidUrl::Fragment = InvalidUrl::Fragment, "`url`", "has a fragment";
        InvalidUrl::Path(_) = InvalidUrl::Path("it must be empty; remove it, koney adds the endpoint itself"), "`url`", "its path";
        InvalidUrl::Local { .. } = InvalidUrl::Local { section: "webhook" }, "`url`", "this node itself";
        InvalidUrl::Never(_) = InvalidUrl::Never(Refused::Metadata), "`url`", "metadata service";
    ));
    entries.extend(entries!(Refused, |refused: &Refused| Said::whole(&of_key(InvalidUrl::Never(*refused).to_string()));
        Refused::Local = Refused::Local, "`url`", "this node itself";
        Refused::Metadata = Refused::Metadata, "`url`", "metadata service";
        Refused::Nobody = Refused::Nobody, "`url`", "no address of one receiver";
    ));
    entries.extend(entries!(News, |news: &News| Said::whole(&format!("sink koney-system/prod: {news}")), fine [News::OnDisk | News::TakenIn { .. }];
        News::InMemory { .. } = News::InMemory { reason: REASON.to_owned() }, "koney-system/prod", REASON;
        News::Corrupt { .. } = News::Corrupt { reason: REASON.to_owned(), ending: "corrupt-1".to_owned() }, "koney-system/prod", REASON;
        News::Newer { .. } = News::Newer { version: 9, ending: "newer-9".to_owned() }, "koney-system/prod", "format 9";
        News::Unreadable { .. } = News::Unreadable { rows: 3 }, "3 alerts", "cannot be read";
    ));
    entries.extend(syslog::catalogue());
    entries.extend([302, 401, 403, 404, 418].map(answer));
    entries
}

/// Answers that a person has to do something about.
fn answer(status: u16) -> Entry {
    let reply = Reply::test(status, &[], REASON);
    let Action::SlowRetry { reason } = reply.action(REMEDIES, Form::Full) else { panic!("{status} passes by itself") };
    Entry::new(
        &format!("answer {status}"),
        Said::whole(&format!("sink koney-system/prod: {reason}")),
        "koney-system/prod",
        REASON,
    )
}
