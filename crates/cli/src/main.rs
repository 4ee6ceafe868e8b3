//! The program `sojourn`: command line, configuration and setup.

mod commands;
mod config;
#[cfg(feature = "demo")]
mod demo;
mod log;
mod open;
mod options;
mod reload;
mod serve;
mod service;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};

// A request needs hundreds of small allocations; this allocator does them at half the cost of the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An identity server that specialises in user sessions.
///
/// Users sign in once for all applications. They and their administrators can see and end
/// every session, and the organisation's rules can end sessions automatically. When a session
/// ends, its tokens are revoked and its applications are notified.
#[derive(Debug, Parser)]
#[command(name = "sojourn", version, propagate_version = true)]
struct Cli {
    /// Configuration file
    #[arg(long, global = true, default_value = "deployment.toml", env = "SOJOURN_CONFIG")]
    config: PathBuf,
    /// Print the output as JSON
    #[arg(long = "json", alias = "as-json", global = true)]
    as_json: bool,
    /// Tenant that the command works on [default: the default tenant; all tenants for 'key rotate' without '--saml']
    #[arg(long = "tenant", global = true)]
    of_tenant: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve,
    /// Run the server with three sample applications and sample users
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Check the installation for common problems
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// Name of the shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Configuration: check
    #[command(subcommand)]
    Config(commands::ConfigCommand),
    /// Signing keys: list, rotate
    #[command(subcommand)]
    Key(commands::KeyCommand),
    /// The master key: create, rotate, confirm that it is backed up
    #[command(subcommand)]
    MasterKey(commands::MasterKeyCommand),
    /// Users: add, list, invite, disable, lock, remove; passwords and second factors
    #[command(subcommand)]
    User(commands::UserCommand),
    /// Roles: add, list, assign, unassign, remove
    #[command(subcommand)]
    Role(commands::RoleCommand),
    /// Groups: add, list, remove; members and roles
    #[command(subcommand)]
    Group(commands::GroupCommand),
    /// Applications: add, list, show, set, secret, remove
    #[command(subcommand, visible_alias = "app")]
    Application(commands::ApplicationCommand),
    /// Tenants: add, list, enable, disable, remove
    #[command(subcommand)]
    Tenant(commands::TenantCommand),
    /// Sign-up: show and set who can create an account; invitation codes
    #[command(subcommand)]
    SignUp(commands::SignUpCommand),
    /// Sessions: list, show, end, watch; jobs, deliveries, event handlers, policies
    #[command(subcommand, visible_alias = "session")]
    Sessions(commands::SessionCommand),
    /// Run one of the sample applications; started by 'demo'
    #[cfg(feature = "demo")]
    #[command(hide = true)]
    DemoApp(demo::DemoAppArgs),
}

/// The message to print when a command fails.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            cause = inner.source();
        }
        Self(text)
    }
}

pub(crate) type Done = Result<(), Failure>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Everything that this program creates is private to its owner: database, log, keys, mails.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // Set once for the process, because TLS and outgoing requests share one provider.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("can't create threads: {error}")),
    };
    let done = runtime.block_on(run(cli));
    // Tasks that still wait for a slow response must not delay the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(text)) => fail(&text),
    }
}

/// Generates shell completions and prints them.
fn completions(shell: clap_complete::Shell) {
    let mut command = <Cli as clap::CommandFactory>::command();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "sojourn", &mut text);
    print(&text);
}

fn man() -> Done {
    let command = <Cli as clap::CommandFactory>::command();
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    print(&text);
    Ok(())
}

async fn run(cli: Cli) -> Done {
    let config = &cli.config;
    if cli.as_json {
        commands::print_json();
    }
    if let Some(tenant) = cli.of_tenant {
        commands::work_in(tenant);
    }
    match cli.command {
        Command::Serve => serve::serve(config).await,
        #[cfg(feature = "demo")]
        Command::Demo(args) => demo::demo(args).await,
        #[cfg(feature = "demo")]
        Command::DemoApp(args) => demo::app(args).await,
        Command::Doctor => commands::doctor(config).await,
        Command::Completions { shell } => {
            completions(shell);
            Ok(())
        }
        Command::Man => man(),
        Command::Config(command) => commands::config(config, command),
        Command::Key(command) => commands::key(config, command).await,
        Command::MasterKey(command) => commands::master_key(config, command).await,
        Command::User(command) => commands::user(config, command).await,
        Command::Role(command) => commands::role(config, command).await,
        Command::Group(command) => commands::group(config, command).await,
        Command::Application(command) => commands::application(config, command).await,
        Command::Tenant(command) => commands::tenant(config, command).await,
        Command::SignUp(command) => commands::sign_up(config, command).await,
        Command::Sessions(command) => commands::session(config, command).await,
    }
}

#[expect(clippy::print_stderr, reason = "this is how a command says what is wrong")]
fn fail(text: &str) -> ExitCode {
    eprintln!("sojourn: {text}");
    ExitCode::FAILURE
}

/// Prints a line to standard output.
pub(crate) fn say(text: &str) {
    print(format!("{text}\n").as_bytes());
}

/// Whether standard output has been closed by its reader.
static UNREAD: AtomicBool = AtomicBool::new(false);

/// Whether standard output is still open. A command that runs until it is interrupted stops if it isn't.
pub(crate) fn is_read() -> bool {
    !UNREAD.load(Ordering::Relaxed)
}

/// Writes to standard output. If its reader has closed it (`sojourn user list | head`), the rest is dropped and the
/// command continues: a command that rotates the keys of ten tenants must not stop after the first line.
pub(crate) fn print(bytes: &[u8]) {
    use std::io::Write as _;
    let mut output = std::io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            UNREAD.store(true, Ordering::Relaxed);
        }
        Err(error) => {
            fail(&format!("can't write to standard output: {error}"));
        }
    }
}
