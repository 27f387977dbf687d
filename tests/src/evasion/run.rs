//! Plays scenarios one after another: each with a deadline and a stage of its own, and none is the end of the others.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use koney_agent::kernel::Environment;
use tokio::time::timeout;

use super::{
    attach::Attach,
    check::Tally,
    scenario::{Row, Scenario},
    scene::Scene,
    trial::Trial,
};
use crate::container::Images;

/// Longest play of one scenario on a busy emulated machine.
const DEADLINE: Duration = Duration::from_mins(3);

/// A detector for one scenario after another.
pub struct Run {
    attach: Attach,
    images: Arc<Images>,
    scene: Option<Scene>,
}

impl Run {
    /// Attaches.
    pub async fn start(attach: Attach) -> Result<Self> {
        let scene = attach.scene().await?;
        Ok(Self { attach, images: Arc::new(Images::new()?), scene: Some(scene) })
    }

    /// Plays one.
    pub async fn play(&mut self, scenario: &Scenario) -> Row {
        if let (Attach::Fanotify, Some(reason)) = (self.attach, scenario.fanotify) {
            // Whatever the kernel.
            return Row { since: None, ..Row::skipped(scenario, &format!("fanotify does not see {reason}")) };
        }
        if let Some((major, minor)) = scenario.since.filter(|(major, minor)| Environment::read().older_than(*major, *minor)) {
            return Row::skipped(scenario, &format!("not possible before Linux {major}.{minor}"));
        }
        match self.stage(scenario).await {
            Ok((tally, None)) => Row::of(scenario, tally),
            Ok((tally, Some(problem))) => Row::failed(scenario, tally, problem),
            Err(error) => Row::failed(scenario, Tally::default(), format!("{error:#}")),
        }
    }

    async fn stage(&mut self, scenario: &Scenario) -> Result<(Tally, Option<String>)> {
        let mut scene = match self.scene.take() {
            Some(scene) => scene,
            None => self.attach.scene().await.context("start the detector again")?,
        };
        // What an earlier scenario has left is nobody's.
        let _left = scene.told().await;
        let mut trial = Trial::new(self.attach, scenario.runtime, scene, Arc::clone(&self.images))?;
        let play = scenario.play;
        // A task of its own: a panic ends it alone.
        let mut played = tokio::spawn(async move {
            let outcome = play(&mut trial).await;
            let (tally, scene) = trial.end();
            (outcome, tally, scene)
        });
        match timeout(DEADLINE, &mut played).await {
            Ok(Ok((outcome, tally, scene))) => {
                self.scene = scene;
                Ok((tally, outcome.err().map(|error| format!("{error:#}"))))
            }
            Ok(Err(error)) => Ok((Tally::default(), Some(format!("it panicked: {error}")))),
            Err(_) => {
                played.abort();
                Ok((Tally::default(), Some(format!("it did not end within {} s", DEADLINE.as_secs()))))
            }
        }
    }
}
