//! Which run of the server answers: another one may have lost the last moments of the one before. And whether replicas have what
//! was written, of which one may be the next to answer.

use super::{Command, Reply, ReplyError, milliseconds};
use std::time::Duration;

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

/// How long replicas may take to say that they have it.
const REPLICATED_WITHIN: Duration = Duration::from_millis(500);
/// What is written so that there is something to wait for.
const MARK: &str = "concierge:replicated";

/// The commands that find out how many replicas have all that was written before, on one connection: Redis waits for what that
/// connection has written.
#[must_use]
pub fn replicated(wanted: u32) -> [Command; 2] {
    let wait = Command::new("WAIT").number(wanted.into()).number(milliseconds(REPLICATED_WITHIN));
    [Command::new("SET").arg(MARK).arg("1"), wait]
}

/// How many replicas they are, from the reply to the second command.
///
/// # Errors
/// If the reply is no number.
pub fn replicas(replies: &[Reply]) -> Result<u64, ReplyError> {
    let [reply] = replies else { return Err(ReplyError) };
    reply.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_waited_for_by_what_was_written_last() {
        let [write, wait] = replicated(2);
        assert_eq!((write.name, wait.name), ("SET", "WAIT"));
        assert_eq!(wait.arguments, [b"2".to_vec(), b"500".to_vec()]);
        assert_eq!(replicas(&[Reply::Integer(1)]), Ok(1));
        for replies in [vec![], vec![Reply::Nil], vec![Reply::Integer(-1)]] {
            assert_eq!(replicas(&replies), Err(ReplyError));
        }
    }

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
