//! Simulated users and applications.

use std::sync::Arc;

use futures_util::future::join_all;
use sojourn_engine::EngineError;
use sojourn_engine::sign_in::SignInError;
use sojourn_engine::tokens::TokenError;
use sojourn_model::Session;

use super::nodes::{APPS, PEOPLE};
use super::{Dice, KnownGrant, KnownSession, World};

/// Signs in repeatedly and uses the tokens that it gets.
pub(crate) async fn client(world: Arc<World>, mut dice: Dice) {
    while !world.over() {
        let person = usize::try_from(dice.below(PEOPLE as u64)).expect("small");
        let session = match world.nodes.sign_in(node(&mut dice), person).await {
            Ok(signed_in) => signed_in.session,
            // An end by user came in between, or the account is disabled at the moment.
            Err(SignInError::Interrupted | SignInError::Wrong) => continue,
            Err(SignInError::Failed(EngineError::Contended)) => {
                world.did("sign-in contended");
                continue;
            }
            Err(error) => {
                world.failed("sign-in", &error);
                continue;
            }
        };
        world.did("sign-in");
        let born = world.now();
        world.known(|known| {
            let (id, user) = (session.id, session.user);
            known.sessions.push(KnownSession { id, user, born, aimed_at: false, ended_by: None });
        });
        for _ in 0..1 + dice.below(4) {
            if world.over() || !visit(&world, &mut dice, &session).await {
                break;
            }
        }
        world.nodes.clock.advance(i64::try_from(dice.below(400)).expect("small"));
    }
}

fn node(dice: &mut Dice) -> usize {
    usize::from(dice.below(2) == 1)
}

/// Visits an application; returns whether the session is still active.
async fn visit(world: &World, dice: &mut Dice, session: &Session) -> bool {
    let (client_id, _) = *dice.one(&APPS);
    let offline = dice.below(4) == 0;
    let code = match world.nodes.code(node(dice), session, client_id, offline).await {
        Ok(Some(code)) => code,
        Ok(None) => return false,
        Err(error) => return told(world, "authorization", &error),
    };
    world.did("code");
    let born = world.now();
    let app = world.nodes.registered(client_id).id;
    let grant = world.known(|known| {
        // Begun before the end of its session had returned: it must have been refused, or must be dead.
        let ended_by = known.ended(session.id, offline);
        known.grants.push(KnownGrant {
            session: session.id,
            user: session.user,
            app,
            client_id,
            offline,
            born,
            ended_by,
            code: code.clone(),
            tokens: Vec::new(),
            refresh: Vec::new(),
        });
        known.grants.len() - 1
    });
    let mut refresh = match world.nodes.redeem(node(dice), client_id, &code).await {
        Ok(answer) => given(world, grant, answer.access_token, answer.refresh_token).await,
        Err(error) => return told(world, "code redemption", &error),
    };
    world.did("redemption");
    for _ in 0..1 + dice.below(4) {
        // Several requests at once with the same token: one rotates it, the others repeat.
        let several = 1 + dice.below(5);
        let requests = (0..several).map(|_| world.nodes.refresh(node(dice), client_id, &refresh));
        let requests: Vec<_> = requests.collect();
        let mut next = None;
        for answer in join_all(requests).await {
            match answer {
                Ok(answer) => {
                    world.did("refresh");
                    next =
                        Some(given(world, grant, answer.access_token, answer.refresh_token).await);
                }
                Err(error) => {
                    told(world, "refresh", &error);
                }
            }
        }
        match next {
            Some(token) => refresh = token,
            None => break,
        }
    }
    true
}

/// Records the tokens that a grant got. If the grant has ended by now, they must be dead.
async fn given(world: &World, grant: usize, access: String, refresh: Option<String>) -> String {
    let refresh = refresh.unwrap_or_default();
    let ended = world.known(|known| {
        let one = &mut known.grants[grant];
        if !one.tokens.contains(&access) {
            one.tokens.push(access);
        }
        if !one.refresh.contains(&refresh) {
            one.refresh.push(refresh.clone());
        }
        one.ended_by.is_some()
    });
    if ended {
        world.must_be_dead(grant, "given after").await;
    }
    refresh
}

/// Counts refusals and records failures. Returns whether to continue, which is always false.
fn told(world: &World, what: &'static str, error: &TokenError) -> bool {
    match error {
        TokenError::Refused(_) => world.did("refusal"),
        TokenError::Failed(EngineError::Contended) => world.did("contended"),
        TokenError::Failed(error) => world.failed(what, error),
    }
    false
}
