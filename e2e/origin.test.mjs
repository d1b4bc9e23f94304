// Visits pages of other origins in a browser that is logged in, and checks
// that they change and read nothing; and a page of an origin that is named,
// which may.
//
//   PLATEN_BINARY       the program, which is started here
//   CHROMIUM            the browser, unless it is /usr/bin/chromium

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

assert.ok(process.env.PLATEN_BINARY, "PLATEN_BINARY is not set");
const user = "ol-admin";
const password = "browser-test-only";
const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const entity = "/rest/serverengine/entity";

let work, browser, pages, evil, app;
let guarded, open; // a server that names the origin of app, and one with --no-auth
const processes = [];

// serve starts a server and returns its address.
async function serve(name, ...flags) {
  const child = spawn(process.env.PLATEN_BINARY, ["serve", "--listen", "127.0.0.1:0", "--data", path.join(work, name), ...flags], {
    env: { ...process.env, PLATEN_ADMIN_PASSWORD: password }, stdio: ["ignore", "pipe", "ignore"],
  });
  processes.push(child);
  let text = "";
  for await (const part of child.stdout) {
    text += part;
    const found = text.match(/listening on (\S+)\n/);
    if (found) return found[1];
  }
  throw new Error(`the server did not start: ${text}`);
}

before(async () => {
  work = await mkdtemp(path.join(tmpdir(), "platen-e2e-"));
  pages = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end("<!doctype html><title>a page</title><body></body>");
  });
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  evil = `http://evil.example:${pages.address().port}`;
  app = `http://app.example:${pages.address().port}`;
  guarded = await serve("guarded", "--cors-origin", app);
  open = await serve("open", "--no-auth");
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      // What newer browsers do besides against pages that reach into this machine.
      "--disable-features=LocalNetworkAccessChecks,PrivateNetworkAccessRespectPreflightResults,BlockInsecurePrivateNetworkRequests",
      "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP app.example 127.0.0.1",
    ],
  });
});

after(async () => {
  await browser?.close();
  pages?.close();
  for (const child of processes) {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  }
  if (work) await rm(work, { recursive: true });
});

// ask asks a server as a program does that is no browser.
async function ask(server, where, options = {}) {
  const answer = await fetch(server + where, { ...options, headers: { Authorization: basic, ...options.headers } });
  return answer.json();
}

// make makes a job set on a server, and returns it with all that there is.
async function make(server) {
  const set = await ask(server, "/api/v1/jobsets", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: '{"jobs":[{"properties":[{"name":"a","value":"secret"}]}]}',
  });
  return { set: set.id, job: set.jobs[0] };
}

async function state(server) {
  const sets = await ask(server, `${entity}/jobsets`);
  const lists = await Promise.all(sets.identifiers.map((id) => ask(server, `/api/v1/jobsets/${id}`)));
  return JSON.stringify([sets, lists]);
}

// logIn returns a page of an origin in a browser that sends the credentials
// for the server by itself.
async function logIn(server, origin) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const url = new URL(`${server}${entity}/jobsets`);
  url.username = user;
  url.password = password;
  assert.equal((await page.goto(url.href)).status(), 200);
  url.username = url.password = "";
  assert.equal((await page.goto(url.href)).status(), 200, "the browser does not keep the credentials");
  await page.goto(origin);
  return page;
}

// submit has the page send a form, and returns the status of the answer.
async function submit(page, action, enctype, fields, target = "") {
  const answered = page.waitForResponse((response) => response.url() === action);
  await page.evaluate(([action, enctype, fields, target]) => {
    if (target) document.body.insertAdjacentHTML("beforeend", `<iframe name="${target}"></iframe>`);
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action, enctype, target });
    for (const [name, value] of Object.entries(fields)) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      form.append(input);
    }
    document.body.append(form);
    form.submit();
  }, [action, enctype, fields, target]);
  const status = (await answered).status();
  if (!target) await page.waitForURL(action);
  return status;
}

// call has the page send a request, and returns what the page can see of it.
function call(page, url, options) {
  return page.evaluate(async ([url, options, blob]) => {
    try {
      if (blob) options.body = new Blob([blob]); // has no type
      const answer = await fetch(url, options);
      return { type: answer.type, status: answer.status, body: await answer.text(), id: answer.headers.get("X-Request-Id") };
    } catch (error) {
      return { error: error.name };
    }
  }, [url, options, options.blob]);
}

const oneJob = '{"jobs":[{}]}';

for (const [name, at] of [["with credentials that the browser keeps", () => guarded], ["of a server without credentials", () => open]]) {
  test(`a foreign page changes and reads nothing ${name}`, async () => {
    const server = at();
    const { set, job } = await make(server);
    const before = await state(server);
    const page = await logIn(server, evil);
    const remove = `${server}${entity}/jobsets/${set}/delete`;
    const store = `${server}/api/v1/jobsets`;

    for (const target of ["", "frame"]) {
      for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
        assert.equal(await submit(page, remove, enctype, { a: "b" }, target), 403, `${enctype} ${target}`);
        await page.goto(evil);
        assert.equal(await submit(page, store, enctype, { '{"jobs":[{}],"x":"': '"}' }, target), 403, `${enctype} ${target}`);
        await page.goto(evil);
      }
    }

    for (const mode of ["no-cors", "cors"]) {
      for (const credentials of ["include", "omit"]) {
        for (const options of [
          { method: "POST", body: oneJob },
          { method: "POST", blob: oneJob },
          { method: "GET" },
        ]) {
          const url = options.method === "GET" ? `${server}${entity}/jobs/${job}/properties` : store;
          const seen = await call(page, url, { mode, credentials, ...options });
          assert.ok(seen.error || seen.body === "", `${mode} ${credentials} ${JSON.stringify(options)}: ${JSON.stringify(seen)}`);
        }
      }
    }
    const list = `${server}${entity}/jobs/${job}/properties`;
    for (const headers of [{ "Content-Type": "application/json" }, { auth_token: "x" }, { Authorization: basic }]) {
      const body = JSON.stringify({ id: job, properties: [] });
      assert.deepEqual(await call(page, list, { method: "PUT", headers, body }), { error: "TypeError" });
      assert.deepEqual(await call(page, list, { method: "GET", headers }), { error: "TypeError" });
    }

    await page.evaluate((url) => {
      document.body.innerHTML = `<iframe name="shown" src="${url}"></iframe><img src="${url}"><script src="${url}"></script>`;
    }, list);
    await page.waitForTimeout(1000);
    for (const frame of page.frames()) {
      assert.ok(!(await frame.content()).includes("secret"), "an answer is shown in a frame");
    }

    assert.equal(await state(server), before, "something has changed");
    await page.context().close();
  });
}

test("a page whose name leads to this machine gets nothing of a server without credentials", async () => {
  const { job } = await make(open);
  const before = await state(open);
  const rebound = open.replace("127.0.0.1", "evil.example");
  const page = await browser.newPage();
  assert.equal((await page.goto(`${rebound}/`)).status(), 403);
  // The page that does it comes from elsewhere, before the name leads here.
  await page.route(`${rebound}/page`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html>" }));
  await page.goto(`${rebound}/page`);
  for (const [method, where, body] of [
    ["GET", `${entity}/jobs/${job}/properties`],
    ["POST", "/api/v1/jobsets", oneJob],
    ["PUT", `${entity}/jobs/${job}/properties`, JSON.stringify({ id: job, properties: [] })],
  ]) {
    const seen = await call(page, rebound + where, { method, body, headers: body ? { "Content-Type": "application/json" } : {} });
    assert.equal(seen.status, 403, `${method} ${where}: ${JSON.stringify(seen)}`);
    assert.ok(!seen.body.includes("secret"), seen.body);
  }
  assert.equal(await state(open), before, "something has changed");
});

test("a page of the named origin may read and write", async () => {
  const { job } = await make(guarded);
  const page = await browser.newPage();
  await page.goto(app);
  const login = await call(page, `${guarded}/rest/serverengine/authentication/login`, { method: "POST", headers: { Authorization: basic } });
  assert.equal(login.status, 200);
  const headers = { auth_token: login.body, "Content-Type": "application/json" };
  const list = `${guarded}${entity}/jobs/${job}/properties`;
  const properties = [{ name: "by", value: "the page" }];
  const put = await call(page, list, { method: "PUT", headers, body: JSON.stringify({ id: job, properties }) });
  assert.deepEqual([put.status, put.body], [200, "true"]);
  const get = await call(page, list, { headers });
  assert.deepEqual([get.status, JSON.parse(get.body)], [200, properties]);
  assert.ok(get.id, "the page can not read the request's id");
  const missing = await call(page, `${guarded}${entity}/jobs/1/properties`, { headers });
  assert.equal(missing.status, 404);
  assert.match(missing.body, /not found/);
});
