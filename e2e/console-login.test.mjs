// The login by a provider of identities, which is another site than the server:
// browsers treat cookies otherwise then. What it needs of the environment is said in
// console.test.mjs.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { assertAccessible, password, longestWait, screenshot, startBrowser, startServer, user } from "./support.mjs";

const secret = "of the client";
let browser, server, provider, page;
let groups = ["everybody"];

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const base64 = (data) => Buffer.from(typeof data === "string" ? data : JSON.stringify(data)).toString("base64url");

// answer is a provider for which everybody who comes is ann, and has logged in before.
const codes = new Map();
const answers = {
  "/.well-known/openid-configuration": (_, issuer) => ({
    issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`,
    id_token_signing_alg_values_supported: ["RS256"], scopes_supported: ["openid", "groups"],
  }),
  "/keys": () => ({ keys: [{ ...publicKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "1" }] }),
  "/auth": ({ query }) => {
    assert.equal(query.scope, "openid groups");
    const code = randomUUID();
    codes.set(code, query);
    return `${query.redirect_uri}?${new URLSearchParams({ code, state: query.state })}`;
  },
  "/token": ({ form, headers }, issuer) => {
    const asked = codes.get(form.code);
    codes.delete(form.code);
    assert.equal(headers.authorization, `Basic ${Buffer.from(`platen:${encodeURIComponent(secret).replaceAll("%20", "+")}`).toString("base64")}`);
    assert.equal(createHash("sha256").update(form.code_verifier).digest("base64url"), asked.code_challenge);
    const now = Math.floor(Date.now() / 1000);
    const text = `${base64({ alg: "RS256", kid: "1" })}.${base64({ iss: issuer, aud: "platen", sub: "7", exp: now + 60, iat: now, nonce: asked.nonce, preferred_username: "ann", groups })}`;
    return { access_token: "none", token_type: "Bearer", id_token: `${text}.${sign("RSA-SHA256", Buffer.from(text), privateKey).toString("base64url")}` };
  },
};

async function answer(request, response) {
  const at = new URL(request.url, `http://${request.headers.host}`);
  let sent = "";
  for await (const part of request) sent += part;
  const asked = { query: Object.fromEntries(at.searchParams), form: Object.fromEntries(new URLSearchParams(sent)), headers: request.headers };
  const found = answers[at.pathname]?.(asked, at.origin);
  if (typeof found === "string") response.writeHead(302, { Location: found }).end();
  else response.writeHead(found ? 200 : 404, { "Content-Type": "application/json" }).end(JSON.stringify(found ?? {}));
}

// freePort returns a port that nobody uses, for what is named before it is there.
async function freePort() {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = holder.address();
  holder.close();
  await once(holder, "close");
  return port;
}

before(async () => {
  const [port, its] = [await freePort(), await freePort()];
  process.env.PLATEN_OIDC_CLIENT_SECRET = secret;
  server = await startServer("--listen", `127.0.0.1:${port}`, "--oidc-issuer", `http://localhost:${its}`, "--oidc-client-id", "platen",
    "--oidc-redirect-url", `http://127.0.0.1:${port}/console/openid/callback`, "--oidc-roles", "everybody=viewer", "--oidc-name", "the house");
  provider = createServer(answer);
  provider.port = its;
  browser = await startBrowser();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: "en-GB" });
  page = await context.newPage();
  page.setDefaultTimeout(longestWait);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  provider?.closeAllConnections();
  provider?.close();
});

const byProvider = (where = page) => where.getByRole("link", { name: "Log in with the house" });

test("while the provider is away, that is said, and a password will do", async () => {
  await page.goto(`${server.url}/?view=changes`);
  await byProvider().waitFor();
  await assertAccessible(page, "the login");
  await screenshot(page, "login");
  await byProvider().click();
  await page.getByRole("alert").getByText("users with a password of this server can log in").waitFor();
  await assertAccessible(page, "the page of a login in vain");
  await screenshot(page, "login-in-vain");
  await page.getByRole("link", { name: "Back to the login" }).click();
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await byProvider().waitFor();
});

test("who logs in by the provider is where the login began, with the role of a group", async () => {
  provider.listen(provider.port, "localhost");
  await once(provider, "listening");
  for (let tries = 0; (await fetch(`${server.url}/console/openid`, { redirect: "manual" })).status !== 303; tries++) {
    assert.ok(tries < 100, "the provider is not asked again");
    await new Promise((done) => setTimeout(done, 100));
  }
  await page.goto(`${server.url}/?view=changes`);
  await byProvider().click();
  await page.getByRole("heading", { level: 1, name: "Changes" }).waitFor();
  const [session] = await page.context().cookies(server.url);
  assert.deepEqual([session.sameSite, session.httpOnly], ["Strict", true]);
  await page.getByRole("link", { name: "ann viewer" }).click();
  await page.getByText("You have no tokens.").waitFor();
  await assertAccessible(page, "the own tokens");
});

test("after the end of a session the login is in another tab, and nothing is lost", async () => {
  await page.getByRole("button", { name: "Make a token…" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("half-written");
  await page.context().clearCookies();
  await page.getByRole("button", { name: "Add" }).click();
  await byProvider(page.getByRole("dialog")).waitFor();
  await assertAccessible(page, "the login over a view", "dialog[open]:last-of-type");
  const [tab] = await Promise.all([page.context().waitForEvent("page"), byProvider(page.getByRole("dialog")).click()]);
  await tab.getByRole("link", { name: "ann viewer" }).waitFor();
  await tab.close();
  await page.bringToFront();
  await page.evaluate(() => window.dispatchEvent(new Event("focus"))); // headless browsers have none
  await byProvider().waitFor({ state: "detached" });
  assert.equal(await page.getByRole("dialog").getByLabel("Name").inputValue(), "half-written");
});

test("who is in no group with a role is told which groups came", async () => {
  groups = ["canteen", "<b>garage</b>"];
  await page.goto("about:blank"); // an answer that is under way would bring the session back
  await page.context().clearCookies();
  await page.goto(server.url);
  await byProvider().click();
  await page.getByRole("alert").getByText("The provider sent the groups canteen, <b>garage</b>").waitFor();
});
