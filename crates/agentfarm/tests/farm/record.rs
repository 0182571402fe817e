//! What a farm remembers of what it received.

use crate::support::{brief, call, get, until};
use gavel_agentfarm::{Action, AgentSpec, Behaviour, Farm, Script};

#[tokio::test]
async fn everything_is_kept_and_calls_are_told_apart() {
    let farm = Farm::start(vec![AgentSpec::always("a", Action::Bid)]).await.unwrap();
    let agent = farm.agent("a").unwrap();
    get(&agent.health_url()).await;
    call(&agent.url(), "webhook-id: m1\r\n", &brief("t1").to_string()).await;
    call(&agent.url().replace("execute", "elsewhere?x=1"), "", "{}").await;
    let (calls, all) = (agent.requests(), agent.everything());
    assert_eq!((calls.len(), calls[0].task_id().as_deref()), (1, Some("t1")));
    let paths: Vec<_> = all.iter().map(|one| (one.method.as_str(), one.path.as_str())).collect();
    assert_eq!(paths, [("GET", "/health"), ("POST", "/execute"), ("POST", "/elsewhere?x=1")]);
    assert!(all.iter().all(|one| one.peer.ip().is_loopback() && one.peer.port() > 0));
    assert!(all[0].at <= all[1].at && all[1].at <= all[2].at);
    until("all connections are over", || agent.connections() == 0).await;
    assert_eq!(agent.connections_ever(), 3);
}

#[tokio::test]
async fn sends_are_counted_over_the_whole_farm() {
    let specs = ["a", "b"].map(|slug| AgentSpec::always(slug, Action::Bid)).to_vec();
    let farm = Farm::start(specs).await.unwrap();
    for (slug, message) in [("a", "m1"), ("a", "m1"), ("b", "m2")] {
        let headers = format!("webhook-id: {message}\r\nX-AITasker-Task-ID: t1\r\n");
        call(&farm.agent(slug).unwrap().url(), &headers, "{}").await;
    }
    assert_eq!((farm.sends_of_task("t1"), farm.sends_of_task("t2")), (3, 0));
    assert_eq!((farm.sends_of_message("m1"), farm.sends_of_message("m2")), (2, 1));
    assert_eq!(farm.sends_by_message().len(), 2);
}

#[tokio::test]
async fn the_most_at_once_is_known_for_each_agent_and_for_all() {
    let specs = ["a", "b"].map(|slug| AgentSpec::new(slug, Behaviour::Hang)).to_vec();
    let farm = Farm::start(specs).await.unwrap();
    let urls: Vec<_> = farm.agents().map(|agent| agent.url()).collect();
    let calls =
        async { tokio::join!(call(&urls[0], "", "{}"), call(&urls[0], "", "{}"), call(&urls[1], "", "{}")) };
    tokio::select! {
        _ = calls => panic!("answered"),
        () = until("all three hang", || farm.under_way() == 3) => {}
    }
    until("they are noticed to be gone", || farm.under_way() == 0).await;
    let most: Vec<_> = farm.agents().map(|agent| agent.under_way_max()).collect();
    assert_eq!((most, farm.under_way_max()), (vec![2, 1], 3));
}

#[tokio::test]
async fn agents_live_where_they_are_told_but_only_on_loopback() {
    let at = |ip: [u8; 4]| {
        let mut spec = AgentSpec::new("a", Behaviour::Script(Script::default()));
        spec.behaviour = Behaviour::Garbage;
        spec.ip = ip.into();
        spec
    };
    let farm = Farm::start(vec![at([127, 0, 0, 3])]).await.unwrap();
    let url = farm.agent("a").unwrap().url();
    assert!(url.starts_with("http://127.0.0.3:"), "{url}");
    assert_eq!(call(&url, "", "{}").await.status(), 200);
    let refused = Farm::start(vec![at([0, 0, 0, 0])]).await.unwrap_err();
    assert!(refused.to_string().contains("not in 127.0.0.0/8"), "{refused}");
}
