//! Probes.

use crate::wire::wire;
use serde::Serialize;

/// What a check has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It passed.
    Ok,
    /// It did not.
    Unavailable,
}

wire! {
    /// The answer to a liveness probe.
    #[derive(Clone, Copy, Debug, Serialize)]
    pub struct Health {
        /// The process answers.
        pub status: HealthStatus as "crate::schema::Ok",
    }

    /// The state of a dependency or of the configuration.
    #[derive(Clone, Copy, Debug, Serialize)]
    pub struct Check {
        /// Whether it passed.
        pub status: HealthStatus as "crate::schema::Status",
        /// How long it took.
        pub latency_ms: u64,
    }
}

/// Defines the readiness of a service, by its checks.
macro_rules! readiness {
    ($( #[doc = $doc:literal] $check:ident ),* $(,)?) => {
        $crate::wire::wire! {
            /// Whether requests should be sent here.
            #[derive(Clone, Copy, Debug, serde::Serialize)]
            pub struct Readiness {
                /// `ok` if all checks are.
                pub status: $crate::HealthStatus as "crate::schema::Status",
                /// The checks.
                pub checks: Checks,
            }

            /// The checks of a readiness probe.
            #[derive(Clone, Copy, Debug, serde::Serialize)]
            pub struct Checks {
                $( #[doc = $doc] pub $check: $crate::Check, )*
            }
        }

        impl Readiness {
            /// Ready if all checks have passed.
            #[must_use]
            pub fn new(checks: Checks) -> Self {
                let is_ready = [$( checks.$check ),*].iter().all(|check| check.status == $crate::HealthStatus::Ok);
                let status = if is_ready { $crate::HealthStatus::Ok } else { $crate::HealthStatus::Unavailable };
                Self { status, checks }
            }
        }
    };
}

pub(crate) use readiness;
