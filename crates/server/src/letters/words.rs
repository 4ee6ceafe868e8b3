//! The built-in texts of mails, used if the operator has no template.

use sojourn_engine::{Letter, News};
use sojourn_model::limits::RECOVERY_CODES_FEW;
use sojourn_model::{Millis, Session};

use crate::language::{Text, plain, say};
use crate::web::words;

/// Returns the subject and the paragraphs of a letter.
pub(super) fn content(letter: &Letter<'_>, account: [Text; 1]) -> (Text, Vec<Text>) {
    match letter {
        Letter::NewBrowser { session, link } => (
            "New sign-in to your account".into(),
            new_browser(session, link, account),
        ),
        Letter::NewPassword { link } => (
            "Choose a new password".into(),
            vec![
                say("someone asked for a new password for your account {0}.", account),
                "If that was you, open this page within an hour and choose one:".into(),
                plain(link),
                "If it was not you, there is nothing to do: without this mail nobody can change anything."
                    .into(),
            ],
        ),
        Letter::Invitation { link } => (
            "An account was created for you".into(),
            vec![
                say("an account was created for you. Your login name is {0}.", account),
                "Open this page within a week, and choose how you sign in:".into(),
                plain(link),
                "If you didn't expect this, there is nothing to do.".into(),
            ],
        ),
        Letter::Address { link, code } => (
            "Confirm your mail address".into(),
            vec![
                say("please confirm that this mail address belongs to your account {0}.", account),
                say("Type this code where you asked for it: {0}", [plain(*code)]),
                "Or open this page within an hour, on any device:".into(),
                plain(link),
                "If you didn't ask for this, there is nothing to do.".into(),
            ],
        ),
        Letter::SignUp { link, code } => (
            "Create your account".into(),
            vec![
                say("someone, probably you, wants to create an account with the mail address {0}.", account),
                say("Type this code where you asked for it: {0}", [plain(*code)]),
                "Or open this page within an hour, on any device:".into(),
                plain(link),
                "If you didn't ask for this, there is nothing to do: without this mail nobody can create the account.".into(),
            ],
        ),
        Letter::HasAccount { link } => (
            "You have an account already".into(),
            vec![
                say("someone, probably you, wanted to create an account with this mail address. There is one already; its login name is {0}.", account),
                "Sign in here, or choose a new password if you have forgotten yours:".into(),
                plain(link),
                "If you didn't ask for this, there is nothing to do.".into(),
            ],
        ),
        Letter::AddressChanged { to, link } => {
            ("Your mail address was changed".into(), address_changed(to, *link, account))
        }
        Letter::Leaving { due, link } => leaving(*due, link, account),
        Letter::Deleted => (
            "Your account was deleted".into(),
            vec![say("your account {0} was deleted, with everything in it.", account)],
        ),
        Letter::News { news, link } => told(news, *link, account),
    }
}

fn leaving(due: Option<Millis>, link: &str, account: [Text; 1]) -> (Text, Vec<Text>) {
    let [name] = account;
    let what = match due {
        Some(due) => say(
            "you asked for your account {0} to be deleted. That will happen on {1}.",
            [name, words::moment(due)],
        ),
        None => say(
            "you asked for your account {0} to be deleted. An administrator will review your request.",
            [name],
        ),
    };
    let paragraphs = vec![
        what,
        "If it wasn't you, or if you want to keep the account, open this page:".into(),
        plain(link),
    ];
    ("Your account will be deleted".into(), paragraphs)
}

fn address_changed(to: &str, link: Option<&str>, account: [Text; 1]) -> Vec<Text> {
    let mut paragraphs = vec![
        say("this is about your account {0}:", account),
        say("The mail address is now {0}.", [plain(to)]),
        "If that was you, there is nothing to do.".into(),
    ];
    match link {
        Some(link) => paragraphs.extend([
            "If it wasn't you, open this page within three days. It restores this address, ends all your sessions and disables the password:"
                .into(),
            plain(link),
        ]),
        None => paragraphs.push("If it wasn't you, contact your administrator immediately.".into()),
    }
    paragraphs
}

fn new_browser(session: &Session, link: &str, account: [Text; 1]) -> Vec<Text> {
    vec![
        say(
            "someone signed in to your account {0} from a browser that you haven't used before:",
            account,
        ),
        Text::Joined(
            vec![
                plain("  "),
                words::browser(&session.user_agent),
                plain("\n  "),
                say("Address {0}", [plain(&session.ip)]),
                plain("\n  "),
                words::moment(session.auth_time),
            ],
            "",
        ),
        "If that was you, there is nothing to do.".into(),
        "If it wasn't you, open this page. It ends all your sessions and disables the password:"
            .into(),
        plain(link),
    ]
}

/// Returns the subject and the paragraphs of a notice about how a user signs in.
fn told(news: &News<'_>, link: Option<&str>, account: [Text; 1]) -> (Text, Vec<Text>) {
    let (subject, what): (&str, Text) = match news {
        News::FactorAdded { name } => (
            "A way to sign in was added",
            say("{0} was added as a way to sign in.", [plain(*name)]),
        ),
        News::FactorRemoved { name } => (
            "A way to sign in was removed",
            say("{0} was removed and can no longer be used to sign in.", [plain(*name)]),
        ),
        News::AddressAdded { address } => (
            "A mail address was added",
            say(
                "{0} was added. Mails about your account go to this address too, and it can be used to reset the password.",
                [plain(*address)],
            ),
        ),
        News::AddressRemoved { address } => (
            "A mail address was removed",
            say("{0} no longer belongs to your account.", [plain(*address)]),
        ),
        News::FactorsReset { until: None } => (
            "Your ways to sign in were removed",
            "An administrator removed all passkeys, second factors and recovery codes.".into(),
        ),
        News::FactorsReset { until: Some(until) } => (
            "Your ways to sign in were removed",
            say(
                "An administrator removed all passkeys, second factors and recovery codes. Nobody can sign in before {0}.",
                [words::moment(*until)],
            ),
        ),
        News::WaitEnded => (
            "The waiting time of your account was ended",
            "Your account was being recovered. An administrator ended the waiting time, so it can be used again now.".into(),
        ),
        News::Secured => (
            "Your account was secured",
            "An administrator ended all your sessions and removed all ways to sign in. To sign in again, choose a new password under “Forgotten your password?”."
                .into(),
        ),
        News::CodesRenewed => (
            "New recovery codes",
            "New recovery codes were generated; the previous ones no longer work.".into(),
        ),
        News::CodeUsed { ip, .. } => (
            "A recovery code was used",
            say("someone signed in with a recovery code, from address {0}.", [plain(*ip)]),
        ),
    };
    let mut paragraphs = vec![say("this is about your account {0}:", account), what];
    if let News::CodeUsed { left, .. } = news
        && *left < RECOVERY_CODES_FEW
    {
        let left = plain(left.max(&0).to_string());
        paragraphs.push(say(
            "Only {0} are left. Generate new ones in My Account, under Security.",
            [left],
        ));
    }
    paragraphs.push("If that was you, there is nothing to do.".into());
    match link {
        Some(link) => {
            let text = "If it wasn't you, open this page. It ends all your sessions and disables the password:";
            paragraphs.extend([text.into(), plain(link)]);
        }
        None => paragraphs.push("If it wasn't you, contact your administrator immediately.".into()),
    }
    (subject.into(), paragraphs)
}
