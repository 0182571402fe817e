//! SIGKILL, again and again, on one process with a SQLite file, under load.

use crate::support::arena::Arena;
use crate::support::dice::Dice;
use crate::support::place::Place;
use crate::support::{ONE_AT_A_TIME, wanted};
use std::time::Duration;

const BUYERS: usize = 6;
/// Nothing holds up a send once it has left a process that is not paused, but a loaded machine.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let (kills, seed) = (wanted("GAVEL_KILLS", 60), wanted("GAVEL_SEED", 1));
    let dice = Dice::new(seed);
    let mut arena = Arena::open(Place::new(), 1).await;
    let load = arena.load(BUYERS, seed);
    let (mut killed, mut stillborn) = (0, 0);
    while killed < kills {
        tokio::time::sleep(dice.ms(20..900)).await;
        arena.kill(0);
        killed += 1;
        // Whoever takes up what a killed process left behind may be killed itself.
        while killed < kills && dice.one_in(4) {
            arena.stillborn(dice.ms(0..60)).await;
            (killed, stillborn) = (killed + 1, stillborn + 1);
        }
        arena.start(0).await;
    }
    let verdict = arena.settle(load, SLACK).await;
    verdict.must_be_clean(&format!("{kills} kills ({stillborn} while starting), seed {seed}"));
}

/// The control: a process that forgets, here because somebody puts an earlier copy of its files back, is found out.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_forgets_is_found_out() {
    let _alone = ONE_AT_A_TIME.lock().await;
    let mut arena = Arena::open(Place::new(), 1).await;
    arena.kill(0);
    let earlier = arena.place().database_files();
    arena.start(0).await;
    let load = arena.load(BUYERS, 1);
    arena.goes_on().await;
    arena.kill(0);
    arena.place().put_back(&earlier);
    arena.start(0).await;
    let verdict = arena.settle(load, SLACK).await;
    let lost = verdict.faults.iter().filter(|fault| fault.contains("is lost")).count();
    assert!(lost > 0, "{} faults, and none tells of a loss: {:?}", verdict.faults.len(), verdict.faults);
}
