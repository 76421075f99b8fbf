//! The HTTP interface.

mod artifacts;
mod auth;
mod content;
mod create;
mod events;
mod extract;
mod health;
mod objects;
mod openapi;
mod pace;
mod pages;
mod probe;
mod session;
mod sign_in;
mod validate;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Notify;
use tracing::Instrument;

use crate::{
    db::Db, error::Problem, events::Events, ids, metrics, settings::Settings, storage::Store,
};

/// The largest JSON body: a thousand fragments with long URLs.
const MAX_BODY: usize = 4 << 20;

/// What every request can reach.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The objects.
    pub store: Arc<dyn Store>,
    /// The settings.
    pub settings: Arc<Settings>,
    /// How clients see us, without a slash at the end.
    pub public_url: Arc<str>,
    /// Wakes the worker of this process.
    pub job_notify: Arc<Notify>,
    /// What changes.
    pub events: Events,
    /// The figures.
    pub figures: PrometheusHandle,
    /// Requests of late, by key.
    pub pace: Arc<RateLimiter>,
    /// Looks into files that are not artifacts yet.
    pub prober: Arc<Prober>,
    /// Ends streams when the service stops.
    pub stop: media_concat::CancellationToken,
}

pub use pace::RateLimiter;
pub use probe::Prober;

impl FromRef<App> for Db {
    fn from_ref(app: &App) -> Self {
        app.db.clone()
    }
}

/// Every route.
pub fn router(app: App) -> Router {
    let api = Router::new()
        .route(
            "/artifacts/create",
            post(create::create).get(create::upload_url),
        )
        .route("/artifacts", get(artifacts::list))
        .route("/artifacts/events", get(events::all))
        .route(
            "/artifacts/{id}",
            get(artifacts::get).delete(artifacts::delete),
        )
        .route("/artifacts/{id}/content", get(content::content))
        .route("/artifacts/{id}/events", get(events::one))
        .route("/me", get(sign_in::me))
        .layer(DefaultBodyLimit::max(MAX_BODY));
    Router::new()
        .nest("/api/v1", api)
        .route(
            "/objects/{*key}",
            put(objects::put)
                .get(objects::get)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/session", post(sign_in::create).delete(sign_in::delete))
        .route("/session/probe", post(probe::probe))
        .route("/openapi.json", get(openapi::document))
        .route("/docs", get(pages::reference))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::figures))
        .route("/", get(pages::index))
        .route("/{file}", get(pages::file))
        .fallback(async || Problem::not_found("path"))
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn(observe))
        .with_state(app)
}

async fn not_allowed() -> Problem {
    let (status, title) = (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
    Problem::new(
        status,
        "method_not_allowed",
        title,
        "this path has other methods",
    )
}

/// Gives every request an id, counts it, and logs it.
async fn observe(request: Request, next: Next) -> Response {
    const ID: HeaderName = HeaderName::from_static("x-request-id");
    let id = ids::new_id();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id = %id, %method, route = %route);
    let began = std::time::Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    metrics::answered(&route, method.as_str(), status, took);
    span.in_scope(|| tracing::debug!(status, millis = took.as_millis(), "answered"));
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(ID, id);
    }
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert("x-content-type-options", nosniff);
    response
}

/// The state of an application, for handlers.
type AppState = State<App>;

/// An answer in JSON.
fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    (status, axum::Json(body)).into_response()
}
