//! Who gets a broadcast, and by which sender each of them: every person once.

use std::collections::{HashMap, HashSet};

use partyline_core::{Address, Channel};

/// The ways in which somebody was met before, by the key of their contact: by which address and
/// which sender, whoever they last wrote to first.
pub type Met = HashMap<String, Vec<(Address, Address)>>;

/// Somebody who is to get a broadcast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// How they are reached.
    pub address: Address,
    /// The sender that it goes by.
    pub sender: Address,
    /// Their number among all who were named.
    pub number: usize,
}

/// Somebody who was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The member of a group: reached as there, behind the sender that the group shows them.
    Member(Address, Option<Address>),
    /// A contact, by the key: by the sender that they know, else by WhatsApp, else by SMS.
    Contact(String),
}

impl Named {
    /// The key of their contact.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Member(address, _) => address.contact_key(),
            Self::Contact(key) => key,
        }
    }
}

/// Who gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience {
    /// Each person once, in the order in which they were named first.
    pub readers: Vec<Reader>,
    /// How many cannot be written to by any sender of the pool.
    pub unserved: u64,
}

/// Gives everybody who was named a sender: that of their group; else the one that they last wrote to
/// or share a group with; else that of the pool by which the fewest of this audience are written to.
#[must_use]
pub fn audience(named: &[Named], pool: &[Address], met: &Met) -> Audience {
    let mut seen: HashSet<&str> = HashSet::with_capacity(named.len());
    let mut used: HashMap<Address, u64> = HashMap::new();
    let mut audience = Audience::default();
    let mut strangers = Vec::new();
    for (number, one) in named.iter().enumerate() {
        if !seen.insert(one.key()) {
            continue;
        }
        match known(one, pool, met) {
            Some((address, sender)) => {
                *used.entry(sender.clone()).or_default() += 1;
                audience.readers.push(Reader { address, sender, number });
            }
            None => strangers.push((number, one)),
        }
    }
    for (number, one) in strangers {
        let Some((address, sender)) = fresh(one, pool, &used) else {
            audience.unserved += 1;
            continue;
        };
        *used.entry(sender.clone()).or_default() += 1;
        audience.readers.push(Reader { address, sender, number });
    }
    audience.readers.sort_by_key(|reader| reader.number);
    audience
}

/// The way in which somebody knows the bridge already.
fn known(one: &Named, pool: &[Address], met: &Met) -> Option<(Address, Address)> {
    if let Named::Member(address, Some(sender)) = one {
        return Some((address.clone(), sender.clone()));
    }
    let fits = |address: &Address| match one {
        Named::Member(own, _) => own == address,
        Named::Contact(_) => true,
    };
    let mut ways = met.get(one.key())?.iter();
    ways.find(|(address, sender)| fits(address) && pool.contains(sender)).cloned()
}

/// The way to somebody who was never met.
fn fresh(
    one: &Named,
    pool: &[Address],
    used: &HashMap<Address, u64>,
) -> Option<(Address, Address)> {
    let least = |channel: Channel| {
        let on = pool.iter().filter(|sender| sender.channel() == channel);
        on.min_by_key(|sender| used.get(*sender).copied().unwrap_or_default()).cloned()
    };
    match one {
        Named::Member(address, _) if address.channel() == Channel::Client => None,
        Named::Member(address, _) => Some((address.clone(), least(address.channel())?)),
        Named::Contact(key) => {
            let on = |text: String| -> Option<(Address, Address)> {
                let address: Address = text.parse().ok()?;
                let sender = least(address.channel()).filter(|_| address.number().is_some())?;
                Some((address, sender))
            };
            on(format!("whatsapp:{key}")).or_else(|| on(key.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        text.parse().expect(text)
    }

    fn pool() -> Vec<Address> {
        ["whatsapp:+14155550000", "whatsapp:+14155550001", "+14155550002"].map(address).to_vec()
    }

    fn contact(key: &str) -> Named {
        Named::Contact(key.to_owned())
    }

    fn shown(audience: &Audience) -> Vec<String> {
        let one = |reader: &Reader| format!("{} by {}", reader.address, reader.sender);
        audience.readers.iter().map(one).collect()
    }

    #[test]
    fn everybody_is_written_to_once_by_the_sender_that_they_know() {
        let [first, second, sms] = [0, 1, 2].map(|number| pool()[number].clone());
        let gone = address("whatsapp:+14155550009");
        let maya = address("whatsapp:+14155550101");
        let met: Met = [
            // Who left our pool's senders behind is a stranger to those it has now.
            ("+14155550102".to_owned(), vec![(address("whatsapp:+14155550102"), gone)]),
            (
                "+14155550103".to_owned(),
                vec![
                    (address("+14155550103"), sms.clone()),
                    (address("whatsapp:+14155550103"), first.clone()),
                ],
            ),
            ("+14155550104".to_owned(), vec![(address("whatsapp:+14155550104"), second.clone())]),
        ]
        .into();
        let named = [
            Named::Member(maya.clone(), Some(second.clone())),
            Named::Member(maya.clone(), Some(first.clone())),
            contact("+14155550101"),
            contact("+14155550102"),
            contact("+14155550103"),
            contact("+14155550104"),
            contact("client:somebody"),
            Named::Member(address("client:sdk"), None),
        ];
        let found = audience(&named, &pool(), &met);
        assert_eq!(
            shown(&found),
            [
                format!("{maya} by {second}"),
                format!("whatsapp:+14155550102 by {first}"),
                format!("+14155550103 by {sms}"),
                format!("whatsapp:+14155550104 by {second}"),
            ]
        );
        assert_eq!(found.unserved, 2);
    }

    #[test]
    fn without_whatsapp_it_goes_by_sms_and_a_member_on_another_channel_is_left_out() {
        let named =
            [contact("+14155550101"), Named::Member(address("whatsapp:+14155550102"), None)];
        let found = audience(&named, &pool()[2..], &Met::new());
        assert_eq!(shown(&found), ["+14155550101 by +14155550002"]);
        assert_eq!(found.unserved, 1);
    }

    proptest! {
        /// Strangers are spread over the pool: no sender has two more of them than another one.
        #[test]
        fn strangers_are_spread_over_the_pool(count in 0usize..300, again in 0usize..50) {
            let numbers = (0..count).chain(0..again.min(count));
            let named: Vec<Named> =
                numbers.map(|number| contact(&format!("+1415556{number:04}"))).collect();
            let found = audience(&named, &pool(), &Met::new());
            prop_assert_eq!(found.readers.len(), count);
            let by = |sender: &Address| {
                found.readers.iter().filter(|reader| reader.sender == *sender).count()
            };
            prop_assert!(by(&pool()[0]).abs_diff(by(&pool()[1])) <= 1);
            prop_assert_eq!(by(&pool()[2]), 0);
        }
    }
}
