//! How experiments show what they found: tables, plots, and a chapter of the documents. The experiments with queues are the
//! program of this package, those on Kubernetes are in `k8s/experiments`.

pub mod chapter;
pub mod plot;
pub mod table;
