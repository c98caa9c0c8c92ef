//! Renders messages by the templates.

use super::content::{Content, content};
use super::engine::{Engines, Format};
use super::language::{self, Section};
use super::look::paragraphs;
use super::template::{COMMON, Template};
use super::time_format::TimeFormat;
use super::{Message, MessageKind, MessageSettings, RenderError, TemplateError};
use events::{Event, Queue};
use identity::Locale;
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::macros::datetime;
use upon::Value;

/// The file of the layout of a mail's HTML.
const LAYOUT: &str = "layout.html";
/// The ending of a language's file, whose name is its tag.
const ENDING: &str = ".txt";
/// The most letters of an SMS.
const MAX_SMS: usize = 160;

/// What stands in for a time when templates are checked: one of the longest.
const SAMPLE_TIME: OffsetDateTime = datetime!(2026-09-30 22:58 UTC);
/// What stands in for a code when the template of an SMS is checked: no word that it may say.
const SAMPLE_CODE: &str = "123456";

/// Reads a file of the folder of templates.
pub type ReadFile = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Renders messages.
pub struct Renderer {
    settings: MessageSettings,
    read: ReadFile,
    engines: Engines,
}

type Values = BTreeMap<&'static str, String>;

impl Renderer {
    /// A renderer with the templates that `read` finds.
    #[must_use]
    pub fn new(settings: MessageSettings, read: ReadFile) -> Self {
        Self { settings, read, engines: Engines::new() }
    }

    /// Renders the message of `queue` for an event; `None` if there is nothing to send, or the user cannot be reached by
    /// its channel.
    ///
    /// # Errors
    /// If the event does not belong in the queue, or the templates are at fault.
    pub fn render(&self, queue: Queue, event: &Event) -> Result<Option<Message>, RenderError> {
        let Some(mut content) = content(queue, event, &self.settings)? else { return Ok(None) };
        let (tag, text) = self.language(event.locale.as_ref())?;
        let file = format!("{tag}{ENDING}");
        if content.template.has("time") {
            let time = TimeFormat::of(&file, &text)?.write(&file, event.time, event.zoneinfo, &self.engines)?;
            content.values.push(("time", time));
        }
        let section = language::find(&file, &text, content.template.name())?;
        Ok(Some(self.message(&tag, &section, content)?))
    }

    /// Checks all templates: each language has each message, and each message can be rendered with all values and with as
    /// few as possible. `files` are the names of the folder's files.
    ///
    /// # Errors
    /// The first fault.
    pub fn check(&self, files: &[String]) -> Result<(), TemplateError> {
        let (tag, _) = self.language(None)?;
        let names = files.iter().filter_map(|file| file.strip_suffix(ENDING));
        for tag in names.chain([tag.as_str()]) {
            self.check_language(tag)?;
        }
        Ok(())
    }

    fn check_language(&self, tag: &str) -> Result<(), TemplateError> {
        let file = format!("{tag}{ENDING}");
        if Locale::parse(tag).map_or(true, |locale| locale.as_str() != tag) {
            return Err(TemplateError::of_file(&file, "is not named after a language, such as en.txt or pt-BR.txt"));
        }
        let text = (self.read)(&file).ok_or_else(|| TemplateError::of_file(&file, "cannot be read"))?;
        let sample_time = TimeFormat::of(&file, &text)?.write(&file, SAMPLE_TIME, None, &self.engines)?;
        let sections = language::sections(&file, &text)?;
        for (place, section) in sections.iter().enumerate() {
            let fault = |what: &str| Err(TemplateError::of_section(&file, section.name, what));
            if sections[..place].iter().any(|before| before.name == section.name) {
                return fault("is there twice");
            }
            match Template::ALL.into_iter().find(|template| template.name() == section.name) {
                Some(template) => self.check_section(tag, template, section, &sample_time)?,
                None => return fault("is no message"),
            }
        }
        match Template::ALL.into_iter().find(|known| sections.iter().all(|section| section.name != known.name())) {
            Some(missing) => Err(TemplateError::of_section(&file, missing.name(), "is missing")),
            None => Ok(()),
        }
    }

    /// Renders a section with all values, then with empty ones where a value may be unknown.
    fn check_section(
        &self,
        tag: &str,
        template: Template,
        section: &Section<'_>,
        time: &str,
    ) -> Result<(), TemplateError> {
        let fault = |what: &str| Err(TemplateError::of_section(&format!("{tag}{ENDING}"), section.name, what));
        if template.has("link") != section.action.is_some() {
            return fault(if section.action.is_some() { "has an Action and no link" } else { "has no Action" });
        }
        for is_known in [true, false] {
            let sample = |name: &&'static str| {
                let value = match *name {
                    "time" => time,
                    "code" if template.kind() == MessageKind::Sms => SAMPLE_CODE,
                    "link" | "code" => *name,
                    _ if is_known => *name,
                    _ => "",
                };
                (*name, value.to_owned())
            };
            let values = template.variables().iter().map(sample).collect();
            let content = Content { template, to: String::new(), phone: None, values };
            let message = self.message(tag, section, content)?;
            if let Some(what) = missing_secret(template, &message) {
                return fault(what);
            }
            if message.kind == MessageKind::Sms && message.text.chars().count() > MAX_SMS {
                return fault("is longer than an SMS");
            }
        }
        Ok(())
    }

    /// The tag and the text of the first language that there is a file for.
    fn language(&self, locale: Option<&Locale>) -> Result<(String, String), TemplateError> {
        let default = &self.settings.default_locale;
        let tags = locale.into_iter().chain([default]).flat_map(Locale::lookup);
        tags.filter_map(|tag| Some((tag.to_owned(), (self.read)(&format!("{tag}{ENDING}"))?)))
            .next()
            .ok_or_else(|| TemplateError::of_file(&format!("{}{ENDING}", default.as_str()), "cannot be read"))
    }

    /// Puts a content in words.
    fn message(&self, tag: &str, section: &Section<'_>, content: Content) -> Result<Message, TemplateError> {
        let file = format!("{tag}{ENDING}");
        let values = self.values(&content);
        let context = Value::from(values.clone());
        let rendered = |source: &str, line: usize| {
            let rendered = self.engines.render_part(Format::Text, source, line, &context);
            rendered.map_err(|error| TemplateError::of_engine(&file, section.name, &error))
        };
        let subject = rendered(section.subject, section.subject_line)?;
        let text = rendered(section.body, section.body_line)?.trim().to_owned();
        let kind = content.template.kind();
        let (text, html) = match kind {
            MessageKind::Sms => (text, None),
            MessageKind::Email => {
                let html = self.html(tag, section, &subject, &text, &values)?;
                (format!("{text}\n"), Some(html))
            }
        };
        Ok(Message { kind, to: content.to, phone: content.phone, subject, text, html })
    }

    /// The variables of a template, without line breaks and other control characters: a value stays in its paragraph.
    fn values(&self, content: &Content) -> Values {
        let settings = [self.settings.brand_name.clone(), self.settings.public_url.clone()];
        let common = COMMON.into_iter().zip(settings);
        let plain = |value: String| value.replace(char::is_control, " ");
        common.chain(content.values.iter().cloned()).map(|(name, value)| (name, plain(value))).collect()
    }

    /// The text as HTML.
    fn html(
        &self,
        tag: &str,
        section: &Section<'_>,
        subject: &str,
        text: &str,
        values: &Values,
    ) -> Result<String, TemplateError> {
        let value = |name| values.get(name).map(String::as_str);
        let layout = (self.read)(LAYOUT).ok_or_else(|| TemplateError::of_file(LAYOUT, "cannot be read"))?;
        let context = Value::from([
            ("language", Value::from(tag)),
            ("subject", Value::from(subject)),
            ("action", Value::from(section.action.unwrap_or_default())),
            ("brand_name", Value::from(value("brand_name"))),
            ("public_url", Value::from(value("public_url"))),
            ("paragraphs", Value::List(paragraphs(text, value("link"), value("code")))),
        ]);
        let rendered = self.engines.render(Format::Html, &layout, &context);
        rendered.map_err(|error| TemplateError::of_engine(LAYOUT, section.name, &error))
    }
}

/// What is wrong if a message does not show its link or its code: in a mail as paragraphs of their own, in an SMS anywhere.
fn missing_secret(template: Template, message: &Message) -> Option<&'static str> {
    let has_paragraph = |name: &str| message.text.split("\n\n").any(|paragraph| paragraph.trim() == name);
    match message.kind {
        MessageKind::Sms => (template.has("code") && !message.text.contains(SAMPLE_CODE)).then_some("needs its code"),
        MessageKind::Email => ["link", "code"]
            .into_iter()
            .any(|name| template.has(name) && !has_paragraph(name))
            .then_some("needs its link, and its code if it has one, as paragraphs of their own"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{FOLDER, event, renderer, settings, shipped, user_id};
    use super::*;
    use events::{Payload, VerificationRequested};

    /// The shipped files, one of them changed.
    fn with(file: &'static str, text: Option<String>) -> Renderer {
        let read = move |name: &str| match &text {
            text if name == file => text.clone(),
            _ => std::fs::read_to_string(format!("{FOLDER}/{name}")).ok(),
        };
        Renderer::new(settings(), Box::new(read))
    }

    fn english() -> String {
        std::fs::read_to_string(format!("{FOLDER}/en.txt")).unwrap()
    }

    fn fault_of(text: String) -> String {
        with("en.txt", Some(text)).check(&shipped()).unwrap_err().to_string()
    }

    fn verification(link: &str) -> Event {
        event(Payload::VerificationRequested(VerificationRequested {
            user_id: user_id(),
            email: "ada@example.org".into(),
            link: link.to_owned().into(),
            code: "012345".to_owned().into(),
        }))
    }

    #[test]
    fn all_languages_that_are_shipped_have_all_messages() {
        assert_eq!(renderer().check(&shipped()), Ok(()));
    }

    #[test]
    fn a_variable_that_is_unknown_is_a_fault_and_no_empty_space() {
        let fault = fault_of(english().replace("{{ code }}", "{{ kode }}"));
        assert!(fault.starts_with("template en.txt [verification]: ") && fault.contains("{{ kode }}"), "{fault}");
        // By the line of the file.
        let line = english().lines().position(|line| line.contains("{{ code }} is")).unwrap() + 1;
        let fault = fault_of(english().replace("{{ code }} is", "{{ code is"));
        assert!(fault.contains(&format!("--> en.txt:{line}:")) && !fault.contains("anonymous"), "{fault}");
        let text = english().replacen("{{ time }}", "{{ code }}", 1);
        let event = event(Payload::Login(events::Login::of(user_id(), "ada@example.org".into(), None)));
        let error = with("en.txt", Some(text)).render(Queue::LoginEmail, &event).unwrap_err();
        assert!(matches!(error, RenderError::Template(_)), "{error}");
    }

    #[test]
    fn a_language_without_a_message_or_with_one_too_many_is_found() {
        let without = english().split("[welcome]").next().unwrap().to_owned();
        assert_eq!(fault_of(without), "template en.txt [welcome]: is missing");
        let more = format!("{}\n[farewell]\nSubject: Bye\n\nBye\n", english());
        assert_eq!(fault_of(more), "template en.txt [farewell]: is no message");
        let twice = format!("{}\n[welcome]\nSubject: Bye\n\nBye\n", english());
        assert_eq!(fault_of(twice), "template en.txt [welcome]: is there twice");
    }

    #[test]
    fn a_link_has_a_label_and_stands_alone() {
        let without = english().replace("Action: Confirm the address\n", "");
        assert_eq!(fault_of(without), "template en.txt [verification]: has no Action");
        let inline = english().replace("confirm:\n\n{{ link }}", "confirm: {{ link }}");
        assert!(fault_of(inline).contains("paragraphs of their own"));
    }

    #[test]
    fn an_sms_that_is_too_long_and_a_name_that_is_no_language_are_found() {
        let long = english().replace("Not you? Change", &format!("Not you? {} Change", "x".repeat(100)));
        assert_eq!(fault_of(long), "template en.txt [sign_in_sms]: is longer than an SMS");
        let error = renderer().check(&["english.txt".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("english.txt") && error.contains("named after a language"), "{error}");
    }

    #[test]
    fn folders_without_a_layout_or_the_default_language_are_found() {
        assert_eq!(
            with("layout.html", None).check(&shipped()).unwrap_err().to_string(),
            "template layout.html: cannot be read"
        );
        assert_eq!(with("en.txt", None).check(&[]).unwrap_err().to_string(), "template en.txt: cannot be read");
    }

    #[test]
    fn html_is_escaped_and_only_the_link_is_one() {
        let link = "https://example.org/confirm?token=abc&x=\"><script>";
        let settings =
            MessageSettings { brand_name: "Bell & <b>Sons</b>\nhttps://evil.example".to_owned(), ..settings() };
        let read = |name: &str| {
            let text = std::fs::read_to_string(format!("{FOLDER}/{name}")).ok()?;
            Some(text.replace("If it was you, open", "{{ brand_name }}. If it was you, open"))
        };
        let mail = Renderer::new(settings, Box::new(read)).render(Queue::VerificationEmail, &verification(link));
        let mail = mail.unwrap().unwrap();
        let html = mail.html.unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("Bell &amp; &lt;b&gt;Sons"), "{html}");
        assert_eq!(html.matches("<a href=").count(), 2, "the link and the service: {html}");
        assert!(html.contains(">Confirm the address</a>") && html.contains(">012345</p>"), "{html}");
        assert!(mail.text.contains(&format!("\n\n{link}\n\n")), "{}", mail.text);
        assert!(mail.text.contains("Bell & <b>Sons</b> https://evil.example. If"), "no line break: {}", mail.text);
    }
}
