//! What koney sends is what libraries and schemas that others wrote say it has to be.

use std::fs;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use koney_agent::{
    alert::{Alert, HttpRequest, Trap},
    sink::{
        Render as _,
        http::{Courier, Options},
        webhook::{Config, Format, Webhook},
    },
};
use koney_tests::receivers::{alert, deliver, letters, one_request, run_python, with_secret};
use tokio::net::TcpListener;

const OLD_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW_KEY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// `standardwebhooks` verifies with each key of a rotation, and with no other.
const VERIFY: &str = r"
import json, sys
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
body, headers, keys, stranger = open(sys.argv[1]).read(), json.loads(sys.argv[2]), sys.argv[3].split(), sys.argv[4]
for key in keys:
    Webhook(key).verify(body, headers)
for wrong, text in [(stranger, body), (keys[0], body + ' ')]:
    try:
        Webhook(wrong).verify(text, headers)
    except WebhookVerificationError:
        continue
    sys.exit('verified what is not ours')
";

#[tokio::test]
async fn the_signature_is_that_of_standard_webhooks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let keys = format!("{OLD_KEY} {NEW_KEY}");
    let options = Options { allow_http: true, allow_local: true };
    let secret = [("url", url.as_str()), ("signingSecret", keys.as_str())];
    let config = with_secret(&secret, |values| Config::new(values, options))?;
    let batch = letters(&Webhook::default());
    let request = tokio::spawn(one_request(listener));
    deliver(&Courier::new(config), batch.get(..1).context("a letter")?).await?;
    let (head, body) = request.await??;

    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    assert_eq!(header("content-type"), Some("application/cloudevents+json; charset=utf-8"));
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> =
        names.iter().map(|name| Some(((*name).to_owned(), header(name)?.into()))).collect::<Option<_>>().context(head.clone())?;
    assert_eq!(headers["webhook-id"], "01010101010101010101010101010101");
    let file = folder.path().join("body");
    fs::write(&file, body)?;
    let stranger = "whsec_c3RyYW5nZXJzdHJhbmdlcnN0cmFuZ2Vyc3RyYW5nZXI=";
    let (file, headers) = (file.display().to_string(), serde_json::Value::from(headers).to_string());
    run_python("standardwebhooks", VERIFY, &[&file, &headers, &keys, stranger]).await?;
    Ok(())
}

/// The schema of OCSF 1.5.0 as JSON Schema, and in each line what the validator says of a finding.
const SCHEMA: &str = r#"
import json
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
print(json.dumps(OcsfJsonSchemaEmbedded(get_ocsf_schema("1.5.0")).get_class_schema("detection_finding")))
"#;
const VALIDATE: &str = r"
import json, sys
from jsonschema.validators import validator_for
schema = json.load(open(sys.argv[1]))
validator = validator_for(schema)(schema)
for line in open(sys.argv[2]):
    print('; '.join(sorted(error.message for error in validator.iter_errors(json.loads(line)))))
";

#[tokio::test]
async fn findings_are_valid_by_the_schema_of_ocsf() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let webhook = Webhook { format: Format::Ocsf, ..Webhook::default() };
    let request = HttpRequest { method: Some("GET".to_owned()), path: Some("/admin".to_owned()), ..HttpRequest::default() };
    let alerts = [
        alert(1),
        Alert { trap: Trap::HttpEndpoint(request.clone()), process: None, ..alert(2) },
        Alert { trap: Trap::HttpPayload(request), process: None, policy: None, ..alert(3) },
        Alert { trap: Trap::Unknown, process: None, node: None, ..alert(4) },
    ];
    let mut lines: Vec<String> = alerts.iter().map(|alert| String::from_utf8(webhook.render(alert))).collect::<Result<_, _>>()?;
    // The schema is one that finds fault.
    let first = lines.first().context("a finding")?.clone();
    lines.push(first.replace("\"class_uid\":2004", "\"class_uid\":\"2004\""));
    lines.push(first.replace("\"finding_info\"", "\"finding_inf\""));
    let (schema, findings) = (folder.path().join("schema"), folder.path().join("findings"));
    fs::write(&schema, run_python("ocsf-json-schema", SCHEMA, &[]).await?)?;
    fs::write(&findings, lines.join("\n"))?;
    let arguments = [schema.display().to_string(), findings.display().to_string()];
    let said = run_python("kubernetes-validate", VALIDATE, &arguments.each_ref().map(String::as_str)).await?;
    let said: Vec<_> = said.lines().collect();
    assert_eq!(said.get(..4), Some([""; 4].as_slice()), "{said:?}");
    assert!(said.iter().skip(4).count() == 2 && said.iter().skip(4).all(|said| !said.is_empty()), "{said:?}");
    // The time is that of the access, in milliseconds.
    let time: Timestamp = alert(1).time;
    assert!(first.contains(&format!("\"time\":{}", time.as_millisecond())), "{first}");
    Ok(())
}
