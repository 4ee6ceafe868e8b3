//! Domain types of Sojourn: ids, entities, life cycles, policies, selectors and change sets.
//!
//! All other crates use these types. This crate does no I/O, never blocks and never reads the clock: [`Clock`] and
//! [`Rng`] are traits, and callers pass the implementations in.

pub mod address;
pub mod application;
pub mod change;
pub mod delivery;
pub mod directory;
pub mod end;
pub mod event;
pub mod factor;
pub mod grant;
pub mod ids;
pub mod job;
pub mod key;
pub mod limits;
pub mod mail;
pub mod methods;
pub mod network;
pub mod oidc_settings;
pub mod operation;
pub mod policy;
pub mod proof;
pub mod saml;
pub mod session;
pub mod sign_up;
pub mod task;
pub mod time;

pub use address::{AddressBefore, AddressChange, OtherAddress, UNDO_MS};
pub use application::{
    AppKind, AppOwner, Application, ApplicationSettings, Protocol, RemovedApplication,
};
pub use change::{Applied, ChangeSet, Outcome};
pub use delivery::{Delivery, DeliveryState};
pub use directory::{Group, Logo, Look, PasswordDue, Role, RoleState, Tenant, User, UserState};
pub use end::{Actor, Effects, EndReason, EndSessions, EndSummary, EndTarget};
pub use event::{Event, EventName, NewEvent, Subject};
pub use factor::{Factor, FactorChange, FactorKind, TrustedBrowser};
pub use grant::{Grant, GrantKind};
pub use ids::{
    AppId, EndId, FactorId, GrantId, GroupId, JobId, RoleId, SessionId, Sid, TenantId, UserId,
};
pub use job::{Job, JobAdvance, JobKind, JobState, NewJob};
pub use key::{SigningAlg, StoredKey};
pub use mail::Mail;
pub use methods::Methods;
pub use oidc_settings::{
    AccessTokenBinding, AccessTokenFormat, ClientAuthMethod, Encryption, GrantType, OidcSettings,
    PreviousSecret, SubjectType,
};
pub use operation::Op;
pub use policy::{
    AtLimit, EffectivePolicy, Lifetimes, OnAccessRemoved, OnAccount, OnFactorRemoved,
    OnPasswordChange, OnRoleChange, PolicyScope, RememberMe, SecondFactor, SessionPolicy,
};
pub use proof::{Level, Method, Proof, Proofs};
pub use saml::{
    AssertionConsumer, AttributeMapping, GivenName, LogoutBinding, LogoutService, NameIdFormat,
    SamlChange, SamlSettings, SignedPart, StoredSamlKey,
};
pub use session::{Participation, Session, SessionState};
pub use sign_up::{
    AcceptedTerms, AskedDeletion, Leaving, OpenTo, SignUp, SignUpChange, SignUpCode, Terms,
};
pub use task::{HandlerTask, SettleTask, TaskRule, TaskState};
pub use time::{Clock, Millis, Rng};
