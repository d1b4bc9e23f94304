// Administration: its parts, of which one is shown.
import { html, useEffect } from "./html.js";
import { Link } from "./router.js";
import { Users } from "./users.js";
import { Tokens } from "./tokens.js";
import { Webhooks } from "./webhooks.js";
import { Rules } from "./rules.js";
import { Audit } from "./audit.js";
import { Requests } from "./requests.js";
import { Server } from "./server.js";
import { a } from "./admintexts.js";

const views = { users: Users, tokens: Tokens, webhooks: Webhooks, retention: Rules, audit: Audit, requests: Requests, server: Server };
const own = ["requests", "server"]; // have an address of their own
const to = (tab) => (own.includes(tab) ? { view: tab } : { view: "admin", tab });

export function Admin({ state, who }) {
  const tab = own.includes(state.view) ? state.view : Object.hasOwn(views, state.tab ?? "") ? state.tab : "users";
  useEffect(() => document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [tab]);
  return html`
    <nav class="tabs" aria-label=${a.sections}>${Object.keys(views).map((one) => html`<${Link} key=${one} to=${to(one)} aria-current=${one === tab ? "page" : undefined}>${a.tabs[one]}<//>`)}</nav>
    <${views[tab]} state=${state} who=${who} />`;
}
