//! Personal data that the broker stores about a user: found for an export, removed by an erasure.
//!
//! It is in entries of streams: events about the user, wherever they wait, and logged deliveries. A stream is scanned step
//! by step, from the oldest entry to the newest, and each step is bounded. A stream grows only at its end, so a scan that
//! was interrupted continues where it stopped.

use super::delivery_log::{DELIVERY_LOG, recipient_log, recipients_of};
use super::reply::is_nothing;
use super::{Command, Reply, ReplyError};
use crate::{Exchange, Queue};
use identity::UserId;

/// How many entries one step looks at.
const STEP: u64 = 500;
/// After how many bytes of personal data a step ends earlier.
const STEP_BYTES: u64 = 256 * 1024;

/// The keys of the streams that may hold personal data of anybody: exchanges, retry stores, dead letters, the log of all
/// deliveries, in the order in which a message goes through them. The logs of the recipients come beside them
/// ([`read_recipients`]). That somebody was removed is no data about them, but what others erase their copies by.
#[must_use]
pub fn shared_streams() -> Vec<String> {
    let is_about_people = |exchange: &Exchange| *exchange != Exchange::UserRemoved;
    let exchanges = Exchange::ALL.into_iter().filter(is_about_people).map(|exchange| exchange.name().to_owned());
    let queues = || Queue::ALL.into_iter().filter(|queue| is_about_people(&queue.exchange()));
    let (retries, dead_letters) = (queues().map(Queue::retries), queues().map(Queue::dead_letters));
    exchanges.chain(retries).chain(dead_letters).chain([DELIVERY_LOG.to_owned()]).collect()
}

/// Whether a stream has the last mails to people who were removed. The first pass of their erasure leaves these to be sent; the
/// second removes what was not.
#[must_use]
pub fn has_removal_notices(stream: &str) -> bool {
    let exchange = Exchange::RemovalNoticeRequested;
    let mut queues = exchange.queues().iter().copied();
    stream == exchange.name() || queues.any(|queue| stream == queue.retries() || stream == queue.dead_letters())
}

/// Scans a step of a stream, from the entry after `after`, for personal data of a user.
#[must_use]
pub fn find_personal_data(stream: &str, user: UserId, after: Option<&str>) -> Command {
    step(stream, "find", after).arg(user.to_string())
}

/// Scans a step of a stream, from the entry after `after`, and removes the personal data of these users. What was claimed
/// by a consumer counts as acknowledged in all queues of the stream.
#[must_use]
pub fn erase_personal_data(stream: &str, users: &[UserId], after: Option<&str>) -> Command {
    users.iter().fold(step(stream, "erase", after), |command, user| command.arg(user.to_string()))
}

/// As [`erase_personal_data`], for the log of the recipient with this digest. An empty log is deleted.
#[must_use]
pub fn erase_deliveries(digest: &str, user: UserId, after: Option<&str>) -> Command {
    step(&recipient_log(digest), "clear", after).arg(user.to_string())
}

fn step(stream: &str, action: &str, after: Option<&str>) -> Command {
    // An event is searched as text, so that a malformed one is found too. In JSON a quotation mark within a string is
    // escaped, so nothing that a user enters looks like a field.
    const SCRIPT: &str = r#"
        local action, after, limit, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
        local wanted = {}
        for i = 5, #ARGV do wanted[ARGV[i]] = true end
        local function names(text, pattern)
            for id in string.gmatch(text, pattern) do
                if wanted[id] then return true end
            end
            return false
        end
        local entries = redis.call('XRANGE', KEYS[1], after, '+', 'COUNT', limit)
        local next, ids, found, size = '', {}, {}, 0
        for number, entry in ipairs(entries) do
            local is_theirs, content = false, ''
            for i = 1, #entry[2], 2 do
                local field, value = entry[2][i], entry[2][i + 1]
                if field == 'user_id' then
                    is_theirs = is_theirs or wanted[value] or false
                elseif field == 'event' then
                    content = value
                    is_theirs = is_theirs or names(value, '"subject"%s*:%s*"(%d+)"')
                        or names(value, '"user_id"%s*:%s*(%d+)')
                elseif field == 'item' then
                    content = value
                end
            end
            if is_theirs then
                table.insert(ids, entry[1])
                table.insert(found, entry[1])
                table.insert(found, content)
                size = size + #content
            end
            if size >= bytes or number == limit then
                next = entry[1]
                break
            end
        end
        if action == 'find' then return {next, unpack(found)} end
        if #ids > 0 then
            for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
                redis.call('XACK', KEYS[1], group[2], unpack(ids))
            end
            redis.call('XDEL', KEYS[1], unpack(ids))
            -- A group that has read everything does not wait for what is gone.
            for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
                local last, lag
                for i = 1, #info, 2 do
                    if info[i] == 'last-delivered-id' then last = info[i + 1] end
                    if info[i] == 'lag' then lag = info[i + 1] end
                end
                if lag ~= 0 and #redis.call('XRANGE', KEYS[1], '(' .. last, '+', 'COUNT', 1) == 0 then
                    local stream = redis.call('XINFO', 'STREAM', KEYS[1])
                    for i = 1, #stream, 2 do
                        if stream[i] == 'entries-added' then
                            redis.call('XGROUP', 'SETID', KEYS[1], info[2], last, 'ENTRIESREAD', stream[i + 1])
                        end
                    end
                end
            end
        end
        if action == 'clear' and redis.call('XLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[1]) end
        return {next}"#;
    let after = after.map_or_else(|| "-".to_owned(), |entry| format!("({entry}"));
    Command::script(SCRIPT, &[stream]).arg(action).arg(after).number(STEP).number(STEP_BYTES)
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The entry after which the next step begins; none at the end of the stream.
    pub next: Option<String>,
    /// What a step of [`find_personal_data`] has found.
    pub found: Vec<PersonalData>,
}

/// An entry about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalData {
    /// The entry's id in the stream.
    pub entry: String,
    /// The event or the logged delivery, as it was written.
    pub content: Vec<u8>,
}

impl Step {
    /// Reads the reply to [`find_personal_data`], [`erase_personal_data`] or [`erase_deliveries`].
    ///
    /// # Errors
    /// If the reply has another shape.
    pub fn from_replies(replies: &[Reply]) -> Result<Self, ReplyError> {
        let (next, found) = replies.split_first().ok_or(ReplyError)?;
        let next = Some(next.text()?).filter(|next| !next.is_empty()).map(str::to_owned);
        let found = found.chunks(2).map(|pair| match pair {
            [id, Reply::Bytes(content)] => Ok(PersonalData { entry: id.text()?.to_owned(), content: content.clone() }),
            _ => Err(ReplyError),
        });
        Ok(Self { next, found: found.collect::<Result<_, _>>()? })
    }
}

/// Reads up to `count` of the recipients that a user was notified at.
#[must_use]
pub fn read_recipients(user: UserId, count: u64) -> Command {
    Command::new("SRANDMEMBER").arg(recipients_of(user)).number(count)
}

/// Removes a recipient of a user.
#[must_use]
pub fn remove_recipient(user: UserId, digest: &str) -> Command {
    Command::new("SREM").arg(recipients_of(user)).arg(digest)
}

/// Reads the reply to [`read_recipients`]: digests.
///
/// # Errors
/// If the reply has another shape.
pub fn recipients(replies: &[Reply]) -> Result<Vec<String>, ReplyError> {
    let digests = if is_nothing(replies) { &[] } else { replies };
    digests.iter().map(|digest| digest.text().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Reply {
        Reply::Bytes(text.as_bytes().to_vec())
    }

    fn user(id: i64) -> UserId {
        UserId::try_from(id).unwrap()
    }

    #[test]
    fn every_stream_with_personal_data_is_scanned() {
        assert_eq!(
            shared_streams(),
            [
                "user_login_event",
                "new_user_event",
                "account_locked_event",
                "verification_requested_event",
                "sign_up_repeated_event",
                "phone_verification_requested_event",
                "recovery_requested_event",
                "sign_in_requested_event",
                "password_changed_event",
                "second_factor_changed_event",
                "email_change_requested_event",
                "email_changed_event",
                "user_invited_event",
                "removal_notice_requested_event",
                "login_email_notification.retry",
                "login_sms_notification.retry",
                "welcome_email_notification.retry",
                "account_locked_email_notification.retry",
                "verification_email_notification.retry",
                "sign_up_repeated_email_notification.retry",
                "phone_verification_sms_notification.retry",
                "recovery_email_notification.retry",
                "sign_in_link_email_notification.retry",
                "password_changed_email_notification.retry",
                "second_factor_changed_email_notification.retry",
                "email_change_email_notification.retry",
                "email_changed_email_notification.retry",
                "invitation_email_notification.retry",
                "login_webhook_notification.retry",
                "new_user_webhook_notification.retry",
                "account_locked_webhook_notification.retry",
                "password_changed_webhook_notification.retry",
                "second_factor_changed_webhook_notification.retry",
                "email_changed_webhook_notification.retry",
                "removal_notice_email_notification.retry",
                "login_email_notification.dead",
                "login_sms_notification.dead",
                "welcome_email_notification.dead",
                "account_locked_email_notification.dead",
                "verification_email_notification.dead",
                "sign_up_repeated_email_notification.dead",
                "phone_verification_sms_notification.dead",
                "recovery_email_notification.dead",
                "sign_in_link_email_notification.dead",
                "password_changed_email_notification.dead",
                "second_factor_changed_email_notification.dead",
                "email_change_email_notification.dead",
                "email_changed_email_notification.dead",
                "invitation_email_notification.dead",
                "login_webhook_notification.dead",
                "new_user_webhook_notification.dead",
                "account_locked_webhook_notification.dead",
                "password_changed_webhook_notification.dead",
                "second_factor_changed_webhook_notification.dead",
                "email_changed_webhook_notification.dead",
                "removal_notice_email_notification.dead",
                "concierge:notifications",
            ]
        );
    }

    #[test]
    fn the_last_mails_are_left_to_be_sent() {
        let left: Vec<_> = shared_streams().into_iter().filter(|stream| has_removal_notices(stream)).collect();
        let [exchange, queue] = ["removal_notice_requested_event", "removal_notice_email_notification"];
        assert_eq!(left, [exchange.to_owned(), format!("{queue}.retry"), format!("{queue}.dead")]);
    }

    #[test]
    fn a_step_continues_after_the_last_entry_that_was_scanned() {
        let command = erase_personal_data("new_user_event", &[user(7), user(8)], Some("17-0"));
        let tail: Vec<_> = command.arguments.iter().skip(3).map(|a| String::from_utf8_lossy(a).into_owned()).collect();
        assert_eq!(tail, ["erase", "(17-0", "500", "262144", "7", "8"]);
        let command = find_personal_data("new_user_event", user(7), None);
        assert_eq!(command.arguments[4], b"-");
    }

    #[test]
    fn a_step_is_read_with_and_without_personal_data() {
        let theirs = PersonalData { entry: "17-0".into(), content: b"{}".to_vec() };
        let step = Step::from_replies(&[bytes("18-0"), bytes("17-0"), bytes("{}")]).unwrap();
        assert_eq!(step, Step { next: Some("18-0".into()), found: vec![theirs] });
        assert_eq!(Step::from_replies(&[bytes("")]).unwrap(), Step { next: None, found: Vec::new() });
        assert_eq!(Step::from_replies(&[]), Err(ReplyError));
        assert_eq!(Step::from_replies(&[bytes(""), bytes("17-0")]), Err(ReplyError));
    }

    #[test]
    fn recipients_are_read_as_digests() {
        assert_eq!(recipients(&[bytes("ab"), bytes("cd")]).unwrap(), ["ab", "cd"]);
        assert_eq!(recipients(&[]).unwrap(), [""; 0]);
        assert_eq!(recipients(&[Reply::Integer(1)]), Err(ReplyError));
    }
}
