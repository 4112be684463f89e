// Makes docs/sandbox.png: `node picture.mjs http://127.0.0.1:PORT FILE`, with a sandbox that was just
// started. A short chat is typed, with one phone off and one window closed.

import { createRequire } from "node:module";

// tests/run puts the packages there.
const { chromium } = createRequire(new URL("../.cache/browser/", import.meta.url))("playwright-core");

const [address, file] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.PARTYLINE_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
const id = (name) => page.getByTestId(name);

/** Types something and waits until it has arrived somewhere. */
async function say(where, text, there, seen = text) {
  await id(`say-${where}`).fill(text);
  await id(`say-${where}`).press("Enter");
  await id(`log-${there}`).getByText(seen).first().waitFor();
}

await page.goto(address);
await page.locator("body[data-live=true]").waitFor();
await say("maya", "Morning! The florist can do Thursday at three.", "channel");
await say("channel", "Great. Ben, is the van free that day?", "ben");
await say("ben", "From noon on, yes.", "channel");
await say("aiko", "Hi all, I do the light. Which stage is it?", "channel");
const picture = `${address}/pictures/aiko-tanaka.svg`;
const contact = `/wa contact add +14155550103 "Aiko Tanaka" --picture ${picture}`;
await say("channel", contact, "channel", "is Aiko Tanaka now");
await id("as").selectOption({ label: "Tom" });
await say("channel", "The small one, Aiko.", "aiko");
await say("aiko", "Perfect, then two spots will do.", "channel");
await id("power-ben").click();
await id("log-ben").getByText("The phone is off").waitFor();
await say("channel", "Weather looks fine: 14 degrees, little wind.", "maya");
await id("window-aiko").click();
await id("as").selectOption({ label: "Nora" });
await say("channel", "Then we build outside. See you at seven!", "channel", "63016");
await page.evaluate(() => document.activeElement.blur());
await page.mouse.move(0, 0);
// The lines come in with a movement of less than a fifth of a second.
await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished)));
await page.screenshot({ path: file });
await browser.close();
