// Opens the API document of a running server in a browser, as a person would,
// and tries an operation out.
//
//   PLATEN_URL          where the server is, such as http://127.0.0.1:9340
//   PLATEN_USER         a user
//   PLATEN_PASSWORD     and the password
//   PLATEN_JOB          the id of a job that has properties
//   CHROMIUM            the browser, unless it is /usr/bin/chromium
//   PLATEN_SCREENSHOTS  a directory for screenshots, if they are wanted

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { findingsOf, longestWait, screenshot, startBrowser } from "./support.mjs";

const { PLATEN_USER: user, PLATEN_PASSWORD: password, PLATEN_JOB: job } = process.env;
for (const name of ["PLATEN_URL", "PLATEN_USER", "PLATEN_PASSWORD", "PLATEN_JOB"]) {
  assert.ok(process.env[name], `${name} is not set`);
}
const server = new URL(process.env.PLATEN_URL).origin;

let browser, page;
const outside = []; // requests to other servers
const complaints = []; // what the console shows as an error, and errors that nobody caught
const violations = []; // of the page's content security policy

before(async () => {
  browser = await startBrowser();
  page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(longestWait);
  await page.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith("data:") || url.startsWith("blob:") || new URL(url).origin === server) {
      return route.continue();
    }
    outside.push(url);
    return route.abort();
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.exposeFunction("reportViolation", (violation) => violations.push(violation));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.violatedDirective}: ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`);
    });
  });
});

after(() => browser?.close());

const shoot = (name) => screenshot(page, name, { fullPage: name.includes("whole") });

function checkQuiet() {
  assert.deepEqual(outside, [], "requests to other servers");
  assert.deepEqual(violations, [], "violations of the content security policy");
  assert.deepEqual(complaints, [], "errors in the console");
}

test("the page shows every operation of the document", async () => {
  const answer = await page.goto(`${server}/serverengine/doc/`);
  assert.equal(answer.status(), 200);
  assert.equal(await page.title(), "platen API");

  const yaml = await (await fetch(`${server}/serverengine/doc/openapi.yaml`)).text();
  const described = yaml.match(/^ +operationId: /gm).length;
  await page.locator(".opblock-tag").first().waitFor();
  let shown = 0;
  for (const tag of await page.locator(".opblock-tag").all()) {
    await tag.click();
    await page.locator(".opblock").first().waitFor();
    shown += await page.locator(".opblock").count();
    await tag.click();
    await page.locator(".opblock").first().waitFor({ state: "detached" });
  }
  assert.equal(shown, described);
  assert.equal(await page.locator(".errors-wrapper").count(), 0, "the page finds errors in the document");
  await shoot("whole");
  checkQuiet();
});

test("an operation can be tried out", async () => {
  await page.locator(".auth-wrapper .authorize").first().click();
  const dialog = page.locator(".modal-ux");
  const basic = dialog.locator(".auth-container", { has: page.locator('input[type="password"]') });
  await basic.locator('input[type="text"]').fill(user);
  await basic.locator('input[type="password"]').fill(password);
  await shoot("authorize");
  await basic.locator("button.authorize").click();
  await dialog.locator("button.btn-done").first().click();

  await page.locator("#operations-tag-Jobs").click();
  const operation = page.locator("#operations-Jobs-getPropertiesOfJob");
  await operation.locator(".opblock-summary-control").click();
  await operation.locator(".try-out__btn").click();
  await operation.getByPlaceholder("id", { exact: true }).fill(job);
  await operation.locator("button.execute").click();

  const live = operation.locator(".live-responses-table");
  await live.waitFor();
  assert.equal((await live.locator("tbody .response-col_status").innerText()).trim(), "200");
  // The box has a button for the download beside the body.
  const box = await live.locator(".highlight-code").first().innerText();
  const shown = JSON.parse(box.slice(box.indexOf("["), box.lastIndexOf("]") + 1));
  const answer = await fetch(`${server}/rest/serverengine/entity/jobs/${job}/properties`, {
    headers: { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` },
  });
  assert.deepEqual(shown, await answer.json());
  assert.notEqual(shown.length, 0, "the job has no properties");

  await operation.scrollIntoViewIfNeeded();
  await shoot("tried");
  checkQuiet();
});

test("the filter box shows the operations with its words, in light and dark, and axe finds nothing serious", async () => {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.goto(`${server}/serverengine/doc/`);
    const sections = page.locator(".opblock-tag");
    await sections.first().waitFor();
    const all = await sections.count();
    await page.getByLabel("Filter operations").fill("get properties of a JOB SET");
    await page.locator("#operations-Job_sets-getPropertiesOfJobSet .opblock-summary-control").click();
    assert.equal(await page.locator(".opblock").count(), 1);
    assert.equal(await sections.count(), 1);
    await page.locator("#operations-Job_sets-getPropertiesOfJobSet .responses-table").waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.classList.contains("dark-mode")), colorScheme === "dark");
    const serious = (await findingsOf(page)).filter((one) => ["serious", "critical"].includes(one.impact));
    assert.deepEqual(serious, []);
    await shoot(`filter-${colorScheme}`);
    await page.getByLabel("Filter operations").fill("no such operation");
    await sections.first().waitFor({ state: "detached" });
    await page.getByLabel("Filter operations").fill("");
    await sections.first().waitFor();
    assert.equal(await sections.count(), all);
    assert.equal(await page.locator(".opblock").count(), 0);
  }
  checkQuiet();
});
