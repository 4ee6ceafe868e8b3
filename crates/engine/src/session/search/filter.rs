//! Filters of sessions: attributes, their operators, and the evaluation for a session.

use sojourn_model::network::{Network, address_key};
use sojourn_model::{Millis, Role, RoleState, Session, SessionState, User};
use sojourn_scim::{Comparison, Filter, Literal, Operator};

use super::SearchRefused;
use super::browser::Browser;
use crate::session::list::SessionView;

/// An attribute that filters can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    Id,
    Sid,
    UserId,
    Username,
    DisplayName,
    Role,
    Group,
    Application,
    ClientId,
    ApplicationId,
    Ip,
    Network,
    UserAgent,
    Browser,
    System,
    Device,
    SignedIn,
    LastAccess,
    EndedAt,
    Method,
    State,
    EndReason,
    Remember,
}

/// Type of an attribute's values, which determines its operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// Only equality can be tested.
    Exact,
    Time,
    Flag,
}

/// Attributes with their names in filters, WSO2's names last. Underscores, dots and case in a name are ignored.
const ATTRIBUTES: [(Attribute, Kind, &[&str]); 23] = [
    (Attribute::Id, Kind::Text, &["id", "sessionid"]),
    (Attribute::Sid, Kind::Exact, &["sid"]),
    (Attribute::UserId, Kind::Exact, &["userid"]),
    (Attribute::Username, Kind::Text, &["username", "loginid", "userusername"]),
    (Attribute::DisplayName, Kind::Text, &["displayname", "userdisplayname"]),
    (Attribute::Role, Kind::Exact, &["role"]),
    (Attribute::Group, Kind::Exact, &["group"]),
    (Attribute::Application, Kind::Text, &["application", "appname"]),
    (Attribute::ClientId, Kind::Exact, &["clientid"]),
    (Attribute::ApplicationId, Kind::Exact, &["applicationid"]),
    (Attribute::Ip, Kind::Text, &["ip", "ipaddress"]),
    (Attribute::Network, Kind::Exact, &["network"]),
    (Attribute::UserAgent, Kind::Text, &["useragent"]),
    (Attribute::Browser, Kind::Text, &["browser"]),
    (Attribute::System, Kind::Text, &["system"]),
    (Attribute::Device, Kind::Exact, &["device"]),
    (Attribute::SignedIn, Kind::Time, &["signedinat", "logintime"]),
    (Attribute::LastAccess, Kind::Time, &["lastaccess", "lastaccesstime"]),
    (Attribute::EndedAt, Kind::Time, &["endedat"]),
    (Attribute::Method, Kind::Exact, &["method", "amr"]),
    (Attribute::State, Kind::Exact, &["state"]),
    (Attribute::EndReason, Kind::Text, &["endreason"]),
    (Attribute::Remember, Kind::Flag, &["remember"]),
];

/// WSO2's attributes with the operators that its search supports.
const WSO2: [(&str, &[Operator]); 7] = [
    ("loginid", &[Operator::Eq, Operator::Sw, Operator::Ew, Operator::Co]),
    ("appname", &[Operator::Eq, Operator::Sw, Operator::Ew, Operator::Co]),
    ("useragent", &[Operator::Eq, Operator::Sw, Operator::Ew, Operator::Co]),
    ("sessionid", &[Operator::Eq, Operator::Sw, Operator::Ew, Operator::Co]),
    ("ipaddress", &[Operator::Eq]),
    ("logintime", &[Operator::Le, Operator::Ge]),
    ("lastaccesstime", &[Operator::Le, Operator::Ge]),
];

fn plain(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '.')).collect::<String>().to_ascii_lowercase()
}

impl Attribute {
    fn find(name: &str) -> Option<(Self, Kind)> {
        let name = plain(name);
        let found = ATTRIBUTES.iter().find(|(_, _, names)| names.contains(&&*name));
        found.map(|(attribute, kind, _)| (*attribute, *kind))
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::find(name).map(|(attribute, _)| attribute)
    }

    /// Returns whether the attribute is parsed from the user agent, which costs more than a lookup.
    const fn is_of_browser(self) -> bool {
        matches!(self, Self::Browser | Self::System | Self::Device)
    }

    const fn tells_of_the_end(self) -> bool {
        matches!(self, Self::State | Self::EndReason | Self::EndedAt)
    }
}

/// The syntax that a filter may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vocabulary {
    /// All attributes with all applicable operators.
    Full,
    /// WSO2's search: seven attributes with the operators that WSO2 supports for them.
    Wso2,
}

/// A validated filter: attributes, operators and values match.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionFilter {
    filter: Option<Filter>,
    /// Whether only sessions in external applications match: WSO2's endpoints know no others.
    in_applications: bool,
    /// Whether sessions in any state match, if the filter doesn't ask about the end.
    any_state: bool,
}

/// The data of a session that is known so far; more is loaded step by step.
pub(super) struct Known<'a> {
    pub(super) session: &'a Session,
    pub(super) user: Option<&'a User>,
    pub(super) roles: Option<&'a [Role]>,
    /// Names of the groups that the user is in.
    pub(super) groups: Option<&'a [String]>,
    pub(super) view: Option<&'a SessionView>,
    /// Whether the session is active and no deadline has passed.
    pub(super) live: bool,
    /// Whether stays in built-in applications are ignored.
    pub(super) clients_only: bool,
}

fn wrong<T>(why: impl Into<String>) -> Result<T, SearchRefused> {
    Err(SearchRefused::Filter(why.into()))
}

/// A single session that a filter selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OneSession {
    /// Selected by its id.
    Id(String),
    /// Selected by the `sid` of one of its stays.
    Sid(String),
}

impl SessionFilter {
    /// Parses a filter of sessions.
    ///
    /// # Errors
    /// [`SearchRefused::Filter`] with a text that says what is wrong.
    pub fn parse(text: Option<&str>, words: Vocabulary) -> Result<Self, SearchRefused> {
        let Some(text) = text else {
            let in_applications = words == Vocabulary::Wso2;
            return Ok(Self { filter: None, in_applications, any_state: false });
        };
        let filter = match Filter::parse(text) {
            Ok(filter) => filter,
            Err(error) => return wrong(error.to_string()),
        };
        for name in filter.attributes() {
            let known = Attribute::parse(name).is_some();
            let known = known && (words == Vocabulary::Full || is_wso2(name).is_some());
            if !known {
                return wrong(format!("'{name}' is none of {}", names(words)));
            }
        }
        for one in filter.comparisons() {
            fits(one, words)?;
        }
        let in_applications = words == Vocabulary::Wso2;
        Ok(Self { filter: Some(filter), in_applications, any_state: false })
    }

    /// The same filter for sessions in any state, if it doesn't ask about the end.
    pub(in crate::session) fn of_any_state(self) -> Self {
        Self { any_state: true, ..self }
    }

    /// A comparison of an attribute, with one of the operators, that every match must satisfy.
    pub(super) fn required(&self, wanted: Attribute, operators: &[Operator]) -> Option<Comparison> {
        let filter = self.filter.as_ref()?;
        let found = filter.required().into_iter().find(|one| {
            operators.contains(&one.operator) && Attribute::parse(&one.attribute) == Some(wanted)
        });
        found.cloned()
    }

    /// The value that the attribute of every match must equal.
    pub(super) fn exactly(&self, wanted: Attribute) -> Option<String> {
        self.required(wanted, &[Operator::Eq]).map(|one| one.value.text())
    }

    /// The only session that the filter selects, by its id or by a `sid`.
    pub(crate) fn one_session(&self) -> Option<OneSession> {
        let Some(Filter::Compare(one)) = &self.filter else { return None };
        if one.operator != Operator::Eq {
            return None;
        }
        match Attribute::parse(&one.attribute)? {
            Attribute::Id => Some(OneSession::Id(one.value.text())),
            Attribute::Sid => Some(OneSession::Sid(one.value.text())),
            _ => None,
        }
    }

    pub(super) fn names(&self, wanted: impl Fn(Attribute) -> bool) -> bool {
        let filter = self.filter.iter().flat_map(Filter::attributes);
        filter.filter_map(Attribute::parse).any(wanted)
    }

    pub(super) fn names_groups(&self) -> bool {
        self.names(|one| one == Attribute::Group)
    }

    pub(super) fn names_roles(&self) -> bool {
        self.names(|one| one == Attribute::Role)
    }

    /// Returns whether only active sessions can match, which is also the case if the filter doesn't ask about the
    /// end.
    #[must_use]
    pub fn live_only(&self) -> bool {
        (!self.any_state && !self.names(Attribute::tells_of_the_end))
            || self
                .exactly(Attribute::State)
                .is_some_and(|state| state.eq_ignore_ascii_case("active"))
    }

    /// Returns whether only ended sessions can match.
    #[must_use]
    pub fn ended_only(&self) -> bool {
        self.exactly(Attribute::State).is_some_and(|state| state.eq_ignore_ascii_case("ended"))
            || self.exactly(Attribute::EndReason).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filter.is_none() && !self.in_applications
    }

    pub(super) const fn clients_only(&self) -> bool {
        self.in_applications
    }

    /// The first and the last time that a time attribute of a match can have.
    pub(super) fn span(&self, of: Attribute) -> (Millis, Millis) {
        let bound = |operators: &[Operator]| {
            let one = self.required(of, operators)?;
            let at = moment(&one.value)?;
            Some(match one.operator {
                Operator::Gt => at.plus(1),
                Operator::Lt => at.plus(-1),
                _ => at,
            })
        };
        let first = bound(&[Operator::Ge, Operator::Gt]).unwrap_or(Millis(i64::MIN));
        (first, bound(&[Operator::Le, Operator::Lt]).unwrap_or(Millis(i64::MAX)))
    }

    /// Returns whether a session matches; `None` if that isn't known yet.
    pub(super) fn decide(&self, known: &Known<'_>) -> Option<bool> {
        if self.live_only() && !known.live {
            return Some(false);
        }
        let within = match known.view {
            _ if !self.in_applications => Some(true),
            Some(view) => Some(view.client_stays().next().is_some()),
            None => None,
        };
        if within == Some(false) {
            return Some(false);
        }
        let Some(filter) = &self.filter else { return within };
        let browser = std::cell::LazyCell::new(|| Browser::of(&known.session.user_agent));
        match filter.decide(&|one| holds(one, known, &|| &*browser), &|name| present(name, known)) {
            Some(true) => within,
            other => other,
        }
    }

    /// Returns whether an active session matches; for lists that don't know roles.
    #[must_use]
    pub fn passes(&self, user: &User, view: &SessionView) -> bool {
        let session = &view.session;
        let known = Known {
            session,
            user: Some(user),
            roles: Some(&[]),
            groups: Some(&[]),
            view: Some(view),
            live: true,
            clients_only: self.in_applications,
        };
        self.decide(&known) == Some(true)
    }
}

fn is_wso2(name: &str) -> Option<&'static [Operator]> {
    let name = name.to_ascii_lowercase();
    WSO2.iter().find(|(known, _)| *known == name).map(|(_, operators)| *operators)
}

fn names(words: Vocabulary) -> String {
    match words {
        Vocabulary::Wso2 => {
            "loginId appName userAgent sessionId ipAddress loginTime lastAccessTime".into()
        }
        Vocabulary::Full => {
            "id sid user_id username display_name role group application client_id application_id ip \
             network user_agent browser system device signed_in_at last_access ended_at method \
             state end_reason remember"
                .into()
        }
    }
}

/// The attributes of filters, each with its operators, for autocompletion.
#[must_use]
pub fn vocabulary() -> Vec<(String, &'static [&'static str])> {
    let all = names(Vocabulary::Full);
    let with_operators = |name: &str| {
        let operators: &[&str] = match Attribute::find(name)?.1 {
            Kind::Text => &["eq", "sw", "co", "ew", "ne", "pr"],
            Kind::Exact | Kind::Flag => &["eq", "ne", "pr"],
            Kind::Time => &["gt", "ge", "lt", "le", "pr"],
        };
        Some((name.to_owned(), operators))
    };
    all.split_whitespace().filter_map(with_operators).collect()
}

fn fits(one: &Comparison, words: Vocabulary) -> Result<(), SearchRefused> {
    let Some((attribute, kind)) = Attribute::find(&one.attribute) else { return Ok(()) };
    let (name, operator) = (&one.attribute, one.operator);
    let allowed = match words {
        Vocabulary::Wso2 => is_wso2(name).is_some_and(|all| all.contains(&operator)),
        Vocabulary::Full => match kind {
            Kind::Text => !is_order(operator),
            Kind::Exact | Kind::Flag => matches!(operator, Operator::Eq | Operator::Ne),
            Kind::Time => is_order(operator),
        },
    };
    if !allowed {
        return wrong(format!("'{}' does not go with {name}", operator.name()));
    }
    match kind {
        Kind::Time if words == Vocabulary::Wso2 && !matches!(one.value, Literal::Number(_)) => {
            wrong(format!("{name} needs milliseconds since 1970"))
        }
        Kind::Time if moment(&one.value).is_none() => {
            wrong(format!("{name} needs milliseconds since 1970 or a time of RFC 3339"))
        }
        Kind::Flag if !matches!(one.value, Literal::Flag(_)) => {
            wrong(format!("{name} is true or false"))
        }
        Kind::Exact if attribute == Attribute::Network => match one.value.text().parse::<Network>()
        {
            Ok(_) => Ok(()),
            Err(error) => wrong(format!("'{}' is {error}", one.value.text())),
        },
        Kind::Exact if attribute == Attribute::State => {
            let state = one.value.text().to_ascii_lowercase();
            if ["active", "ended", "expired"].contains(&&*state) {
                return Ok(());
            }
            wrong(format!("'{state}' is none of active ended expired"))
        }
        _ => Ok(()),
    }
}

const fn is_order(operator: Operator) -> bool {
    matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le)
}

/// Parses milliseconds since 1970, as a number or as a formatted time.
fn moment(value: &Literal) -> Option<Millis> {
    match value {
        Literal::Number(number) => Some(Millis(*number)),
        Literal::Text(text) => {
            text.parse().ok().map(Millis).or_else(|| {
                text.parse::<jiff::Timestamp>().ok().map(|at| Millis(at.as_millisecond()))
            })
        }
        _ => None,
    }
}

fn present(name: &str, known: &Known<'_>) -> Option<bool> {
    let attribute = Attribute::parse(name)?;
    Some(match attribute {
        Attribute::EndedAt | Attribute::EndReason => {
            matches!(known.session.state, SessionState::Ended { .. })
        }
        Attribute::Group => !known.groups?.is_empty(),
        Attribute::Role => known.roles?.iter().any(|role| role.state == RoleState::Active),
        Attribute::Application
        | Attribute::ClientId
        | Attribute::ApplicationId
        | Attribute::Sid => known.view?.known_stays(known.clients_only).next().is_some(),
        Attribute::DisplayName => known.user?.display_name.is_some(),
        Attribute::UserAgent => !known.session.user_agent.is_empty(),
        other if other.is_of_browser() => !Browser::of(&known.session.user_agent).name.is_empty(),
        _ => true,
    })
}

/// Compares IP addresses independently of their notation; `None` for another operator or value.
fn same_ip(one: &Comparison, wanted: &str, ip: &str) -> Option<bool> {
    wanted.parse::<std::net::IpAddr>().ok()?;
    let same = address_key(wanted) == address_key(ip);
    match one.operator {
        Operator::Eq => Some(same),
        Operator::Ne => Some(!same),
        _ => None,
    }
}

fn holds<'b>(
    one: &Comparison,
    known: &Known<'_>,
    browser: &dyn Fn() -> &'b Browser,
) -> Option<bool> {
    let session = known.session;
    let stays = || known.view.map(|view| view.known_stays(known.clients_only));
    let wanted = one.value.text().to_lowercase();
    let text = |value: &str| compared(one.operator, &value.to_lowercase(), &wanted);
    // One matching value is sufficient; 'not equal' means that no value is equal.
    let any = |values: &mut dyn Iterator<Item = String>| {
        let mut values = values.map(|value| value.to_lowercase());
        match one.operator {
            Operator::Ne => !values.any(|value| value == wanted),
            operator => values.any(|value| compared(operator, &value, &wanted)),
        }
    };
    let time = |at: Millis| {
        moment(&one.value).is_some_and(|wanted| match one.operator {
            Operator::Ge => at >= wanted,
            Operator::Gt => at > wanted,
            Operator::Le => at <= wanted,
            Operator::Lt => at < wanted,
            _ => false,
        })
    };
    let ended = match &session.state {
        SessionState::Ended { at, reason, .. } => Some((*at, reason)),
        SessionState::Living => None,
    };
    Some(match Attribute::parse(&one.attribute)? {
        Attribute::Id => text(&session.id.to_string()),
        Attribute::UserId => text(&session.user.to_string()),
        Attribute::Username => text(&known.user?.username),
        Attribute::DisplayName => text(known.user?.shown_name()),
        Attribute::Role => {
            let roles = known.roles?.iter().filter(|role| role.state == RoleState::Active);
            any(&mut roles.map(|role| role.name.clone()))
        }
        Attribute::Group => any(&mut known.groups?.iter().cloned()),
        Attribute::Sid => any(&mut stays()?.map(|one| one.row.stay.sid.to_string())),
        Attribute::Application => any(&mut stays()?.map(|one| one.app.name.clone())),
        Attribute::ClientId => any(&mut stays()?.map(|one| one.app.client_id.clone())),
        Attribute::ApplicationId => any(&mut stays()?.map(|one| one.app.id.to_string())),
        Attribute::Ip => same_ip(one, &wanted, &session.ip).unwrap_or_else(|| text(&session.ip)),
        Attribute::Network => {
            let within =
                wanted.parse::<Network>().is_ok_and(|net| net.contains(&address_key(&session.ip)));
            within == (one.operator == Operator::Eq)
        }
        Attribute::UserAgent => text(&session.user_agent),
        Attribute::Browser => text(&browser().name),
        Attribute::System => text(&browser().system),
        Attribute::Device => text(&browser().device),
        Attribute::SignedIn => time(session.signed_in_at),
        Attribute::LastAccess => time(session.last_access),
        Attribute::EndedAt => ended.is_some_and(|(at, _)| time(at)),
        Attribute::Method => any(&mut session.amr.split(' ').map(str::to_owned)),
        Attribute::State => text(match (&session.state, known.live) {
            (SessionState::Ended { .. }, _) => "ended",
            (SessionState::Living, true) => "active",
            (SessionState::Living, false) => "expired",
        }),
        Attribute::EndReason => ended.is_some_and(|(_, reason)| text(&reason.to_string())),
        Attribute::Remember => {
            (one.value == Literal::Flag(session.remember)) == (one.operator == Operator::Eq)
        }
    })
}

fn compared(operator: Operator, value: &str, wanted: &str) -> bool {
    match operator {
        Operator::Eq => value == wanted,
        Operator::Ne => value != wanted,
        Operator::Co => value.contains(wanted),
        Operator::Sw => value.starts_with(wanted),
        Operator::Ew => value.ends_with(wanted),
        Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_checked_before_anything_is_read() {
        use Vocabulary::{Full, Wso2};
        for (text, words, good) in [
            ("loginId eq alex", Wso2, true),
            ("LOGINID SW \"al\" and userAgent co chrome", Wso2, true),
            ("loginTime ge 1 or not (ipAddress eq 127.0.0.1)", Wso2, true),
            ("loginTime eq 1", Wso2, false),
            ("loginTime ge yesterday", Wso2, false),
            ("loginTime ge \"2026-01-01T00:00:00Z\"", Wso2, false),
            ("ipAddress sw 127", Wso2, false),
            ("loginId ge a", Wso2, false),
            ("loginId ne a", Wso2, false),
            ("userId eq x", Wso2, false),
            ("state eq ended", Wso2, false),
            ("loginId", Wso2, false),
            ("username eq alex and state eq ended", Full, true),
            ("user_agent co chrome or browser eq Firefox", Full, true),
            ("signed_in_at ge \"2026-01-01T00:00:00Z\"", Full, true),
            ("signedInAt lt 7", Full, true),
            ("signed_in_at ge yesterday", Full, false),
            ("network eq 10.0.0.0/8", Full, true),
            ("network sw 10.", Full, false),
            ("network eq 10.0.0.0/33", Full, false),
            ("ip sw 10.", Full, true),
            ("state eq gone", Full, false),
            ("remember eq true", Full, true),
            ("remember eq 1", Full, false),
            ("role co adm", Full, false),
            ("colour eq red", Full, false),
            ("colour pr", Full, false),
        ] {
            assert_eq!(SessionFilter::parse(Some(text), words).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_a_filter_says_of_all_that_pass() {
        let read = |text| SessionFilter::parse(Some(text), Vocabulary::Full).expect("fine");
        for (text, live, ended) in [
            ("username eq a", true, false),
            ("state eq active", true, false),
            ("state eq ended and username eq a", false, true),
            ("end_reason eq admin", false, true),
            ("state eq ended or username eq a", false, false),
            ("not (state eq active)", false, false),
        ] {
            let filter = read(text);
            assert_eq!((filter.live_only(), filter.ended_only()), (live, ended), "{text}");
        }
        let span = read("signed_in_at gt 5 and signed_in_at le 9").span(Attribute::SignedIn);
        assert_eq!(span, (Millis(6), Millis(9)));
        let all = (Millis(i64::MIN), Millis(i64::MAX));
        assert_eq!(read("signed_in_at gt 5 or ip eq x").span(Attribute::SignedIn), all);
    }
}
