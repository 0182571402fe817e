//! `gavel run`.

use crate::support::{Place, bid, scripted};
use gavel_agentfarm::{AgentSpec, Behaviour, Farm, Reply};
use serde_json::Value;

const TASK: &str = "category: content-writing\ntask_type: blog-post\nbudget_usd: 25\n\
    title: A guide to green tea\ndescription: Write for beginners about green tea and how to brew it.\n";

async fn farm() -> Farm {
    let good = scripted("good", bid(0), bid(0)).with_key("ait_mine");
    let scrap =
        r#"{"full_text": "A text of so few words that it is hardly one, about tea.", "summary": "Scrap."}"#;
    let poor = scripted("poor", Reply::answer(200, scrap), bid(0)).with_key("ait_mine");
    Farm::start(vec![poor, good, AgentSpec::new("noise", Behaviour::Garbage)]).await.unwrap()
}

fn urls(farm: &Farm) -> String {
    farm.agents().map(|agent| agent.url()).collect::<Vec<_>>().join(",")
}

fn placed() -> (Place, String) {
    let place = Place::new();
    let task = place.path("task.yaml");
    std::fs::write(&task, TASK).unwrap();
    (place, task.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_best_is_ranked_first_and_finishes_the_work() {
    let (farm, (place, task)) = (farm().await, placed());
    let urls = urls(&farm);
    let document = place.json(&["run", &task, "--agents", &urls, "--key", "ait_mine", "--pick", "best"]);
    assert_eq!(document["task"]["status"], "completed");
    assert_eq!((document["bids"].as_array().unwrap().len(), farm.requests("good").len()), (2, 2));
    assert_eq!(document["bids"][0]["selected"], true);
    assert!(document["delivery"]["full_text"].as_str().unwrap().contains("good tea"));
    let calls = farm.requests("good");
    let modes: Vec<Value> =
        calls.iter().map(|c| serde_json::from_slice::<Value>(&c.body).unwrap()["mode"].clone()).collect();
    assert_eq!(modes, ["prototype", "final"]);

    let (code, out, _) = place.ran(&["run", &task, "--agents", &urls, "--key", "ait_mine"]);
    assert_eq!(code, 0);
    assert!(out.contains("(invalid_json, answered 200)") && out.contains("Send the JSON alone"), "{out}");
    assert!(out.contains("Ranking of") && out.contains("no bid: invalid response"), "{out}");
    assert_eq!(farm.requests("good").len(), 3, "without --pick nobody is asked for the finished work");
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_what_happened() {
    let (farm, (place, task)) = (farm().await, placed());
    let check = |args: &[&str], code: i32, words: &str| {
        let (got, _, err) = place.ran(args);
        assert_eq!(got, code, "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
    };
    let noise = farm.agent("noise").unwrap().url();
    check(&["run", &task, "--agents", &noise], 3, "no valid bid");
    let unknown = format!("{TASK}requirements:\n  colour: red\n");
    std::fs::write(place.path("colour.yaml"), unknown).unwrap();
    check(&["run", "colour.yaml", "--agents", &noise], 3, "warning: requirements.colour is no field");
    check(&["run", &task, "--agents", &urls(&farm), "--key", "ait_wrong"], 3, "agent_error");
    let wrong = ["run", &task, "--agents", &urls(&farm), "--key", "ait_wrong"];
    let (_, out, _) = place.ran(&wrong);
    assert!(
        out.contains("no bid: agent error (http_status, answered 401)") && out.contains("--key"),
        "{out}"
    );
    check(&["run", "missing.yaml", "--agents", &noise], 2, "missing.yaml");
    check(&["run", &task, "--agents", "not a url"], 2, "--agents");
    check(&["run", &task, "--agents", &noise, "--key", "aitk_live_x"], 2, "no agent may see it");
    check(&["run", &task], 2, "--agents");
    std::fs::write(place.path("bad.yaml"), TASK.replace("budget_usd: 25", "budget_usd: 1")).unwrap();
    check(&["run", "bad.yaml", "--agents", &noise], 2, "budget_usd");
}
