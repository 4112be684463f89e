//! What is said in the demo, by whom, and what happens to the phones and the daemon meanwhile.

use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use super::super::cast::MEMBERS;
use super::super::stage::{Stage, contact_line};
use super::super::trail::Reader;
use super::super::world::Room;
use super::tally::{Origin, Tally};
use super::transcript::Note;

const MAYA: usize = 0;
const BEN: usize = 1;
const AIKO: usize = 2;
const NORA: usize = 0;
const TOM: usize = 1;
const PRIYA: usize = 2;

/// How soon the ledger is read again: nothing tells of what is written in it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Longer than the 1600 characters that go to a phone in one piece.
const BRIEF: &str = "Here is the whole plan for Thursday, so that nobody has to scroll back for it. \
    We meet at the loading dock at seven, and the van has to be gone by eight because the fish \
    market needs the bay. Ben brings the banner, the two long tables and the extension leads; \
    please label the leads this time, we lost three of them in autumn. Maya meets the caterer at \
    half past seven, signs for the crates and counts the glasses before the driver leaves. Aiko \
    sets up the light on the stage, then checks every microphone with somebody standing at the \
    back wall, because last year nobody could hear the toast. Priya prints the name cards tonight \
    and puts the spare ones into the blue folder, and the blue folder goes on the desk by the \
    door, not into the office. Tom watches the weather and calls it by noon on Wednesday: if the \
    wind is over forty we move the whole thing inside, and then we need the second projector and \
    the long cable from the upper store room. The doors open at six in the evening. Until then \
    the street side stays closed, whoever asks, with the one exception of the florist, who comes \
    at three with the arch and needs two people and a ladder for half an hour. At six Nora opens, \
    at half past six there is the toast, at seven the band begins, and at ten the music stops \
    because that is what the permit says, even if everybody is having a very good time. \
    Afterwards we stack the chairs along the wall in tens, the tables stay where they are, and \
    the glasses go back into the crates they came in. Whoever leaves last locks the dock, sends \
    one word here, and takes the blue folder home. If anything at all goes wrong, write it here \
    first and then call, so that the others know; nobody reads mail on that day. Thank you all, \
    this is going to be a good one.";

/// The script, while it is played.
pub(super) struct Script<'a> {
    pub(super) stage: &'a Stage,
    pub(super) tally: &'a mut Tally,
    /// Notes for the transcript. It ends when this is dropped.
    pub(super) notes: mpsc::Sender<Note>,
}

impl Script<'_> {
    /// Plays all of it; each scene ends when everything that was said in it has arrived.
    pub(super) async fn play(mut self) -> anyhow::Result<()> {
        self.link().await?;
        self.both_ways().await?;
        self.stranger().await?;
        self.phone_off().await?;
        self.long_message().await?;
        self.burst().await?;
        self.restart().await?;
        self.heading("How the bridge sees it").await?;
        self.settled().await;
        self.command(NORA, "status").await?;
        self.settled().await;
        Ok(())
    }

    async fn link(&mut self) -> anyhow::Result<()> {
        self.heading("A channel is tied to the group").await?;
        self.stage.set(None).await?;
        self.command(TOM, "help").await
    }

    async fn both_ways(&mut self) -> anyhow::Result<()> {
        self.heading("Phones and Slack, both ways").await?;
        self.on_phone(MAYA, "Maya Lopez", "Morning! The florist can do Thursday at three.")?;
        self.arrived().await?;
        self.in_slack(NORA, "Great. Ben, is the van free that day?")?;
        self.arrived().await?;
        self.on_phone(BEN, "Ben Carter", "From noon on, yes. <b>Not</b> before & not after 8.")?;
        self.arrived().await
    }

    async fn stranger(&mut self) -> anyhow::Result<()> {
        self.heading("A member whom nobody knows by name yet").await?;
        let aiko = &MEMBERS[AIKO];
        self.on_phone(AIKO, aiko.profile, "Hi all, I do the light. Which stage is it?")?;
        self.arrived().await?;
        self.command(NORA, &contact_line(aiko.number, aiko.name, None)).await?;
        self.in_slack(PRIYA, "The small one, Aiko. Plan follows.")?;
        self.arrived().await?;
        self.on_phone(AIKO, aiko.name, "Perfect, then two spots will do.")?;
        self.arrived().await
    }

    async fn phone_off(&mut self) -> anyhow::Result<()> {
        self.heading("Ben's phone is off for a while").await?;
        self.switch(BEN, false).await?;
        self.in_slack(TOM, "Weather looks fine: 14 degrees, little wind.")?;
        self.on_phone(MAYA, "Maya Lopez", "Then the tables go outside.")?;
        self.tally.on_phone(&self.stage.world, AIKO).await?;
        self.tally.in_channel(&self.stage.world).await?;
        self.switch(BEN, true).await?;
        self.arrived().await
    }

    async fn long_message(&mut self) -> anyhow::Result<()> {
        self.heading("More than a phone takes in one piece").await?;
        self.in_slack(NORA, BRIEF)?;
        self.arrived().await
    }

    async fn burst(&mut self) -> anyhow::Result<()> {
        self.heading("Several at once, from both sides").await?;
        for text in ["Banner: yes", "Tables: two", "Leads: labelled", "Van: booked", "Done!"] {
            self.on_phone(BEN, "Ben Carter", text)?;
        }
        for text in ["Printing now", "48 name cards", "12 spare ones", "Blue folder is ready"] {
            self.in_slack(PRIYA, text)?;
        }
        self.arrived().await
    }

    async fn restart(&mut self) -> anyhow::Result<()> {
        self.heading("The bridge stops, and people go on writing").await?;
        self.stage.keeper.switched(false).await?;
        // Twilio passes it on to the other phones by itself, and nobody puts a name in front.
        self.tally.expect_unnamed(MAYA, "Maya Lopez", "Caterer is confirmed for half past seven.");
        self.stage.say_on_phone(MAYA, "Caterer is confirmed for half past seven.")?;
        self.in_slack(TOM, "Wind is still at ten. We stay outside.")?;
        self.stage.world.twilio.idle().await;
        self.heading("It starts again on the same store").await?;
        self.stage.keeper.switched(true).await?;
        self.arrived().await?;
        self.on_phone(BEN, "Ben Carter", "See you all at the dock, then.")?;
        self.arrived().await
    }

    async fn heading(&self, text: &'static str) -> anyhow::Result<()> {
        self.notes.send(Note::heading(text)).await.context("the transcript is gone")
    }

    async fn switch(&self, who: usize, on: bool) -> anyhow::Result<()> {
        let note = Note::switched(MEMBERS[who].short, on);
        self.notes.send(note).await.context("the transcript is gone")?;
        self.stage.switch_phone(who, on)
    }

    /// A member says something, to be seen under this name.
    fn on_phone(
        &mut self,
        who: usize,
        name: &'static str,
        text: &'static str,
    ) -> anyhow::Result<()> {
        self.tally.expect(Origin::Phone(who), name, text);
        self.stage.say_on_phone(who, text)
    }

    fn in_slack(&mut self, who: usize, text: &'static str) -> anyhow::Result<()> {
        let name = super::super::cast::COLLEAGUES[who].name;
        self.tally.expect(Origin::Channel(who), name, text);
        self.stage.say_in(who, Room::Channel, None, text)
    }

    async fn command(&self, by: usize, line: &str) -> anyhow::Result<()> {
        self.stage.command(by, Room::Channel, line).await.map(drop)
    }

    /// Waits until the daemon has written down how every delivery ended, those to Matrix too.
    async fn settled(&self) {
        let mut ledger = Reader::new(&self.stage.store());
        while ledger.read().unsettled() > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until everything that was said is everywhere.
    async fn arrived(&self) -> anyhow::Result<()> {
        for phone in 0..MEMBERS.len() {
            self.tally.on_phone(&self.stage.world, phone).await?;
        }
        self.tally.in_channel(&self.stage.world).await
    }
}
