//! Both ends of the socket, with an operator that keeps one dead letter.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;

use super::{
    ask::{Agent, AskError},
    operator::{Answering, DeadLetter, Operator, Refused, Tested, Which},
    socket,
    status::{Status, samples},
};

#[derive(Default)]
struct Double {
    asked: Mutex<Vec<String>>,
}

impl Double {
    fn note(&self, what: String) {
        self.asked.lock().expect("no test panics with it").push(what);
    }
}

impl Operator for Double {
    fn dead_letters<'a>(&'a self, sink: Option<&'a str>) -> Answering<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            match sink {
                Some("absent") => Err(Refused::new("there is no sink absent; the sinks are prod")),
                _ => Ok(vec![letter()]),
            }
        })
    }

    fn dead_letter<'a>(&'a self, id: &'a str) -> Answering<'a, Vec<DeadLetter>> {
        Box::pin(async move {
            let letter = DeadLetter { body: Some("{\"x\":\"\u{1b}\"}".to_owned()), ..letter() };
            Ok(Some(letter).filter(|letter| letter.id == id).into_iter().collect())
        })
    }

    fn retry<'a>(&'a self, which: &'a Which) -> Answering<'a, usize> {
        self.note(format!("retry {which:?}"));
        Box::pin(async { Ok(which.ids.len()) })
    }

    fn drop_dead<'a>(&'a self, which: &'a Which) -> Answering<'a, usize> {
        self.note(format!("drop {which:?}"));
        Box::pin(async { Ok(7) })
    }

    fn status(&self) -> Answering<'_, Status> {
        Box::pin(async { Ok(samples::busy()) })
    }

    fn page(&self) -> Answering<'_, String> {
        Box::pin(async { Err(Refused::new("there is no page")) })
    }

    fn log<'a>(&'a self, level: Option<&'a str>) -> Answering<'a, String> {
        Box::pin(async move { Ok(level.unwrap_or("info").to_owned()) })
    }

    fn test<'a>(&'a self, sink: &'a str) -> Answering<'a, Tested> {
        Box::pin(async move {
            Ok(Tested { delivered: true, id: "AB".to_owned(), answer: format!("{sink} says 202 Accepted"), milliseconds: 7 })
        })
    }
}

fn letter() -> DeadLetter {
    let [sink, id, reason] = ["prod", "AB", "400 Bad Request"].map(str::to_owned);
    DeadLetter { sink, id, time: Timestamp::UNIX_EPOCH, given_up: Timestamp::UNIX_EPOCH, reason, body: None }
}

#[tokio::test]
async fn root_asks_and_the_agent_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state");
    let agent = Agent::of(&state);
    assert!(matches!(agent.dead_letters(None).await, Err(AskError::Absent { .. })), "nobody is there yet");

    let double = Arc::new(Double::default());
    let server = tokio::spawn(socket::serve(socket::path(&state), Arc::<Double>::clone(&double)));
    while !socket::path(&state).exists() {
        tokio::task::yield_now().await;
    }
    let letters = loop {
        match agent.dead_letters(None).await {
            Err(AskError::Absent { .. }) => tokio::task::yield_now().await,
            answer => break answer.expect("an answer"),
        }
    };
    assert_eq!(letters, [letter()]);
    for (path, mode) in [(state.clone(), 0o700), (socket::path(&state), 0o600)] {
        assert_eq!(path.metadata().expect("it is there").permissions().mode() & 0o777, mode);
    }
    let shown = agent.dead_letter("AB").await.expect("an answer");
    assert_eq!(shown[0].body.as_deref(), Some("{\"x\":\"\u{1b}\"}"));
    assert_eq!(agent.dead_letter("CD").await.expect("an answer"), []);
    let error = agent.dead_letters(Some("absent")).await.expect_err("there is no such sink");
    assert_eq!(error.to_string(), "there is no sink absent; the sinks are prod");
    let which = Which { sink: Some("prod".to_owned()), ids: vec!["AB".to_owned(), "CD".to_owned()] };
    assert_eq!(agent.retry(&which).await.expect("done"), 2);
    assert_eq!(agent.drop_dead(&Which::default()).await.expect("done"), 7);
    assert_eq!(agent.test("prod").await.expect("tested").answer, "prod says 202 Accepted");
    assert_eq!(agent.status().await.expect("an answer"), samples::busy());
    assert_eq!(agent.page().await.expect_err("there is none").to_string(), "there is no page");
    assert_eq!(agent.log(Some("debug")).await.expect("an answer"), "debug");
    assert_eq!(agent.log(None).await.expect("an answer"), "info");
    let asked = double.asked.lock().expect("nobody panicked").clone();
    assert_eq!(asked, [format!("retry {which:?}"), format!("drop {:?}", Which::default())]);
    server.abort();

    // The next agent takes its place.
    let next = tokio::spawn(socket::serve(socket::path(&state), double));
    while agent.dead_letters(None).await.is_err() {
        tokio::task::yield_now().await;
    }
    next.abort();
}
