// Uses the lists of the console as people do: filter, columns, saved views,
// selection, changes of many, and the search.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, assertAccessible, becomes, password, longestWait, startBrowser, startServer, user, watch } from "./support.mjs";


let browser, server, page, quiet, set;

// visitor returns a page where a user is logged in.
async function visitor(name, secret) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "Europe/Berlin" });
  const one = await context.newPage();
  one.setDefaultTimeout(longestWait);
  const checked = await watch(one, server.url);
  await one.goto(`${server.url}/?kind=job`);
  await one.getByLabel("User").fill(name);
  await one.getByLabel("Password").fill(secret);
  await one.getByRole("button", { name: "Log in" }).click();
  await one.locator("main h1").waitFor();
  return { page: one, quiet: checked, context };
}

const jobOf = (n) => ({ properties: [{ name: "shift", value: n % 4 ? "night" : "day" }, { name: "number", value: String(n).padStart(4, "0") }, { name: "due date", value: n % 2 ? "soon" : "later" }] });

before(async () => {
  server = await startServer();
  const made = await ask(server.url, "/api/v1/jobsets", "POST", { jobs: Array.from({ length: 250 }, (_, n) => jobOf(n)) });
  set = made.data;
  await ask(server.url, "/api/v1/users", "POST", { name: "reader", password: "reads and no more", role: "viewer" });
  browser = await startBrowser();
  ({ page, quiet } = await visitor(user, password));
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = async (where) => {
  await page.goto(server.url + where);
  await idle();
};
const idle = () => page.waitForFunction(() => document.querySelector("main h1") && !document.querySelector('[aria-busy="true"]'));
const rows = () => page.locator("main .table tbody tr");
const rowsAre = (n) => page.waitForFunction((n) => document.querySelectorAll("main .table tbody tr").length === n, n);
const inAddress = (name) => new URL(page.url()).searchParams.get(name);
const valueOf = async (id, name) => (await ask(server.url, `/api/v1/entities/${id}`)).data.properties.find((pair) => pair.name === name)?.value;

// accessible fails if axe finds something in a part of the page, which takes long
// for long tables, or if the page is wider than its window.
async function accessible(what, part = "body") {
  await assertAccessible(page, what, part);
  for (const width of [360, 768, 1440]) {
    await page.setViewportSize({ width, height: 900 });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, `${what} is wider than ${width}`);
  }
}

test("a filter is built from conditions, and is the text at the same time", async () => {
  await open("/?kind=job");
  await page.getByRole("button", { name: "Conditions" }).click();
  const first = page.getByRole("group", { name: "Condition 1" });
  await first.getByLabel("Name").fill("due date");
  await page.waitForFunction(() => [...document.querySelectorAll("#names-0 option")].some((one) => one.value === "due date"));
  await first.getByLabel("How it is compared").selectOption({ label: "begins with" });
  await first.getByLabel("Value").fill("so");
  await page.getByRole("button", { name: "Add a condition" }).click();
  const second = page.getByRole("group", { name: "Condition 2" });
  await second.getByLabel("What is compared").selectOption({ label: "Created" });
  await second.getByLabel("How it is compared").selectOption({ label: "after" });
  await second.getByLabel("Value").fill("2026-01-01T00:00:00");
  const text = page.getByRole("textbox", { name: "Filter" });
  assert.equal(await text.inputValue(), 'properties."due date" = "so*" AND createTime > 2025-12-31T23:00:00Z');
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("about 125").waitFor();
  await page.reload();
  await page.getByText("about 125").waitFor();
  assert.match(await second.getByLabel("Value").inputValue(), /^2026-01-01T00:00/, "after a reload");
  let held;
  await page.route("**/api/v1/entities?*", (route) => { held = route; }, { times: 1 });
  await text.fill("properties.shift = day OR properties.number = 0001");
  await page.keyboard.press("Enter");
  await page.locator("main tbody[inert]").waitFor(); // its rows are not what the filter finds
  assert.equal(await page.getByLabel("Select all on this page").isDisabled(), true);
  await held.continue();
  await rowsAre(64);
  assert.equal(await page.locator("main tbody[inert]").count(), 0);
  assert.equal(await page.getByLabel("Those that fulfil").inputValue(), "any");
  await text.fill("(properties.shift = day) AND NOT (id = 1)");
  await page.getByText("This filter can not be shown as conditions.").waitFor();
  await page.keyboard.press("Enter");
  await rowsAre(63);
  await text.fill("properties.shift = day AND colour = 3");
  await page.keyboard.press("Enter");
  await page.getByText(/filter, at character 28: a job has no "colour"/).waitFor();
  assert.equal(await page.locator(".place mark").innerText(), "c");
  await text.fill("properties.shift = day OR properties.number = 0001");
  await second.waitFor();
  await accessible("a wrong filter, and conditions");
  quiet();
});

test("columns are chosen and ordered by the keyboard, and views are saved for oneself and for all", async () => {
  await open(`/?kind=job&filter=${encodeURIComponent("properties.shift = day")}`);
  await page.locator(".choose summary").focus();
  await page.keyboard.press("Enter");
  await page.getByLabel("Name of a property").fill("due date");
  await page.keyboard.press("Enter");
  await page.getByRole("columnheader", { name: "due date" }).waitFor();
  await page.locator('[data-column="properties.\\"due date\\""]').getByRole("button", { name: "Move to the left" }).focus();
  for (let i = 0; i < 5; i++) await page.keyboard.press("Enter");
  assert.match(inAddress("columns"), /^properties\."due date",parent,properties,/);
  await page.keyboard.press("Escape");
  await page.getByRole("columnheader", { name: "due date" }).getByRole("button").click();
  await page.waitForFunction(() => document.querySelector("main tbody td:nth-child(3)")?.textContent === "later");
  await page.locator(".saved summary").click();
  await page.getByLabel("Name of the view").fill("By <day> \u202e");
  await page.getByLabel("Share it with all").check();
  await page.getByRole("button", { name: "Save as a view" }).click();
  await page.locator("h1 .view-name").waitFor();
  const saved = (await ask(server.url, "/api/v1/views")).data.views;
  assert.deepEqual(saved.map(({ kind, filter, orderBy, shared }) => ({ kind, filter, orderBy, shared })),
    [{ kind: "job", filter: "properties.shift = day", orderBy: 'properties."due date"', shared: true }]);
  assert.match(saved[0].fields, /^properties\."due date",ancestors,/);

  const reader = await visitor("reader", "reads and no more");
  await reader.page.locator(".saved summary").click();
  await reader.page.getByRole("link", { name: /By <day>/ }).click();
  await reader.page.locator("h1 .view-name").waitFor();
  await reader.page.waitForFunction(() => document.querySelectorAll("main .table tbody tr").length === 63);
  assert.equal(await reader.page.getByRole("button", { name: /^Remove: / }).count(), 0);
  assert.equal(await reader.page.locator("[data-select]").count(), 0, "a viewer is offered a selection");
  await reader.page.getByRole("link", { name: "Clear" }).click();
  await reader.page.locator(".saved summary").click();
  await reader.page.getByLabel("Name of the view").fill("mine");
  assert.equal(await reader.page.getByLabel("Share it with all").count(), 0);
  await reader.page.getByRole("button", { name: "Save as a view" }).click();
  await reader.page.getByText("The view is saved.").waitFor();
  reader.quiet();
  await reader.context.close();

  await page.locator(".saved summary").click();
  assert.equal(await page.getByRole("link", { name: "mine" }).count(), 0, "another's own view is shown");
  await accessible("the menu of views", ".head");
  await page.keyboard.press("Escape");
  await page.getByRole("columnheader", { name: "Identifier" }).getByRole("button").click();
  await page.locator('th[aria-sort="ascending"]', { hasText: "Identifier" }).waitFor();
  await page.locator(".saved summary").click();
  await page.getByRole("button", { name: "Save the view as it is now" }).click();
  await becomes(async () => (await ask(server.url, "/api/v1/views")).data.views[0].orderBy, "id");
  await page.getByRole("button", { name: /^Remove: / }).click();
  await page.getByText("No view is saved yet.").waitFor();
  quiet();
});

test("what is selected over pages is changed after a preview, and put back", async () => {
  const shifts = async () => (await ask(server.url, `/api/v1/entities?kind=job&fields=id&filter=${encodeURIComponent("properties.shift = evening")}`)).data.totalEstimate;
  await open("/?kind=job&orderBy=id");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("1 selected").waitFor();
  await rows().nth(4).getByRole("checkbox").click({ modifiers: ["Shift"] });
  await page.getByText("5 selected").waitFor();
  await page.keyboard.press("n");
  await page.waitForFunction((id) => document.querySelector("main [data-row]")?.textContent === String(id), set.jobs[100]);
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("6 selected").waitFor();
  await accessible("a selection", ".selection");
  await page.getByRole("button", { name: "Change…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Actions").and(page.locator(":focus")).waitFor();
  await dialog.getByLabel("Name").fill("shift");
  let held;
  await page.route("**/api/v1/updates", (route) => { held = route; }, { times: 1 });
  await dialog.getByLabel("Value").fill("late");
  await dialog.getByRole("button", { name: "Preview" }).click();
  await becomes(() => Boolean(held), true);
  await dialog.getByLabel("Value").fill("evening"); // which nobody has previewed
  await held.continue();
  await dialog.getByText("The server works on it").waitFor({ state: "detached" });
  assert.equal(await dialog.getByRole("button", { name: "Change 6 now" }).count(), 0);
  await dialog.getByRole("button", { name: "Add another" }).click();
  const second = dialog.getByRole("group", { name: "Step 2" });
  await second.getByLabel("Actions").selectOption({ label: "Remove" });
  await second.getByLabel("Name").fill("due date");
  await dialog.getByRole("button", { name: "Preview" }).click();
  await dialog.getByText("6 of 6 would change.").waitFor();
  assert.equal(await dialog.locator(".preview tbody tr").count(), 12);
  assert.match(await dialog.locator(".preview tbody tr").first().innerText(), /shift\s+day\s+evening/);
  assert.equal(await shifts(), 0, "a preview has changed something");
  await accessible("a preview", "dialog");
  await dialog.getByRole("button", { name: "Change 6 now" }).click();
  await page.getByText("6 entities were changed.").waitFor();
  assert.equal(await shifts(), 6);
  assert.equal(await valueOf(set.jobs[0], "due date"), undefined);
  await page.getByRole("button", { name: "Put back" }).click();
  await page.getByText("What was before is there again.").waitFor();
  assert.equal(await shifts(), 0);
  assert.equal(await valueOf(set.jobs[0], "due date"), "later");
  // On the overview an update of many is one change, which leads to all of it.
  await open("/");
  const changed = page.locator("section.history li");
  await changed.nth(1).waitFor();
  assert.equal((await changed.allInnerTexts()).filter((text) => text.includes("and others")).length, 2);
  await changed.first().getByRole("link", { name: "and others" }).click();
  await page.getByRole("dialog").getByText(String(set.jobs[3])).first().waitFor();
  await page.keyboard.press("Escape");

  await open(`/?kind=job&filter=${encodeURIComponent("properties.shift = night")}`);
  await page.getByLabel("Select all on this page").click();
  await page.getByRole("button", { name: "Select all of about 187 that the filter finds" }).click();
  await page.getByRole("button", { name: "Change…" }).click();
  await dialog.getByLabel("Name").fill("shift");
  await dialog.getByLabel("Value").fill("evening");
  await dialog.getByRole("button", { name: "Preview" }).click();
  await dialog.getByText("187 of 187 would change. The first 100 of them:").waitFor();
  await dialog.getByLabel("In parts").check();
  await dialog.getByRole("button", { name: "Change 187 now" }).click();
  const operation = page.locator(".operation");
  await operation.getByText("187 entities were changed.").waitFor();
  assert.equal(await shifts(), 187);
  await page.getByText("Nothing matches this filter.").waitFor();
  assert.notEqual(inAddress("operation"), null);
  await accessible("an operation that is done");
  await operation.getByRole("button", { name: "Put back" }).click();
  await page.getByText("What was before is there again.").waitFor();
  assert.equal(await shifts(), 0);
  quiet();
});

test("Back leads to where one was in a list", async () => {
  await open("/?kind=job&orderBy=id");
  const link = rows().nth(80).getByRole("link").first();
  const id = await link.innerText();
  await link.scrollIntoViewIfNeeded();
  const before = await page.evaluate(() => window.scrollY);
  assert.ok(before > 500);
  await link.click();
  await page.getByRole("heading", { level: 1, name: `Job ${id}` }).waitFor();
  await page.goBack();
  await page.waitForFunction((id) => document.activeElement.textContent === id, id);
  await becomes(() => page.evaluate(() => window.scrollY), before);
  await page.keyboard.press("g");
  await page.keyboard.press("x");
  await page.getByRole("heading", { level: 1, name: "Deleted sets" }).waitFor();
  await page.goBack();
  await becomes(() => page.evaluate(() => window.scrollY), before);
  await page.evaluate(async () => {
    const frame = () => new Promise(requestAnimationFrame);
    const late = document.createElement("div"); // what comes in above later, for which browsers scroll
    late.style.height = "300px";
    document.querySelector("main").prepend(late);
    for (let i = 0; i < 3; i++) await frame();
  });
  await becomes(() => page.evaluate(() => window.scrollY), before);
  await page.evaluate(() => window.scrollTo(0, 10)); // as by the scrollbar
  const read = page.waitForResponse("**/api/v1/entities?*orderBy=id&*");
  await page.evaluate(() => window.dispatchEvent(new Event("platen:again")));
  await read;
  await idle();
  assert.equal(await page.evaluate(() => window.scrollY), 10);
  quiet();
});

test("a late answer leads nobody away from where they are", async () => {
  await open("/?kind=job");
  await rows().nth(0).getByRole("checkbox").check();
  await page.getByRole("button", { name: "Change…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("shift");
  await dialog.getByLabel("Value").fill("late");
  await dialog.getByRole("button", { name: "Preview" }).click();
  let held;
  const hold = (route) => { held = route; };
  await dialog.getByRole("button", { name: /^Change \d/ }).waitFor();
  await page.route("**/api/v1/updates", hold, { times: 1 });
  await dialog.getByRole("button", { name: /^Change \d/ }).click();
  await becomes(() => Boolean(held), true);
  await page.keyboard.press("Escape");
  const link = rows().nth(1).getByRole("link").first();
  const id = await link.innerText();
  await link.click();
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByRole("button", { name: "Edit" }).click();
  await section.getByLabel("Value").first().fill("typed");
  const answer = async (how) => {
    const finished = page.waitForEvent("requestfinished", (request) => request === held.request());
    await how();
    await finished;
    await page.waitForTimeout(300); // for what follows from it
  };
  await answer(() => held.fulfill({ json: { id: 77, state: "running", progress: 1 } }));
  assert.equal(await section.getByLabel("Value").first().inputValue(), "typed");
  page.once("dialog", (question) => question.accept());
  await section.getByRole("button", { name: "Cancel" }).click();
  held = undefined;
  await page.route(`**/api/v1/entities/${id}`, hold, { times: 1 });
  await page.getByLabel("Search", { exact: true }).fill(id);
  await page.keyboard.press("Enter");
  await becomes(() => Boolean(held), true);
  await page.getByRole("link", { name: "Deleted sets" }).click();
  await answer(() => held.continue());
  assert.equal(inAddress("view"), "deleted");
  held = undefined;
  await page.route("**/api/v1/entities?kind=jobset&pageSize=1&*", (route) => route.fulfill({ json: { entities: [], totalEstimate: 0 } })); // as if it were empty
  await page.route(/\/api\/v1\/(dataset|contentset)s$/, (route) => route.fulfill({ status: 201, json: {} }));
  await page.route("**/api/v1/jobsets", hold, { times: 1 });
  await open("/");
  await page.getByRole("button", { name: "Load the demo" }).click();
  await becomes(() => Boolean(held), true);
  await page.getByRole("link", { name: "Deleted sets" }).click();
  await answer(() => held.fulfill({ status: 201, json: {} }));
  assert.equal(inAddress("view"), "deleted");
  await page.unroute("**/api/v1/entities?kind=jobset&pageSize=1&*");

  let asked = 0;
  await page.route("**/api/v1/operations/77", (route) => {
    asked++;
    if (asked === 2) return route.fulfill({ status: 503, json: { error: { message: "busy", parameter: "" } } });
    return route.fulfill({ json: { id: 77, type: "update", state: asked > 2 ? "done" : "running", progress: 50, ...(asked > 2 ? { result: { changed: 3, changes: [] } } : {}) } });
  });
  await page.goto(`${server.url}/?kind=job&operation=77`);
  await page.getByText("3 entities were changed.").waitFor(); // it is asked again
  await page.unroute("**/api/v1/operations/77");
  quiet();
});

test("sets are deleted together and come back, and new ones are counted", async () => {
  const made = [];
  for (let i = 0; i < 3; i++) made.push((await ask(server.url, "/api/v1/jobsets", "POST", { properties: [{ name: "batch", value: "x" }], jobs: [{}] })).data.id);
  await open(`/?kind=jobset&filter=${encodeURIComponent("properties.batch = x")}`);
  await rowsAre(3);
  await page.getByLabel("Select all on this page").click();
  await page.getByRole("button", { name: "Delete…" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Delete 3 job sets?" }).waitFor();
  await dialog.getByText("Jobs: 3").waitFor();
  await accessible("the question before many are deleted", "dialog");
  await dialog.getByRole("button", { name: "Delete 3" }).click();
  await page.getByText("3 sets are deleted.").waitFor();
  await page.getByText("Nothing matches this filter.").waitFor();
  assert.equal((await ask(server.url, "/api/v1/deleted")).data.sets.length, 3);
  await page.getByRole("button", { name: "Take back" }).click();
  await page.getByText("3 sets are back.").waitFor();
  await rowsAre(3);
  for (let i = 0; i < 2; i++) await ask(server.url, "/api/v1/jobsets", "POST", { properties: [{ name: "batch", value: i ? "y" : "x" }], jobs: [{}] });
  await page.getByRole("button", { name: /^1 new: show it/ }).waitFor();
  assert.equal(await rows().count(), 3, "rows come by themselves");
  await page.getByRole("button", { name: /^1 new: show it/ }).click();
  await rowsAre(4);
  quiet();
});

test("a text is looked for everywhere, and an identifier leads to its entity", async () => {
  await ask(server.url, "/api/v1/datasets", "POST", { schema: { columns: { Town: "STRING" } }, records: [{ fields: [{ name: "Town", value: "Nightingale" }] }] });
  await ask(server.url, "/api/v1/jobsets", "POST", { properties: [{ name: "note", value: "night <b>mail</b>" }], jobs: [{}] });
  await open("/?view=changes");
  await page.keyboard.press("/");
  await page.keyboard.type("night");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Search: night" }).waitFor();
  await idle();
  const groups = page.locator(".group");
  assert.deepEqual((await groups.locator("h2").allInnerTexts()).map((text) => text.replace(/\s+/g, " ")), ["Job sets 1", "Jobs about 187"]);
  await page.getByText("night <b>mail</b>").waitFor();
  await page.getByText(/^Nothing among .*data records/).waitFor();
  await accessible("what a search finds");
  await page.getByRole("link", { name: "Anywhere in values" }).click();
  await page.keyboard.press("/");
  await page.keyboard.type("ingale");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Search: ingale" }).waitFor();
  await page.getByText("No property, metadata or field has a value that begins with this text.").waitFor();
  await page.getByRole("link", { name: "Anywhere in values" }).click();
  await page.getByText("Nightingale").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("night");
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: "All of them, as a list" }).click();
  await page.getByText("about 187").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type(String(set.jobs[7]));
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: `Job ${set.jobs[7]}` }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("0042");
  await page.keyboard.press("Enter");
  await page.locator(".found", { hasText: "0042" }).waitFor();
  const many = Array.from({ length: 120 }, (_, n) => ({ name: `a${n}`, value: "1" })); // more names than a filter has
  await ask(server.url, "/api/v1/jobsets", "POST", { jobs: [{ properties: [...many, { name: "zone", value: "tomatillo" }] }] });
  await page.route("**/api/v1/names?kind=job&*", (route) => route.fulfill({ json: { names: [{ list: "properties", name: "a0" }], nextPageToken: "second" } }), { times: 1 });
  await page.route("**/api/v1/names?kind=job&*second", (route) => route.continue({ url: route.request().url().replace("&pageToken=second", "") }));
  await page.route("**/api/v1/entities?kind=job&*zone*", (route) => route.fulfill({ json: { entities: [], totalEstimate: 0, nextPageToken: "second" } }), { times: 1 });
  await page.route("**/api/v1/entities?kind=job&*pageToken=second", (route) => route.continue({ url: route.request().url().replace("&pageToken=second", "") }));
  await open("/?view=search&q=tomatillo");
  await page.locator(".found", { hasText: "zone tomatillo" }).waitFor();
  await page.context().clearCookies();
  await page.getByRole("link", { name: "Anywhere in values" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Password").fill(password);
  await dialog.getByRole("button", { name: "Log in" }).click();
  await page.locator(".found", { hasText: "zone tomatillo" }).waitFor(); // what was not found for want of a session
  quiet();
});
