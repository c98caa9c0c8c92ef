//! The APIs of providers, one for mail and one for SMS. How each is asked is in the domain.

use crate::templates::brand_name;
use identity::Email;
use notification_domain::{
    Account, AccountError, Adapter, ApiAnswer, Message, MessageKind, SendError, mail_adapter, sms_adapter,
};
use problem::Problem;
use service_kit::client::call;
use service_kit::{Method, config};
use std::time::Duration;
use time::OffsetDateTime;

/// How long a send may take. It must be shorter than the time after which another consumer takes over.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// How mail and SMS are sent.
pub(crate) struct Apis {
    mail: Box<dyn Adapter>,
    mail_name: String,
    sms: Sms,
}

enum Sms {
    /// By the mail API, for a gateway behind it.
    Mail,
    Api(Box<dyn Adapter>, String),
    Off,
}

impl Apis {
    /// Reads the component variables `mail_api`, `mail_api_url`, `mail_api_token`, `mail_from`, `mail_reply_to` and
    /// `brand_name`, and `sms_api`, `sms_api_url`, `sms_api_token` and `sms_from`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        Ok(Self { mail: Self::mail()?, mail_name: mail_api()?, sms: Self::sms()? })
    }

    pub(crate) fn check_mail() -> Result<(), Problem> {
        Self::mail().map(drop)
    }

    pub(crate) fn check_sms() -> Result<(), Problem> {
        Self::sms().map(drop)
    }

    fn mail() -> Result<Box<dyn Adapter>, Problem> {
        let account = Account {
            url: Self::mail_url()?,
            key: Self::mail_token()?,
            from: Self::mail_from()?,
            name: brand_name()?,
            reply_to: Self::reply_to()?,
        };
        mail_adapter(&mail_api()?, account).map_err(|error| fault("mail", error))
    }

    fn sms() -> Result<Sms, Problem> {
        match config::text("sms_api")?.trim() {
            "off" => Ok(Sms::Off),
            "mail" if mail_api()? == "mailpit" => Ok(Sms::Mail),
            "mail" => Err(config::fault("sms_api", "must be twilio, vonage, sns or off: this mail API sends no SMS")),
            name => {
                let url = config::address("sms_api_url", &["http", "https"])?;
                let from = config::text("sms_from")?.trim().to_owned();
                let account = Account { url, key: Self::sms_token()?, from, name: String::new(), reply_to: None };
                sms_adapter(name, account)
                    .map(|adapter| Sms::Api(adapter, name.to_owned()))
                    .map_err(|error| fault("sms", error))
            }
        }
    }

    pub(crate) fn mail_url() -> Result<String, Problem> {
        config::address("mail_api_url", &["http", "https"])
    }

    pub(crate) fn mail_token() -> Result<String, Problem> {
        token("mail_api_token")
    }

    pub(crate) fn mail_from() -> Result<String, Problem> {
        address_of("mail_from", &config::text("mail_from")?)
    }

    /// None if the variable is empty.
    pub(crate) fn reply_to() -> Result<Option<String>, Problem> {
        let reply_to = config::text("mail_reply_to")?;
        if reply_to.trim().is_empty() { Ok(None) } else { address_of("mail_reply_to", &reply_to).map(Some) }
    }

    pub(crate) fn sms_token() -> Result<String, Problem> {
        token("sms_api_token")
    }

    /// Whether messages of this kind are sent at all.
    pub(crate) fn sends(&self, kind: MessageKind) -> bool {
        kind == MessageKind::Email || !matches!(self.sms, Sms::Off)
    }

    /// Who sends messages of this kind.
    pub(crate) fn provider(&self, kind: MessageKind) -> &str {
        match (kind, &self.sms) {
            (MessageKind::Sms, Sms::Api(_, name)) => name,
            _ => &self.mail_name,
        }
    }

    /// Posts a message. `delivery_id` is the same for each attempt.
    pub(crate) async fn send(&self, delivery_id: &str, message: &Message) -> Result<(), SendError> {
        let adapter = match (message.kind, &self.sms) {
            (MessageKind::Sms, Sms::Api(adapter, _)) => adapter,
            _ => &self.mail,
        };
        let request = adapter.request(message, delivery_id, OffsetDateTime::now_utc());
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = call(&Method::POST, &request.url, &headers, request.body, LIMIT).await;
        let answer = answer.map_err(|error| SendError::no_answer(&error))?;
        let at = OffsetDateTime::now_utc();
        adapter.result(&ApiAnswer { status: answer.status, headers: &answer.headers, body: &answer.body, at })
    }
}

fn address_of(name: &str, text: &str) -> Result<String, Problem> {
    let email = Email::parse(text).map_err(|_| config::fault(name, "is no email address"))?;
    Ok(email.address().to_owned())
}

fn mail_api() -> Result<String, Problem> {
    config::text("mail_api").map(|name| name.trim().to_owned())
}

/// A key, or nothing. It may become a header's value.
fn token(name: &str) -> Result<String, Problem> {
    let token = config::text(name)?;
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(token);
    }
    Err(config::fault(name, "has a character that a header cannot have"))
}

/// What an adapter cannot use, by the name of its variable.
fn fault(kind: &str, error: AccountError) -> Problem {
    let (name, what) = match error {
        AccountError::Api(what) => (format!("{kind}_api"), what),
        AccountError::Url(what) => (format!("{kind}_api_url"), what),
        AccountError::Key(what) => (format!("{kind}_api_token"), what),
        AccountError::From(what) => (format!("{kind}_from"), what),
    };
    config::fault(&name, what)
}
