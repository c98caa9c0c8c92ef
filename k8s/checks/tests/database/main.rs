//! What runs against a database on Kubernetes, on a real PostgreSQL.

mod administrator;
mod backup;
mod migrations;
mod stage;
