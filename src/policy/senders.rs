//! Which sender serves which member of a group.
//!
//! Twilio lets a pair of address and sender be in one open conversation only (its documentation,
//! "Group texting"): somebody in N groups needs N senders.

use std::collections::{HashMap, HashSet};

use partyline_core::{Address, Channel};

/// A member whom no sender of the pool can serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unserved {
    /// The member's phone.
    pub address: Address,
    /// How many senders for the member's channel the pool would need.
    pub needed: usize,
    /// How many it has.
    pub have: usize,
}

/// Who serves whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Members with their senders, in the order in which they were given; an SDK client needs
    /// none.
    pub served: Vec<(Address, Option<Address>)>,
    /// Those whom nobody can serve.
    pub unserved: Vec<Unserved>,
}

/// Gives each member a sender of the pool that serves the member's channel and is not `taken`: in
/// no other open conversation with the same member. As few senders as can be are used, so that
/// the group has one number where it can; among equals, the first of the pool.
#[must_use]
pub fn assign(
    members: &[Address],
    pool: &[Address],
    taken: &HashMap<Address, HashSet<Address>>,
) -> Assignment {
    let mut sender: HashMap<&Address, &Address> = HashMap::new();
    let free = |member: &Address, one: &Address| {
        one.channel() == member.channel()
            && one != member
            && !taken.get(member).is_some_and(|taken| taken.contains(one))
    };
    loop {
        let open = |one: &&Address| {
            let serves = |member: &&&Address| !sender.contains_key(**member) && free(member, one);
            members.iter().filter(|member| serves(&member)).count()
        };
        // The last of the largest, read backwards, is the first of the pool.
        let Some(best) = pool.iter().rev().max_by_key(open).filter(|best| open(best) > 0) else {
            break;
        };
        for member in members {
            if !sender.contains_key(member) && free(member, best) {
                sender.insert(member, best);
            }
        }
    }
    let mut assignment = Assignment::default();
    for member in members {
        match sender.get(member) {
            Some(sender) => {
                assignment.served.push((member.clone(), Some((*sender).clone())));
            }
            None if member.channel() == Channel::Client => {
                assignment.served.push((member.clone(), None));
            }
            None => {
                let have = pool.iter().filter(|one| one.channel() == member.channel()).count();
                let address = member.clone();
                assignment.unserved.push(Unserved { address, needed: have + 1, have });
            }
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> Address {
        text.parse().expect(text)
    }

    fn pool() -> Vec<Address> {
        ["whatsapp:+14155550000", "whatsapp:+14155550001", "+14155550000"].map(address).to_vec()
    }

    #[test]
    fn a_group_has_one_number_where_it_can() {
        let [maya, ben, ann, sdk] =
            ["whatsapp:+14155550101", "whatsapp:+14155550102", "+14155550103", "client:sdk"]
                .map(address);
        let taken = HashMap::from([(ben.clone(), HashSet::from([pool()[0].clone()]))]);
        let all = [maya.clone(), ben.clone(), ann.clone(), sdk.clone()];
        let assigned = assign(&all, &pool(), &taken);
        let second = Some(pool()[1].clone());
        assert_eq!(
            assigned.served,
            [(maya, second.clone()), (ben, second), (ann, Some(pool()[2].clone())), (sdk, None)]
        );
        assert_eq!(assigned.unserved, []);
    }

    #[test]
    fn who_is_behind_every_sender_needs_one_more() {
        let maya = address("whatsapp:+14155550101");
        let taken = HashMap::from([(maya.clone(), pool().into_iter().collect())]);
        let assigned = assign(std::slice::from_ref(&maya), &pool(), &taken);
        assert_eq!(assigned.unserved, [Unserved { address: maya, needed: 3, have: 2 }]);
    }

    proptest! {
        #[test]
        fn nobody_is_behind_a_sender_that_is_taken(
            members in proptest::collection::hash_set(100u32..140, 0..30),
            taken in proptest::collection::vec((100u32..140, 0usize..3), 0..60),
        ) {
            let member = |number: u32| address(&format!("whatsapp:+1415555{number:04}"));
            let members: Vec<Address> = members.into_iter().map(member).collect();
            let mut busy: HashMap<Address, HashSet<Address>> = HashMap::new();
            for (number, sender) in taken {
                busy.entry(member(number)).or_default().insert(pool()[sender].clone());
            }
            let assigned = assign(&members, &pool(), &busy);
            prop_assert_eq!(assigned.served.len() + assigned.unserved.len(), members.len());
            for (member, sender) in &assigned.served {
                let sender = sender.as_ref().expect("a phone has a sender");
                prop_assert!(!busy.get(member).is_some_and(|busy| busy.contains(sender)));
                prop_assert_eq!(sender.channel(), Channel::WhatsApp);
            }
            for one in &assigned.unserved {
                let busy = &busy[&one.address];
                prop_assert!(pool()[..2].iter().all(|sender| busy.contains(sender)));
            }
        }
    }
}
