//! The `claims` parameter (OpenID Connect Core 1.0 §5.5).

use serde_json::{Map, Value};

use crate::error::OAuthError;

/// Claims that a request names individually, by destination. Each value is `null` or an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimsRequest {
    /// Claims to return from the userinfo endpoint.
    pub userinfo: Map<String, Value>,
    /// Claims to put into the ID token.
    pub id_token: Map<String, Value>,
}

impl ClaimsRequest {
    /// Parses the parameter. Unknown members are ignored (§5.5).
    ///
    /// # Errors
    /// `invalid_request` if it isn't a JSON object, or a member of `userinfo` or `id_token` is neither `null`
    /// nor an object.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let wrong =
            || OAuthError::invalid_request("claims is not a JSON object of claims requests");
        let mut all: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
        let mut take = |name: &str| match all.remove(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(claims)) => {
                let fine = claims.values().all(|one| one.is_null() || one.is_object());
                if fine { Ok(claims) } else { Err(wrong()) }
            }
            Some(_) => Err(wrong()),
        };
        Ok(Self { userinfo: take("userinfo")?, id_token: take("id_token")? })
    }

    /// Whether the request names no claim at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.userinfo.is_empty() && self.id_token.is_empty()
    }

    /// Returns the text values that the request accepts for a claim of the ID token, from `value` and `values`;
    /// empty if it accepts any.
    #[must_use]
    pub fn wanted(&self, claim: &str) -> Vec<&str> {
        let Some(one) = self.id_token.get(claim) else { return Vec::new() };
        let single = one.get("value").and_then(Value::as_str);
        let several = one.get("values").and_then(Value::as_array);
        single.into_iter().chain(several.into_iter().flatten().filter_map(Value::as_str)).collect()
    }

    /// Whether the request marks a claim of the ID token as essential (§5.5.1).
    #[must_use]
    pub fn is_essential(&self, claim: &str) -> bool {
        self.id_token.get(claim).and_then(|one| one.get("essential")) == Some(&Value::Bool(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_5_5_requests() {
        let text = r#"{"userinfo":{"name":{"essential":true},"email":null},
            "id_token":{"acr":{"essential":true,"values":["1","2"]},"sub":{"value":"x"}},"other":{}}"#;
        let claims = ClaimsRequest::parse(text).expect("fine");
        assert_eq!(claims.userinfo.len(), 2);
        assert_eq!(claims.wanted("acr"), ["1", "2"]);
        assert_eq!(claims.wanted("sub"), ["x"]);
        assert!(claims.is_essential("acr") && !claims.is_essential("sub"));
        assert!(ClaimsRequest::parse("{}").expect("fine").is_empty());
        for bad in ["", "[]", "x", r#"{"userinfo":[]}"#, r#"{"id_token":{"acr":"1"}}"#] {
            let error = ClaimsRequest::parse(bad).expect_err("wrong");
            assert_eq!(error.code, "invalid_request", "{bad}");
        }
    }
}
