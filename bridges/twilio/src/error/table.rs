//! Twilio's codes that have a sentence of their own.

use partyline_core::Reason;

use super::{ALREADY_BOUND, WINDOW_CLOSED};

/// What a code means.
pub(super) struct Row {
    /// The codes that mean it.
    pub(super) codes: &'static [u32],
    /// Whether it may pass by itself.
    pub(super) passes: bool,
    /// Why it failed.
    pub(super) reason: Reason,
    /// What happened, and what to do.
    pub(super) sentence: &'static str,
}

const fn never(codes: &'static [u32], reason: Reason, sentence: &'static str) -> Row {
    Row { codes, passes: false, reason, sentence }
}

const fn later(codes: &'static [u32], reason: Reason, sentence: &'static str) -> Row {
    Row { codes, passes: true, reason, sentence }
}

/// Every code that has a sentence of its own.
pub(super) const TABLE: &[Row] = &[
    // Credentials.
    later(
        &[20003, 20006, 20008, 70051],
        Reason::Credentials,
        "Twilio does not take the bridge's credentials. Check twilio.account_sid, twilio.api_key_sid and twilio.api_key_secret, and that the key was not revoked.",
    ),
    later(
        &[10001, 20005],
        Reason::Credentials,
        "The Twilio account is not active. Look into the Twilio console why it is suspended or closed.",
    ),
    // Speed and simultaneity.
    later(
        &[20429, 50063, 50074],
        Reason::RateLimited,
        "Twilio has too many requests from this account right now. It is tried again by itself.",
    ),
    later(
        &[50391, 50419],
        Reason::Conflict,
        "Somebody else changed it at the same moment. It is tried again by itself.",
    ),
    // Things that are not there.
    never(
        &[50350],
        Reason::NoSuchPlace,
        "This conversation is not there (any more). Check its SID, or link the room to another one.",
    ),
    never(
        &[50353],
        Reason::Conflict,
        "Another conversation has this unique name already. Choose another name.",
    ),
    never(
        &[50430, 50432],
        Reason::NoSuchPlace,
        "This participant is not in the conversation (any more). Look at `member list`.",
    ),
    never(&[50500], Reason::NoSuchPlace, "This message is not there (any more)."),
    never(&[50507], Reason::NoSuchPlace, "This file is not there (any more). Send it again."),
    never(
        &[20404],
        Reason::NoSuchPlace,
        "Twilio does not have this. Check the SID, and that it belongs to the service twilio.service_sid.",
    ),
    // States.
    never(
        &[50375, 50376, 50377, 50378, 50384],
        Reason::PlaceClosed,
        "The conversation is closed, or in a state that does not allow it. Open it again (`group unarchive`), or make a new one.",
    ),
    // Participants.
    never(
        &[ALREADY_BOUND, 50425],
        Reason::Conflict,
        "This number is in another conversation with the same sender already. Take it out of there, or choose another sender.",
    ),
    never(&[50433, 50437], Reason::Conflict, "This participant is in the conversation already."),
    never(
        &[50407, 21211, 21614],
        Reason::Refused,
        "This is not an address that Twilio can reach. Write it in full, like +14155550100 or whatsapp:+14155550100.",
    ),
    never(
        &[50408, 50412, 50415],
        Reason::Refused,
        "This sender cannot be used here: it must be a number of this account, set up for the same kind of channel. Check twilio.senders.",
    ),
    never(
        &[50409],
        Reason::Refused,
        "The member's address and the sender are the same number. Choose another sender.",
    ),
    never(&[50411], Reason::Refused, "The member's address or the sender is missing. State both."),
    never(
        &[50413],
        Reason::Refused,
        "The member and the sender are on different channels. Use a WhatsApp sender for WhatsApp, a number for SMS.",
    ),
    never(
        &[21606, 21212, 21910, 63007],
        Reason::Refused,
        "Twilio does not send from this number: it is no number of this account, or not set up for this kind of channel. Check twilio.senders (`partyline check --online` asks Twilio about each).",
    ),
    never(
        &[50414],
        Reason::Refused,
        "This sender is not set up for WhatsApp. Register it in the Twilio console, or choose another one.",
    ),
    never(
        &[50417, 50418, 50422, 50426, 50436],
        Reason::Refused,
        "The conversation is full: it can have 1000 participants, 50 of them on phones, and 10 can be added at once. Make another group.",
    ),
    // Codes.
    never(
        &[60200, 60205, 60220, 60223, 60410, 60605],
        Reason::Refused,
        "Twilio Verify sends no code to this number by this channel. Check the number and the Verify service in the Twilio console, or add the member without --verify.",
    ),
    never(
        &[60202],
        Reason::Refused,
        "Five wrong codes were told, and Twilio takes no more. A new code can be sent ten minutes after the first.",
    ),
    never(
        &[60203],
        Reason::Refused,
        "This number was sent five codes, and Twilio sends no more until the first one has expired, which takes ten minutes.",
    ),
    // Templates.
    never(
        &[21655, 21656, 63027, 63028],
        Reason::Content,
        "Twilio does not take this template: it is not there any more, or its variables are not those that it has. Look at `template show`.",
    ),
    // What is said.
    never(
        &[50504, 21617],
        Reason::Content,
        "The message is too long for Twilio, which takes 1600 characters. Say it in shorter parts.",
    ),
    never(
        &[50508],
        Reason::Content,
        "This file was sent before and Twilio takes each upload once only. Send it again.",
    ),
    never(
        &[50510, 50511],
        Reason::Content,
        "Phones cannot show a file of this type. Send it as JPEG, PNG, PDF, MP4 or as a link.",
    ),
    never(
        &[50512],
        Reason::Content,
        "The file is too large: WhatsApp takes 16 MB (pictures 5 MB), MMS 5 MB. Send a smaller one, or a link.",
    ),
    // What receipts say of one member.
    never(
        &[WINDOW_CLOSED],
        Reason::Unreachable,
        "WhatsApp takes free words only within 24 hours of the member's last message. Send an approved template (`notify`), or wait until the member writes.",
    ),
    never(
        &[63003, 63024],
        Reason::Unreachable,
        "There is no WhatsApp user at this number. Check the number, or add the member by SMS.",
    ),
    never(
        &[63014],
        Reason::Unreachable,
        "The member has blocked this sender in WhatsApp. Only the member can undo that.",
    ),
    never(
        &[21610],
        Reason::Unreachable,
        "The member has opted out with STOP. Nothing can be sent until the member writes START.",
    ),
    never(
        &[30003, 30005],
        Reason::Unreachable,
        "The phone cannot be reached: it is switched off, out of coverage, or the number does not exist. Check the number, and try again later.",
    ),
    never(
        &[30006],
        Reason::Unreachable,
        "This number is a landline or cannot get messages. Use a mobile number.",
    ),
];

/// The row of a code.
pub(super) fn row(code: u32) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.codes.contains(&code))
}
