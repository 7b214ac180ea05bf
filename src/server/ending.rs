//! The end of the server, in order and in time: viewers, cameras, HTTP.

use actix_web::dev::{Server, ServerHandle};
use lenscap_actors::root::Root;
use lenscap_actors::shutdown::{Budget, not_closed};
use std::pin::Pin;
use std::time::Instant;

/// Lets every viewer go, closes every camera, and ends HTTP. What does not end in its time is named in the log and left to
/// the end of the process. Whoever does not want to wait for this drops it, and says [`what is left`](say_what_is_open).
pub async fn in_order(root: &Root, handle: ServerHandle, server: Pin<&mut Server>, budget: Budget) {
    let start = Instant::now();
    if tokio::time::timeout(budget.cameras(), root.shut_down()).await.is_err() && !say_what_is_open(root, start) {
        log::warn!("every camera is closed, but not everything ended within {:?}", budget.cameras());
    }
    let requests = async { tokio::join!(handle.stop(true), server).1 };
    match tokio::time::timeout(budget.http(), requests).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::warn!("HTTP ended with an error: {error}"),
        Err(_) => log::info!("requests that were still being answered are cut off"),
    }
    log::info!("stopped within {} ms", start.elapsed().as_millis());
}

/// Names every camera that is open; whether there is one.
pub fn say_what_is_open(root: &Root, since: Instant) -> bool {
    let open = root.board.read(|board| not_closed(board, since.elapsed()));
    open.iter().for_each(|sentence| log::error!("{sentence}"));
    !open.is_empty()
}
