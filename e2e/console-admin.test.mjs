// The overview, administration and the journal of requests, as people use them.
// What it needs of the environment is said in console.test.mjs.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { ask, assertAccessible, becomes, password, longestWait, screenshot, startBrowser, startSandbox, startServer, user, watch } from "./support.mjs";

let browser, server, page, quiet, receiver;
const received = [];
let answerWith = 500;

before(async () => {
  receiver = createServer((request, response) => {
    received.push(request.headers);
    request.resume().on("end", () => response.writeHead(answerWith).end("no room"));
  }).listen(0, "127.0.0.1");
  await once(receiver, "listening");
  server = await startServer("--journal", "500", "--webhook-allow", "127.0.0.1");
  browser = await startBrowser();
  ({ page, quiet } = await visitor());
});

after(async () => {
  await browser?.close();
  await server?.stop();
  receiver?.close();
});

async function visitor(name = user, secret = password, at = server) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "Europe/Berlin" });
  const one = await context.newPage();
  one.setDefaultTimeout(longestWait);
  const calm = await watch(one, at.url);
  await one.goto(at.url);
  await one.getByLabel("User").fill(name);
  await one.getByLabel("Password").fill(secret);
  await one.getByRole("button", { name: "Log in" }).click();
  await one.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  return { context, page: one, quiet: calm };
}

const open = (where) => page.goto(server.url + where);
const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
const button = (name) => page.getByRole("button", { name, exact: true });
const dialog = () => page.getByRole("dialog");
const row = (text) => page.locator("main tbody tr", { hasText: text });
const send = (where, method, body) => ask(server.url, where, method, body).then(({ data }) => data);
const importJobs = (jobs = [{}]) => send("/api/v1/jobsets", "POST", { jobs });

const accessible = (what) => assertAccessible(page, what);
const shoot = (name) => screenshot(page, `admin-${name}`);

test("the overview says what came in, changed and runs, and goes on by itself", async () => {
  await button("Load the demo’s data").waitFor(); // an empty server says what to do
  // The first row is the present hour, which must not end before it is looked at.
  const left = 3_600_000 - (Date.now() % 3_600_000);
  if (left < 40_000) await new Promise((done) => setTimeout(done, left + 1000));
  const made = await importJobs([{}, {}]);
  await page.getByRole("link", { name: /^Jobs ?2$/ }).click();
  await page.locator(".chart canvas").waitFor();
  await page.getByText("The numbers as a table").click();
  assert.equal(await page.locator(".numbers tbody tr").count(), 24);
  await page.locator(".numbers tbody tr").first().getByText("2", { exact: true }).waitFor();
  await page.locator(".history li", { hasText: `Job set ${made.id}` }).waitFor();
  await accessible("the overview");
  await importJobs([{}, {}, {}]);
  await page.getByRole("link", { name: /^Jobs ?5$/ }).waitFor();
  await send(`/api/v1/entities/${made.id}`, "DELETE");
  await page.getByRole("link", { name: /^Jobs ?3$/ }).waitFor();
  await page.getByRole("link", { name: "Last 30 days" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".numbers tbody tr").length === 30);
  await page.reload(); // all of it is in the address, and the last changes are there at once
  await page.getByRole("link", { name: /^Jobs ?3$/ }).waitFor();
  await page.locator(".history li", { hasText: `Job set ${made.id}` }).first().getByText("Deleted").waitFor();
  await shoot("overview");
  quiet();
});

test("an operation is cancelled in the overview", async () => {
  const sandbox = await startSandbox();
  try {
    const tell = (where, method, body) => ask(sandbox.url, where, method, body).then(({ data }) => data);
    await tell("/api/v1/sandbox/faults", "POST", { name: "slow", operationDelay: "10m" });
    const { page: shown, quiet: calm, context } = await visitor(user, password, sandbox);
    const { id } = await tell("/api/v1/updates", "POST", {
      kind: "job", all: true, set: [{ name: "properties.n", value: "1" }], inParts: true,
    });
    assert.ok(id, "there is no operation");
    const operation = shown.locator(".operations li");
    await operation.getByText("runs").waitFor();
    await operation.getByRole("button", { name: "Cancel" }).click();
    await operation.getByText("it was cancelled by ol-admin").waitFor();
    assert.equal((await tell(`/api/v1/operations/${id}`)).state, "cancelled");
    calm();
    await context.close();
  } finally {
    await sandbox.stop();
  }
});

test("the overview says what is wrong", async () => {
  const low = await startServer("--min-free-disk", String(2 ** 50));
  try {
    const { page: shown, quiet: calm, context } = await visitor(user, password, low);
    const wrong = (text) => shown.locator(".wrongs .bad", { hasText: text });
    await wrong("Imports are refused").first().waitFor();
    // A server does not have these at will: the page is told that it has.
    await shown.route("**/api/v1/server", async (route) => {
      const answer = await route.fetch();
      const facts = await answer.json();
      facts.database.problem = "the disk of the server is full";
      facts.cleanup.purgeTime = new Date(Date.now() - 50 * 3_600_000).toISOString();
      await route.fulfill({ response: answer, json: facts });
    });
    await shown.reload();
    await wrong("the disk of the server is full").waitFor();
    await wrong("The clean-up is 50 hours behind").waitFor();
    await assertAccessible(shown, "an overview with much that is wrong");
    await screenshot(shown, "admin-wrong");
    calm();
    await context.close();
  } finally {
    await low.stop();
  }
});

test("users are added, changed and deleted", async () => {
  await open("/?view=admin");
  await heading("Users");
  await button("Add a user…").click();
  await dialog().getByLabel("Name").fill("reader");
  await dialog().getByLabel("Password").fill("short");
  await button("Add").click();
  await dialog().getByRole("alert").waitFor(); // the server says what is wrong with it
  await accessible("a form that was refused");
  await dialog().getByLabel("Password").fill("reads and no more");
  await button("Add").click();
  await page.getByText("reader may log in now.").waitFor();
  await row("reader").getByRole("button", { name: "Change…" }).click();
  await dialog().getByLabel("Role").selectOption("editor");
  await button("Save").click();
  await row("reader").getByText("editor").waitFor();
  await row("reader").getByRole("button", { name: "Disable" }).click();
  await row("reader").getByText("disabled", { exact: true }).waitFor();
  await row("reader").getByRole("button", { name: "Enable" }).click();
  await row("reader").getByText("enabled", { exact: true }).waitFor();
  await row("ol-admin").getByRole("button", { name: "Delete…" }).click();
  await button("Delete").click();
  await dialog().getByRole("alert").waitFor(); // it is the last admin
  await page.keyboard.press("Escape");
  await send("/api/v1/users/reader", "PATCH", { role: "viewer" });
  quiet();
});

test("a token is shown once, works, and is revoked", async () => {
  await page.getByRole("link", { name: "Tokens" }).click();
  await page.getByText("There are no named tokens.").waitFor();
  await button("Make a token…").click();
  await dialog().getByLabel("Name").fill("mis");
  await dialog().getByLabel("Jobs", { exact: true }).check();
  await accessible("the form of a token");
  await button("Add").click();
  const secret = await dialog().locator("code").innerText();
  for (let i = 0; i < 4; i++) await page.keyboard.press("Escape"); // it is not closed by accident
  await button("I have kept it").click();
  const use = async () => (await fetch(`${server.url}/api/v1/entities?kind=job`, { headers: { Authorization: `Bearer ${secret}` } })).status;
  assert.equal(await use(), 200);
  assert.equal((await page.content()).includes(secret), false, "the secret is still in the page");
  await row("mis").getByRole("button", { name: "Disable" }).click();
  await row("mis").getByRole("button", { name: "Enable" }).waitFor();
  assert.equal(await use(), 403);
  await row("mis").getByRole("button", { name: "Revoke…" }).click();
  await button("Revoke").click();
  await page.getByText("There are no named tokens.").waitFor();
  quiet();
});

test("a webhook is made, fails, is mended, tested, replayed and changed", async () => {
  await page.getByRole("link", { name: "Webhooks" }).click();
  await button("Add a webhook…").click();
  await dialog().getByLabel("URL").fill(`http://127.0.0.1:${receiver.address().port}/hook`);
  await dialog().getByLabel("Description").fill("The MIS");
  await dialog().getByLabel("Imported").check();
  await button("Add").click();
  assert.match(await dialog().locator("code").innerText(), /^whsec_/);
  await button("I have kept it").click();
  await heading("The MIS");
  await button("Send a test").click();
  await page.getByText(/The test was not delivered/).waitFor();
  await row("platen.webhook.test").getByText("500").first().waitFor();
  const set = await importJobs();
  await page.getByText(/Failures in a row/).waitFor();
  await accessible("a webhook");
  await shoot("webhook");
  await open("/");
  await page.getByRole("link", { name: /The webhook The MIS fails/ }).click();
  await heading("The MIS");
  answerWith = 204;
  await button("Send a test").click();
  await page.getByText(/The test was delivered: 204/).waitFor();
  await button("Replay…").click();
  await dialog().getByLabel("From the time").fill("2026-01-01T00:00");
  await button("Replay").click();
  await dialog().getByRole("alert").or(page.getByText("Events are sent again from there.")).waitFor();
  if (await dialog().count()) await page.keyboard.press("Escape");
  await button("Replace the secret…").click();
  await button("Replace the secret").click();
  assert.match(await dialog().locator("code").innerText(), /^whsec_/);
  await button("I have kept it").click();
  await button("Change…").click();
  assert.equal(await dialog().getByLabel("Imported").isChecked(), true);
  await dialog().getByLabel("Only changes in these sets").fill(String(set.id));
  await button("Save").click();
  await page.locator(".facts", { hasText: "Only changes in these sets" }).getByText(String(set.id)).waitFor();
  await button("Disable").click();
  await button("Enable").click();
  await button("Disable").waitFor();
  assert.ok(received.length > 2);
  await button("Delete…").click();
  await button("Delete").click();
  await page.getByText("There are no webhooks.").waitFor();
  quiet();
});

test("a rule of retention has a preview, and the audit trail says who did what", async () => {
  await page.getByRole("link", { name: "Retention" }).click();
  await button("Add a rule…").click();
  await dialog().getByLabel("Name").fill("old");
  await dialog().getByLabel("Older than, in days").fill("30");
  await dialog().getByLabel("Filter").fill("properties.x =");
  await button("Add").click();
  await dialog().getByRole("alert").waitFor();
  await dialog().getByLabel("Filter").fill("");
  await button("Add").click();
  await row("old").getByRole("link", { name: "Preview" }).click();
  await page.getByText("Nothing. No set is that old and matches.").waitFor();
  await page.keyboard.press("u");
  await row("old").getByRole("button", { name: "Delete…" }).click();
  await button("Delete").click();
  await page.getByText("There are no rules of retention").waitFor();
  await page.getByRole("link", { name: "Audit trail" }).click();
  await row("rule removed").waitFor();
  await row("token made").waitFor();
  await page.getByLabel("What").selectOption("audit.user");
  await page.waitForFunction(() => [...document.querySelectorAll("main tbody tr")].every((one) => one.textContent.includes("User")));
  await row("user added").first().waitFor();
  await accessible("the audit trail");
  await page.getByRole("link", { name: "Server" }).click();
  await page.getByRole("heading", { name: "Disk" }).first().waitFor();
  quiet();
});

test("the journal says why a request was refused, and the console does not flood it", async () => {
  await send("/api/v1/requests", "DELETE");
  await ask(server.url, "/rest/serverengine/entity/job/1/properties", "PUT", { note: "<img src=x onerror=alert(1)> \u202e" });
  await open("/?view=requests");
  await row("did you mean").waitFor();
  assert.equal(await page.locator("main tbody tr").count(), 1, "the console's own are left out");
  assert.equal((await send("/api/v1/requests", "GET")).requests.filter((one) => one.console && one.status < 400).length, 0);
  await button("Follow").click();
  await page.waitForTimeout(300);
  await ask(server.url, "/api/v1/entities/999999999", "GET");
  await row("999999999").waitFor();
  await page.getByLabel("Method").selectOption("PUT");
  await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
  await accessible("the journal");
  await shoot("requests");
  await row("did you mean").getByRole("link").press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main"); // where the keyboard goes on
  await heading(/PUT \/rest\/serverengine\/entity\/job\/1\/properties/);
  await page.getByText("onerror=alert(1)").first().waitFor();
  await page.locator(".recorded").getByText("U+202E").waitFor();
  assert.match(await page.locator(".copy code").innerText(), /^curl -sS -X 'PUT' -u 'ol-admin:'"\$PLATEN_PASSWORD"/);
  await accessible("one request");
  await shoot("request");
  let held;
  await page.route(/\/api\/v1\/requests\//, (route) => (route.request().method() === "DELETE" ? (held = route) : route.fallback()));
  await button("Delete").click();
  await becomes(() => Boolean(held), true);
  assert.equal(await button("Delete").isDisabled(), true);
  await page.keyboard.press("u");
  await page.getByRole("link", { name: "Clear" }).click();
  await row("999999999").getByRole("link").click();
  await heading(/GET /);
  await held.fulfill({ json: { deleted: 0 } });
  await page.getByText("0 requests are deleted.").waitFor();
  await heading(/GET /); // nobody is led away
  await page.unroute(/\/api\/v1\/requests\//);
  await page.keyboard.press("u");
  await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 2);
  await button("Delete…").click();
  await button("Delete").click();
  await page.getByText("No request is in the journal yet.").waitFor();
  await open("/?view=requests&request=1");
  await page.getByRole("alert").waitFor();
  await heading("Requests 1");

  // A stream that ends is gone on with where it was.
  await open("/?view=requests");
  const asked = [];
  const journal = /\/api\/v1\/requests/;
  await page.route(journal, (route) => {
    const { accept, "last-event-id": last } = route.request().headers();
    if (accept !== "text/event-stream") return route.fallback();
    asked.push(last);
    return asked.length === 1 ? route.fulfill({ contentType: accept, body: "id: 3\n\n" }) : route.fallback();
  });
  await button("Follow").click();
  await becomes(() => asked.length, 2);
  assert.deepEqual(asked, [undefined, "3"]);
  await page.unroute(journal);
  quiet();

  // One that ends with the session goes on after the next login.
  const { context, page: other } = await visitor();
  const refusals = [];
  await other.route(journal, (route) => {
    if (route.request().headers().accept !== "text/event-stream" || refusals.length > 1) return route.fallback();
    refusals.push(route.request());
    const message = "the token is invalid: log in again";
    return route.fulfill({ status: 403, contentType: "application/json", body: JSON.stringify({ error: { message, parameter: "" } }) });
  });
  await other.goto(`${server.url}/?view=requests&live=on`);
  const again = other.getByRole("dialog");
  await again.getByLabel("Password").fill(password);
  await again.getByRole("button", { name: "Log in" }).click();
  await again.waitFor({ state: "detached" });
  await becomes(() => refusals.length, 2);
  await again.getByLabel("Password").fill(password);
  await again.getByRole("button", { name: "Log in" }).click();
  await again.waitFor({ state: "detached" });
  await other.waitForTimeout(3500); // until it is asked for again
  await ask(server.url, "/api/v1/entities/999999998", "GET");
  await other.locator("main tbody tr", { hasText: "999999998" }).waitFor();
  await context.close();
});

test("a viewer has none of it, by page and by request", async () => {
  const reader = await visitor("reader", "reads and no more");
  await reader.page.getByText("What came in").waitFor();
  for (const name of ["Administration", "Requests"]) assert.equal(await reader.page.getByRole("link", { name }).count(), 0, name);
  assert.equal(await reader.page.getByText("What is wrong").count(), 0);
  for (const where of ["/?view=admin&tab=tokens", "/?view=requests", "/?view=server"]) {
    await reader.page.goto(server.url + where);
    await reader.page.getByText("It needs the role admin; yours is viewer.").waitFor();
  }
  const statuses = await reader.page.evaluate(async (calls) => Promise.all(calls.map(async ([method, where]) => (await fetch(`/api/v1/${where}`, {
    method, headers: { "X-Requested-With": "platen-console", "Content-Type": "application/json" }, ...(method === "GET" ? {} : { body: "{}" }),
  })).status)), [
    ["GET", "users"], ["POST", "users"], ["PATCH", "users/reader"], ["DELETE", "users/ol-admin"], ["GET", "webhooks"], ["POST", "webhooks"],
    ["GET", "retention"], ["POST", "retention"], ["GET", "events?last=5&type=audit"], ["GET", "requests"], ["DELETE", "requests"], ["GET", "server"],
  ]);
  assert.deepEqual(statuses, statuses.map(() => 403));
  await reader.page.getByRole("link", { name: "reader viewer" }).click();
  await reader.page.getByText("You have no tokens.").waitFor();
  await reader.page.getByRole("button", { name: "Make a token…" }).click();
  await reader.page.getByRole("dialog").getByLabel("Name").fill("of-reader");
  assert.deepEqual(await reader.page.getByLabel("Role").locator("option").allInnerTexts(), ["viewer: may look"]);
  await reader.page.getByRole("button", { name: "Add" }).click();
  await reader.page.getByRole("button", { name: "I have kept it" }).click();
  await reader.page.locator("tr", { hasText: "of-reader" }).waitFor();
  reader.quiet();
  await reader.context.close();
});

test("a lost connection is said, and found again", async () => {
  await open("/");
  await page.getByText("Live", { exact: true }).waitFor();
  await page.context().setOffline(true);
  await page.getByText("Not live").waitFor();
  await page.context().setOffline(false);
  await page.getByText("Live", { exact: true }).waitFor();
  const made = await importJobs();
  await page.locator(".history li", { hasText: `Job set ${made.id}` }).waitFor();
  quiet();
});

test("an answer that takes long is waited for, and a stream that the server has ended goes on", async () => {
  const slow = await visitor();
  const held = [], streams = [], begun = [];
  await slow.page.clock.install();
  await slow.page.route("**/api/v1/operations?*", (route) => held.push(route));
  await slow.page.route("**/api/v1/events", (route) => (
    streams.push(route) > 1 ? route.continue() : route.fulfill({ contentType: "text/event-stream", body: "event: dropped\ndata: {}\n\n" })));
  slow.page.on("request", (request) => request.url().includes("/events?last=") && begun.push(request));
  await slow.page.goto(server.url);
  await slow.page.getByText("Not live").waitFor();
  await becomes(() => held.length, 1);
  await slow.page.clock.runFor(30_000);
  await slow.page.getByText("Live", { exact: true }).waitFor();
  assert.deepEqual([streams.length, begun.length, held.length], [2, 1, 1]);
  await held[0].continue();
  await slow.page.getByText("Nothing is under way.").or(slow.page.locator(".operations li").first()).waitFor();
  await slow.page.clock.runFor(6000);
  await becomes(() => held.length, 2); // it is asked again
  await slow.page.route("**/api/v1/users", () => {}, { times: 1 }); // no answer
  await slow.page.goto(`${server.url}/?view=admin`);
  await slow.page.locator("main .body").getByText("Loading…").waitFor();
  slow.quiet();
  await slow.context.close();
});

test("a session goes on while the page is used, and ends when it is not", async (context) => {
  const ttl = 3; // seconds
  const brief = await startServer("--token-ttl", `${ttl}s`);
  context.after(() => brief.stop());
  const other = await visitor(user, password, brief);
  await other.page.goto(`${brief.url}/?view=admin`);
  await other.page.getByRole("button", { name: "Add a user…" }).click();
  const name = other.page.getByRole("dialog").getByLabel("Name");
  await name.fill("typed ");
  for (const until = Date.now() + 2 * ttl * 1000; Date.now() < until; await other.page.waitForTimeout(400)) await name.press("End");
  assert.equal(await other.page.getByText("Your session has ended.").count(), 0);
  assert.equal(await name.inputValue(), "typed ");
  await other.page.waitForTimeout((ttl + 1) * 1000); // nobody uses it
  await other.page.evaluate(() => window.dispatchEvent(new Event("platen:again"))); // what is shown is read again
  await other.page.getByText("Your session has ended.").waitFor();
  await other.page.getByRole("dialog").last().getByLabel("Password").fill(password);
  await other.page.getByRole("button", { name: "Log in" }).click();
  await other.page.getByText("Your session has ended.").waitFor({ state: "detached" });
  assert.equal(await name.inputValue(), "typed ");
  other.quiet();
  await other.context.close();
});

test("each of these views fits its window, in light and dark", async () => {
  const fresh = await visitor();
  const views = ["/", "/?view=admin", "/?view=admin&tab=tokens", "/?view=admin&tab=webhooks", "/?view=admin&tab=retention", "/?view=admin&tab=audit", "/?view=requests&console=too"];
  const checked = ["/", "/?view=admin&tab=tokens", "/?view=requests&console=too"];
  ({ page, quiet } = fresh);
  await send("/api/v1/webhooks", "POST", { url: "http://127.0.0.1:9/x" });
  await send("/api/v1/tokens", "POST", { name: "some-token", user, role: "viewer" });
  await send("/api/v1/retention", "POST", { name: "old", kind: "jobset", days: 30, filter: 'properties.archived = "yes"' });
  await page.emulateMedia({ colorScheme: "dark" });
  for (const where of views) {
    await open(where);
    await page.locator("main h1").waitFor();
    await page.emulateMedia({ media: "print" });
    assert.equal(await page.locator("main .tabs").isVisible(), false, `${where} is printed with what leads elsewhere`);
    await page.emulateMedia({ media: "screen" });
    await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
    for (const width of [2560, 768, 360]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, `${where} is wider than ${width}`);
    }
    if (checked.includes(where)) await accessible(`${where}, narrow and dark`); // it takes half a second
  }
  quiet();
});
