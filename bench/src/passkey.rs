//! Signing in by a passkey: the page, the proof, the session.

use serde_json::Value;
use sojourn_testkit::authenticator::SoftKey;

use crate::client::{Connection, Reply, bare, post};

/// The password of the people who get a passkey: that of the one user in the configuration.
const PASSWORD: &str = "alex123";
/// Gives it to those who get a passkey.
pub(crate) const GIVE_PASSWORD: &str = "UPDATE account SET password_hash = (SELECT password_hash FROM account AS alex \
    WHERE alex.username = 'alex') WHERE username LIKE 'user-%' AND length(username) < 10";
const PAGE: &str = "/myaccount/factors/key/passkey";

/// A page that asks for a key, read as a browser reads it.
struct Asked {
    text: String,
    options: Value,
    cookie: String,
}

impl Asked {
    fn of(page: &Reply) -> Self {
        let text = String::from_utf8_lossy(&page.body).into_owned();
        let (_, form) = text.split_once("<form class=\"key\"").expect("a form for keys");
        let (_, options) = form.split_once("data-options=\"").expect("options");
        let options = options.split('"').next().unwrap_or_default().replace("&#34;", "\"");
        let options = serde_json::from_str(&options).expect("JSON");
        let text = form.split_once("</form>").map(|(form, _)| form.to_owned()).expect("its end");
        Self { text, options, cookie: cookie_of(page) }
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let there = |name: &&str| self.text.contains(&format!("name=\"{name}\" value=\""));
        let names = ["csrf", "ticket", "state", "offer", "name"].into_iter().filter(there);
        names.map(|name| (name, field(&self.text, name))).collect()
    }
}

fn field(text: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = text.split_once(&start).map(|(_, rest)| rest).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn cookie_of(reply: &Reply) -> String {
    let lines = reply.head.lines().filter_map(|line| line.split_once(':'));
    let set = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    let pairs = set.filter_map(|(_, value)| value.trim().split(';').next());
    pairs.collect::<Vec<_>>().join("; ")
}

/// A connection, as a browser that shows pages of an origin.
pub(crate) struct Tab<'c> {
    pub(crate) connection: &'c mut Connection,
    pub(crate) origin: &'c str,
}

impl Tab<'_> {
    async fn get(&mut self, path: &str, cookie: &str) -> Reply {
        self.connection.send(&bare("GET", path, &format!("cookie: {cookie}\r\n"))).await
    }

    async fn post(&mut self, path: &str, cookie: &str, form: &[(&str, &str)]) -> Reply {
        let headers = format!("cookie: {cookie}\r\norigin: {}\r\n", self.origin);
        self.connection.send(&post(path, &headers, form)).await
    }

    async fn send(&mut self, path: &str, cookie: &str, asked: &Asked, proof: String) -> Reply {
        let mut form = asked.fields();
        form.push(("credential", proof));
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
        self.post(path, cookie, &form).await
    }

    /// Signs somebody in by password, and adds a passkey.
    pub(crate) async fn enrol(&mut self, name: &str) -> SoftKey {
        let page = self.get("/login", "").await;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        let (csrf, ticket) = (field(&text, "csrf"), field(&text, "ticket"));
        let form =
            [("csrf", &*csrf), ("ticket", &*ticket), ("username", name), ("password", PASSWORD)];
        let entered = self.post("/login", &cookie_of(&page), &form).await;
        assert_eq!(entered.status, 303, "{}", entered.head);
        let session = cookie_of(&entered);
        let page = self.get(PAGE, &session).await;
        assert_eq!(page.status, 200, "{}", page.head);
        let asked = Asked::of(&page);
        let key = SoftKey::new(&asked.options, self.origin);
        let added = self.send(PAGE, &session, &asked, key.created(&asked.options)).await;
        assert!(added.status < 400, "{}", added.head);
        key
    }

    /// Signs in by a passkey, in a browser that nobody knows.
    pub(crate) async fn sign_in(&mut self, key: &mut SoftKey) {
        let asked = Asked::of(&self.get("/login", "").await);
        let proof = key.proved(&asked.options);
        let answer = self.send("/login/passkey", &asked.cookie, &asked, proof).await;
        assert_eq!(answer.status, 303, "{}", answer.head);
    }
}
