//! What the tests share: databases created for one test, a clock to move, a server in process, typed actors, and
//! applications that record the notifications that they receive.

pub mod authenticator;
pub mod clock;
pub mod cut;
pub mod history;
pub mod inbox;
pub mod places;
pub mod postgres;
pub mod program;
pub mod proxies;
pub mod server;
pub mod service_provider;
pub mod smtp;
pub mod store;
