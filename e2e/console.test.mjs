// Uses the console as people do.
//
//   PLATEN_BINARY       the program, which is started here
//   CHROMIUM            the browser, unless it is /usr/bin/chromium
//   PLATEN_SCREENSHOTS  a directory for screenshots, if they are wanted

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ask, assertAccessible, becomes, password, longestWait, screenshot, startBrowser, startServer, user, watch } from "./support.mjs";

const jobs = "/rest/serverengine/entity/jobs";

let browser, server, context, page, quiet;
let set, job; // of the demo's data

before(async () => {
  server = await startServer();
  browser = await startBrowser();
  ({ context, page, quiet } = await visitor());
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

// visitor returns a page of a browser that nobody has used.
async function visitor(options = {}) {
  const own = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
  const one = await own.newPage();
  one.setDefaultTimeout(longestWait);
  return { context: own, page: one, quiet: await watch(one, server.url) };
}

async function logIn(at, name = user, secret = password) {
  await at.getByLabel("User").fill(name);
  await at.getByLabel("Password").fill(secret);
  await at.getByRole("button", { name: "Log in" }).click();
}

const open = (where) => page.goto(server.url + where);
const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
const properties = async (id) => (await ask(server.url, `${jobs}/${id}/properties`)).data;
const write = (id, list) => ask(server.url, `${jobs}/${id}/properties`, "PUT", { id, properties: list });
const importJobs = async (list) => (await ask(server.url, "/api/v1/jobsets", "POST", { jobs: [{ properties: list }] })).data;

const accessible = (what) => assertAccessible(page, what);
const shoot = (name) => screenshot(page, `console-${name}`);

test("a user logs in, and the session is out of reach of scripts", async () => {
  await open("/");
  await page.getByLabel("User").waitFor();
  await accessible("the login");
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("The user or the password is wrong.").waitFor();
  await logIn(page);
  await heading("Overview");
  const cookie = (await context.cookies()).find((one) => one.name.startsWith("platen_session"));
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, "Strict");
  assert.equal(await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)), "{}{}");
  quiet();
});

test("an empty server offers the demo's data", async () => {
  await page.getByRole("button", { name: "Load the demo’s data" }).waitFor();
  await accessible("an empty server");
  await shoot("empty");
  await page.getByRole("button", { name: "Load the demo’s data" }).click();
  const row = page.locator("main [data-row]").first();
  await row.waitFor();
  set = Number(await row.innerText());
  job = (await ask(server.url, `/rest/serverengine/entity/jobsets/${set}`)).data.identifiers[0];
  quiet();
});

test("a list has its filter, order and columns in its address", async () => {
  await open("/?kind=job");
  const row = page.locator("main tbody tr");
  await row.first().waitFor();
  assert.equal(await row.count(), 3);
  await page.getByText("For a program").click();
  await page.getByText(/^curl -u 'ol-admin' 'http:.+\/api\/v1\/entities\?kind=job&orderBy=id\+desc/).waitFor();
  await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true })); // as without https
  await page.getByRole("button", { name: "Copy" }).first().click();
  await page.getByRole("button", { name: "Press Ctrl+C" }).waitFor();
  assert.match(await page.evaluate(() => window.getSelection().toString()), /^curl -u 'ol-admin' .+entities\?kind=job/);
  await page.getByLabel("Filter").fill('properties.priority = "high"');
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
  await page.getByRole("button", { name: "Press Ctrl+C" }).waitFor({ state: "detached" }); // the line is another one
  await page.getByText("Columns").click();
  await page.getByLabel("Name of a property").fill("customer");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("columnheader", { name: "customer" }).waitFor();
  await page.getByText("Columns").click();
  await page.getByRole("link", { name: "Clear" }).click();
  await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 3);
  await page.getByRole("button", { name: "Documents" }).click();
  await page.waitForFunction(() => document.querySelector("main tbody tr td:last-child").textContent === "Fitness Ørsted");
  await page.getByRole("button", { name: "Documents" }).click();
  await page.waitForFunction(() => document.querySelector("main tbody tr td:last-child").textContent === "Stadtwerke Köln");
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("main tbody tr td:last-child").textContent === "Fitness Ørsted");
  const shown = await page.locator("main table").innerText();
  await page.reload();
  await row.first().waitFor();
  assert.equal(await page.locator("main table").innerText(), shown, "after a reload");
  const colleague = await visitor();
  await colleague.page.goto(page.url());
  await logIn(colleague.page);
  await colleague.page.locator("main tbody tr").first().waitFor();
  assert.equal(await colleague.page.locator("main table").innerText(), shown, "a link to a colleague");
  colleague.quiet();
  await colleague.context.close();
  await page.getByLabel("Filter").fill("properties.x =");
  await page.keyboard.press("Enter");
  await page.getByText("expected a value").waitFor();
  quiet();
});

test("a list counts what it shows, whatever the estimate is", async () => {
  await page.route("**/api/v1/entities?*", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), totalEstimate: 0 } });
  });
  await open("/?kind=job");
  await page.locator("h1", { hasText: /^Jobs 3$/ }).waitFor();
  await page.unroute("**/api/v1/entities?*");
  quiet();
});

test("pages follow each other and lead back", async () => {
  const made = (await ask(server.url, "/api/v1/jobsets", "POST", { jobs: Array.from({ length: 150 }, () => ({})) })).data;
  await open(`/?kind=job&filter=${encodeURIComponent(`set = ${made.id}`)}&orderBy=id`);
  await page.getByText("100 rows on this page").waitFor();
  await page.keyboard.press("n");
  await page.getByText("50 rows on this page").waitFor();
  await page.keyboard.press("p");
  await page.getByText("100 rows on this page").waitFor();
  await open(`/?id=${made.id}`);
  const tree = page.getByRole("tree");
  await tree.getByText("150 jobs").waitFor();
  await tree.evaluate((box) => { box.scrollTop = box.scrollHeight; });
  await tree.getByText(`Job ${made.jobs[149]}`).waitFor();
  quiet();
});

test("an entity has its path, and its lists can be changed", async () => {
  await open(`/?id=${job}`);
  await heading(`Job ${job}`);
  await page.locator(".path").getByRole("link", { name: `Job set ${set}` }).waitFor();
  assert.match(await page.locator(".facts").innerText(), /Documents\s+140/);
  const was = await properties(job);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByRole("button", { name: "Edit" }).click();
  const rows = section.locator("tbody tr");
  await rows.first().waitFor();
  await accessible("the editor");
  await shoot("editor");
  await rows.nth(1).getByLabel("Value").fill("Käufer & Söhne");
  await rows.nth(1).getByLabel("Move up").click();
  await rows.nth(3).getByLabel("Remove").click();
  await section.getByRole("button", { name: "Add" }).click();
  await rows.last().getByLabel("Name").fill("new one");
  await rows.last().getByLabel("Value").fill("first\nsecond");
  await section.getByRole("button", { name: "Paste a list" }).click();
  await section.getByLabel("Paste lines").fill("pasted=1\nstatus\tprinted");
  await section.getByRole("button", { name: "Add these" }).click();
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const want = [{ name: "customer", value: "Käufer & Söhne" }, was[0], was[2], { name: "status", value: "printed" }, was[5],
    { name: "new one", value: "first\nsecond" }, { name: "pasted", value: "1" }];
  assert.deepEqual(await properties(job), want);
  await section.getByRole("button", { name: "Edit" }).click();
  await rows.first().getByLabel("Name").fill("status");
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("The name status is there twice.").waitFor();
  page.once("dialog", (dialog) => dialog.dismiss());
  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await heading(`Job ${job}`); // it stays
  page.once("dialog", (dialog) => dialog.dismiss());
  await section.getByRole("button", { name: "Cancel" }).click();
  await section.locator(".editor").waitFor(); // it stays as well
  page.once("dialog", (dialog) => dialog.accept());
  await section.getByRole("button", { name: "Cancel" }).click();
  await section.locator(".editor").waitFor({ state: "detached" });
  await write(job, was);
  quiet();
});

test("who leaves two changed lists is asked once", async () => {
  await open(`/?kind=job&filter=set%3D${set}`);
  await page.locator("main [data-row]", { hasText: String(job) }).click();
  for (const name of ["Properties", "Metadata"]) {
    const section = page.locator(".pairs-of", { hasText: name });
    await section.getByRole("button", { name: "Edit" }).click();
    await section.getByRole("button", { name: "Add" }).click();
  }
  const asked = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.message());
    return asked.length === 1 ? dialog.dismiss() : dialog.accept();
  });
  await page.goBack();
  await becomes(() => asked.length, 1);
  await heading(`Job ${job}`); // it stays
  await page.waitForURL((url) => url.searchParams.get("id") === String(job));
  await page.goBack();
  await heading(/^Jobs/);
  assert.deepEqual(asked, Array(2).fill("There are changes that are not saved. Leave them?"));
  page.removeAllListeners("dialog");
  quiet();
});

test("somebody else's change is shown, and not overwritten", async () => {
  const made = await importJobs([{ name: "a", value: "1" }, { name: "b", value: "1" }, { name: "c", value: "1" }]);
  const id = made.jobs[0];
  await open(`/?id=${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByRole("button", { name: "Edit" }).click();
  await section.locator("tbody tr").first().waitFor();
  await write(id, [{ name: "a", value: "theirs" }, { name: "b", value: "theirs" }, { name: "c", value: "1" }, { name: "d", value: "theirs" }]);
  await section.locator("tbody tr").nth(1).getByLabel("Value").fill("mine");
  await section.locator("tbody tr").nth(2).getByLabel("Value").fill("mine");
  await section.getByRole("button", { name: "Save" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Somebody else has changed this").waitFor();
  await accessible("the conflict");
  await shoot("conflict");
  assert.deepEqual((await properties(id)).map((pair) => pair.value), ["theirs", "theirs", "1", "theirs"], "before a choice");
  const save = dialog.getByRole("button", { name: "Save what is chosen" });
  assert.equal(await save.isDisabled(), true, "saved without a choice");
  await dialog.locator("tr", { has: page.getByRole("rowheader", { name: "b", exact: true }) }).getByRole("radio").nth(1).check();
  await context.clearCookies(); // what was chosen is still so after a login
  await save.evaluate((button) => button.click()); // the page may have seen it, and ask for a login, before a click of the mouse
  await logIn(page.locator("dialog", { hasText: "Your session has ended." }));
  await dialog.waitFor({ state: "detached" });
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.deepEqual(await properties(id), [
    { name: "a", value: "theirs" }, { name: "b", value: "mine" }, { name: "c", value: "mine" }, { name: "d", value: "theirs" },
  ]);
  quiet();
});

test("the history of an entity is shown, and a change is put back", async () => {
  const id = (await importJobs([{ name: "a", value: "1" }, { name: "b", value: "1" }])).jobs[0];
  await write(id, [{ name: "a", value: "2" }, { name: "c", value: "new" }]);
  await open(`/?id=${id}`);
  const changes = page.locator(".history li");
  await changes.nth(1).waitFor();
  assert.match(await changes.nth(0).innerText(), /Changed[\s\S]+Properties[\s\S]+\sa\s+1\s+2\s+b\s+1\s+\(not there\)\s+c\s+\(not there\)\s+new/);
  assert.match(await changes.nth(1).innerText(), /Imported/);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await changes.nth(1).getByRole("link").click();
  await section.getByRole("row", { name: "b 1" }).waitFor();
  assert.equal(await section.getByRole("row").count(), 2, "as it was imported");
  assert.equal(await section.getByRole("button", { name: "Edit" }).count(), 0);
  await accessible("an entity as it was");
  await page.reload();
  await section.getByRole("row", { name: "b 1" }).waitFor();
  await changes.nth(0).getByRole("link").first().click();
  await section.getByRole("row", { name: "c new" }).waitFor();
  await page.getByRole("link", { name: "As they are now" }).click();
  await section.getByRole("button", { name: "Edit" }).waitFor();
  await changes.nth(0).getByRole("button", { name: "Put back" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("a change of its own").waitFor();
  await write(id, [{ name: "a", value: "2" }, { name: "d", value: "later" }]);
  await dialog.getByRole("button", { name: "Put back", exact: true }).click();
  await dialog.getByText("what was set since then").waitFor();
  await accessible("a change that is put back");
  await shoot("revert");
  await dialog.getByRole("button", { name: "Put these names back all the same" }).click();
  await page.getByText("What was before is there again.").waitFor();
  await changes.nth(3).waitFor();
  assert.deepEqual((await properties(id)).toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    [{ name: "a", value: "1" }, { name: "b", value: "1" }, { name: "d", value: "later" }]);
  quiet();
});

test("who may not change is offered nothing to change, and is refused", async () => {
  await ask(server.url, "/api/v1/users", "POST", { name: "reader", password: "reads and no more", role: "viewer" });
  const reader = await visitor();
  await reader.page.goto(`${server.url}/?id=${set}`);
  await logIn(reader.page, "reader", "reads and no more");
  await reader.page.getByRole("heading", { level: 1, name: `Job set ${set}` }).waitFor();
  await reader.page.locator(".history li").first().waitFor();
  await reader.page.getByText("viewer").waitFor();
  for (const name of ["Edit", "Delete…", "Put back…"]) assert.equal(await reader.page.getByRole("button", { name }).count(), 0, name);
  assert.equal(await reader.page.getByRole("link", { name: "Import" }).count(), 0);
  for (const [where, name] of [["import", "Your role does not allow this"], ["server", "Your role does not allow this"], ["nothing", "There is no such view"]]) {
    await reader.page.goto(`${server.url}/?view=${where}`);
    await reader.page.getByRole("heading", { level: 1, name }).waitFor();
    assert.equal(await reader.page.title(), `${name} · platen`);
  }
  await assertAccessible(reader.page, "a view that is not there");
  const refused = await reader.page.evaluate(async (path) => (await fetch(path, {
    method: "PUT", headers: { "X-Requested-With": "platen-console", "Content-Type": "application/json" }, body: "{}",
  })).status, `${jobs}/${job}/properties`);
  assert.equal(refused, 403);
  assert.equal(await reader.page.getByText("Your session has ended.").count(), 0);
  reader.quiet();
  await reader.context.close();
});

test("what others change is shown as it happens", async () => {
  const id = (await importJobs([{ name: "name", value: "watched" }])).jobs[0];
  await open("/?view=changes");
  await page.getByText("Live", { exact: true }).waitFor();
  await write(id, [{ name: "name", value: "watched" }, { name: "status", value: "printed" }]);
  await page.locator(".history li", { hasText: `Job ${id}` }).getByText("printed").waitFor();
  await page.locator(".last tr", { hasText: String(id) }).first().getByText("printed").waitFor();
  await accessible("changes");
  await shoot("changes");
  await open(`/?id=${id}`);
  await page.locator(".pairs-of", { hasText: "printed" }).waitFor();
  await page.locator(".history li").nth(1).waitFor();
  await ask(server.url, `${jobs}/${id}/properties`, "PUT", { id, properties: [{ name: "status", value: "sent" }] });
  await page.locator(".pairs-of", { hasText: "sent" }).waitFor();
  await page.locator(".history li").nth(2).waitFor();
  await open("/?kind=job");
  await page.locator("main tbody tr").first().waitFor();
  const made = await importJobs([]);
  await page.getByRole("button", { name: "1 new: show it" }).waitFor();
  assert.equal(await page.locator("main [data-row]", { hasText: String(made.jobs[0]) }).count(), 0, "rows move by themselves");
  await page.getByRole("button", { name: "1 new: show it" }).click();
  await page.locator("main [data-row]", { hasText: String(made.jobs[0]) }).waitFor();
  quiet();
});

test("hostile names and values are shown as text, and stay as they are", async () => {
  const hostile = [
    { name: "<img src=x onerror=alert(1)>", value: "<script>alert(1)</script>" },
    { name: "bidi \u202e gnp.exe", value: "\u2066\u202eabc\u2069 \u200b\ufeff" },
    { name: "control", value: "\u0001\u001b[31m\r\n\ttab\u007f\u0085" },
    { name: "عربى", value: "שלום עולם 123" },
    { name: "joined", value: "👩🏽\u200d💻 می\u200cخواهم a\u200db" },
    { name: "tags \u{e0041}", value: "\\u0041 \\n" },
    { name: "x".repeat(250), value: "m".repeat(1_000_000) },
    { name: "plain", value: "1" },
  ];
  const id = (await importJobs(hostile)).jobs[0];
  await open(`/?id=${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByText("<script>alert(1)</script>").waitFor();
  await section.getByText("U+202E").first().waitFor();
  assert.match(await section.locator("tr", { hasText: "joined" }).innerText(), /👩🏽\u200d💻 می\u200cخواهم aU\+200Db$/);
  assert.ok((await section.innerText()).length < 10_000, "long values are shortened");
  await accessible("hostile values");
  await shoot("hostile");
  await section.getByRole("button", { name: "Edit" }).click();
  const rows = section.locator("tbody tr");
  await rows.last().getByLabel("Value").fill("2");
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.deepEqual(await properties(id), [...hostile.slice(0, -1), { name: "plain", value: "2" }]);
  await open("/?kind=job");
  await page.locator("main tbody tr").first().waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, "the page is wider than its window");
  quiet();
});

test("a deleted set comes back", async () => {
  const { id } = await importJobs([]);
  await open(`/?id=${id}`);
  await page.getByRole("button", { name: "Delete…" }).click();
  await accessible("the question before a deletion");
  await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText(`Job set ${id} is deleted.`).waitFor();
  assert.equal((await ask(server.url, `/api/v1/jobsets/${id}`)).status, 404);
  await page.keyboard.press("g");
  await page.keyboard.press("x");
  let held;
  await page.route("**/undelete", (route) => { held = route; }, { times: 1 });
  const takeBack = page.locator("tr", { hasText: `Job set ${id}` }).getByRole("button", { name: "Take back" });
  await takeBack.click();
  await becomes(() => Boolean(held), true);
  assert.equal(await takeBack.isDisabled(), true); // it would be refused for a set that is back
  await held.continue();
  await page.getByText(`Job set ${id} is back.`).waitFor();
  assert.equal((await ask(server.url, `/api/v1/jobsets/${id}`)).status, 200);
  await open(`/?id=${id}`);
  await page.getByRole("button", { name: "Edit" }).first().waitFor();
  await ask(server.url, `/api/v1/entities/${id}`, "DELETE"); // somebody else does
  await page.getByRole("alert").getByRole("link", { name: "Deleted sets" }).waitFor();
  for (const name of ["Edit", "Delete…", "Put back…"]) assert.equal(await page.getByRole("button", { name }).count(), 0, name);
  await accessible("a set that is gone");
  await ask(server.url, `/api/v1/entities/${id}/undelete`, "POST");
  await page.getByRole("button", { name: "Edit" }).first().waitFor();
  quiet();
});

// drop lets a file fall onto the page.
async function drop(name, text) {
  const data = await page.evaluateHandle(([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, { type: "application/json" }));
    return transfer;
  }, [name, text]);
  await page.locator("main h1").dispatchEvent("drop", { dataTransfer: data });
}

// dropFiles lets files of this directory fall onto the page, as people do.
async function dropFiles(...names) {
  const files = names.map((name) => fileURLToPath(new URL(name, import.meta.url)));
  const session = await context.newCDPSession(page);
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x: 400, y: 600, data: { items: [], files, dragOperationsMask: 1 } });
  await session.detach();
}

test("a file is imported by dropping it", async () => {
  await open("/?view=import");
  await drop("good.json", JSON.stringify({ jobs: [{ properties: [{ name: "from", value: "a file" }] }] }));
  await page.getByText(/Job set \d+ is imported\./).waitFor();
  await page.getByRole("link", { name: "Open" }).click();
  await heading(/^Job set \d+/);
  await open("/?view=import");
  await drop("broken.json", '{"jobs":[{"properties":[{"name":"a","value":"1"}]},');
  const alert = page.getByRole("alert");
  await alert.waitFor();
  assert.notEqual((await alert.innerText()).trim(), "");
  await drop("picture.png", "\x89PNG");
  await page.getByText("picture.png does not look like JSON.").waitFor();
  await accessible("an import that failed");
  await dropFiles(".");
  await page.getByText("can not be read: it is a folder").waitFor();
  await dropFiles("package.json", "package-lock.json");
  await page.getByText("One file at a time can be imported.").waitFor();

  let stored;
  await page.route("**/api/v1/jobsets", async (route) => {
    stored = (await (await route.fetch()).json()).id; // of which the page does not hear
  }, { times: 1 });
  await drop("stored.json", '{"jobs":[{}]}');
  await becomes(() => stored > 0, true);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped. If all of it had been sent by then, it may be stored all the same.").waitFor();
  assert.equal((await ask(server.url, `/api/v1/jobsets/${stored}`)).status, 200);

  await page.route("**/api/v1/jobsets", () => {}, { times: 1 }); // no answer
  const stopped = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/api/v1/jobsets"));
  await drop("slow.json", '{"jobs":[{}]}');
  await page.getByRole("button", { name: "Stop" }).waitFor();
  assert.equal(await page.getByText(/ of .+ sent$/).evaluate((text) => text.closest("[aria-live]").getAttribute("aria-live")), "off"); // it changes all the time
  page.once("dialog", (question) => question.dismiss());
  await page.getByRole("link", { name: "Deleted sets" }).click();
  await page.getByRole("button", { name: "Stop" }).waitFor();
  page.once("dialog", (question) => question.accept());
  await page.getByRole("link", { name: "Deleted sets" }).click();
  await heading("Deleted sets");
  await stopped;
  quiet();
});

test("the keyboard suffices", async () => {
  await open("/?kind=jobset");
  await page.locator("main [data-row]").first().waitFor();
  await page.keyboard.press("?");
  await page.getByRole("dialog").getByText("next and previous row").waitFor();
  await accessible("the keys");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  const first = await page.locator("main [data-row]").first().innerText();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), first);
  await page.keyboard.press("Enter");
  await heading(new RegExp(`^Job set ${first}`));
  await page.keyboard.press("u");
  await heading("Job sets");
  await page.keyboard.press("/");
  await page.keyboard.type(String(job));
  await page.keyboard.press("Enter");
  await heading(`Job ${job}`);
  await page.locator(".pairs-of tbody tr").first().waitFor();
  await page.keyboard.press("e");
  await page.locator(".editor textarea").first().waitFor();
  await page.waitForFunction(() => document.activeElement.tagName === "TEXTAREA");
  await page.getByRole("button", { name: "Cancel" }).press("Enter");
  const focused = (text) => page.waitForFunction((text) => document.activeElement.textContent === text, text);
  await focused("Edit");
  await page.keyboard.press("Enter");
  await page.locator(".editor").getByLabel("Value").first().press("Control+Enter");
  await focused("Edit");
  await page.keyboard.press("u");
  await heading(`Job set ${set}`);
  await page.getByRole("button", { name: "Delete…" }).press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await focused("Delete…");
  await page.keyboard.press("g");
  await page.keyboard.press("i");
  await heading("Import a set");
  await page.keyboard.press("g");
  await page.keyboard.press("v");
  await heading("Server");
  await page.getByRole("row", { name: "history-for" }).waitFor();
  quiet();
});

test("each view fits its window and has no finding of axe", async () => {
  const views = { sets: "/?kind=jobset", jobs: `/?kind=job&filter=set%3D${set}`, set: `/?id=${set}`, job: `/?id=${job}`, changes: "/?view=changes", deleted: "/?view=deleted", import: "/?view=import", server: "/?view=server", nothing: "/?id=1" };
  const checked = { light: 1440, dark: 390 }; // axe takes half a second
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [name, where] of Object.entries(views)) {
      await open(where);
      await page.locator('main h1').waitFor();
      await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
      for (const width of [320, 390, 768, 1440, 2560]) {
        await page.setViewportSize({ width, height: 900 });
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, `${name} is wider than ${width}`);
        assert.equal(await page.evaluate(() => [...document.querySelectorAll("main section time")].some((time) => time.getBoundingClientRect().right > time.closest("section").getBoundingClientRect().right)), false, `a time in ${name} is wider than its card at ${width}`);
        if (width !== 320 && width !== 2560) await shoot(`${name}-${width}-${colorScheme}`);
        if (width === checked[colorScheme]) await accessible(`${name} ${colorScheme} ${width}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1440, height: 900 });
  quiet();
});

test("colours can be chosen", async () => {
  const back = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await back();
  await page.getByLabel("Colours").selectOption("dark");
  assert.notEqual(await back(), light);
  await page.reload();
  await page.getByLabel("Colours").waitFor();
  assert.notEqual(await back(), light, "after a reload");
  await page.getByLabel("Colours").selectOption("system");
  assert.equal(await back(), light);
});

test("a session that ends and a server that is gone are said, and lose nothing", async () => {
  await open(`/?id=${job}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByRole("button", { name: "Edit" }).click();
  await section.locator("tbody tr").first().getByLabel("Value").fill("kept");
  await context.clearCookies();
  await section.getByRole("button", { name: "Save" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Your session has ended.").waitFor();
  for (let i = 0; i < 4; i++) await page.keyboard.press("Escape");
  await dialog.evaluate((element) => element.close()); // as browsers do that do not know closedby
  await logIn(dialog);
  await dialog.waitFor({ state: "detached" });
  await section.getByRole("alert").waitFor({ state: "detached" }); // somebody is logged in
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal((await properties(job))[0].value, "kept");
  await context.setOffline(true);
  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await page.locator(".banner").waitFor();
  await context.setOffline(false);
  await page.locator("main tbody tr").first().waitFor();
  await page.locator(".banner").waitFor({ state: "detached" });
  await context.setOffline(true);
  await page.getByRole("link", { name: "Create jobs", exact: true }).click(); // which is not loaded before
  await page.locator("main .problem", { hasText: "The server can not be reached." }).waitFor();
  await context.setOffline(false);
  await heading("Create jobs");
  await page.route("**/console/tokens.js", (route) => route.abort()); // as Firefox does again and again after the first time
  await context.setOffline(true);
  await page.getByRole("link", { name: user }).click();
  await page.locator("main .problem", { hasText: "The server can not be reached." }).waitFor();
  await context.setOffline(false);
  await heading("Your tokens");
  await page.unroute("**/console/tokens.js");
  const other = 'import { nothingSuch } from "./load.js"; export const Admin = nothingSuch;';
  await page.route("**/console/admin.js", (route) => route.fulfill({ contentType: "text/javascript", body: other }), { times: 1 });
  await page.getByRole("link", { name: "Administration" }).click(); // of a server that has another version by now
  await page.getByText("The server may have another version by now.").waitFor();
  assert.equal(await page.locator(".banner").count(), 0);
  await page.getByRole("button", { name: "Try again" }).click();
  await heading("Users");
  quiet();
});

test("who logs in as somebody else in another window is shown as that", async () => {
  await ask(server.url, "/api/v1/users", "POST", { name: "somebody", password: "somebody else", role: "viewer" });
  const other = await context.newPage();
  other.setDefaultTimeout(longestWait);
  await other.goto(server.url);
  await other.getByRole("button", { name: "Log out" }).click();
  await logIn(other, "somebody", "somebody else");
  const named = (at) => at.getByRole("link", { name: "somebody viewer" }).waitFor();
  await named(other);
  const back = () => page.evaluate(() => window.dispatchEvent(new Event("focus"))); // headless browsers have none
  await back();
  await named(page);
  await context.clearCookies();
  await page.getByRole("link", { name: "Jobs", exact: true }).click();
  await page.getByText("Your session has ended.").waitFor();
  await other.goto(server.url);
  await logIn(other);
  await other.getByRole("link", { name: `${user} admin` }).waitFor();
  await other.close();
  await back();
  await page.getByText("Your session has ended.").waitFor({ state: "detached" });
  await page.locator("main tbody tr").first().waitFor();
  await page.getByRole("link", { name: `${user} admin` }).waitFor();
  quiet();
});

test("a logout ends it", async () => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Password").waitFor();
  assert.deepEqual(await context.cookies(), []);
  quiet();
});

test("the first load is small", async () => {
  const fresh = await visitor();
  let size = 0;
  fresh.page.on("response", (response) => {
    size += Number(response.headers()["content-length"] ?? 0);
  });
  await fresh.page.goto(server.url, { waitUntil: "networkidle" });
  assert.ok(size > 10_000 && size < 150_000, `${size} bytes`);
  await fresh.context.close();
});
