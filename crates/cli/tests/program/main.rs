//! The program as it is run: starts and refusals, crashes, commands beside a running server.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod commands;
mod crash;
mod log;
mod refusals;
mod reload;
mod site;
mod webhooks;
