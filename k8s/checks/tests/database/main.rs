//! What runs against a database on Kubernetes, on a real PostgreSQL.

mod backup;
mod migrations;
mod stage;
