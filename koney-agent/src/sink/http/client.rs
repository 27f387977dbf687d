//! The one place where clients are made.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::tls;

use super::Settings;
use super::resolver::Guarded;
use crate::sink::install_crypto_provider;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
const USER_AGENT: &str = concat!("koney/", env!("CARGO_PKG_VERSION"));

/// Follows no redirect, speaks TLS 1.2 and newer, and sends nothing where nothing is to be sent. Proxies are those of the environment.
pub(super) fn build(settings: &Settings) -> reqwest::Result<reqwest::Client> {
    install_crypto_provider();
    let all_https = settings.endpoints.iter().all(super::Endpoint::is_https);
    let any_https = settings.endpoints.iter().any(super::Endpoint::is_https);
    let roots = settings.tls.root_certificates();
    let mut builder = reqwest::Client::builder()
        .https_only(all_https)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ATTEMPT_TIMEOUT)
        .tls_version_min(tls::Version::TLS_1_2)
        .user_agent(USER_AGENT)
        .dns_resolver(Guarded { local: settings.options.allow_local });
    // The system's roots are loaded even where no TLS is spoken, and a system without any is an error then.
    builder = if any_https { builder.tls_certs_merge(roots) } else { builder.tls_certs_only(roots) };
    if let Some(identity) = settings.tls.identity() {
        builder = builder.identity(identity);
    }
    if settings.endpoints.iter().any(super::Endpoint::is_local) {
        builder = builder.no_proxy();
    }
    builder.build()
}
