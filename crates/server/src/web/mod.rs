//! Pages: sign-in, My Account, the Console. Rendered on the server, without scripts.

pub(crate) mod assets;
pub(crate) mod colours;
pub(crate) mod connections;
pub(crate) mod consent;
pub(crate) mod console;
pub(crate) mod errors;
mod factor_list;
pub(crate) mod factors;
pub(crate) mod filters;
pub(crate) mod forgotten;
pub(crate) mod form;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod language;
pub(crate) mod live;
pub(crate) mod my_account;
pub(crate) mod not_me;
pub(crate) mod own_path;
pub(crate) mod pages;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod render;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod signed_out;
pub(crate) mod ticket;
pub(crate) mod words;
