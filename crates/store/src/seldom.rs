//! What many meet at once is told once in a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When something was last told.
#[derive(Debug)]
pub struct Seldom {
    every: Duration,
    told_at: Mutex<Option<Instant>>,
}

impl Seldom {
    /// To be told so often at most.
    pub const fn every(every: Duration) -> Self {
        Seldom { every, told_at: Mutex::new(None) }
    }

    /// Whether it is time to tell of it (again). Whoever asks tells.
    pub fn is_news(&self) -> bool {
        // A time stays whole whatever happened to the thread that held it.
        let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = told_at.is_none_or(|at| at.elapsed() >= self.every);
        if is_news {
            *told_at = Some(Instant::now());
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_in_a_while() {
        const EVERY: Duration = Duration::from_secs(5);
        let seldom = Seldom::every(EVERY);
        assert_eq!([(); 3].map(|()| seldom.is_news()), [true, false, false]);
        tokio::time::advance(EVERY).await;
        assert_eq!([(); 2].map(|()| seldom.is_news()), [true, false]);
    }
}
