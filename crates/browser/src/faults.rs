//! What a service refuses, and what is wrong with the form that was sent.

/// A refusal, as a service has sent it.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    /// The status; 0 if there was no answer.
    pub status: u16,
    /// The last part of the problem's type.
    pub slug: String,
    /// The fields that it points at, without the slash, and what is wrong with each.
    pub fields: Vec<(String, String)>,
    /// After how many seconds to try again.
    pub retry_after: Option<u32>,
    /// What a sign-in goes on with.
    pub challenge: Option<String>,
}

/// What is wrong with a form that was sent.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Fault>);

#[derive(Clone, Debug)]
struct Fault {
    field: Option<String>,
    text: String,
}

impl Faults {
    /// One about the form as a whole.
    #[must_use]
    pub fn general(text: impl Into<String>) -> Self {
        Self(vec![Fault { field: None, text: text.into() }])
    }

    /// One about a field.
    #[must_use]
    pub fn of_field(field: &str, text: impl Into<String>) -> Self {
        Self(vec![Fault { field: Some(field.to_owned()), text: text.into() }])
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|fault| fault.field.as_deref() == Some(field)).map(|fault| fault.text.as_str())
    }

    /// All, with the field that each is about, if there is one on the form.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        self.0.iter().map(|fault| (fault.field.as_deref(), fault.text.as_str()))
    }

    /// A refusal, in words. `fields` are those of the form: what is about another one is about the form as a whole.
    #[must_use]
    pub fn from_refusal(refusal: &Refusal, wording: &impl Wording, fields: &[&str]) -> Self {
        let mut faults = Vec::new();
        for (field, detail) in &refusal.fields {
            if fields.contains(&field.as_str()) {
                let text = wording.field_text(field, detail, &refusal.slug);
                faults.push(Fault { field: Some(field.clone()), text });
            }
        }
        if faults.len() < refusal.fields.len() || faults.is_empty() {
            faults.push(Fault { field: None, text: wording.text(refusal) });
        }
        Self(faults)
    }
}

/// How a component says what is wrong.
pub trait Wording {
    /// A refusal as a whole.
    fn text(&self, refusal: &Refusal) -> String;

    /// What a field is refused for: what the service says of it, and the last part of the problem's type.
    fn field_text(&self, field: &str, detail: &str, slug: &str) -> String;
}
