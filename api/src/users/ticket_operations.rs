//! The operations that send tickets by mail and take them: verification, recovery, changes of address, and invitations.

/// Passes these operations on to a macro, after those that it has already. Types are looked up where this is used.
macro_rules! with_ticket_operations {
    ($next:ident! { $($others:tt)* }) => { $next! {
$($others)*

    /// Request a mail that confirms an address
    ///
    /// The answer and its time are the same whether or not the address has an account, and whether or not it is confirmed already. A
    /// newer mail makes link and code of the older one invalid. An address gets five mails an hour, then fewer; nothing is sent
    /// while `email_verification` is `off`.
    RequestVerification: POST "/users-ms/email-verification" (), NO_QUERY, Public, MailRequest => (),
    ticket_docs::request_verification;

    /// Confirm an address
    ///
    /// By the `token` of the link, or by address and code. Either is valid once, for 24 hours, and until a newer mail is requested or
    /// address, password or role change. Five wrong codes make link and code invalid.
    ConfirmVerification: POST "/users-ms/email-verification/confirm" (), NO_QUERY, Public, ConfirmVerificationRequest => (),
    ticket_docs::confirm_verification;

    /// Show the page behind the link
    ///
    /// A page with a button that confirms the address. Opening it confirms nothing: programs that scan mail open links, too.
    ShowVerificationPage: GET "/users-ms/email-verification/page" (), Some(&[TICKET]), Public, () => (),
    ticket_docs::show_verification_page;

    /// Confirm an address on the page
    ///
    /// What the button of the page sends.
    SubmitVerificationPage: POST "/users-ms/email-verification/page" (), NO_QUERY, Public, VerificationForm => (),
    ticket_docs::submit_verification_page;

    /// Request a new password
    ///
    /// Sends a mail with a link and a code that set a new password, if the address has an account that is not suspended. Otherwise
    /// nothing is sent; the answer and its time are the same. A newer mail makes link and code of the older one invalid. An address
    /// gets five mails an hour, then fewer.
    RequestRecovery: POST "/users-ms/password-recovery" (), NO_QUERY, Public, MailRequest => (),
    ticket_docs::request_recovery;

    /// Set a new password
    ///
    /// By the `token` of the link, or by address and code. Either is valid once, for an hour, and until a newer mail is requested or
    /// address, password or role change; a password that is refused uses up neither. All sessions end, failed sign-ins are forgotten,
    /// the address counts as confirmed, and the owner is told by mail. Five wrong codes make link and code invalid; after 25 wrong
    /// ones only links recover the account.
    ConfirmRecovery: POST "/users-ms/password-recovery/confirm" (), NO_QUERY, Public, ConfirmRecoveryRequest => (),
    ticket_docs::confirm_recovery;

    /// Show the page for a new password
    ///
    /// A page with a field for the new password. Opening it changes nothing: programs that scan mail open links, too.
    ShowRecoveryPage: GET "/users-ms/password-recovery/page" (), Some(&[TICKET]), Public, () => (),
    ticket_docs::show_recovery_page;

    /// Set a new password on the page
    ///
    /// What the form of the page sends.
    SubmitRecoveryPage: POST "/users-ms/password-recovery/page" (), NO_QUERY, Public, RecoveryForm => (),
    ticket_docs::submit_recovery_page;

    /// Confirm a new address
    ///
    /// Changes the address of an account, for which a mail went to the new one. By the `token` of its link, or by its code with the
    /// address that the account has until now. Either is valid once, for 24 hours, and until address, password or role change. Five
    /// wrong codes make both invalid. All sessions end but the one in which the change was asked for. The old address is told, with a
    /// link that takes it back for 72 hours if it was confirmed.
    ConfirmEmailChange: POST "/users-ms/email-change/confirm" (), NO_QUERY, Public, ConfirmVerificationRequest => (),
    ticket_docs::confirm_email_change;

    /// Show the page for a new address
    ///
    /// A page with a button that changes the address. Opening it changes nothing: programs that scan mail open links, too.
    ShowEmailChangePage: GET "/users-ms/email-change/page" (), Some(&[TICKET]), Public, () => (),
    ticket_docs::show_ticket_page;

    /// Confirm a new address on the page
    ///
    /// What the button of the page sends.
    SubmitEmailChangePage: POST "/users-ms/email-change/page" (), NO_QUERY, Public, VerificationForm => (),
    ticket_docs::submit_email_change_page;

    /// Take an address back
    ///
    /// Undoes a change of the address, by the link of the mail to the old one. Whoever has made the change knew the password, so that is
    /// made invalid, all sessions end, and a mail to the address recovers the account. The link is valid once, for 72 hours, whatever
    /// else has changed; nobody else can have the address meanwhile.
    ConfirmEmailReturn: POST "/users-ms/email-return/confirm" (), NO_QUERY, Public, EmailReturnRequest => (),
    ticket_docs::confirm_email_return;

    /// Show the page for taking an address back
    ///
    /// A page with a button that takes the address back. Opening it changes nothing.
    ShowEmailReturnPage: GET "/users-ms/email-return/page" (), Some(&[TICKET]), Public, () => (),
    ticket_docs::show_ticket_page;

    /// Take an address back on the page
    ///
    /// What the button of the page sends.
    SubmitEmailReturnPage: POST "/users-ms/email-return/page" (), NO_QUERY, Public, VerificationForm => (),
    ticket_docs::submit_email_return_page;

    /// Say that it was not me
    ///
    /// By the link of a mail about a sign-in, or about a changed password, second factor or passkey. Whoever has done that gets no further:
    /// nobody signs in before a new password was set, for which another mail is sent. After a sign-in its session ends; after a change all
    /// sessions do, recovery codes go, and so do factors and passkeys that were added in the 72 hours before the mail or since. The link is
    /// valid once, for 72 hours, and until the account has another address.
    ConfirmNotMe: POST "/users-ms/not-me/confirm" (), NO_QUERY, Public, NotMeRequest => (),
    ticket_docs::confirm_not_me;

    /// Show the page for saying that
    ///
    /// A page with a button. Opening it changes nothing: programs that scan mail open links, too.
    ShowNotMePage: GET "/users-ms/not-me/page" (), Some(&[TICKET]), Public, () => (),
    ticket_docs::show_not_me_page;

    /// Say so on the page
    ///
    /// What the button of the page sends.
    SubmitNotMePage: POST "/users-ms/not-me/page" (), NO_QUERY, Public, VerificationForm => (),
    ticket_docs::submit_not_me_page;

    /// Invite somebody
    ///
    /// Sends a mail with a link and a code by which somebody without an account sets name and password and so becomes a user. An
    /// earlier invitation of the address is replaced. This is for administrators, and requires a sign-in within the last ten minutes.
    /// An administrator can send a hundred a day, an address gets five an hour. With `sign_up=closed` nobody is invited.
    InviteUser: POST "/users-ms/invitations" (), NO_QUERY, AccessToken, InviteRequest => Invitation,
    invitation_docs::invite_user;

    /// List invitations
    ///
    /// Those that have been neither accepted nor revoked and have not expired, newest first, to an administrator.
    ListInvitations: GET "/users-ms/invitations" (), Some(&[LIMIT, CURSOR]), AccessToken, () => Page<Invitation>,
    invitation_docs::list_invitations;

    /// Get an invitation
    ///
    /// For administrators.
    GetInvitation: GET "/users-ms/invitations/{id}" InvitationId, NO_QUERY, AccessToken, () => Invitation,
    invitation_docs::get_invitation;

    /// Revoke an invitation
    ///
    /// Link and code are not valid any more, and a mail that waits is not sent. This is for administrators, and requires a sign-in
    /// within the last ten minutes.
    RevokeInvitation: DELETE "/users-ms/invitations/{id}" InvitationId, NO_QUERY, AccessToken, () => (),
    invitation_docs::revoke_invitation;

    /// Send an invitation again
    ///
    /// Sends another mail, whose link and code are valid for another week; those of earlier mails are not any more. This is for
    /// administrators, and requires a sign-in within the last ten minutes. It counts as an invitation.
    ResendInvitation: POST "/users-ms/invitations/{id}/mail" InvitationId, NO_QUERY, AccessToken, () => Invitation,
    invitation_docs::resend_invitation;

    /// Accept an invitation
    ///
    /// By the `token` of the link, or by address and code. Either is valid once, for 7 days, as long as whoever has sent it is an
    /// administrator; data that are refused use up neither. It creates the user, whose address counts as confirmed. After five
    /// wrong codes only the link is valid. If the address has an account meanwhile, the answer is that of an invalid ticket.
    AcceptInvitation: POST "/users-ms/invitation/accept" (), NO_QUERY, Public, AcceptInvitationRequest => User,
    invitation_docs::accept_invitation;

    /// Show the page of an invitation
    ///
    /// A page with fields for name and password. Opening it changes nothing: programs that scan mail open links, too.
    ShowInvitationPage: GET "/users-ms/invitation/page" (), Some(&[TICKET]), Public, () => (),
    invitation_docs::show_invitation_page;

    /// Accept an invitation on the page
    ///
    /// What the form of the page sends.
    SubmitInvitationPage: POST "/users-ms/invitation/page" (), NO_QUERY, Public, InvitationForm => (),
    invitation_docs::submit_invitation_page;
    } };
}
