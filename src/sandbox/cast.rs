//! Who is in the sandbox: three people with phones in a group, one in none, and three in a Slack workspace.
//!
//! The numbers are of the range that is kept free for fiction (+1 415 555 01XX).

/// The name of the group, and of its channel.
pub(super) const GROUP: &str = "Spring launch";
/// The Slack channel.
pub(super) const CHANNEL: &str = "spring-launch";
/// The channel of the inbox.
pub(super) const INBOX: &str = "inbox";
/// The number that the members write to.
pub(super) const SENDER: &str = "whatsapp:+14155550100";
/// Another number of the same account, which no conversation uses.
pub(super) const OTHER_SENDER: &str = "whatsapp:+14155550109";

/// Somebody with a phone.
#[derive(Debug)]
pub(super) struct Member {
    /// The full name, as a contact.
    pub(super) name: &'static str,
    /// The first name, for short.
    pub(super) short: &'static str,
    /// The number in E.164.
    pub(super) number: &'static str,
    /// The name in the person's WhatsApp profile.
    pub(super) profile: &'static str,
    /// Whether the team knows the person by name from the start.
    pub(super) is_contact: bool,
}

impl Member {
    /// The address as Twilio writes it.
    pub(super) fn address(&self) -> String {
        format!("whatsapp:{}", self.number)
    }

    /// The number as people write it.
    pub(super) fn shown_number(&self) -> String {
        spaced(self.number)
    }

    /// The name of the picture.
    pub(super) fn picture(&self) -> String {
        slug(self.name)
    }
}

/// The members of the group.
pub(super) static MEMBERS: [Member; 3] = [
    Member {
        name: "Maya Lopez",
        short: "Maya",
        number: "+14155550101",
        profile: "maya",
        is_contact: true,
    },
    Member {
        name: "Ben Carter",
        short: "Ben",
        number: "+14155550102",
        profile: "Big Ben",
        is_contact: true,
    },
    Member {
        name: "Aiko Tanaka",
        short: "Aiko",
        number: "+14155550103",
        profile: "aiko",
        is_contact: false,
    },
];

/// Somebody who is in no group, and writes to the number all the same.
pub(super) static STRANGER: Member = Member {
    name: "Leo Brandt",
    short: "Leo",
    number: "+14155550104",
    profile: "leo",
    is_contact: false,
};

/// How many have a phone; the last one is the stranger's.
pub(super) const PHONES: usize = MEMBERS.len() + 1;

/// Everybody with a phone, the members first.
pub(super) fn everybody() -> impl Iterator<Item = &'static Member> {
    MEMBERS.iter().chain(std::iter::once(&STRANGER))
}

/// Whose phone has this number.
pub(super) fn owner(phone: usize) -> &'static Member {
    MEMBERS.get(phone).unwrap_or(&STRANGER)
}

/// Somebody in the Slack workspace.
#[derive(Debug)]
pub(super) struct Colleague {
    /// The name that Slack shows.
    pub(super) name: &'static str,
    /// The first name, for short.
    pub(super) short: &'static str,
}

impl Colleague {
    /// The name of the picture.
    pub(super) fn picture(&self) -> String {
        slug(self.name)
    }
}

/// The people in the channel. The first is an admin of the bridge.
pub(super) static COLLEAGUES: [Colleague; 3] = [
    Colleague { name: "Nora Weiss", short: "Nora" },
    Colleague { name: "Tom Okafor", short: "Tom" },
    Colleague { name: "Priya Nair", short: "Priya" },
];

/// A name in a path or an id: `maya-lopez`.
pub(super) fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// A number of the North American plan as people write it: `+1 415 555 0100`.
pub(super) fn spaced(number: &str) -> String {
    match (number.get(..2), number.get(2..5), number.get(5..8), number.get(8..)) {
        (Some(country), Some(area), Some(exchange), Some(line)) => {
            format!("{country} {area} {exchange} {line}")
        }
        _ => number.to_owned(),
    }
}

/// Whose phone has this address.
pub(super) fn member_at(address: &str) -> Option<(usize, &'static Member)> {
    let number = address.strip_prefix("whatsapp:")?;
    everybody().enumerate().find(|(_, member)| member.number == number)
}
