// The keys of the files, in their order.
texts! {
    skip account to_account overview optional there_is_a_problem request_id save confirm change go_on
    start_again name surname email_address password current_password new_password password_hint
    advice_known advice_repeated advice_short advice_good copy copied code
    code_hint mail_code_hint code_title sign_in sign_in_to sign_in_passkey sign_in_link sign_in_mail
    sign_in_mail_about sign_in_mail_sent sign_in_mail_button sign_out signed_in_title signed_in sign_up
    sign_up_to sign_up_link sign_up_invite sign_up_closed sign_up_not forgotten invitation_title
    consent_title consent_asks consent_origin consent_as consent_other consent_allow consent_deny
    scope_openid scope_profile scope_email scope_phone scope_offline_access scope_other verify_title
    verify_intro verify_sent verify_button verify_password_hint verify_first no_mail_title no_mail send_again send_confirmation
    recover_title recover_intro recover_send recover_sent recover_again recover_first new_password_title
    new_email_title new_email_button return_title return_about return_button not_me_title not_me_sign_in
    not_me_change not_me_ends_one not_me_ends_all not_me_since not_me_factors not_me_password not_me_mail
    not_me_fine not_me_button not_me_done_title not_me_done_one not_me_done_all not_me_next
    not_me_next_password not_me_next_look not_me_next_elsewhere invalid_link_title hello verified
    not_verified profile profile_about email_about password_about second_factor second_factor_about
    passkeys passkeys_about sessions sessions_about applications applications_about applications_long
    applications_none application_since application_end activity activity_about data data_about phone
    phone_hint phone_password language_of_messages language_default phone_code_title phone_code_about
    phone_code_send phone_code_hint zoneinfo zoneinfo_hint new_email email_now email_change
    email_change_about password_change password_change_about confirm_title confirm_about confirm_passkey
    export_title export_about export export_begins remove_title remove_about remove_sure remove removed_title removed
    app_on app_about app_required app_add app_step_scan app_step_code app_secret app_code_hint app_remove
    app_remove_about qr_code recovery_codes codes_left codes_new codes_about codes_kept passkeys_long
    passkeys_none passkey_add passkey_name passkey_name_hint passkey_remove passkey_script added_on
    used_on never_used sessions_long this_session unknown_device signed_in_on from_network session_end
    sessions_end_others sessions_end_all activity_long activity_none older refused did_sign_in
    did_sign_out did_sign_up did_password did_recovery did_verify did_email did_second_factor did_passkey
    did_codes did_confirm did_profile did_phone did_application did_export done_saved done_verified
    done_verified_here done_signed_in_here done_sent done_phone_sent done_phone done_recovered
    done_recovered_here done_recovered_in done_email done_email_sent done_returned done_accepted done_password
    done_confirmed done_signed_out done_ended done_session_ended done_disconnected done_removed done_added
    fault_title not_found_title not_found forged_title forged fault_credentials fault_current_password
    fault_locked fault_suspended fault_ticket fault_code fault_challenge fault_passkey
    fault_passkey_browser fault_passkey_exists fault_too_many_passkeys fault_email_taken
    fault_last_administrator fault_authorization fault_not_configured fault_unavailable fault_wait_seconds
    fault_wait_minutes fault_form fault_name fault_surname fault_email fault_phone fault_zoneinfo
    fault_password_short fault_password_long fault_password_weak fault_sure
}
