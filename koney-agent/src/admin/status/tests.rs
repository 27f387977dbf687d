//! What the table and the page make of a status.

use super::*;

#[test]
fn the_table_has_problems_first_and_is_no_wider_than_it_may_be() {
    let expected = "\
agent      koney-agent 0.1.0 on web-1, ready, since 2026-11-27 02:10:53 UTC (2 h ago)
detection  by fentry on Linux 6.12.118; 1 of 2 hooks attached; accesses may have gone unseen, see below
";
    let status = samples::busy();
    let text = status.text(&Chosen::default(), 140);
    assert!(text.starts_with(expected), "{text}");
    assert!(text.contains("problem  sink prod  the last attempt failed, 3 alerts wait: answer 401 Unauthorized;"), "{text}");
    let problem = text.find("problem  traps").expect("a decoy is missing");
    assert!(problem < text.find("remark").expect("a hook is not attached"), "{text}");
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n");
    let expected = "missing never servicetoken /srv/\\u{1b}[2J<script>alert(1)</script>\\u{202e} host\n\
                    armed 3 min ago servicetoken /run/secrets/koney/service_token shop/web-8f9cb7b9c-q4fxl/nginx\n";
    assert!(rows.contains(expected), "{text}");
    assert!(
        rows.contains("\nfailing prod dynatrace 3 2 min ago 0 12 3 min ago\ndelivering stdout stdout 0 - 0 12 3 min ago\n"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
    for width in [20, 60, 80, 1000] {
        let longest = status.text(&Chosen::default(), width).lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(width.max(80)), "{width}: {longest:?}");
    }
}

#[test]
fn thousands_of_traps_are_summed_up_and_what_is_wrong_is_seen() {
    let mut status = samples::busy();
    let armed = status.traps[1].clone();
    let missing = status.traps[2].clone();
    status.traps.extend((0..3000).map(|number| Trap { path: format!("/decoy/{number}"), ..armed.clone() }));
    status.traps.extend((0..7).map(|number| Trap { path: format!("/absent/{number}"), ..missing.clone() }));
    let status = status.judged();
    let text = status.text(&Chosen::default(), 120);
    assert!(text.lines().count() < 100, "{text}");
    assert!(text.contains("TRAPS: 8 missing, 3,002 armed"), "{text}");
    assert!(text.contains("8 are missing: ") && text.contains("and 5 more"), "{text}");
    assert!(text.contains("/absent/6") && text.contains("… and 2,970 more: "), "{text}");
    let problems = status.text(&Chosen { problems: true, ..Chosen::default() }, 120);
    assert!(problems.contains("8 are missing") && !problems.contains("TRAPS"), "{problems}");
    let other = status.text(&Chosen { policy: Some("other".to_owned()), ..Chosen::default() }, 120);
    assert!(other.contains("TRAPS: none") && other.contains("LAST ACCESSES: none"), "{other}");
    assert!(page(&status, true).len() < 200_000);
}

#[test]
fn json_is_read_back_as_it_was() {
    let status = samples::busy();
    let text = serde_json::to_string(&status).expect("it is all text");
    assert_eq!(serde_json::from_str::<Status>(&text).expect("the same"), status);
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&value["version"], &value["sinks"][1]["state"]), (&1.into(), &"failing".into()));
}

#[test]
fn all_is_well_when_nothing_is_wrong() {
    let mut status = samples::busy();
    status.traps.truncate(2);
    status.detection.losses.clear();
    status.sinks[1] = Sink { state: SinkState::Delivering, error: None, queued: 0, ..status.sinks[1].clone() };
    let status = status.judged();
    assert!(!status.has_problems(), "{:?}", status.attention);
    assert!(page(&status, true).contains("all well"));
    assert!(samples::busy().has_problems());
}

#[test]
fn the_page_escapes_what_others_wrote_and_has_no_markup_of_theirs() {
    let page = page(&samples::busy(), true);
    assert!(page.contains("/srv/\\u{1b}[2J&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}"), "{page}");
    assert!(page.contains("&lt;/code&gt;\\u{1b}[31mcat") && page.matches("<script>").count() == 1);
    for outside in ["http://", "https://", "src=", "href="] {
        assert!(!page.contains(outside), "{outside} is outside: {page}");
    }
}

#[test]
fn without_the_key_there_are_numbers_and_no_names() {
    let page = page(&samples::busy().without_secrets(), false);
    for secret in ["service_token", "/root", "shop", "q4fxl", "servicetoken", "401", "31mcat", "nginx", "not tried"] {
        assert!(!page.contains(secret), "{secret}: {page}");
    }
    for told in ["2 of 3", "failing", "armed", "koney-agent page", "fentry"] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[test]
fn every_field_of_the_json_is_documented() {
    fn keys(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => {
                for (key, value) in object {
                    found.insert(key.clone());
                    keys(value, found);
                }
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
            _ => {}
        }
    }
    let mut status = samples::busy();
    status.detection.degraded = Some("why".to_owned());
    status.traps[0].reason = Some("failed: why".to_owned());
    status.sinks[1].volatile = Some("why".to_owned());
    let [object, field, reason, remedy] = ["object", "field", "why", "mend it"].map(str::to_owned);
    status.resources.push(Resource { error: true, object, field: Some(field), reason, remedy });
    let mut found = std::collections::BTreeSet::new();
    keys(&serde_json::to_value(&status).expect("it is all text"), &mut found);
    let page = include_str!("../../../../docs/status.md");
    let missing: Vec<_> = found.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty() && found.len() > 50, "not in docs/status.md: {missing:?}");
}
