//! `gavel serve`: the server, until it is asked to end.

use super::{asked_to_end, log, settings_of};
use crate::args::ServeArgs;
use crate::{Failure, app, settings};

pub(super) async fn serve(args: ServeArgs) -> Result<(), Failure> {
    let mut config = settings_of(&args.place)?;
    if let Some(listen) = args.listen {
        config.listen = listen;
    }
    if let Some(roles) = args.roles {
        roles
            .check(&config.database_url)
            .map_err(|problem| Failure::Usage(format!("--roles {roles}: {problem}")))?;
        config.roles = roles;
    }
    log(&config.log_level, config.log_json);
    settings::doubts(&config).iter().for_each(|doubt| tracing::warn!("{doubt}"));

    let roles = config.roles;
    let mut running = app::start(config).await?;
    let end = asked_to_end(); // before anybody is told that we are here
    tracing::info!("gavel ({roles}) is listening on {}", running.base_url);

    let ended = tokio::select! {
        () = end => Ok(()),
        failure = running.failed() => Err(failure),
    };
    tracing::info!("gavel is stopping");
    if ended.is_ok() {
        running.stop().await;
    }
    ended
}
