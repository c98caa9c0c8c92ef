//! What is the same in all messages.

use events::LoginNotice;
use identity::Locale;

/// What is the same in all messages.
#[derive(Clone, Debug)]
pub struct MessageSettings {
    /// The name of what people have an account with.
    pub brand_name: String,
    /// Where people reach it.
    pub public_url: String,
    /// The language of whoever has chosen none, or one that there is no file for.
    pub default_locale: Locale,
    /// Which sign-ins people are told of.
    pub login_notice: LoginNotice,
}
