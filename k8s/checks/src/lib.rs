//! What the manifests of `k8s/` have to be, checked without a cluster.
//!
//! [`render`] has `kubectl kustomize` write out the base and every overlay; [`manifests`] reads the objects; each module
//! of [`checks`] holds one invariant against them and against [`app`], which is what `spin.toml` and the OpenAPI files
//! say. The tests run every check on every overlay, and every check on manifests that were broken on purpose.

pub mod app;
pub mod checks;
pub mod kinds;
pub mod manifests;
pub mod pods;
pub mod render;
