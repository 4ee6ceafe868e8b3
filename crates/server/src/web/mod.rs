//! HTML pages: sign-in, My Account and the Console. They are rendered on the server and work without scripts, except
//! for passkeys, proof of work and live updates.

pub(crate) mod address;
pub(crate) mod assets;
pub(crate) mod colours;
pub(crate) mod connections;
pub(crate) mod consent;
pub(crate) mod console;
pub(crate) mod delete_account;
pub(crate) mod errors;
mod factor_list;
pub(crate) mod factors;
pub(crate) mod filters;
pub(crate) mod forgotten;
pub(crate) mod form;
pub(crate) mod history;
pub(crate) mod home;
pub(crate) mod interrupted;
pub(crate) mod invitation;
pub(crate) mod language;
pub(crate) mod live;
pub(crate) mod my_account;
pub(crate) mod not_me;
pub(crate) mod own_data;
pub(crate) mod pages;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod refusal;
pub(crate) mod render;
pub(crate) mod security_check;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
pub(crate) mod sign_up;
pub(crate) mod signed_out;
pub(crate) mod upload;
pub(crate) mod words;
