//! The rows: spread as real ones are, the same at each run, written in the order of their keys.

use sojourn_model::network::address_key;

/// Mixes a number into one that looks random (splitmix64).
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What is filled in.
pub(super) struct Plan {
    pub(super) sessions: u64,
    pub(super) users: u64,
    /// Members of the role.
    pub(super) members: u64,
    pub(super) now: i64,
    pub(super) role: Vec<u8>,
    pub(super) apps: Vec<Vec<u8>>,
}

/// Days over which the sign-ins are spread.
const DAYS: u64 = 14;

pub(super) struct SessionRow {
    pub(super) id: [u8; 32],
    pub(super) user: [u8; 16],
    pub(super) secret_hash: [u8; 32],
    pub(super) signed_in_at: i64,
    pub(super) last_access: i64,
    pub(super) idle_deadline: i64,
    pub(super) ip: String,
    pub(super) user_agent: String,
    pub(super) app: usize,
    pub(super) sid: [u8; 16],
}

fn ordered<const N: usize>(number: u64, of: u64, salt: u64) -> [u8; N] {
    let step = u64::MAX / of.max(1);
    let mut id = [0_u8; N];
    id[..8].copy_from_slice(&(number * step).to_be_bytes());
    for (at, chunk) in id[8..].chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&mix(number ^ salt ^ (at as u64) << 56).to_be_bytes()[..chunk.len()]);
    }
    id
}

fn spread<const N: usize>(number: u64, salt: u64) -> [u8; N] {
    let mut id = [0_u8; N];
    for (at, chunk) in id.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&mix(number ^ salt ^ (at as u64) << 56).to_be_bytes()[..chunk.len()]);
    }
    id
}

impl Plan {
    pub(super) fn user(&self, number: u64) -> [u8; 16] {
        ordered(number, self.users, 1)
    }

    /// As the engine makes them: half of the user's id, then what is random.
    pub(super) fn session_id(&self, number: u64) -> [u8; 32] {
        let mut id: [u8; 32] = spread(number, 2);
        id[..8].copy_from_slice(&self.user(self.owner(number))[..8]);
        id
    }

    /// Whose a session is.
    pub(super) fn owner(&self, number: u64) -> u64 {
        number * self.users / self.sessions
    }

    /// Members of the role are spread over all users.
    pub(super) fn is_member(&self, user: u64) -> bool {
        let stride = self.users / self.members.max(1);
        user.is_multiple_of(stride) && user / stride < self.members
    }

    /// The session of the grant that comes at this place in the order of their times: a bijection, since the
    /// factor is a prime that divides no number of sessions that is asked for.
    pub(super) fn session_of_grant(&self, place: u64) -> u64 {
        const PRIME: u64 = 982_451_653;
        assert!(!self.sessions.is_multiple_of(PRIME));
        (place * PRIME) % self.sessions
    }

    pub(super) fn grant_id(&self, place: u64) -> [u8; 16] {
        let mut grant: [u8; 16] = spread(place, 6);
        grant[..6].copy_from_slice(&(place + 1).to_be_bytes()[2..]);
        grant
    }

    pub(super) fn ip(&self, number: u64) -> String {
        let host = mix(number ^ 77) % self.sessions.max(256);
        format!("10.{}.{}.{}", host >> 16 & 255, host >> 8 & 255, host & 255)
    }

    pub(super) fn session(&self, number: u64) -> SessionRow {
        let signed_in_at = self.now - 1_000 - (mix(number ^ 3) % (DAYS * 86_400_000)) as i64;
        let last_access = signed_in_at + (mix(number ^ 4) % 1_000) as i64;
        SessionRow {
            id: self.session_id(number),
            user: self.user(self.owner(number)),
            secret_hash: spread(number, 7),
            signed_in_at,
            last_access,
            idle_deadline: self.now + 30 * 86_400_000,
            ip: self.ip(number),
            user_agent: format!(
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/{}.0.0.0 Safari/537.36",
                100 + mix(number ^ 5) % 50
            ),
            app: (mix(number ^ 8) % self.apps.len() as u64) as usize,
            sid: spread(number, 9),
        }
    }
}

impl SessionRow {
    pub(super) fn ip_key(&self) -> Vec<u8> {
        address_key(&self.ip)
    }
}
