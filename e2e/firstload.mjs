// How long the console takes to show the first data in a browser that has nothing
// of it yet, beside an image of 200 bytes of the same server. It is a benchmark, no
// test: node e2e/firstload.mjs URL [ROUNDS], with PLATEN_USER and PLATEN_PASSWORD.
import { startBrowser } from "./support.mjs";

const [url, rounds = 9] = process.argv.slice(2);
const views = {
  "an image": ["/console/icon.svg", "svg"],
  overview: ["/", "main section td, main .history li"],
  jobs: ["/?kind=job", "main tbody tr"],
  "a job": ["/?id=", "main .facts dd"],
};

const browser = await startBrowser();
const first = await browser.newContext();
const page = await first.newPage();
await page.goto(url);
await page.getByLabel("User").fill(process.env.PLATEN_USER);
await page.getByLabel("Password").fill(process.env.PLATEN_PASSWORD);
await page.getByRole("button", { name: "Log in" }).click();
await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
await page.goto(`${url}/?kind=job`);
views["a job"][0] += await page.locator("main tbody th a").first().innerText();
const storageState = await first.storageState();

const took = {};
for (let i = 0; i < rounds; i++) {
  for (const [name, [where, data]] of Object.entries(views)) {
    const context = await browser.newContext({ storageState, viewport: { width: 1440, height: 900 } });
    const shown = await context.newPage();
    await shown.addInitScript((selector) => {
      const look = () => { if (document.querySelector(selector)) window.shownAfter ??= performance.now(); };
      new MutationObserver(look).observe(document, { subtree: true, childList: true });
      document.addEventListener("DOMContentLoaded", look);
    }, data);
    await shown.goto(url + where);
    await shown.waitForTimeout(1500); // asking whether it is done would cost the page time
    (took[name] ??= []).push(await shown.evaluate(() => window.shownAfter ?? Infinity));
    await context.close();
    await page.waitForTimeout(300); // so would the end of the window before
  }
}
const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];
for (const [name, all] of Object.entries(took)) {
  console.log(`${name.padEnd(9)} ${Math.round(median(all))} ms, ${(median(all) / median(took["an image"])).toFixed(1)} times the image, ${Math.round(Math.max(...all))} ms at most`);
}
await browser.close();
