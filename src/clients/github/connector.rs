//! Requests to GitHub over an HTTP client with our certificates and our proxy.

use crate::quantity::without_secrets;
use http::{HeaderValue, Request, Response, Uri};
use octocrab::OctoBody;
use octocrab::service::middleware::auth_header::AuthHeaderLayer;
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use secrecy::{ExposeSecret, SecretString};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// Carries octocrab's requests.
#[derive(Debug, Clone)]
struct Connector(reqwest::Client);

impl Service<Request<OctoBody>> for Connector {
    type Response = Response<reqwest::Body>;
    type Error = reqwest::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // The client has a pool of its own, and is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        let client = self.0.clone();
        Box::pin(async move {
            let request = request.map(reqwest::Body::wrap);
            let answer = client.execute(reqwest::Request::try_from(request)?).await?;
            Ok(answer.into())
        })
    }
}

/// GitHub's API at an address, entered with a token over an HTTP client.
///
/// # Errors
/// When the address is not one, or the token cannot be put into a header; one sentence that does not hold the token.
pub(super) fn connect(
    client: reqwest::Client,
    address: &str,
    token: &SecretString,
) -> Result<Octocrab, String> {
    let base: Uri = address.parse().map_err(|error| {
        let shown = without_secrets(address);
        format!("`{shown}` is not the address of an API: {error}")
    })?;
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| "the token holds characters that no header may have".to_string())?;
    header.set_sensitive(true);
    let built = OctocrabBuilder::new_empty()
        .with_service(Connector(client))
        .with_layer(&BaseUriLayer::new(base.clone()))
        .with_layer(&AuthHeaderLayer::new(Some(header), base.clone(), base))
        .with_auth(AuthState::None)
        .build();
    match built {
        Ok(octocrab) => Ok(octocrab),
        Err(never) => match never {},
    }
}
