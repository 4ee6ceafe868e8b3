//! Black-box tests over HTTP, against the server in this process.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod binding;
mod deliveries;
mod expiry;
mod input;
mod isolation;
mod logout;
mod oidc;
mod pages;
mod provider;
mod registration;
mod roles;
mod session_management;
mod session_service;
mod sessions;
mod tokens;
