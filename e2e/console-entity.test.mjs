// Uses the console's view of one entity as people do: its tree, lists, records,
// pages and history, and what makes new sets.
//
//   PLATEN_BINARY  the program, which is started here
//   CHROMIUM       the browser, unless it is /usr/bin/chromium

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, assertAccessible, becomes, password, longestWait, startBrowser, startServer, user, watch } from "./support.mjs";

const entity = "/rest/serverengine/entity";
const many = 30_000; // jobs

let browser, server, page, quiet, context;
let demo, large; // job sets

before(async () => {
  server = await startServer();
  for (const kind of ["datasets", "contentsets", "jobsets"]) {
    demo = (await ask(server.url, `/api/v1/${kind}`, "POST", (await ask(server.url, `/console/demo-${kind}.json`)).data)).data.id;
  }
  large = (await ask(server.url, "/api/v1/jobsets", "POST", { jobs: Array.from({ length: many }, () => ({})) })).data;
  browser = await startBrowser();
  context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB", timezoneId: "Europe/Berlin" });
  page = await context.newPage();
  page.setDefaultTimeout(longestWait);
  quiet = await watch(page, server.url);
  await page.goto(server.url);
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await heading("Overview");
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (where) => page.goto(server.url + where);
const heading = (name) => page.getByRole("heading", { level: 1, name }).waitFor();
const idle = () => page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
const properties = async (id) => (await ask(server.url, `${entity}/jobs/${id}/properties`)).data;
const write = (id, list) => ask(server.url, `${entity}/jobs/${id}/properties`, "PUT", { id, properties: list });
const listOf = (text) => text.split(" ").filter(Boolean).map((one) => ({ name: one.split("=")[0], value: one.split("=")[1] }));
const textOf = (list) => list.map((pair) => `${pair.name}=${pair.value}`).join(" ");
const jobWith = async (text) => (await ask(server.url, "/api/v1/jobsets", "POST", { jobs: [{ properties: listOf(text) }] })).data.jobs[0];
const focused = () => page.evaluate(() => document.activeElement.textContent.replace(/\s+/g, " ").trim());
const onRow = (text) => page.waitForFunction((wanted) => new RegExp(wanted).test(document.activeElement.textContent.replace(/\s+/g, " ")), text).catch(async (error) => { throw new Error(`not on ${text} but on ${await focused()}`, { cause: error }); });

const accessible = (what) => assertAccessible(page, what);

test("a tree is walked with the arrow keys, however much is in it", async () => {
  let asked = 0;
  page.on("request", (request) => request.url().includes("/children?") && asked++);
  await open(`/?id=${large.id}`);
  const tree = page.getByRole("tree");
  await tree.getByText("30,000 jobs").waitFor();
  await tree.getByRole("treeitem").first().focus();
  await page.keyboard.press("End");
  await onRow(`Job ${large.jobs.at(-1)}`);
  assert.equal(await page.locator(":focus").getAttribute("aria-posinset"), String(many));
  assert.equal(await page.locator(":focus").getAttribute("aria-setsize"), String(many));
  for (let i = 0; i < 40; i++) await page.keyboard.press("ArrowUp"); // faster than it is drawn
  await onRow(`Job ${large.jobs.at(-41)}`);
  await tree.evaluate((box) => { box.scrollTop = box.scrollHeight / 2; });
  await tree.getByText(`Job ${large.jobs[many / 2]}`).waitFor();
  await page.keyboard.press("ArrowUp"); // the row that has the keyboard is not there any more
  await onRow(`Job ${large.jobs.at(-42)}`);
  assert.ok(await page.evaluate(() => document.querySelectorAll("[role=treeitem]").length) < 100, "rows in the document");
  assert.ok(asked < 12, `${asked} requests for children`);
  await accessible("a large tree");
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.evaluate(() => document.documentElement.scrollHeight) < 10_000, "a tree is printed with the height of all of its rows");
  await page.emulateMedia({ media: "screen" });

  await open(`/?id=${demo}`);
  await tree.getByText("3 jobs").waitFor();
  await tree.getByRole("treeitem").first().focus();
  await page.keyboard.press("ArrowRight");
  await onRow("Job \\d+");
  const job = await focused();
  await page.keyboard.press("ArrowRight");
  await tree.getByText("3 job segments").waitFor();
  await page.keyboard.press("ArrowRight");
  await onRow("Job segment \\d+ 1$");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowUp");
  await onRow("Job segment \\d+ 2$");
  await page.keyboard.press("Enter");
  await heading(/^Job segment/);
  await page.waitForFunction(() => document.activeElement.getAttribute("aria-current") === "page"); // the keyboard stays in the tree
  await page.keyboard.press("ArrowLeft"); // closes what was opened
  await page.keyboard.press("ArrowLeft");
  await onRow(job.match(/Job \d+/)[0]);
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowLeft");
  await onRow("Job set");
  await accessible("a tree that is open");
  quiet();
});

test("records, pages and statistics have tables of their own", async () => {
  const record = { table: "detail", fields: { Qty: 3 }, records: [{ table: "sub", fields: { F: "1.5" } }] };
  const set = (await ask(server.url, "/api/v1/datasets", "POST", {
    schema: { columns: { Total: "CURRENCY", When: "DATETIME" }, tables: { detail: { columns: { Qty: "INTEGER" }, tables: { sub: { columns: { F: "FLOAT" } } } } } },
    records: [{ fields: { Name: "<b>Ann</b>", Total: "12.50", When: "2026-11-24T08:00:00Z" }, records: Array.from({ length: 120 }, () => record) }],
  })).data;
  await open(`/?id=${set.records[0]}`);
  const tables = page.locator(".tables");
  await tables.getByText("1 to 50 of 120").waitFor();
  assert.match(await page.locator(".fields").innerText(), /Total amount\s+12.50\s+When time\s+24 Nov 2026, 09:00:00/);
  assert.match(await tables.locator("thead").first().innerText(), /Qty whole number/);
  await tables.getByRole("button", { name: "Next" }).click();
  await tables.getByText("51 to 100 of 120").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("rows"), "50");
  await tables.getByRole("button", { name: /^Tables in data record/ }).first().click();
  await tables.locator(".inner").getByText("1.5").waitFor();
  await accessible("a data record");

  await open(`/?id=${demo}`);
  const statistics = page.locator(".statistics");
  await statistics.getByText("300 documents · 435 pages · 419 sheets").waitFor();
  await statistics.locator("canvas").waitFor();
  await statistics.getByText("As a table").click();
  assert.match(await statistics.innerText(), /Letterhead A4[\s\S]+230[\s\S]+52.9%/);
  await accessible("statistics");
  const sets = (await ask(server.url, `/api/v1/entities?kind=document&pageSize=1&orderBy=id&filter=jobset%3D${demo}`)).data.entities;
  await open(`/?id=${sets[0].id}`);
  await page.locator(".pages-of").getByText("1 page on").waitFor();
  await page.locator(".pages-of").getByRole("link", { name: "9001" }).click();
  await heading("Content item 9001");
  await page.locator(".pages-of").getByText("Invoice").waitFor();
  await accessible("a content item");
  quiet();
});

test("an editor takes lists of all kinds, and goes back", async () => {
  const id = await jobWith("a=1 b=2 c=3");
  await open(`/?id=${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByRole("button", { name: "Edit" }).click();
  const rows = section.locator("tbody tr");
  const shown = async () => (await rows.evaluateAll((all) => all.map((row) => [...row.querySelectorAll("textarea")].map((field) => field.value).join("=")))).join(" ");
  await rows.first().waitFor();
  const paste = async (text) => {
    await section.getByRole("button", { name: "Paste a list" }).click();
    await section.getByLabel("Paste lines").fill(text);
    await section.getByRole("button", { name: "Add these" }).click();
  };
  await paste('{"properties":[{"name":"b","value":"two"},{"name":"j","value":7}]}');
  await page.getByText("1 added, 1 changed. Nothing is saved yet.").waitFor();
  assert.equal(await shown(), "a=1 b=two c=3 j=7");
  await paste('{"broken": ');
  await page.getByText("This can not be read").waitFor();
  await section.getByLabel("Paste lines").fill('t\t"x ""y"""\nu=v=w');
  await section.getByRole("button", { name: "Add these" }).click();
  assert.equal(await shown(), 'a=1 b=two c=3 j=7 t=x "y" u=v=w');
  await rows.nth(0).getByLabel("Move down").click();
  await rows.nth(2).getByLabel("Remove").click();
  await rows.nth(0).getByLabel("Value").pressSequentially("typed");
  assert.match(await shown(), /^b=twotyped a=1 j=7/);
  const undo = section.getByRole("button", { name: "Undo" });
  await undo.click(); // all that was typed
  assert.match(await shown(), /^b=two a=1 j=7/);
  await undo.click();
  assert.match(await shown(), /^b=two a=1 c=3 j=7/);
  await section.getByRole("button", { name: "Redo" }).click();
  await accessible("the editor");
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(textOf(await properties(id)), 'b=two a=1 j=7 t=x "y" u=v=w');

  await write(id, Array.from({ length: 1200 }, (_, i) => ({ name: `n${i}`, value: String(i) })));
  await open(`/?id=${id}`);
  await section.getByText("1 to 150 of 1,200").waitFor();
  await section.getByRole("button", { name: "Edit" }).click();
  await section.getByText("1 to 100 of 1,200").waitFor();
  await section.getByRole("button", { name: "Add", exact: true }).click();
  await page.waitForFunction(() => document.activeElement.tagName === "TEXTAREA");
  await page.keyboard.type("last");
  await section.getByText("1,201 to 1,201 of 1,201").waitFor();
  await section.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal((await properties(id)).at(-1).name, "last");
  quiet();
});

test("what both have added, removed and moved is asked about", async () => {
  const id = await jobWith("a=1 b=2 c=3 d=4 e=5");
  await open(`/?id=${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  const rows = section.locator("tbody tr");
  const edit = async () => {
    await section.getByRole("button", { name: "Edit" }).click();
    await rows.first().getByLabel("Value").waitFor();
  };
  await edit();
  await write(id, listOf("a=1 theirs=1 b=theirs c=3 e=5")); // d is removed, one added, b changed
  await rows.nth(0).getByLabel("Move down").click(); // b a c d e
  await rows.nth(3).getByLabel("Value").fill("mine"); // of d
  await rows.nth(4).getByLabel("Remove").click(); // e
  await section.getByRole("button", { name: "Save" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1 not chosen yet").waitFor();
  await accessible("a conflict");
  await dialog.locator("tr", { has: page.getByRole("rowheader", { name: "d", exact: true }) }).getByRole("radio").nth(1).check();
  await dialog.getByRole("button", { name: "Save what is chosen" }).click();
  await page.getByText("Saved.").waitFor();
  assert.equal(textOf(await properties(id)), "b=theirs a=1 theirs=1 c=3 d=mine");
  await idle();
  await edit();
  await write(id, listOf("d=mine b=theirs a=1 theirs=1 c=3"));
  await rows.nth(0).getByLabel("Move down").click();
  await section.getByRole("button", { name: "Save" }).click();
  const order = dialog.locator("tr", { has: page.getByRole("rowheader", { name: "The order of the names" }) });
  await order.waitFor();
  assert.equal(await dialog.getByRole("button", { name: "Save what is chosen" }).isDisabled(), true);
  await order.getByRole("radio").nth(1).check();
  await dialog.getByRole("button", { name: "Save what is chosen" }).click();
  await becomes(async () => textOf(await properties(id)), "a=1 b=theirs theirs=1 c=3 d=mine"); // "Saved." may be that of before
  quiet();
});

test("an edit is lost neither by Back and Forward nor by a load that fails", async () => {
  const [id, next] = [await jobWith("a=1"), await jobWith("a=1")];
  await open(`/?id=${demo}`);
  await heading(/^Job set/);
  for (const one of [id, next]) {
    await page.keyboard.press("/");
    await page.keyboard.type(String(one));
    await page.keyboard.press("Enter");
    await heading(`Job ${one}`);
  }
  await page.goBack();
  await heading(`Job ${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  const value = section.getByLabel("Value");
  await section.getByRole("button", { name: "Edit" }).click();
  await value.fill("typed");
  await section.getByRole("button", { name: "Undo", disabled: false }).waitFor();
  let asked = 0;
  const stay = (question) => {
    asked++;
    return question.dismiss();
  };
  page.on("dialog", stay);
  for (const [i, move] of ["back", "forward", "back"].entries()) {
    await page.evaluate((which) => history[which](), move);
    await becomes(() => asked, i + 1);
    await page.waitForFunction((search) => window.location.search === search, `?id=${id}`);
  }
  const metadata = page.locator(".pairs-of", { hasText: "Metadata" });
  await metadata.getByRole("button", { name: "Edit" }).click();
  await metadata.getByRole("button", { name: "Add", exact: true }).click();
  page.off("dialog", stay);
  page.once("dialog", (question) => question.accept());
  await metadata.getByRole("button", { name: "Cancel" }).click(); // what is typed elsewhere is still asked about
  page.on("dialog", stay);
  await page.getByRole("link", { name: "Changes", exact: true }).click();
  await becomes(() => asked, 4);
  assert.equal(await value.inputValue(), "typed");
  page.off("dialog", stay);
  const properties = `**/jobs/${id}/properties`;
  await page.route(properties, (route) => route.fulfill({ status: 503, json: { error: { status: 503, message: "busy", parameter: "" } } }), { times: 1 });
  const refused = page.waitForResponse((response) => response.status() === 503);
  await page.evaluate(() => window.dispatchEvent(new Event("platen:again"))); // what is shown is read again
  await refused;
  await idle();
  assert.equal(await value.inputValue(), "typed");
  page.once("dialog", (question) => question.accept());
  await page.evaluate(() => history.back());
  await heading(/^Job set/);
  await page.waitForURL(`**/?id=${demo}`);
  quiet();
});

test("who stays in an editor keeps its field", async () => {
  const id = await jobWith("a=1");
  await open(`/?id=${demo}`);
  await heading(/^Job set/);
  await page.keyboard.press("/");
  await page.keyboard.type(String(id));
  await page.keyboard.press("Enter");
  await heading(`Job ${id}`);
  await page.locator("main .path").getByRole("link", { name: /^Job set/ }).click();
  await heading(/^Job set/);
  await page.goBack();
  await onRow("^Job set");
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  await section.getByRole("button", { name: "Edit" }).click();
  await section.getByLabel("Value").fill("typed");
  page.once("dialog", (question) => question.dismiss());
  await page.evaluate(() => history.back());
  await page.waitForFunction((search) => window.location.search === search, `?id=${id}`);
  const told = page.waitForResponse((response) => response.url().endsWith(`/api/v1/entities/${id}`));
  await write(id, listOf("a=theirs"));
  await told;
  await idle();
  assert.equal(await page.evaluate(() => document.activeElement.value), "typed");
  page.once("dialog", (question) => question.accept());
  await open("/?id=../me"); // no entity
  await page.getByRole("alert").getByText("not found").waitFor();
  quiet();
});

test("what is changed while a list is being saved is still to be saved", async () => {
  const id = await jobWith("a=1");
  await open(`/?id=${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  const value = section.getByLabel("Value");
  await section.getByRole("button", { name: "Edit" }).click();
  await value.waitFor();
  const puts = [];
  let others; // what they write after a save, before it is read again
  await page.route(`**/jobs/${id}/properties`, async (route) => {
    if (route.request().method() === "PUT") return puts.push(route);
    if (others) await write(id, others);
    return route.continue();
  });
  const typeMeanwhile = async (first, second) => {
    const before = puts.length;
    await value.fill(first);
    await value.press("Control+Enter");
    await becomes(() => puts.length, before + 1);
    await value.fill(second);
    await value.press("Control+Enter"); // is not sent beside the other
    const read = page.waitForResponse((response) => response.request().method() === "GET" && response.url().endsWith(`/jobs/${id}/properties`));
    await puts.at(-1).continue();
    await read;
    assert.equal(puts.length, before + 1);
    await section.getByRole("button", { name: "Save", disabled: false }).click();
    await becomes(() => puts.length, before + 2);
    await puts.at(-1).continue();
  };
  await typeMeanwhile("2", "3");
  await page.getByText("Saved.").waitFor();
  assert.equal(textOf(await properties(id)), "a=3");
  await section.getByRole("button", { name: "Edit" }).click();
  await value.waitFor();
  others = listOf("a=theirs");
  await typeMeanwhile("4", "5");
  await page.getByRole("dialog").getByText("Somebody else has changed this").waitFor();
  await page.getByRole("button", { name: "Give up my changes" }).click();
  await section.getByRole("cell", { name: "theirs" }).waitFor();
  assert.equal(textOf(await properties(id)), "a=theirs");
  await page.unroute(`**/jobs/${id}/properties`);
  quiet();
});

test("a list that becomes shorter shows its end", async () => {
  const list = (n) => Array.from({ length: n }, (_, i) => ({ name: `n${i}`, value: String(i) }));
  const id = await jobWith("");
  await write(id, list(151));
  await open(`/?id=${id}`);
  const section = page.locator(".pairs-of", { hasText: "Properties" });
  const next = section.getByRole("button", { name: "Next" });
  const rowsAre = (n) => becomes(() => section.locator("tbody tr").count(), n);
  await next.click();
  await rowsAre(1);
  await write(id, list(101));
  await rowsAre(101); // it comes by itself
  await section.getByRole("button", { name: "Edit" }).click();
  await next.click();
  await rowsAre(1);
  await section.getByLabel("Remove").click();
  await rowsAre(100);
  await section.getByRole("button", { name: "Cancel" }).click();
  quiet();
});

test("one change of many is seen whole, and lists as they were at a time", async () => {
  const jobs = (await ask(server.url, "/api/v1/jobsets", "POST", { jobs: Array.from({ length: 3 }, () => ({ properties: listOf("shift=day") })) })).data.jobs;
  const between = new Date().toISOString();
  await ask(server.url, "/api/v1/updates", "POST", { entities: jobs.map((id) => ({ id })), set: [{ name: "properties.shift", value: "night" }] });
  await open(`/?id=${jobs[0]}`);
  await page.locator(".timeline > li").nth(1).waitFor();
  await page.getByRole("link", { name: "The whole change" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("link", { name: `Job ${jobs[2]}` }).waitFor();
  assert.ok(new URL(page.url()).searchParams.get("change"));
  await accessible("a change");
  await dialog.getByRole("button", { name: "Put back…" }).click();
  await dialog.getByRole("button", { name: "Put back", exact: true }).click();
  await page.getByText("What was before is there again.").waitFor();
  assert.equal(textOf(await properties(jobs[2])), "shift=day");
  await page.getByRole("link", { name: /^puts back change/ }).waitFor();
  await write(jobs[0], listOf("shift=late"));
  await page.locator(".pairs-of").getByText("late").waitFor(); // without a reload
  await open(`/?id=${jobs[0]}&at=${between}`);
  await page.locator(".pairs-of", { hasText: "Properties" }).getByText("day").waitFor();
  await page.getByText("For a program").click();
  await page.getByText(/^curl -u 'ol-admin' .+\/properties\?readTime=/).waitFor();
  quiet();
});

test("an import says where the file is wrong, and a job set is made of content sets", async () => {
  await open("/?view=import");
  const lines = Array.from({ length: 5000 }, (_, i) => JSON.stringify({ properties: [{ name: "n", value: i === 4321 ? [] : String(i) }] }));
  const text = `{"jobs":[\n${lines.join(",\n")}\n]}`;
  await page.setInputFiles("input[type=file]", { name: "wrong.json", mimeType: "application/json", buffer: Buffer.from(text) });
  await page.getByText("In the file at line 4,323").waitFor();
  assert.match(await page.locator(".excerpt pre").innerText(), /"value":"4320"[\s\S]+"value":\[[\s\S]*▲/);
  await accessible("an import that failed");
  await page.setInputFiles("input[type=file]", { name: "taken.json", mimeType: "application/json", buffer: Buffer.from(`{"jobs":[{"id":123456789},\n{"id":${demo}}]}`) });
  await page.getByText("In the file at line 2").waitFor();
  await page.getByText("For a program").click();
  await page.getByText(/^platen import FILE --kind jobset --server http/).waitFor();

  const contents = (await ask(server.url, "/api/v1/entities?kind=contentset")).data.entities[0].id;
  await open(`/?id=${contents}`);
  await page.getByRole("link", { name: "Create jobs…" }).click();
  await heading("Create jobs");
  assert.equal(await page.getByRole("checkbox", { name: String(contents) }).isChecked(), true);
  await accessible("the choice of content sets");
  await page.getByRole("textbox", { name: "Content sets" }).fill("999999999");
  await page.getByRole("button", { name: /^Create jobs/ }).click();
  await page.getByText("content set 999999999 not found").waitFor();
  await page.getByRole("textbox", { name: "Content sets" }).fill(String(contents));
  await page.getByRole("button", { name: /^Create jobs/ }).click();
  await page.getByText(/Job set \d+ is made\./).waitFor();
  await accessible("an operation that is done");
  await page.reload();
  await page.getByRole("link", { name: "Open" }).click();
  await heading(/^Job set \d+/);
  await page.locator(".facts").getByText("Job creation").waitFor();
  await page.getByText("For a program").click();
  await page.getByText(/^platen export \d+ --kind jobset --server http/).waitFor();
  quiet();
});

test("the views of an entity fit narrow windows and the dark", async () => {
  const first = async (kind) => (await ask(server.url, `/api/v1/entities?kind=${kind}&pageSize=1&orderBy=id`)).data.entities[0].id;
  await page.emulateMedia({ colorScheme: "dark" });
  for (const where of [`/?id=${demo}`, `/?id=${await first("document")}`, `/?id=${await first("datarecord")}`, "/?view=create"]) {
    await open(where);
    await page.locator("main h1").waitFor();
    await idle();
    for (const width of [360, 768, 2560]) {
      await page.setViewportSize({ width, height: 900 });
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, `${where} is wider than ${width}`);
    }
    await page.setViewportSize({ width: 390, height: 900 });
    await accessible(`${where} at 390 in the dark`);
  }
  quiet();
});
