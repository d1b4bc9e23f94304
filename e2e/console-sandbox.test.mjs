// The view of a sandbox: its clock, faults, snapshots and resets, as people use them.
// What it needs of the environment is said in console.test.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, assertAccessible, password, longestWait, screenshot, startBrowser, startSandbox, startServer, user, watch } from "./support.mjs";

let browser, server, page, quiet;

before(async () => {
  server = await startSandbox();
  browser = await startBrowser();
  ({ page, quiet } = await visitor(server));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function visitor(at) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "Europe/Berlin" });
  const one = await context.newPage();
  one.setDefaultTimeout(longestWait);
  const calm = await watch(one, at.url);
  await one.goto(at.url);
  await one.getByLabel("User").fill(user);
  await one.getByLabel("Password").fill(password);
  await one.getByRole("button", { name: "Log in" }).click();
  await one.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  return { context, page: one, quiet: calm };
}

const button = (name) => page.getByRole("button", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const row = (text) => page.locator("main tbody tr", { hasText: text });
const faults = async () => (await ask(server.url, "/api/v1/sandbox/faults")).data.faults;
const clock = async () => (await ask(server.url, "/api/v1/sandbox/clock")).data;

test("the clock is moved, set, and runs", async () => {
  await page.getByRole("link", { name: /^Documents\s*[1-9]/ }).waitFor(); // they came in by the clock of the sandbox
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.getByRole("heading", { level: 1, name: "Sandbox" }).waitFor();
  await page.locator(".shows", { hasText: "1 Jan 2026, 13:00:00" }).waitFor();
  await button("Move it on by 1 day").click();
  await page.locator(".shows", { hasText: "2 Jan 2026, 13:00:00" }).waitFor();
  await page.getByLabel("Move it on by", { exact: true }).fill("soon");
  await button("Move on").click();
  await page.getByText(/advance must be a time/).waitFor(); // the server says what it wants
  await page.getByLabel("Move it on by", { exact: true }).fill("90m");
  await button("Move on").click();
  await page.locator(".shows", { hasText: "14:30:00" }).waitFor();
  await page.getByLabel("Set it to").fill("2027-02-01T08:00");
  await button("Set").click();
  await page.locator(".shows", { hasText: "1 Feb 2027, 08:00:00" }).waitFor();
  await button("Let it run").click();
  await button("Stop it").click();
  await page.getByText("It stands still.").waitFor();
  assert.equal((await clock()).running, false);
  quiet();
});

test("faults are added as a form or as JSON, put in order, changed and removed", async () => {
  await page.getByText("The server answers as it should.").waitFor();
  await button("Add a fault…").click();
  await dialog().getByLabel("Name", { exact: true }).fill("busy");
  await dialog().getByLabel("PUT").check();
  await dialog().getByLabel("Route").fill("/rest/serverengine/entity/jobs/{id}/properties");
  await dialog().getByLabel("To the").fill("2");
  await dialog().getByLabel("Headers").fill("X-Why: so\nX-Other: a: b");
  await button("Add").click();
  await dialog().getByRole("alert").waitFor(); // it does nothing yet, as the server says
  await dialog().getByLabel("Status").fill("503");
  await button("As JSON").click();
  const json = dialog().getByLabel("The fault in JSON");
  assert.deepEqual(JSON.parse(await json.inputValue()), {
    name: "busy", methods: ["PUT"], route: "/rest/serverengine/entity/jobs/{id}/properties", to: 2, headers: { "X-Why": "so", "X-Other": "a: b" }, status: 503,
  });
  await json.fill("{");
  await button("As a form").click();
  await dialog().getByText("This is no JSON").waitFor();
  await json.fill(JSON.stringify({ name: "busy", methods: ["PUT"], path: "*/properties", to: 1, status: 503, retryAfter: "1s" }));
  await button("As a form").click();
  assert.equal(await dialog().getByLabel("Path").inputValue(), "*/properties");
  assert.equal(await dialog().getByLabel("Route").inputValue(), "");
  await assertAccessible(page, "the form of a fault");
  await screenshot(page, "sandbox-fault");
  await button("Add").click();
  await row("busy").getByText("503, Retry-After 1s").waitFor();

  await ask(server.url, "/rest/serverengine/entity/jobs/1289/properties", "PUT", { id: 1289, properties: [] });
  await row("busy").getByRole("link", { name: "busy: 1 request" }).click(); // the count comes by itself
  await page.getByRole("heading", { level: 1, name: "Requests" }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
  await assertAccessible(page, "the requests that a fault has acted on");
  await row("503").getByRole("link", { name: "Fault: busy" }).click();
  await page.locator("tr.picked", { hasText: "busy" }).waitFor();

  await button("All as JSON…").click();
  const all = dialog().getByLabel("The faults in JSON");
  const list = JSON.parse(await all.inputValue()).faults;
  await all.fill(JSON.stringify([...list, { name: "slow", latency: "1ms" }, { name: "gone", path: "/x", noAnswer: true }]));
  await button("Save").click();
  await row("slow").waitFor();
  await button("Move gone up").click();
  await page.waitForFunction(() => document.querySelectorAll("main tbody tr")[1].textContent.includes("gone"));
  assert.deepEqual((await faults()).map(({ name }) => name), ["busy", "gone", "slow"]);
  await row("slow").getByRole("button", { name: "slow", exact: true }).click();
  await dialog().getByLabel("It breaks off after so many bytes").fill("0");
  await button("Save").click();
  await row("slow").getByText("breaks off after 0 bytes").waitFor();
  assert.deepEqual((await faults())[2], { name: "slow", latency: "1ms", cutAfter: 0, matched: 0, hits: 0 });
  await assertAccessible(page, "a sandbox");
  await row("gone").getByRole("button", { name: "Remove" }).click();
  await row("gone").waitFor({ state: "detached" });
  quiet();
});

test("the console works whatever the faults are", async () => {
  await ask(server.url, "/api/v1/sandbox/faults", "PUT", { faults: [{ name: "dead", noAnswer: true }] });
  await page.reload();
  await row("dead").waitFor();
  await page.getByRole("link", { name: "Job sets" }).click();
  await row("Mail run").waitFor();
  await page.goBack();
  await button("Remove all…").click();
  await button("Remove all").click();
  await page.getByText("The server answers as it should.").waitFor();
  quiet();
});

test("a snapshot is gone back to, and the start, and another sandbox is started", async () => {
  await page.getByLabel("Name of a snapshot").fill("before");
  await button("Keep as it is now").click();
  await page.getByText("before is kept.").waitFor();
  await ask(server.url, "/api/v1/entities/1288", "DELETE");
  await button("Go back… before").click();
  assert.equal(await dialog().getByLabel("To", { exact: true }).inputValue(), "before");
  await dialog().getByLabel("Journal of requests").check();
  await assertAccessible(page, "the question before a reset");
  await button("Reset").click();
  await page.getByText(/All is as it was/).waitFor();
  assert.equal((await ask(server.url, "/api/v1/entities/1288")).status, 200);
  await button("Reset…").click();
  await button("Reset").click();
  await page.locator(".shows", { hasText: "1 Jan 2026, 13:00:00" }).waitFor();
  await button("Forget before").click();
  await page.getByText("before is forgotten.").waitFor();
  await button("Start another…").click();
  await dialog().getByLabel("Name").fill("suite-b");
  await button("Start").click();
  await page.locator("li", { hasText: "suite-b" }).waitFor();
  await button("End… suite-b").click();
  await button("End").click();
  await page.locator("li", { hasText: "suite-b" }).waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByText("Live", { exact: true }).waitFor(); // events go on after a reset
  await ask(server.url, "/api/v1/entities/1288", "DELETE");
  await page.locator(".history li", { hasText: "1288" }).first().getByText("Deleted").waitFor();
  quiet();
});

test("the view fits its window, in light and dark, and other servers do not have it", async () => {
  await ask(server.url, "/api/v1/sandbox/faults", "PUT", { faults: [
    { name: "busy", methods: ["PUT", "POST"], route: "/rest/serverengine/entity/jobs/{id}/properties", from: 2, every: 3, status: 503, retryAfter: "1s" },
    { name: "a-name-of-sixty-four-characters-which-is-the-most-it-can-have-xx", path: "*/entities/*", user: "mailroom", probability: 0.25, seed: 7, latency: "250ms", cutAfter: 4096 },
  ] });
  await ask(server.url, "/api/v1/sandbox/snapshots/imported", "PUT");
  await page.goto(`${server.url}/?view=sandbox&fault=busy`);
  await row("busy").waitFor();
  for (const width of [2560, 1440, 768, 390, 360]) {
    await page.setViewportSize({ width, height: 900 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, `wider than ${width}`);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await screenshot(page, `sandbox-${width}-${colorScheme}`, { fullPage: true });
    }
  }
  await assertAccessible(page, "a sandbox, narrow and dark");
  const plain = await startServer();
  const other = await visitor(plain);
  assert.equal(await other.page.getByRole("link", { name: "Sandbox" }).count(), 0);
  await other.page.goto(`${plain.url}/?view=sandbox`);
  await other.page.getByText("This server is no sandbox.").waitFor();
  other.quiet();
  await other.context.close();
  await plain.stop();
  quiet();
});
