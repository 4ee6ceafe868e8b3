//! Writes mails as text and HTML in the recipient's language, from the built-in texts or an operator's templates.

mod html;
mod templates;
mod values;
mod words;

use std::sync::Arc;

use sojourn_engine::{Addressee, Letter, Letters, Written};

use crate::language::{Language, Languages, Text, plain, say};
pub use templates::Templates;

/// Writes mails from the phrase catalogue of the pages, or from templates.
#[derive(Debug, Default)]
pub struct Writer {
    /// The languages that mails can be written in.
    pub languages: Languages,
    /// The operator's templates, which replace the built-in texts.
    pub templates: Templates,
}

impl Writer {
    fn language(&self, to: &Addressee<'_>) -> Arc<Language> {
        let claims: serde_json::Value = serde_json::from_str(&to.user.profile).unwrap_or_default();
        let own = claims.get("locale").and_then(serde_json::Value::as_str);
        let known = self.languages.of_tags(own.into_iter().chain(to.otherwise));
        known.unwrap_or_else(|| self.languages.english())
    }
}

/// Returns the name of the organisation that a mail is from.
fn organisation(to: &Addressee<'_>) -> String {
    to.tenant.look.name.clone().unwrap_or_else(|| "Sojourn".into())
}

impl Letters for Writer {
    fn write(&self, to: &Addressee<'_>, letter: &Letter<'_>) -> Written {
        let language = self.language(to);
        if let Some(written) = self.templates.write(to, letter, &language) {
            return written;
        }
        let (subject, paragraphs) = words::content(letter, [plain(&to.user.username)]);
        let hello = say("Hello {0},", [plain(values::name(to, letter))]);
        let said = |text: &Text| text.in_language(&language);
        let subject = said(&subject);
        let mut all = vec![said(&hello)];
        all.extend(paragraphs.iter().map(said));
        let html = html::letter(to, &language, (&subject, &all), letter);
        all.push(organisation(to));
        Written { subject, text: format!("{}\n", all.join("\n\n")), html }
    }
}

#[cfg(test)]
mod tests {
    use sojourn_model::{Tenant, User};

    use super::*;

    fn write(
        writer: &Writer,
        user: &User,
        letter: &Letter<'_>,
        otherwise: Option<&str>,
    ) -> Written {
        let mut tenant = Tenant::default_one();
        tenant.look.name = Some("Fish & Co".into());
        let to = Addressee { tenant: &tenant, address: "https://id.test", user, otherwise };
        writer.write(&to, letter)
    }

    #[test]
    fn a_mail_is_in_the_language_of_the_account_then_of_who_asked() {
        let writer = Writer::default();
        let mut user = sojourn_testkit::store::user("alex");
        let letter = Letter::NewPassword { link: "https://id.test/reset?token=x" };
        let Written { subject, text, html } = write(&writer, &user, &letter, None);
        assert_eq!(subject, "Choose a new password");
        assert!(text.starts_with("Hello alex,\n\nsomeone asked for a new password"), "{text}");
        assert!(text.contains("\n\nhttps://id.test/reset?token=x\n\n"), "{text}");
        assert!(html.contains("<a href=\"https://id.test/reset?token=x\""), "{html}");
        assert!(html.contains("Fish &#38; Co") && html.contains("lang=\"en\""), "{html}");
        let written = write(&writer, &user, &letter, Some("de"));
        assert_eq!(written.subject, "Neues Passwort wählen");
        user.profile = r#"{"locale": "de-AT"}"#.into();
        let text = write(&writer, &user, &letter, Some("en")).text;
        assert!(text.starts_with("Guten Tag alex,\n\n"), "{text}");
        assert!(text.ends_with("\n\nFish & Co\n"), "{text}");
    }

    #[test]
    fn what_people_call_themselves_is_text_in_html() {
        let writer = Writer::default();
        let mut user = sojourn_testkit::store::user("alex");
        user.display_name = Some("<img src=x>".into());
        let letter = Letter::Invitation { link: "https://id.test/invitation?token=x" };
        let html = write(&writer, &user, &letter, None).html;
        assert!(!html.contains("<img") && html.contains("&#60;img src=x&#62;"), "{html}");
        let code = Letter::Address { link: "https://id.test/address", code: "12345678" };
        let html = write(&writer, &user, &code, None).html;
        assert!(html.contains(">12345678</strong>"), "{html}");
    }

    #[test]
    fn an_operator_says_it_in_other_words() {
        let folder = sojourn_testkit::store::Folder::new();
        let file = |name: &str, text: &str| {
            std::fs::write(folder.0.join(name), text).expect("written");
        };
        let text = "Subject: {organisation}: a password\r\n\r\nDear {name},\n\n{link}\n\nBye\n";
        file("new_password.en.txt", text);
        file("address.en.txt", "Subject: Code\n\n{code} {link}\n");
        file("address.en.html", "<p style=\"a{b:c}\">{name} {code} <a href=\"{link}\">x</a></p>");
        let languages = Languages::default();
        let templates = Templates::read(&folder.0, &languages).expect("read");
        let writer = Writer { languages, templates };
        let mut user = sojourn_testkit::store::user("a<b");
        user.display_name = Some("{link} <b>".into());
        let reset = Letter::NewPassword { link: "https://id.test/reset?a=1&b=2" };
        let written = write(&writer, &user, &reset, None);
        assert_eq!(written.subject, "Fish & Co: a password");
        let want = "Dear {link} <b>,\n\nhttps://id.test/reset?a=1&b=2\n\nBye\n";
        assert_eq!(written.text, want);
        assert!(written.html.contains("href=\"https://id.test/reset?a=1&#38;b=2\""), "{written:?}");
        let code = Letter::Address { link: "https://id.test/a?x=\"", code: "12345678" };
        let html = write(&writer, &user, &code, None).html;
        let want =
            "<p style=\"a{b:c}\">a&lt;b 12345678 <a href=\"https://id.test/a?x=&quot;\">x</a></p>";
        assert_eq!(html, want);
        // In another language, the built-in text is used.
        assert_eq!(write(&writer, &user, &reset, Some("de")).subject, "Neues Passwort wählen");
    }
}
