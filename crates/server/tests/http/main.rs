//! Black-box tests over HTTP, against the server in this process.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod accounts;
mod applications;
mod attacks;
mod audit;
mod below_a_path;
mod binding;
mod certificates;
mod clocks;
mod connections;
mod console_end;
mod dead_ends;
mod deliveries;
mod demands;
mod ending;
mod events;
mod expiry;
mod finding;
mod guessing;
mod handlers;
mod input;
mod interleavings;
mod isolation;
mod knowing;
mod languages;
mod logout;
mod memberships;
mod metrics;
mod names;
mod new_browser;
mod oidc;
mod outage;
mod pages;
mod policies;
mod provider;
mod proxies;
mod ranks;
mod registration;
mod roles;
mod scim;
mod session_management;
mod session_service;
mod sessions;
mod strangers;
mod tokens;
