//! The page: every mail with its text, in which links can be clicked, and its HTML in a sandbox.

use super::mail::Mail;

/// `newest_first`, of which at most `kept` are there.
pub(super) fn page(newest_first: &[Mail], kept: usize) -> String {
    let mails: String = newest_first.iter().map(article).collect();
    let hint = match newest_first.len() {
        0 => "No mail yet. Sign up, then reload this page.".to_owned(),
        count => format!("{count} of the last {kept}, newest first. Reload for more."),
    };
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mail</title><style>{STYLE}</style>\
         </head><body><h1>Mail</h1><p>{hint}</p>{mails}</body></html>\n"
    )
}

const STYLE: &str = "body{font-family:system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}\
                     article{border:1px solid #bbb;border-radius:6px;padding:0 1rem;margin:1rem 0}\
                     pre{white-space:pre-wrap;overflow-wrap:anywhere}\
                     iframe{width:100%;height:20rem;border:1px solid #ddd}";

fn article(mail: &Mail) -> String {
    let to = escape(&mail.to.join(", "));
    let sms = mail.phone.as_ref().map(|phone| format!(", SMS to {}", escape(phone))).unwrap_or_default();
    let html = match mail.html.as_str() {
        "" => String::new(),
        // The page's policy holds inside, too. Links open beside it.
        html => {
            let html = escape(&format!("<base target=\"_blank\">{html}"));
            format!("<iframe sandbox=\"allow-popups\" srcdoc=\"{html}\"></iframe>")
        }
    };
    format!(
        "<article><h2>{}</h2><p>From {} to {to}{sms}</p><pre>{}</pre>{html}</article>",
        escape(&mail.subject),
        escape(&mail.from),
        with_links(&mail.text)
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The text, escaped, with a link for each word that is an address.
fn with_links(text: &str) -> String {
    let mut linked = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let url = word.trim_end_matches(['.', ',', ';', ')', '>']);
        if url.starts_with("http://") || url.starts_with("https://") {
            let rest = escape(&piece[url.len()..]);
            let url = escape(url);
            linked
                .push_str(&format!("<a href=\"{url}\" target=\"_blank\" rel=\"noopener noreferrer\">{url}</a>{rest}"));
        } else {
            linked.push_str(&escape(piece));
        }
    }
    linked
}
