//! GET /auth-ms/internal/metrics: numbers for those who watch the service.

use super::Call;
use crate::keys::token_verifier;
use api::auth::operation::ShowMetrics;
use metrics::{Exposition, auth};
use service_kit::{HandlerResult, exposition};
use std::collections::BTreeMap;

/// Shows the metrics to what collects them.
pub(super) fn show_metrics(_: &Call<'_, ShowMetrics>) -> HandlerResult {
    let mut keys = BTreeMap::<&str, u32>::new();
    let verifier = token_verifier()?;
    for algorithm in verifier.keys().each_algorithm() {
        *keys.entry(algorithm).or_default() += 1;
    }
    let mut shown = Exposition::new().with_facts(&auth::BUILD, &[env!("CARGO_PKG_VERSION")]);
    for (algorithm, number) in keys {
        shown = shown.with(&auth::TOKEN_KEYS, &[algorithm], number.into());
    }
    Ok(exposition(shown))
}
