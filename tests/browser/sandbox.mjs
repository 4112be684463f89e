// Drives the sandbox's page in a headless Chromium: `node sandbox.mjs http://127.0.0.1:PORT`.
// Ends with 0 when everything was as it should be, and says what was not otherwise.
//
// PARTYLINE_CHROMIUM: the browser, if it is not /usr/bin/chromium.
// PARTYLINE_SCREENSHOT: where to put a picture of the page at the end.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

// tests/run puts the packages there.
const { chromium } = createRequire(new URL("../.cache/browser/", import.meta.url))("playwright-core");

const [address] = process.argv.slice(2);
const complaints = [];

const browser = await chromium.launch({
  executablePath: process.env.PARTYLINE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
page.setDefaultTimeout(20_000);
page.on("console", (message) => {
  if (message.type() === "error") complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(error.message));
page.on("dialog", (dialog) => {
  complaints.push(`a dialog: ${dialog.message()}`);
  dialog.dismiss();
});

const id = (name) => page.getByTestId(name);

/** Types into a phone (`maya`) or the channel, and sends it. */
async function say(where, text) {
  await id(`say-${where}`).fill(text);
  await id(`say-${where}`).press("Enter");
}

/** The line with this text on a phone or in the channel, once it is there, and once only. */
async function line(where, text) {
  const lines = id(`log-${where}`).locator("li", { hasText: text });
  await lines.first().waitFor();
  assert.equal(await lines.count(), 1, `"${text}" is once in the log of ${where}`);
  return lines.first();
}

/** Waits until the line has this text in it, too. */
async function shows(where, text, further) {
  await id(`log-${where}`).locator("li", { hasText: text }).filter({ hasText: further }).waitFor();
}

async function aPhoneIsReadInTheChannel() {
  await say("maya", "Morning! The florist can do Thursday.");
  const post = await line("channel", "The florist can do Thursday.");
  assert.equal(await post.locator(".name").innerText(), "Maya Lopez");
  assert.equal(await post.locator("img").getAttribute("src"), "/pictures/maya-lopez.svg");
  const bubble = await line("ben", "The florist can do Thursday.");
  assert.equal(await bubble.locator("b").innerText(), "Maya Lopez");
  const own = await line("maya", "The florist can do Thursday.");
  assert.match(await own.getAttribute("class"), /mine/);
}

async function theChannelIsReadOnEveryPhone() {
  await say("channel", "Great. Ben, is the van free?");
  for (const phone of ["maya", "ben", "aiko"]) {
    const bubble = await line(phone, "is the van free?");
    assert.equal(await bubble.locator(".words").innerText(), "Nora Weiss: Great. Ben, is the van free?");
  }
  await say("ben", "From noon on.");
  await shows("channel", "From noon on.", "Maya: delivered");
  // Whoever answers has read what came before.
  await shows("channel", "is the van free?", "Ben: read");
}

async function aPhoneThatIsOffGetsItLater() {
  await id("power-ben").click();
  await line("ben", "The phone is off");
  await id("as").selectOption({ label: "Tom" });
  await say("channel", "Weather looks fine.");
  await shows("channel", "Weather looks fine.", "Ben: sent");
  await shows("channel", "Weather looks fine.", "Maya: delivered");
  assert.equal(await id("log-ben").getByText("Weather looks fine.").count(), 0);
  await say("ben", "Can you hear me?");
  await page.getByRole("alert").filter({ hasText: "Ben's phone is off" }).waitFor();
  await id("say-ben").fill("");
  await id("power-ben").click();
  await line("ben", "Weather looks fine.");
  await shows("channel", "Weather looks fine.", "Ben: delivered");
}

async function aCommandIsAnsweredToItsGiverAlone() {
  await id("as").selectOption({ label: "Nora" });
  await say("channel", "/wa status");
  const answer = await line("channel", "This room is tied to CH");
  assert.equal(await answer.locator(".eye").innerText(), "Only Nora sees this");
  assert.match(await answer.innerText(), /Twilio: working both ways/);
  assert.equal(await id("log-maya").getByText("This room is tied to").count(), 0);
}

/** A group is made by a form: searched, chosen, faulty once, sent off. */
async function aFormIsFilledIn() {
  await say("channel", "/wa group create");
  const form = id("form");
  await form.filter({ hasText: "Only Nora sees this" }).waitFor();
  await id("field-name").fill("Autumn fair");
  await id("field-numbers").fill("12");
  await id("field-room").selectOption({ value: "none" });
  await form.getByRole("button", { name: "Make it" }).click();
  await form.getByRole("alert").filter({ hasText: "not a phone number" }).waitFor();
  assert.equal(await id("field-name").inputValue(), "Autumn fair");
  await id("field-numbers").fill("+1 415 555 0142");
  // A template brings its variables with it, and what was written stays.
  await id("search-template").fill("team");
  await id("field-template").locator("option", { hasText: "team_notice" }).first().waitFor({ state: "attached" });
  const template = id("field-template");
  await template.selectOption(await template.locator("option", { hasText: "team_notice" }).first().getAttribute("value"));
  await id("field-set.1").fill("The fair");
  assert.equal(await id("field-name").inputValue(), "Autumn fair");
  await form.getByRole("button", { name: "Make it" }).click();
  await line("channel", '"Autumn fair" is made');
  await form.waitFor({ state: "detached" });
  // And one is closed.
  await say("channel", "/wa group create");
  await form.getByRole("button", { name: "Cancel" }).click();
  await form.waitFor({ state: "detached" });
}

async function markupStaysText() {
  const text = "<b>bold</b> <script>alert(1)</script> <img src=x onerror=alert(2)> & 'quotes\"";
  await say("aiko", text);
  assert.equal(await (await line("channel", "<b>bold</b>")).locator(".words").innerText(), text);
  assert.ok((await (await line("maya", "<b>bold</b>")).innerText()).includes(text));
  await say("channel", `again: ${text}`);
  assert.ok((await (await line("aiko", "again: <b>bold</b>")).innerText()).includes(text));
  assert.equal(await page.locator("li script, li .words img").count(), 0);
}

async function aClosedWindowIsTold() {
  await id("window-aiko").click();
  await id("window-aiko").filter({ hasText: "24 h closed" }).waitFor();
  await say("channel", "Aiko, two spots?");
  await shows("channel", "Aiko, two spots?", "Aiko: failed");
  await shows("channel", "Aiko, two spots?", "63016");
  await say("aiko", "Two spots it is.");
  await id("window-aiko").filter({ hasText: "24 h open" }).waitFor();
}

async function aStoppedBridgeLosesNothing() {
  await id("bridge").click();
  await id("bridge-state").filter({ hasText: "is stopped" }).waitFor();
  await say("maya", "Is anybody there?");
  await shows("maya", "Is anybody there?", "the bridge is off");
  await say("channel", "We are!");
  await shows("channel", "We are!", "the bridge is off");
  await id("bridge").click();
  await id("bridge-state").filter({ hasText: "is running" }).waitFor();
  await line("channel", "Is anybody there?");
  for (const phone of ["maya", "ben", "aiko"]) await line(phone, "Nora Weiss: We are!");
}

/** Somebody in no group writes: a thread in the inbox, with buttons, that answers them. */
async function aStrangerHasAThreadInTheInbox() {
  await say("leo", "Are you hiring?");
  const card = await line("inbox", "has written.");
  assert.match(await card.innerText(), /leo \(\+14155550104, WhatsApp\)/);
  const words = await line("inbox", "Are you hiring?");
  assert.match(await words.getAttribute("class"), /reply/);
  assert.equal(await id("log-channel").getByText("Are you hiring?").count(), 0);
  const thread = id("log-inbox").locator("li.answer");
  assert.equal(await thread.count(), 1);
  await id("as").selectOption({ label: "Tom" });
  await thread.locator("input").fill("We are, Leo.");
  await thread.locator("input").press("Enter");
  const bubble = await line("leo", "We are, Leo.");
  assert.equal(await bubble.locator("b").innerText(), "Tom Okafor");
  assert.equal(await id("log-maya").getByText("We are, Leo.").count(), 0);
  // The buttons: one opens a form, one asks first.
  await id("as").selectOption({ label: "Nora" });
  await card.getByRole("button", { name: "Reply" }).click();
  const form = id("form");
  await form.filter({ hasText: "Only Nora sees this" }).waitFor();
  await id("field-text").fill("Come by tomorrow.");
  await form.locator(".ends button:not([type=button])").click();
  await line("leo", "Come by tomorrow.");
  await form.waitFor({ state: "detached" });
  await card.getByRole("button", { name: "Block" }).click();
  const question = await line("inbox", "This blocks");
  await question.getByRole("button", { name: "Do not block" }).click();
  await question.waitFor({ state: "detached" });
  await say("inbox", "/wa inbox list");
  await line("inbox", ": answered");
}

async function aPhoneIsWideEnough() {
  for (const width of [1280, 768, 390]) {
    await page.setViewportSize({ width, height: 844 });
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(beyond <= 0, `at ${width} pixels the page is ${beyond} too wide`);
  }
  await page.setViewportSize({ width: 1400, height: 900 });
}

try {
  await page.goto(address);
  await page.locator("body[data-live=true]").waitFor();
  await aPhoneIsReadInTheChannel();
  await theChannelIsReadOnEveryPhone();
  await aPhoneThatIsOffGetsItLater();
  await aCommandIsAnsweredToItsGiverAlone();
  await aFormIsFilledIn();
  await markupStaysText();
  await aClosedWindowIsTold();
  await aStrangerHasAThreadInTheInbox();
  await aStoppedBridgeLosesNothing();
  await aPhoneIsWideEnough();
  // The browser tells of every answer that is no success: one was meant.
  const odd = complaints.filter((one) => !/status of 400/.test(one));
  assert.deepEqual(odd, [], "the browser has nothing to complain of");
} finally {
  const picture = process.env.PARTYLINE_SCREENSHOT;
  if (picture) await page.screenshot({ path: picture });
  await browser.close();
}
