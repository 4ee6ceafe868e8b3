//! The outside world, as the engine sees it: what it asks for and the program provides. Nothing here knows the engine.

use std::pin::Pin;

use sojourn_model::{Mail, Millis, Session, Tenant, User};

/// A boxed future, as methods of trait objects return it.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Runs CPU-heavy work without blocking other requests.
pub trait Offload: Send + Sync {
    /// Runs a job and resolves to `true`, or immediately resolves to `false` if too many jobs wait.
    fn run(&self, job: Box<dyn FnOnce() + Send>) -> Boxed<'_, bool>;

    /// Number of jobs that run or wait.
    fn waiting(&self) -> usize;
}

/// Fetches documents; implemented by the layer above, which blocks private addresses, limits the time and follows no
/// redirects.
pub trait Fetcher: Send + Sync {
    /// Returns the body of a 200 response of at most `most` bytes; the error is a text that says what failed.
    fn get<'a>(&'a self, uri: &'a str, most: usize) -> Boxed<'a, Result<Vec<u8>, String>>;
}

/// The result of one delivery attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptResult {
    /// The application responded with this status.
    Answered(u16),
    /// The request was not sent: no connection, unknown host, or an untrusted certificate.
    NotSent(String),
    /// The application may have acted, but the response was lost or late.
    AnswerLost(String),
    /// The application refused in a message of its protocol.
    Refused(String),
}

/// Sends notices to applications; implemented by the layer above.
pub trait DeliverySender: Send + Sync {
    /// Posts `logout_token` to an address as a form and returns the result, within a time limit.
    fn post<'a>(&'a self, uri: &'a str, logout_token: &'a str) -> Boxed<'a, AttemptResult>;

    /// Posts a SOAP envelope and returns the one that comes back with status 200; anything else is an error.
    fn post_soap<'a>(
        &'a self,
        uri: &'a str,
        envelope: String,
    ) -> Boxed<'a, Result<Vec<u8>, AttemptResult>>;
}

/// Posts webhooks; implemented by the layer above.
pub trait WebhookSender: Send + Sync {
    /// Posts JSON with headers to an address and returns the result, within a time limit.
    fn post_json<'a>(
        &'a self,
        uri: &'a str,
        headers: &'a [(&'static str, String)],
        body: String,
    ) -> Boxed<'a, AttemptResult>;
}

/// Sends mail; implemented by the layer above.
pub trait Mailer: Send + Sync {
    /// Sends one mail; the error is a text that says what failed.
    fn send<'a>(&'a self, mail: &'a Mail) -> Boxed<'a, Result<(), String>>;
}

/// The subject of a mail to a user, with the data that its text needs.
#[derive(Debug, Clone, Copy)]
pub enum Letter<'a> {
    /// Someone signed in from a browser that the account hasn't used before.
    NewBrowser {
        /// The session that started.
        session: &'a Session,
        /// Link for a user who didn't sign in.
        link: &'a str,
    },
    /// Someone requested a password reset.
    NewPassword {
        /// Link to the page on which the user chooses the password.
        link: &'a str,
    },
    /// An account was created for the user.
    Invitation {
        /// Link to the page on which the user sets up how they sign in.
        link: &'a str,
    },
    /// A mail address needs confirmation.
    Address {
        /// Link that confirms the address.
        link: &'a str,
        /// Code to type on the page that requested the mail, instead of following the link.
        code: &'a str,
    },
    /// Someone wants to sign up with this address.
    SignUp {
        /// Link to the page that creates the account.
        link: &'a str,
        /// Code to type on the page that requested the mail, instead of following the link.
        code: &'a str,
    },
    /// Someone wants to sign up with this address, which belongs to an account already.
    HasAccount {
        /// Link to the sign-in page.
        link: &'a str,
    },
    /// The mail address of the account has changed.
    AddressChanged {
        /// The new address, shown in the mail.
        to: &'a str,
        /// Link that undoes the change, if it can be undone.
        link: Option<&'a str>,
    },
    /// The user requested the deletion of their account.
    Leaving {
        /// Time of the deletion; `None`: as soon as an administrator approves it.
        due: Option<Millis>,
        /// Link to the page that cancels the request.
        link: &'a str,
    },
    /// The account and its data were deleted.
    Deleted,
    /// The user's ways to sign in have changed.
    News {
        /// What changed, with details for the text.
        news: News<'a>,
        /// Link for a user who didn't make the change, if there is one.
        link: Option<&'a str>,
    },
}

/// A change of a user's ways to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'a> {
    /// A second factor was added.
    FactorAdded {
        /// The name that the user gave the factor.
        name: &'a str,
    },
    /// A second factor was removed.
    FactorRemoved {
        /// The name that the user had given the factor.
        name: &'a str,
    },
    /// A mail address was added besides the main one.
    AddressAdded {
        /// The new address.
        address: &'a str,
    },
    /// A mail address other than the main one was removed.
    AddressRemoved {
        /// The removed address.
        address: &'a str,
    },
    /// An administrator removed all second factors.
    FactorsReset {
        /// Time until which the account can't be used, because a policy lets recoveries wait.
        until: Option<Millis>,
    },
    /// An administrator ended the waiting time of a recovery.
    WaitEnded,
    /// An administrator ended all sessions and tokens, and requires new credentials.
    Secured,
    /// New recovery codes replaced the previous ones.
    CodesRenewed,
    /// A recovery code was used.
    CodeUsed {
        /// Number of unused codes that are left.
        left: i64,
        /// IP address from which the code was used.
        ip: &'a str,
    },
}

/// Renders mails in the recipient's language; implemented by the layer above.
pub trait Letters: Send + Sync {
    /// Renders a mail in the language of the account; otherwise in [`Addressee::otherwise`], and in English if
    /// neither is set.
    fn write(&self, to: &Addressee<'_>, letter: &Letter<'_>) -> Written;
}

/// The recipient of a mail, and the sender's data.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    /// The tenant that sends the mail.
    pub tenant: &'a Tenant,
    /// Base URL of the tenant.
    pub address: &'a str,
    /// The account of the recipient.
    pub user: &'a User,
    /// Language of the request that caused the mail, as a BCP 47 tag.
    pub otherwise: Option<&'a str>,
}

/// A mail that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Subject line of the mail.
    pub subject: String,
    /// Body as plain text.
    pub text: String,
    /// Body as HTML, with the same content.
    pub html: String,
}
