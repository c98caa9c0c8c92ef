//! What tells the components with pages apart.

/// A component with pages.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    /// Its name, in cookies, seals and the variable with its keys.
    pub name: &'static str,
    /// How long a browser keeps the cookie of a session, in seconds.
    pub session_seconds: i64,
}
