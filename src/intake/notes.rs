//! What is remembered of an event beside the ledger's rows of it: who is where, and who is called what.

use partyline_core::{Address, Event, Happening, MemberChange};

use super::Door;
use crate::ledger::{LedgerError, StoredParticipant};

impl Door {
    pub(super) async fn take_notes(&self, notes: Vec<Note>) -> Result<(), LedgerError> {
        for note in notes {
            match note {
                Note::Here(participant) => {
                    if let Some(address) = &participant.address {
                        let name = participant.name.as_deref();
                        self.names.learn_member(&participant.conversation, address, name);
                    }
                    self.ledger.note_participants(vec![participant]).await?;
                }
                Note::Gone(participant) => {
                    if let Some(address) = &participant.address {
                        self.names.forget_member(&participant.conversation, address);
                    }
                    self.ledger.forget_participant(participant).await?;
                }
                Note::ProfileName { address, name } => {
                    // Every message brings it; it is written down where it is new.
                    if self.names.learn_profile(&address, &name) {
                        self.ledger.note_profile(address.contact_key(), &name).await?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is remembered of an event beside the ledger's rows of it.
pub(super) enum Note {
    Here(StoredParticipant),
    Gone(StoredParticipant),
    ProfileName { address: Address, name: String },
}

/// What is remembered of this one.
pub(super) fn note(event: &Event) -> Option<Note> {
    match &event.happening {
        Happening::Member { change, participant, address, sender, name, .. } => {
            let participant = StoredParticipant {
                conversation: event.place.clone(),
                sid: participant.clone(),
                address: address.clone(),
                sender: sender.clone(),
                name: name.clone(),
            };
            Some(match change {
                MemberChange::Removed => Note::Gone(participant),
                MemberChange::Added | MemberChange::Updated => Note::Here(participant),
            })
        }
        Happening::Wrote { address, name: Some(name), .. } => {
            Some(Note::ProfileName { address: address.clone(), name: name.clone() })
        }
        _ => None,
    }
}
