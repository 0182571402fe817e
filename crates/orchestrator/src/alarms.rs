//! Tells in the log of categories in which the share of Top Performers is not as expected: seldom, for it changes slowly.

use crate::Context;
use gavel_store::overview::TierCount;
use gavel_store::{Seldom, Store};
use gavel_triage::{Alarm, AlarmRules, Census, alarm};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the shares are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10 * 60);
/// How often a category is told of at most.
const TELL_EVERY: Duration = Duration::from_secs(60 * 60);

/// Who looks at the shares, and has told of some.
#[derive(Debug)]
pub(crate) struct Watch {
    looks: Seldom,
    told: BTreeMap<String, Seldom>,
}

impl Watch {
    pub(crate) fn new() -> Watch {
        Watch { looks: Seldom::every(LOOK_EVERY), told: BTreeMap::new() }
    }

    /// Looks, when it is time, and tells.
    pub(crate) async fn look(&mut self, context: &Context) {
        if !self.looks.is_news() {
            return;
        }
        let scores_min = context.candidates.rules().policy().scores_min;
        match self.due(&context.store, scores_min, &context.settings.alarms).await {
            Ok(due) => due.iter().for_each(|(count, alarm)| tell(count, *alarm)),
            Err(error) => context.tell("the shares of tiers could not be looked at", &error),
        }
    }

    /// What is to be told now.
    async fn due(
        &mut self,
        store: &Store,
        scores_min: u32,
        rules: &AlarmRules,
    ) -> gavel_store::Result<Vec<(TierCount, Alarm)>> {
        let counts = store.tier_counts(scores_min).await?;
        let raised = counts.into_iter().filter_map(|count| {
            let TierCount { agents, scored, top, .. } = count;
            alarm(&Census { agents, scored, top }, rules).map(|alarm| (count, alarm))
        });
        Ok(raised.filter(|(count, _)| self.is_news(&count.category)).collect())
    }

    fn is_news(&mut self, category: &str) -> bool {
        let seldom = || Seldom::every(TELL_EVERY);
        self.told.entry(category.to_owned()).or_insert_with(seldom).is_news()
    }
}

fn tell(count: &TierCount, alarm: Alarm) {
    let TierCount { category, scored, top, .. } = count;
    tracing::warn!(%category, scored, top, alarm = alarm.name(), "the share of Top Performers is not as expected: {}", alarm.advice());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_category_is_told_of_once_an_hour() {
        let mut watch = Watch::new();
        let mut told = || ["marketing", "translation", "marketing"].map(|category| watch.is_news(category));
        assert_eq!(told(), [true, true, false]);
        tokio::time::advance(TELL_EVERY - Duration::from_secs(1)).await;
        assert_eq!(told(), [false; 3]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(told(), [true, true, false]);
    }
}
