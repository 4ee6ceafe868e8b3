//! The application's pages.

use crate::AppOptions;
use crate::sessions::Shown;

pub(crate) const SCRIPT: &str = "\
// The application's own server says when the session has ended; the page then shows so.
if (document.body.dataset.signedIn) {
  const events = new EventSource('/events');
  events.addEventListener('signed-out', () => { events.close(); location.reload(); });
}
";

pub(crate) const STYLE: &str = "\
:root { --paper: #fbf7f0; --card: #fff; --ink: #2b2118; --soft: #75695c; --line: #e6dccd; --accent: #b4511e; }
body[data-app=pickup-manager] { --paper: #f0f6f4; --line: #d3e2dc; --accent: #1f6f5c; }
body[data-app=saml2-web-app-pickup-dispatch] { --paper: #f1f3fa; --line: #d8ddee; --accent: #3a55a4; }
@media (prefers-color-scheme: dark) {
  :root { --card: #241d17; --ink: #f3ebe1; --soft: #b5a798; }
  body[data-app] { --paper: #171310; --line: #3b3128; --accent: #f0965f; }
  body[data-app=pickup-manager] { --accent: #6fcfb4; }
  body[data-app=saml2-web-app-pickup-dispatch] { --accent: #9db1f2; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 32rem; background: var(--card); border: 1px solid var(--line); border-radius: 16px; padding: 2rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } .kicker { color: var(--accent); font-weight: 700; margin: 0 0 1rem; }
dl { display: grid; grid-template-columns: 6rem 1fr; gap: .3rem 1rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin-top: 1.25rem; }
a.button { display: inline-flex; min-height: 2.6rem; align-items: center; padding: .4rem 1.1rem; border-radius: 9px;
  background: var(--accent); color: var(--card); font-weight: 600; text-decoration: none; }
a.quiet { background: transparent; color: var(--ink); border: 1px solid var(--line); font-weight: 500; }
";

pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

pub(crate) const POST_SCRIPT: &str = "\
document.getElementById('answer').submit();
";

/// A form that the browser posts by itself.
pub(crate) fn form(options: &AppOptions, action: &str, field: (&str, &str)) -> String {
    let (action, name, value) = (escaped(action), escaped(field.0), escaped(field.1));
    let content = format!(
        "<h1 id=\"state\">One moment</h1><form method=\"post\" action=\"{action}\" id=\"answer\">\
         <input type=\"hidden\" name=\"{name}\" value=\"{value}\"><button>Go on</button></form>\
         <script src=\"/post.js\"></script>"
    );
    page(options, false, &content)
}

/// A person who is signed in, with what the application knows.
pub(crate) fn signed_in(options: &AppOptions, name: &str, facts: &[(&str, &str)]) -> String {
    let facts: String = facts
        .iter()
        .map(|(name, value)| format!("<dt>{name}</dt><dd><code>{}</code></dd>", escaped(value)))
        .collect();
    let content = format!(
        "<h1 id=\"state\">Signed in as {}</h1><dl>{facts}</dl><div class=\"row\">\
         <a class=\"button quiet\" id=\"logout\" href=\"/logout\">Sign out everywhere</a></div>",
        escaped(name)
    );
    page(options, true, &content)
}

/// A person whom the identity server has signed out.
pub(crate) fn told(options: &AppOptions, name: &str) -> String {
    let content = format!(
        "<h1 id=\"state\">Signed out by the identity server</h1>\
         <p>{} was signed in here until a logout request arrived.</p>\
         <div class=\"row\"><a class=\"button\" id=\"login\" href=\"/login\">Sign in again</a></div>",
        escaped(name)
    );
    page(options, false, &content)
}

fn page(options: &AppOptions, signed_in: bool, content: &str) -> String {
    let name = escaped(&options.name);
    let signed_in = if signed_in { " data-signed-in=\"yes\"" } else { "" };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{name}</title><link rel=\"icon\" href=\"data:,\">\
         <link rel=\"stylesheet\" href=\"/page.css\"><script src=\"/page.js\" defer></script></head>\
         <body data-app=\"{name}\"{signed_in}><main><p class=\"kicker\">{name}</p>{content}</main></body></html>"
    )
}

pub(crate) fn home(options: &AppOptions, shown: Option<&Shown>) -> String {
    match shown {
        Some(Shown::In(person)) => page(
            options,
            true,
            &format!(
                "<h1 id=\"state\">Signed in as {}</h1><dl><dt>sub</dt><dd><code>{}</code></dd>\
                 <dt>sid</dt><dd><code id=\"sid\">{}</code></dd></dl><div class=\"row\">\
                 <a class=\"button\" href=\"/userinfo\">Use the access token</a>\
                 <a class=\"button quiet\" id=\"logout\" href=\"/logout\">Sign out everywhere</a></div>",
                escaped(&person.name),
                escaped(&person.sub),
                escaped(&person.sid)
            ),
        ),
        Some(Shown::Out { name, jti }) => page(
            options,
            false,
            &format!(
                "<h1 id=\"state\">Signed out by the identity server</h1>\
                 <p>{} was signed in here until a logout token arrived:</p>\
                 <dl><dt>jti</dt><dd><code id=\"jti\">{}</code></dd></dl>\
                 <div class=\"row\"><a class=\"button\" id=\"login\" href=\"/login\">Sign in again</a></div>",
                escaped(name),
                escaped(jti)
            ),
        ),
        None => page(
            options,
            false,
            "<h1 id=\"state\">Not signed in</h1><p>Parcels wait for someone who is.</p>\
             <div class=\"row\"><a class=\"button\" id=\"login\" href=\"/login\">Sign in</a></div>",
        ),
    }
}

pub(crate) fn message(options: &AppOptions, title: &str, text: &str) -> String {
    page(
        options,
        false,
        &format!(
            "<h1 id=\"state\">{}</h1><p>{}</p><div class=\"row\"><a class=\"button\" href=\"/\">Back</a></div>",
            escaped(title),
            escaped(text)
        ),
    )
}
