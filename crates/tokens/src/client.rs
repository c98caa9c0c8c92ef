//! The tokens that applications get from the OpenID Connect provider: access tokens for userinfo, and ID tokens.
//!
//! Neither is a user's own access token. An access token of a client is for another audience, the issuer itself, and names its client, so
//! [`verify`](crate::verify) refuses it; an ID token has another type.

use crate::access::CLIENT;
use crate::error::TokenError;
use crate::{PublicKeys, SigningKey, jwt};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Authentication, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

/// The type of an access token (RFC 9068, 2.1), and that of an ID token.
const ACCESS: &str = "at+jwt";
const ID: &str = "JWT";

/// The claims of an access token of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientClaims {
    /// The client.
    pub client_id: Uuid,
    /// The user whose data it may read, and the session; without them the client acts for itself.
    pub user: Option<(UserId, Uuid)>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When and how the user authenticated.
    pub authentication: Option<Authentication>,
    /// The token's own id.
    pub id: Uuid,
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Access {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    scope: String,
    jti: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acr: Option<String>,
}

/// Signs an access token of a client.
///
/// # Errors
/// If the times are out of range.
pub fn sign_client_token(claims: &ClientClaims, issuer: &str, key: &SigningKey) -> Result<String, TokenError> {
    let authentication = claims.authentication.as_ref();
    let access = Access {
        iss: issuer.to_owned(),
        aud: issuer.to_owned(),
        sub: claims.user.map_or_else(|| claims.client_id.to_string(), |(user, _)| user.to_string()),
        client_id: claims.client_id.to_string(),
        scope: claims.scopes.join(" "),
        jti: claims.id,
        sid: claims.user.map(|(_, session)| session),
        auth_time: authentication.map(|authentication| authentication.auth_time),
        amr: authentication.map(|authentication| authentication.amr.clone()),
        acr: authentication.map(|authentication| authentication.acr().to_owned()),
    };
    jwt::sign(ACCESS, access, (claims.issued_at, claims.expires_at), true, key)
}

/// Checks an access token of a client at the time `now`, in seconds since 1970.
///
/// # Errors
/// What is wrong, for the log.
pub fn verify_client_token(token: &str, issuer: &str, keys: &PublicKeys, now: i64) -> Result<ClientClaims, TokenError> {
    let claims = jwt::verify::<Access>(token, ACCESS, keys)?;
    jwt::check_times(&claims, now)?;
    let (issued_at, expires_at) = jwt::times(&claims)?;
    let access = claims.custom;
    if access.iss != issuer {
        return Err(TokenError::Issuer);
    }
    if access.aud != issuer || access.client_id == CLIENT {
        return Err(TokenError::Audience);
    }
    let user = match access.sid {
        Some(session) => Some((UserId::parse(&access.sub).map_err(|_| TokenError::Malformed)?, session)),
        None => None,
    };
    Ok(ClientClaims {
        client_id: Uuid::try_parse(&access.client_id).map_err(|_| TokenError::Malformed)?,
        user,
        scopes: access.scope.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
        authentication: access.auth_time.zip(access.amr).map(|(auth_time, amr)| Authentication { auth_time, amr }),
        id: access.jti,
        issued_at,
        expires_at,
    })
}

/// The claims of an ID token (OpenID Connect Core 1.0, 2).
#[derive(Clone, Debug)]
pub struct IdClaims<'a> {
    /// The user.
    pub user_id: UserId,
    /// The client that it is for.
    pub client_id: Uuid,
    /// The session of the client.
    pub session: Uuid,
    /// The nonce of the authorization request.
    pub nonce: Option<&'a str>,
    /// When and how the user authenticated.
    pub authentication: &'a Authentication,
    /// The access token that comes with it.
    pub access_token: &'a str,
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// When it ends, in seconds since 1970.
    pub expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct Id {
    iss: String,
    aud: String,
    sub: String,
    sid: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    auth_time: i64,
    amr: Vec<String>,
    acr: String,
    at_hash: String,
}

/// Signs an ID token.
///
/// # Errors
/// If the times are out of range.
pub fn sign_id_token(claims: &IdClaims<'_>, issuer: &str, key: &SigningKey) -> Result<String, TokenError> {
    let id = Id {
        iss: issuer.to_owned(),
        aud: claims.client_id.to_string(),
        sub: claims.user_id.to_string(),
        sid: claims.session,
        nonce: claims.nonce.map(str::to_owned),
        auth_time: claims.authentication.auth_time,
        amr: claims.authentication.amr.clone(),
        acr: claims.authentication.acr().to_owned(),
        at_hash: half_hash(claims.access_token, key),
    };
    jwt::sign(ID, id, (claims.issued_at, claims.expires_at), false, key)
}

/// The left half of the hash of an access token, by the hash of the signature's algorithm (OpenID Connect Core 1.0, 3.1.3.6): SHA-256 for
/// ES256, SHA-512 for Ed25519.
fn half_hash(access_token: &str, key: &SigningKey) -> String {
    match &key.secret {
        crate::keys::Secret::Ed25519(_) => URL_SAFE_NO_PAD.encode(&Sha512::digest(access_token.as_bytes())[..32]),
        crate::keys::Secret::P256(_) => URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token.as_bytes())[..16]),
    }
}

/// Whose an ID token is, that a client shows as a hint. It may have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdHint {
    /// The user.
    pub user_id: UserId,
    /// The client that it is for.
    pub client_id: Uuid,
    /// The session of the client.
    pub session: Uuid,
}

/// Reads an ID token that this issuer has signed.
///
/// # Errors
/// What is wrong, for the log.
pub fn read_id_token(token: &str, issuer: &str, keys: &PublicKeys) -> Result<IdHint, TokenError> {
    let id = jwt::verify::<Id>(token, ID, keys)?.custom;
    if id.iss != issuer {
        return Err(TokenError::Issuer);
    }
    let client_id = Uuid::try_parse(&id.aud).map_err(|_| TokenError::Audience)?;
    let user_id = UserId::parse(&id.sub).map_err(|_| TokenError::Malformed)?;
    Ok(IdHint { user_id, client_id, session: id.sid })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Audience;
    use serde_json::Value;

    const NOW: i64 = 1_700_000_000;
    const ISSUER: &str = "https://id.example/auth-ms";

    fn key() -> SigningKey {
        SigningKey::parse(&"01".repeat(32)).unwrap()
    }

    fn authentication() -> Authentication {
        Authentication { auth_time: NOW - 60, amr: vec!["pwd".into()] }
    }

    fn claims() -> ClientClaims {
        ClientClaims {
            client_id: Uuid::from_u128(9),
            user: Some((UserId::try_from(7).unwrap(), Uuid::from_u128(1))),
            scopes: vec!["openid".into(), "email".into()],
            authentication: Some(authentication()),
            id: Uuid::from_u128(2),
            issued_at: NOW,
            expires_at: NOW + 900,
        }
    }

    fn id_token(key: &SigningKey) -> String {
        let claims = IdClaims {
            user_id: UserId::try_from(7).unwrap(),
            client_id: Uuid::from_u128(9),
            session: Uuid::from_u128(1),
            nonce: Some("n"),
            authentication: &authentication(),
            access_token: "a.b.c",
            issued_at: NOW,
            expires_at: NOW + 900,
        };
        sign_id_token(&claims, ISSUER, key).unwrap()
    }

    fn payload(token: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_clients_token_is_read_as_it_was_signed() {
        let token = sign_client_token(&claims(), ISSUER, &key()).unwrap();
        assert_eq!(verify_client_token(&token, ISSUER, &key().public(), NOW).unwrap(), claims());
        let own = ClientClaims { user: None, authentication: None, ..claims() };
        let token = sign_client_token(&own, ISSUER, &key()).unwrap();
        assert_eq!(verify_client_token(&token, ISSUER, &key().public(), NOW).unwrap(), own);
        assert_eq!(payload(&token)["sub"], Uuid::from_u128(9).to_string());
        let late = verify_client_token(&token, ISSUER, &key().public(), NOW + 906);
        assert_eq!(late.unwrap_err(), TokenError::Expired);
    }

    #[test]
    fn no_token_of_a_client_passes_for_a_users_own() {
        let client = sign_client_token(&claims(), ISSUER, &key()).unwrap();
        let service = sign_client_token(&ClientClaims { user: None, ..claims() }, ISSUER, &key()).unwrap();
        // Not even where the audience is mistakenly the issuer.
        for audience in ["concierge", ISSUER] {
            let whose = Audience { issuer: ISSUER, audience };
            for token in [&client, &service, &id_token(&key())] {
                assert!(crate::verify(token, whose, &key().public(), NOW).is_err(), "{audience}");
            }
        }
        for token in [&id_token(&key()), &service.replace('.', "..")] {
            assert!(verify_client_token(token, ISSUER, &key().public(), NOW).is_err());
        }
        assert!(verify_client_token(&client, "https://other.example", &key().public(), NOW).is_err());
        let other = SigningKey::parse(&"02".repeat(32)).unwrap();
        assert!(verify_client_token(&client, ISSUER, &other.public(), NOW).is_err());
    }

    #[test]
    fn an_id_token_is_a_hint_even_when_it_has_expired() {
        let read = |token: &str| read_id_token(token, ISSUER, &key().public());
        let user_id = UserId::try_from(7).unwrap();
        let hint = IdHint { user_id, client_id: Uuid::from_u128(9), session: Uuid::from_u128(1) };
        assert_eq!(read(&id_token(&key())).unwrap(), hint);
        assert!(read(&sign_client_token(&claims(), ISSUER, &key()).unwrap()).is_err());
        assert!(read_id_token(&id_token(&key()), "https://other.example", &key().public()).is_err());
    }

    #[test]
    fn the_hash_of_the_access_token_is_that_of_the_algorithm() {
        let p256 = SigningKey::parse(&format!("es256:{}", "01".repeat(32))).unwrap();
        // Half of SHA-256 and of SHA-512 of "a.b.c".
        assert_eq!(payload(&id_token(&p256))["at_hash"].as_str().unwrap().len(), 22);
        assert_eq!(payload(&id_token(&key()))["at_hash"].as_str().unwrap().len(), 43);
        assert_eq!(payload(&id_token(&key()))["nonce"], "n");
    }
}
