//! What `up` prints when the app is ready: a session that works as pasted.

/// Where things are, and how to use them.
pub(crate) fn text(
    url: &str,
    pages_url: &str,
    mail_url: Option<&str>,
    prometheus: Option<&str>,
    admin: &str,
) -> String {
    let mail = mail_url.map(|mail_url| format!("\n  mails          {mail_url}")).unwrap_or_default();
    let prometheus = prometheus.map(|url| format!("\n  Prometheus     {url}/alerts")).unwrap_or_default();
    format!(
        r#"
Concierge is ready. Sign up, open the mail, click: {pages_url}/account{mail}
  console        {pages_url}/console (administrator: {admin}, password in .concierge/dev.env)

The API is at {url}
  users          {url}/users-ms/readiness
  auth           {url}/auth-ms/readiness
  notification   {url}/notification-ms/readiness
  documentation  {url}/docs/{prometheus}
Logs are in .concierge/logs; the administrator's password and other settings for a shell in .concierge/dev.env.

To try it, paste this into another terminal in this folder:

  set -a; . .concierge/dev.env; set +a
  # sign up (202 the second time as well: who has an account is told by mail alone)
  curl -sS "$CONCIERGE_URL/users-ms/users" -H 'content-type: application/json' -d '{{"name":"Ada","surname":"Lovelace","email":"ada@concierge.example","password":"a machine that weaves"}}'
  # sign in
  curl -sS "$CONCIERGE_URL/auth-ms/auth/login" -H 'content-type: application/json' -d '{{"username":"ada@concierge.example","password":"a machine that weaves"}}'
  # list the messages: one that asks to confirm the address, and one about the sign-in
  sleep 4; curl -sS "$CONCIERGE_URL/notification-ms/notifications?to=ada@concierge.example" -H "Authorization: Bearer $CONCIERGE_OPERATOR_CREDENTIAL"

Ctrl-C stops everything; the data stays (`cargo xtask clean` deletes it).
"#
    )
}
