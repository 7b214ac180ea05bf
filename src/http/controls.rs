//! The controls of cameras: `GET` and `PUT /cameras/{id}/controls`.

use super::authorize::Guest;
use super::problem::Problem;
use super::site::Site;
use crate::access::policy::Refusal;
use crate::capture::controls::{Control, ControlError, Controls};
use crate::capture::setting::Setting;
use actix_web::{HttpResponse, web};
use lenscap_actors::board::Snapshot;
use serde_json::json;
use std::collections::BTreeMap;

/// The routes of this family.
pub fn routes(app: &mut web::ServiceConfig) {
    app.service(web::resource("/cameras/{id}/controls").get(show).put(set));
}

async fn show(guest: Guest, site: web::Data<Site>, id: web::Path<String>) -> Result<HttpResponse, Problem> {
    match of(&guest, &site, &id)? {
        Some(controls) => answer(&guest, controls, |controls| controls.list()).await,
        None => Ok(HttpResponse::Ok().json(json!({ "controls": [] }))),
    }
}

/// All or none are set.
async fn set(
    guest: Guest,
    site: web::Data<Site>,
    id: web::Path<String>,
    body: String,
) -> Result<HttpResponse, Problem> {
    let controls = of(&guest, &site, &id)?.ok_or_else(|| Problem::no_controls(&id))?;
    let settings: BTreeMap<String, Setting> = serde_json::from_str(&body).map_err(|error| {
        Problem::bad_message(format!(
            "expected an object like {{\"brightness\": 10}} of numbers, switches and labels: {error}"
        ))
    })?;
    answer(&guest, controls, move |controls| controls.set(&settings)).await
}

/// The controls of a camera that the guest may see, unless it is of a kind that has none.
fn of(guest: &Guest, site: &Site, id: &str) -> Result<Option<Controls>, Problem> {
    let sees = |board: &Snapshot| {
        let mut streams = board.known_streams().filter(|(_, stream)| stream.camera.as_str() == id);
        streams.any(|(stream, _)| guest.rights.may_view(stream.as_str()))
    };
    if !guest.rights.admin && !site.root.board.read(sees) {
        return Err(Refusal::lacking_view(id).into());
    }
    match site.cameras.contains(id) {
        true => Ok(site.controls.get(id).cloned()),
        false => Err(Problem::unknown_camera(id)),
    }
}

/// Asks the device, which blocks, on a thread for that.
async fn answer(
    guest: &Guest,
    controls: Controls,
    ask: impl FnOnce(&Controls) -> Result<Vec<Control>, ControlError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let asked = web::block(move || ask(&controls)).await.map_err(|error| Problem::internal(error.to_string()))?;
    let controls = asked.map_err(|error| Problem::controls(&error, guest.rights.admin))?;
    Ok(HttpResponse::Ok().json(json!({ "controls": controls })))
}
