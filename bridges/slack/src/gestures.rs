//! One gesture, one message: Slack was seen to list one sending under two time stamps, with one
//! `client_msg_id`. The second is passed by.

use quick_cache::sync::Cache;

/// How many gestures are remembered. The two came within moments of each other.
const CAPACITY: usize = 4096;

/// The gestures of late, each with the time stamp that it came under first.
pub(crate) struct Gestures(Cache<String, String>);

impl Gestures {
    pub(crate) fn new() -> Self {
        Self(Cache::new(CAPACITY))
    }

    /// Whether this gesture came before, under another time stamp. The same one again is the same
    /// message, which intake knows by its key.
    pub(crate) fn is_repeat(&self, gesture: &str, stamp: &str) -> bool {
        match self.0.get(gesture) {
            Some(first) => first != stamp,
            None => {
                self.0.insert(gesture.to_owned(), stamp.to_owned());
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_time_stamp_makes_a_repeat() {
        let gestures = Gestures::new();
        assert!(!gestures.is_repeat("a", "1.000001"));
        assert!(!gestures.is_repeat("a", "1.000001"));
        assert!(gestures.is_repeat("a", "1.000002"));
        assert!(!gestures.is_repeat("b", "1.000002"));
    }
}
