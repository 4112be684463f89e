//! A channel and what was said in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::options::Identity;
use super::rate::Bucket;
use super::{Ephemeral, Message, Ts};

/// A channel as it stands in the workspace.
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) previous_names: Vec<String>,
    pub(super) created: u64,
    pub(super) creator: String,
    pub(super) private: bool,
    pub(super) archived: bool,
    pub(super) topic: (String, String, u64),
    pub(super) members: BTreeSet<String>,
    pub(super) ephemerals: VecDeque<Ephemeral>,
    pub(super) bucket: Bucket,
    messages: BTreeMap<Ts, Arc<Message>>,
    threads: HashMap<Ts, BTreeSet<Ts>>,
    last: Ts,
}

impl Channel {
    pub(super) fn new(id: String, name: &str, creator: &str, created: u64, private: bool) -> Self {
        Self {
            id,
            name: name.to_owned(),
            previous_names: Vec::new(),
            created,
            creator: creator.to_owned(),
            private,
            archived: false,
            topic: (String::new(), String::new(), 0),
            members: BTreeSet::from([creator.to_owned()]),
            ephemerals: VecDeque::new(),
            bucket: Bucket::default(),
            messages: BTreeMap::new(),
            threads: HashMap::new(),
            last: Ts::FIRST,
        }
    }

    /// The next `ts` here: the time now, and after every one there was.
    pub(super) fn tick(&mut self, now: Ts) -> Ts {
        self.last = now.max(self.last.next());
        self.last
    }

    pub(super) fn message(&self, ts: Ts) -> Option<&Arc<Message>> {
        self.messages.get(&ts)
    }

    /// Puts a message in, or in the place of the one that has its `ts`; the oldest go where there
    /// are more than `keep`.
    pub(super) fn put(&mut self, message: Arc<Message>, keep: usize) {
        if let Some(head) = message.thread_ts.filter(|head| *head != message.ts) {
            self.threads.entry(head).or_default().insert(message.ts);
        }
        self.messages.insert(message.ts, message);
        while self.messages.len() > keep.max(1) {
            if let Some((ts, old)) = self.messages.pop_first() {
                self.forget(ts, &old);
            }
        }
    }

    /// Takes a message out.
    pub(super) fn take(&mut self, ts: Ts) -> Option<Arc<Message>> {
        let message = self.messages.remove(&ts)?;
        self.forget(ts, &message);
        Some(message)
    }

    fn forget(&mut self, ts: Ts, message: &Message) {
        self.threads.remove(&ts);
        if let Some(head) = message.thread_ts
            && let Some(replies) = self.threads.get_mut(&head)
        {
            replies.remove(&ts);
            if replies.is_empty() {
                self.threads.remove(&head);
            }
        }
    }

    /// All messages, oldest first.
    pub(super) fn messages(&self) -> impl DoubleEndedIterator<Item = &Arc<Message>> {
        self.messages.values()
    }

    /// The messages from `low` to `high`, both included.
    pub(super) fn between(
        &self,
        low: Ts,
        high: Ts,
    ) -> impl DoubleEndedIterator<Item = &Arc<Message>> {
        // A range that begins after its end is empty, not a panic.
        self.messages.range(low..=high.max(low)).filter(move |(ts, _)| **ts <= high).map(|(_, m)| m)
    }

    /// The replies under a message, oldest first.
    pub(super) fn replies(&self, head: Ts) -> impl DoubleEndedIterator<Item = &Arc<Message>> {
        self.threads.get(&head).into_iter().flatten().filter_map(|ts| self.messages.get(ts))
    }

    /// Notes at a thread's head that this reply came.
    pub(super) fn replied(&mut self, head: Ts, reply: &Message, app: &Identity) {
        let Some(message) = self.messages.get_mut(&head) else { return };
        let message = Arc::make_mut(message);
        let (count, users, latest) = message.replies.get_or_insert_with(|| (0, Vec::new(), head));
        *count += 1;
        *latest = reply.ts;
        if let Some(user) = reply.user(app).filter(|user| !users.iter().any(|u| u == user)) {
            users.push(user.to_owned());
        }
        message.thread_ts = Some(head);
    }

    /// Counts the replies under a thread's head anew, after one was deleted.
    pub(super) fn count_replies(&mut self, head: Ts, app: &Identity) {
        let mut users: Vec<String> = Vec::new();
        let (mut count, mut latest) = (0, head);
        for reply in self.replies(head) {
            count += 1;
            latest = reply.ts;
            if let Some(user) = reply.user(app).filter(|user| !users.iter().any(|u| u == user)) {
                users.push(user.to_owned());
            }
        }
        if let Some(message) = self.messages.get_mut(&head) {
            let message = Arc::make_mut(message);
            message.thread_ts = (count > 0).then_some(head);
            message.replies = (count > 0).then_some((count, users, latest));
        }
    }

    /// The conversation object, as in `conversations.info`.
    pub(super) fn object(&self, app: &Identity) -> Value {
        let (topic, by, at) = &self.topic;
        json!({
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "previous_names": self.previous_names,
            "is_channel": !self.private,
            "is_group": self.private,
            "is_im": false,
            "is_mpim": false,
            "is_private": self.private,
            "is_archived": self.archived,
            "is_general": false,
            "is_shared": false,
            "is_ext_shared": false,
            "is_org_shared": false,
            "is_pending_ext_shared": false,
            "pending_shared": [],
            "shared_team_ids": [app.team],
            "is_member": self.members.contains(&app.user),
            "created": self.created,
            "creator": self.creator,
            "unlinked": 0,
            "topic": {"value": topic, "creator": by, "last_set": at},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "num_members": self.members.len(),
        })
    }
}
