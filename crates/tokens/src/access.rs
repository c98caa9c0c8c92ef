//! Signing and checking an access token.

use crate::error::TokenError;
use crate::{PublicKeys, SigningKey, jwt};
use identity::{Authentication, Role, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The token's type (RFC 9068, 2.1): an ID token or anything else does not pass for an access token.
const TYPE: &str = "at+jwt";

/// The client of a user's own sessions (RFC 9068, 2.2). Other applications have their own, and their tokens are not these.
pub(crate) const CLIENT: &str = "concierge";

/// Who may issue a token and whom it is for.
#[derive(Clone, Copy, Debug)]
pub struct Audience<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `aud`.
    pub audience: &'a str,
}

/// The claims of a verified token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who signed in.
    pub user_id: UserId,
    /// What they may do.
    pub role: Role,
    /// All roles that mean something to anybody, `admin` among them.
    pub roles: Vec<String>,
    /// Public metadata of the user that the operator wants in tokens, if there are any.
    pub metadata: Option<Map<String, Value>>,
    /// The session that the token belongs to.
    pub session: Uuid,
    /// Whether the address is confirmed; `None` where nobody is asked to.
    pub email_verified: Option<bool>,
    /// When and how they authenticated; tokens of an earlier version do not say it.
    pub authentication: Option<Authentication>,
    /// The token's own id.
    pub id: Uuid,
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Custom {
    iss: String,
    aud: String,
    sub: String,
    #[serde(default)]
    client_id: String,
    jti: Uuid,
    role: Role,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<Map<String, Value>>,
    sid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
}

/// Signs a token.
///
/// # Errors
/// If the times are out of range.
pub fn sign(claims: &AccessClaims, audience: Audience<'_>, key: &SigningKey) -> Result<String, TokenError> {
    let custom = Custom {
        iss: audience.issuer.to_owned(),
        aud: audience.audience.to_owned(),
        sub: claims.user_id.to_string(),
        client_id: CLIENT.to_owned(),
        jti: claims.id,
        role: claims.role,
        roles: claims.roles.clone(),
        metadata: claims.metadata.clone(),
        sid: claims.session,
        email_verified: claims.email_verified,
        auth_time: claims.authentication.as_ref().map(|authentication| authentication.auth_time),
        amr: claims.authentication.as_ref().map(|authentication| authentication.amr.clone()),
        acr: claims.authentication.as_ref().map(|authentication| authentication.acr().to_owned()),
    };
    jwt::sign(TYPE, custom, (claims.issued_at, claims.expires_at), true, key)
}

/// Checks a token at the time `now`, in seconds since 1970: its signature by an accepted key, its times, its
/// issuer and audience.
///
/// # Errors
/// What is wrong, for the log; a caller is told only that the token is invalid or expired.
pub fn verify(token: &str, audience: Audience<'_>, keys: &PublicKeys, now: i64) -> Result<AccessClaims, TokenError> {
    let claims = jwt::verify::<Custom>(token, TYPE, keys)?;
    jwt::check_times(&claims, now)?;
    let (issued_at, expires_at) = jwt::times(&claims)?;
    let custom = &claims.custom;
    if custom.iss != audience.issuer {
        return Err(TokenError::Issuer);
    }
    // Tokens of an earlier version name no client.
    if custom.aud != audience.audience || !matches!(custom.client_id.as_str(), CLIENT | "") {
        return Err(TokenError::Audience);
    }
    Ok(AccessClaims {
        user_id: UserId::parse(&custom.sub).map_err(|_| TokenError::Malformed)?,
        role: custom.role,
        roles: custom.roles.clone(),
        metadata: custom.metadata.clone(),
        session: custom.sid,
        email_verified: custom.email_verified,
        authentication: custom
            .auth_time
            .zip(custom.amr.clone())
            .map(|(auth_time, amr)| Authentication { auth_time, amr }),
        id: custom.jti,
        issued_at,
        expires_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use jwt_compact::alg::Ed25519;
    use jwt_compact::{AlgorithmExt, Header, UntrustedToken};

    const NOW: i64 = 1_700_000_000;
    const OURS: Audience<'_> = Audience { issuer: "http://127.0.0.1:4000/auth-ms", audience: "concierge" };

    fn key(byte: u8) -> SigningKey {
        SigningKey::parse(&format!("{byte:02x}").repeat(32)).unwrap()
    }

    fn claims() -> AccessClaims {
        AccessClaims {
            user_id: UserId::try_from(7).unwrap(),
            role: Role::User,
            roles: vec!["billing".into(), "support".into()],
            metadata: Some(Map::from_iter([("plan".to_owned(), "gold".into())])),
            session: Uuid::from_u128(1),
            email_verified: Some(false),
            authentication: Some(Authentication { auth_time: NOW - 60, amr: vec!["pwd".into()] }),
            id: Uuid::from_u128(2),
            issued_at: NOW,
            expires_at: NOW + 900,
        }
    }

    fn token() -> String {
        sign(&claims(), OURS, &key(1)).unwrap()
    }

    fn check(token: &str) -> Result<AccessClaims, TokenError> {
        verify(token, OURS, &key(1).public(), NOW)
    }

    /// The token with its part number `part` run through `change`, the signature as it was.
    fn forged(part: usize, change: impl FnOnce(serde_json::Value) -> serde_json::Value) -> String {
        let token = token();
        let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
        let json = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).unwrap()).unwrap();
        parts[part] = URL_SAFE_NO_PAD.encode(change(json).to_string());
        parts.join(".")
    }

    fn with(part: usize, name: &str, value: serde_json::Value) -> String {
        forged(part, |mut json| {
            json[name] = value;
            json
        })
    }

    #[test]
    fn a_valid_token_identifies_its_user() {
        assert_eq!(check(&token()).unwrap(), claims());
    }

    #[test]
    fn a_token_says_when_and_how_its_user_authenticated() {
        let payload = |claims: &AccessClaims| -> serde_json::Value {
            let token = sign(claims, OURS, &key(1)).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
        };
        let said = payload(&claims());
        assert_eq!((&said["auth_time"], &said["amr"]), (&(NOW - 60).into(), &serde_json::json!(["pwd"])));
        assert_eq!(said["acr"], "urn:concierge:aal:1");
        let earlier = AccessClaims { authentication: None, ..claims() };
        assert_eq!(payload(&earlier).get("acr"), None);
        assert_eq!(check(&sign(&earlier, OURS, &key(1)).unwrap()).unwrap(), earlier);
    }

    #[test]
    fn a_token_has_its_time() {
        let at = |now| verify(&token(), OURS, &key(1).public(), now);
        assert!(at(NOW + 899).is_ok());
        assert_eq!(at(NOW + 906).unwrap_err(), TokenError::Expired);
        assert_eq!(at(NOW - 6).unwrap_err(), TokenError::NotYetValid);
    }

    #[test]
    fn a_token_of_or_for_somebody_else_is_refused() {
        let other = |issuer, audience| sign(&claims(), Audience { issuer, audience }, &key(1)).unwrap();
        assert_eq!(check(&other("https://mallory.example", OURS.audience)).unwrap_err(), TokenError::Issuer);
        assert_eq!(check(&other(OURS.issuer, "billing")).unwrap_err(), TokenError::Audience);
    }

    #[test]
    fn a_key_has_one_algorithm() {
        let p256 = SigningKey::parse(&format!("es256:{}", "01".repeat(32))).unwrap();
        let both = key(1).public().merged(p256.public());
        let token = sign(&claims(), OURS, &p256).unwrap();
        assert_eq!(verify(&token, OURS, &both, NOW).unwrap(), claims());
        assert_eq!(check(&token).unwrap_err(), TokenError::UnknownKey);
        let parts: Vec<_> = token.split('.').collect();
        let header = |kid: &str, alg: &str| {
            URL_SAFE_NO_PAD.encode(serde_json::json!({"alg": alg, "kid": kid, "typ": TYPE}).to_string())
        };
        for (kid, alg, error) in [
            (p256.kid(), "EdDSA", TokenError::Algorithm),
            (key(1).kid(), "ES256", TokenError::Algorithm),
            (key(1).kid(), "EdDSA", TokenError::Signature),
            (p256.kid(), "none", TokenError::Algorithm),
        ] {
            let forged = format!("{}.{}.{}", header(kid, alg), parts[1], parts[2]);
            assert_eq!(verify(&forged, OURS, &both, NOW).unwrap_err(), error, "{kid} {alg}");
        }
    }

    #[test]
    fn the_algorithm_is_ours_to_say() {
        assert_eq!(check(&with(0, "alg", "none".into())).unwrap_err(), TokenError::Algorithm);
        assert_eq!(check(&with(0, "alg", "HS256".into())).unwrap_err(), TokenError::Algorithm);
        assert_eq!(check(&with(0, "typ", "JWT".into())).unwrap_err(), TokenError::Algorithm);
    }

    #[test]
    fn a_critical_extension_is_refused_whoever_signed_the_token() {
        for crit in [serde_json::json!(["exp"]), serde_json::json!(["http://example.org/x"]), serde_json::json!([])] {
            let fields = serde_json::json!({"crit": crit, "http://example.org/x": true});
            let header = Header::new(fields).with_key_id(key(1).kid()).with_token_type(TYPE);
            let ours = UntrustedToken::new(&token()).unwrap().deserialize_claims_unchecked::<Custom>().unwrap();
            let Secret::Ed25519(secret) = key(1).secret else { panic!("the test's keys are Ed25519 keys") };
            let signed = Ed25519.token(&header, &ours, secret.as_ref()).unwrap();
            assert_eq!(check(&signed).unwrap_err(), TokenError::Critical);
        }
        assert_eq!(check(&with(0, "crit", serde_json::Value::Null)).unwrap_err(), TokenError::Critical);
        assert_eq!(check(&with(0, "other", "x".into())).unwrap_err(), TokenError::Signature);
    }

    #[test]
    fn a_changed_claim_breaks_the_signature() {
        assert_eq!(check(&with(1, "role", "admin".into())).unwrap_err(), TokenError::Signature);
        assert_eq!(check(&with(1, "sub", "8".into())).unwrap_err(), TokenError::Signature);
    }

    #[test]
    fn a_token_by_another_key_is_refused() {
        let theirs = sign(&claims(), OURS, &key(2)).unwrap();
        assert_eq!(check(&theirs).unwrap_err(), TokenError::UnknownKey);
        let both = key(1).public().merged(key(2).public());
        assert!(verify(&theirs, OURS, &both, NOW).is_ok());
        let kid_of_ours = serde_json::Value::from(key(1).kid());
        let parts: Vec<_> = theirs.split('.').collect();
        let forged = with(0, "kid", kid_of_ours);
        let head = forged.split('.').next().unwrap();
        assert_eq!(check(&format!("{head}.{}.{}", parts[1], parts[2])).unwrap_err(), TokenError::Signature);
    }

    #[test]
    fn a_truncated_token_and_other_text_are_refused() {
        let token = token();
        for cut in 0..token.len() {
            assert!(check(&token[..cut]).is_err());
        }
        for text in ["", ".", "..", "a.b.c", "🦀", &"x".repeat(5000)] {
            assert_eq!(check(text).unwrap_err(), TokenError::Malformed);
        }
    }
}
