//! A mail, as Mailpit's send API has it.

use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(super) struct Mail {
    pub(super) id: String,
    pub(super) from: String,
    pub(super) to: Vec<String>,
    /// The number, if it is an SMS.
    pub(super) phone: Option<String>,
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
}

impl Mail {
    /// None if it is no mail with a recipient.
    pub(super) fn from_json(id: &str, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let to = body["To"].as_array()?.iter().map(|to| text(&to["Email"])).filter(|to| !to.is_empty());
        let mail = Self {
            id: id.to_owned(),
            from: text(&body["From"]["Email"]),
            to: to.collect(),
            phone: body["Headers"]["X-Phone"].as_str().map(str::to_owned),
            subject: text(&body["Subject"]),
            text: text(&body["Text"]),
            html: text(&body["HTML"]),
        };
        (!mail.to.is_empty()).then_some(mail)
    }

    pub(super) fn to_json(&self) -> Value {
        let to: Vec<_> = self.to.iter().map(|to| json!({"Address": to})).collect();
        json!({
            "ID": self.id,
            "From": {"Address": self.from},
            "To": to,
            "Phone": self.phone,
            "Subject": self.subject,
            "Text": self.text,
            "HTML": self.html,
        })
    }
}
