// What the browser tests share: servers, a browser, and a page that is watched.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

export const user = "ol-admin";
export const password = "browser-test-only";
export const longestWait = Number(process.env.T ?? 20_000); // milliseconds, for which a test waits
const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

// start runs platen until its stop. found finds the address in what it has printed.
async function start(found, ...words) {
  assert.ok(process.env.PLATEN_BINARY, "PLATEN_BINARY is not set");
  const work = await mkdtemp(path.join(tmpdir(), "platen-e2e-"));
  const child = spawn(process.env.PLATEN_BINARY, words.map((word) => word.replace("WORK", work)), {
    env: { ...process.env, PLATEN_ADMIN_PASSWORD: password }, stdio: ["ignore", "pipe", "ignore"],
  });
  const stop = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
    await rm(work, { recursive: true, force: true });
  };
  let text = "";
  for await (const part of child.stdout) {
    text += part;
    const url = text.match(found)?.[1];
    if (url) return { url, stop };
  }
  await stop();
  throw new Error(`the server did not start: ${text}`);
}

// startServer starts a server on a new directory, and startSandbox a sandbox with the
// demo's data.
export const startServer = (...flags) => start(/listening on (\S+)\n/, "serve", "--listen", "127.0.0.1:0", "--data", "WORK/data", ...flags);
export const startSandbox = (...flags) => start(/"url":"([^"]+)"/, "sandbox", "--listen", "127.0.0.1:0", "--json", ...flags);

// ask asks a server as a program does, and returns status, tag and data.
export async function ask(url, where, method = "GET", body = undefined) {
  const answer = await fetch(url + where, {
    method, body: body === undefined ? undefined : JSON.stringify(body),
    headers: { Authorization: basic, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
  });
  const text = await answer.text();
  let data = text;
  try {
    data = JSON.parse(text);
  } catch {
    // it is text
  }
  return { status: answer.status, tag: answer.headers.get("ETag"), data };
}

// becomes waits until what read returns is what is expected.
export async function becomes(read, expected) {
  for (const until = Date.now() + longestWait; ; await new Promise((done) => setTimeout(done, 50))) {
    const now = await read();
    if (now === expected || Date.now() > until) return assert.equal(now, expected);
  }
}

export const startBrowser = () => chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  args: [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

// watch returns a function that fails if a page has broken its policy, shown an
// error, or asked another server since the last call.
export async function watch(page, server) {
  const found = [];
  await page.route("**/*", (route) => {
    const url = route.request().url();
    if (url.startsWith("blob:") || new URL(url).origin === server) return route.continue();
    found.push(`a request to ${url}`);
    return route.abort();
  });
  page.on("console", (message) => {
    // That an answer is an error is shown to the user where it matters.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) found.push(message.text());
  });
  page.on("pageerror", (error) => found.push(String(error.stack ?? error)));
  await page.exposeFunction("reportViolation", (violation) => found.push(violation));
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      window.reportViolation(`${event.violatedDirective}: ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`);
    });
  });
  return () => assert.deepEqual(found.splice(0), []);
}

const axeSource = await readFile(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

// findingsOf returns what axe finds in a page, or in a part of it.
export async function findingsOf(page, part) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axeSource);
  const found = await page.evaluate((where) => window.axe.run(where ?? document, { resultTypes: ["violations"] }), part);
  return found.violations.map((v) => ({ impact: v.impact, text: `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}` }));
}

// assertAccessible fails if axe finds something in a page, or in a part of it.
export async function assertAccessible(page, what, part) {
  assert.deepEqual((await findingsOf(page, part)).map(({ text }) => text), [], what);
}

// screenshot is taken if PLATEN_SCREENSHOTS names a directory for them.
export async function screenshot(page, name, options) {
  const directory = process.env.PLATEN_SCREENSHOTS;
  if (!directory) return;
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: path.join(directory, `${name}.png`), ...options });
}
