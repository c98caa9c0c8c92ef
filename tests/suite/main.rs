//! The suite: what somebody outside sees of Concierge, told as facts. One file for each subject.

mod audit;
mod authorization;
mod bad_input;
mod concurrency;
mod contracts;
mod delivery;
mod docs;
mod fairness;
mod http_sender;
mod internal;
mod listing;
mod load_test;
mod login;
mod outages;
mod outbox;
mod passwords;
mod poison;
mod privileges;
mod probes;
mod queues;
mod sessions;
mod shutdown;
mod storm;
mod throttling;
mod tokens;
mod users;
