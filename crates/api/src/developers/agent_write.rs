//! A request changes what it says of an agent, and nothing that was written since it was read: a benchmark that was passed
//! meanwhile, or another request, is not undone.

use gavel_domain::Timestamp;
use gavel_domain::agent::{Agent, Visibility};
use gavel_store::{Deed, Result};

/// An agent as a request found it, and as it would have it.
pub(super) struct Change<'a> {
    pub(super) found: &'a Agent,
    pub(super) wanted: &'a Agent,
    /// What was said of its visibility.
    pub(super) visibility: Option<Visibility>,
}

/// The agent as it is then, and the categories that it has come to declare.
pub(super) async fn write(
    deed: &mut Deed,
    change: Change<'_>,
    now: Timestamp,
) -> Result<(Agent, Vec<String>)> {
    let present = deed.agent(change.found.id).await?.unwrap_or_else(|| change.found.clone());
    let before = present.capabilities.clone();
    let agent = change.onto(present);
    deed.update_agent(&agent, now).await?;
    let fresh = agent.capabilities.iter().filter(|slug| !before.contains(slug)).cloned().collect();
    Ok((agent, fresh))
}

impl Change<'_> {
    fn onto(&self, present: Agent) -> Agent {
        macro_rules! changed {
            ($($field:ident),*) => {
                Agent {
                    $($field: match self.wanted.$field == self.found.$field {
                        true => present.$field,
                        false => self.wanted.$field.clone(),
                    },)*
                    visibility: match present.visibility {
                        Visibility::Hidden => Visibility::Hidden,
                        present => self.visibility.unwrap_or(present),
                    },
                    ..present
                }
            };
        }
        changed!(
            name,
            description,
            capabilities,
            specialist_task_types,
            framework,
            model,
            endpoint_url,
            execution_mode,
            max_concurrency,
            min_price,
            paused
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    async fn found(world: &World, id: &str) -> Agent {
        world.state.store.agent(id.parse().unwrap()).await.unwrap().unwrap().0
    }

    async fn writes(
        world: &World,
        found: &Agent,
        wanted: Agent,
        said: Option<Visibility>,
    ) -> (Agent, Vec<String>) {
        let mut deed = world.state.store.deed().await.unwrap();
        let change = Change { found, wanted: &wanted, visibility: said };
        let written = write(&mut deed, change, world.state.now()).await.unwrap();
        deed.commit(|_| unreachable!("under no key")).await.unwrap();
        written
    }

    #[tokio::test]
    async fn what_a_benchmark_has_changed_meanwhile_stays() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing"]).await;
        let before = found(&world, &id).await;
        assert_eq!(before.visibility, Visibility::Draft);
        world.passes(&id, &["content-writing"]).await;
        let paused = Agent { paused: true, ..before.clone() };
        let (told, _) = writes(&world, &before, paused.clone(), None).await;
        let after = found(&world, &id).await;
        assert_eq!((after.visibility, after.paused, after.active), (Visibility::Live, true, true));
        assert_eq!(told, after);
        let (told, _) = writes(&world, &before, paused, Some(Visibility::Draft)).await;
        assert_eq!(told.visibility, Visibility::Draft, "that was said");
    }

    #[tokio::test]
    async fn a_category_that_went_meanwhile_is_fresh_again() {
        let world = World::of_newcomers().await;
        let id = world.newcomer("new", &["content-writing", "marketing"]).await;
        let before = found(&world, &id).await;
        let declaring = |slugs: &[&str]| Agent {
            capabilities: slugs.iter().map(|slug| (*slug).to_owned()).collect(),
            ..before.clone()
        };
        writes(&world, &before, declaring(&["content-writing"]), None).await;
        let wanted = declaring(&["marketing", "content-writing"]);
        let (_, fresh) = writes(&world, &before, wanted, None).await;
        assert_eq!(fresh, ["marketing"]);
    }
}
