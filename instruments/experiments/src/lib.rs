//! How experiments show what they found: tables and plots. The experiments with queues are the program of this package,
//! those on Kubernetes are in `k8s/experiments`.

pub mod plot;
pub mod table;
