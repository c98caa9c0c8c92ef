//! Which run of the server answers: another one may have lost the last moments of the one before.

use super::{Command, Reply, ReplyError};

/// The command that asks for it.
#[must_use]
pub fn server_info() -> Command {
    Command::new("INFO").arg("server")
}

/// The id of the run: another after each restart, and after a failover to another server.
///
/// # Errors
/// If the reply has none.
pub fn run_id(replies: &[Reply]) -> Result<String, ReplyError> {
    let [reply] = replies else { return Err(ReplyError) };
    let id = reply.text()?.lines().find_map(|line| line.strip_prefix("run_id:")).map(str::trim);
    id.filter(|id| !id.is_empty()).map(str::to_owned).ok_or(ReplyError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_is_found_among_the_rest() {
        let info =
            "# Server\r\nredis_version:7.0.15\r\nrun_id:0c9a7f8b2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f70\r\ntcp_port:6379\r\n";
        let reply = Reply::Bytes(info.as_bytes().to_vec());
        assert_eq!(run_id(&[reply]).as_deref(), Ok("0c9a7f8b2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f70"));
    }

    #[test]
    fn a_reply_without_a_run_is_none() {
        for replies in [vec![], vec![Reply::Nil], vec![Reply::Bytes(b"run_id:\r\n".to_vec())]] {
            assert_eq!(run_id(&replies), Err(ReplyError));
        }
    }
}
