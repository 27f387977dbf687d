//! The task that reports, stands for election, and sums up where it was elected.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Client, Error};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{debug, info, warn};

use super::{
    conditions::Conditions,
    election::Election,
    leases::{Leases, RENEWAL},
    report::NodeReport,
};
use crate::causes::chain;

/// Between two looks at what there is to report.
const LOOK: Duration = Duration::from_secs(5);
/// Looks between two attempts to lead, and to sum up.
const STAND: u32 = 2;

/// What this agent has to report, when it is asked.
pub type Reports = Box<dyn Fn() -> NodeReport + Send + Sync>;

/// Reports for one agent.
pub struct Reporter {
    leases: Leases,
    election: Election,
    conditions: Conditions,
    reports: Reports,
    told: Option<(NodeReport, Instant)>,
    led: bool,
    failing: bool,
}

impl Reporter {
    /// For the agent of a node; `owner` takes what was written along when it goes.
    #[must_use]
    pub fn new(client: &Client, namespace: &str, node: &str, owner: Option<OwnerReference>, reports: Reports) -> Self {
        // Two agents are on one node while one follows the other.
        let own = format!("{node}/{:08x}", fastrand::u32(..));
        Self {
            leases: Leases::new(client.clone(), namespace, node, owner.clone()),
            election: Election::new(client.clone(), namespace, own, owner),
            conditions: Conditions::new(client.clone(), namespace, node),
            reports,
            told: None,
            led: false,
            failing: false,
        }
    }

    /// Reports for ever, whether or not anybody can be told.
    pub async fn run(mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 0_u32.. {
            look.tick().await;
            let reported = self.report().await;
            let summed = if round % STAND == 0 { self.sum_up().await } else { Ok(()) };
            self.complain(reported.and(summed));
        }
    }

    async fn report(&mut self) -> Result<(), Error> {
        let report = (self.reports)();
        if self.told.as_ref().is_some_and(|(told, at)| *told == report && at.elapsed() < RENEWAL) {
            return Ok(());
        }
        self.leases.renew(&report).await?;
        self.told = Some((report, Instant::now()));
        Ok(())
    }

    async fn sum_up(&mut self) -> Result<(), Error> {
        let leads = self.election.stand().await?;
        if leads != std::mem::replace(&mut self.led, leads) {
            info!(leads, "this agent sums up for all");
            self.conditions.forget();
        }
        if leads {
            let (reports, silent) = self.leases.reports().await?;
            self.conditions.write(&reports, silent).await;
        }
        Ok(())
    }

    fn complain(&mut self, result: Result<(), Error>) {
        match result {
            Ok(()) if std::mem::take(&mut self.failing) => info!("the state of this node is reported again"),
            Ok(()) => {}
            Err(error) if std::mem::replace(&mut self.failing, true) => debug!(cause = chain(&error), "still not reported"),
            Err(error) => {
                let remedy = "see the agent's rights on leases and on the status of policies and sinks; it is tried again";
                warn!(cause = chain(&error), remedy, "the state of this node cannot be reported");
            }
        }
    }
}
