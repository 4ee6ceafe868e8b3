//! The application's own sessions, in memory.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openidconnect::CsrfToken;
use tokio::sync::Notify;

use crate::provider::{Flow, SignedIn};

/// More than a demonstration ever has; beyond it the oldest knowledge is dropped at once.
const ENTRIES_MAX: usize = 10_000;

/// What a browser's cookie stands for.
enum Entry {
    /// On the way to the identity server.
    Flow(Box<Flow>),
    /// Signed in.
    In(SignedIn),
    /// Signed out by the identity server, with this logout token.
    Out { name: String, jti: String },
}

/// What a page shows of it.
pub(crate) enum Shown {
    In(SignedIn),
    Out { name: String, jti: String },
}

#[derive(Default)]
struct Inner {
    entries: HashMap<String, Entry>,
    used_jti: HashSet<String>,
}

#[derive(Default)]
pub(crate) struct Sessions {
    inner: Mutex<Inner>,
    changed: Arc<Notify>,
}

impl Sessions {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.entries.len() > ENTRIES_MAX || inner.used_jti.len() > ENTRIES_MAX {
            *inner = Inner::default();
        }
        inner
    }

    fn put(&self, entry: Entry) -> String {
        let id = CsrfToken::new_random_len(32).secret().to_owned();
        self.inner().entries.insert(id.clone(), entry);
        id
    }

    pub(crate) fn begin(&self, flow: Flow) -> String {
        self.put(Entry::Flow(Box::new(flow)))
    }

    pub(crate) fn take_flow(&self, id: &str) -> Option<Flow> {
        let mut inner = self.inner();
        match inner.entries.remove(id) {
            Some(Entry::Flow(flow)) => Some(*flow),
            Some(other) => {
                inner.entries.insert(id.to_owned(), other);
                None
            }
            None => None,
        }
    }

    pub(crate) fn sign_in(&self, person: SignedIn) -> String {
        self.put(Entry::In(person))
    }

    pub(crate) fn look(&self, id: &str) -> Option<Shown> {
        match self.inner().entries.get(id)? {
            Entry::In(person) => Some(Shown::In(person.clone())),
            Entry::Out { name, jti } => Some(Shown::Out { name: name.clone(), jti: jti.clone() }),
            Entry::Flow(_) => None,
        }
    }

    pub(crate) fn access_token(&self, id: &str) -> Option<String> {
        match self.inner().entries.get(id)? {
            Entry::In(person) => Some(person.access_token.clone()),
            _ => None,
        }
    }

    pub(crate) fn remove(&self, id: &str) -> Option<SignedIn> {
        match self.inner().entries.remove(id)? {
            Entry::In(person) => Some(person),
            _ => None,
        }
    }

    /// Ends every session of a participation. A token that was used before is refused; a `sid` that
    /// isn't known (any more) is fine: what was to be reached is so (Back-Channel Logout 1.0 §2.7).
    pub(crate) fn end_by_sid(&self, sid: &str, jti: &str) -> Result<(), &'static str> {
        let mut inner = self.inner();
        if !inner.used_jti.insert(jti.to_owned()) {
            return Err("this logout token was used before");
        }
        for entry in inner.entries.values_mut() {
            if let Entry::In(person) = entry
                && person.sid == sid
            {
                *entry = Entry::Out { name: person.name.clone(), jti: jti.to_owned() };
            }
        }
        drop(inner);
        self.changed.notify_waiters();
        Ok(())
    }

    fn is_in(&self, id: &str) -> bool {
        matches!(self.inner().entries.get(id), Some(Entry::In(_)))
    }

    /// Resolves when a session is over.
    pub(crate) fn until_ended(&self, id: String) -> impl Future<Output = ()> + use<> {
        let changed = Arc::clone(&self.changed);
        let first = Arc::clone(&changed).notified_owned();
        let over = !self.is_in(&id);
        async move {
            if !over {
                first.await;
            }
        }
    }
}
