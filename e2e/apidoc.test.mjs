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
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

const { PLATEN_USER: user, PLATEN_PASSWORD: password, PLATEN_JOB: job, PLATEN_SCREENSHOTS: screenshots } = process.env;
for (const name of ["PLATEN_URL", "PLATEN_USER", "PLATEN_PASSWORD", "PLATEN_JOB"]) {
  assert.ok(process.env[name], `${name} is not set`);
}
const axeSource = await readFile(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const server = new URL(process.env.PLATEN_URL).origin;

let browser, page;
const outside = []; // requests to other servers
const complaints = []; // what the console shows as an error, and errors that nobody caught
const violations = []; // of the page's content security policy

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
  page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  page.setDefaultTimeout(20_000);
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

async function shoot(name) {
  if (!screenshots) return;
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, name), fullPage: name.includes("whole") });
}

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
  await shoot("whole.png");
  checkQuiet();
});

test("operations are found by a text, in both colours without a serious finding of axe", async () => {
  const field = page.getByLabel("Filter by path, summary or group");
  await field.fill("/webhooks/{webhook}/rotate");
  const found = page.locator("#operations-Webhooks-rotateWebhookSecret");
  await found.waitFor();
  assert.equal(await page.locator(".opblock").count(), 1);
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axeSource);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.waitForFunction((dark) => document.documentElement.classList.contains("dark-mode") === dark, colorScheme === "dark");
    await page.waitForFunction(() => window.document.getAnimations().length === 0);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    const serious = found.violations.filter((one) => one.impact === "serious" || one.impact === "critical");
    assert.deepEqual(serious.map((one) => [one.id, one.nodes.map((node) => node.html)]), [], colorScheme);
    await shoot(`filter-${colorScheme}.png`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await field.fill("");
  await page.locator(".opblock").first().waitFor({ state: "detached" });
  const document = await (await fetch(`${server}/serverengine/doc/openapi.json`)).json();
  assert.match(await page.locator("header").innerText(), new RegExp(`platen .*OL Connect ${document.info.version}`, "s"));
  checkQuiet();
});

test("an operation can be tried out", async () => {
  await page.locator(".auth-wrapper .authorize").first().click();
  const dialog = page.locator(".modal-ux");
  const basic = dialog.locator(".auth-container", { has: page.locator('input[type="password"]') });
  await basic.locator('input[type="text"]').fill(user);
  await basic.locator('input[type="password"]').fill(password);
  await shoot("authorize.png");
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
  await shoot("tried.png");
  checkQuiet();
});
