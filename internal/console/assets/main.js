// The frame: who is logged in, where to go, and the view in it.
import { html, render, useEffect, useState } from "./html.js";
import { childOf, listeners, logOut, me, sets } from "./api.js";
import { Link, useAddress } from "./router.js";
import { Search, useKeys } from "./keys.js";
import { Theme } from "./theme.js";
import { LogIn } from "./login.js";
import { Notices } from "./notices.js";
import { lazy } from "./lazy.js";
import { useTitle } from "./load.js";
import { useSession } from "./session.js";
import { useEvents } from "./live.js";
import { may, mayChange } from "./roles.js";
import { kinds, t } from "./texts.js";

const destinations = [
  { state: {}, key: "o", text: t.overview },
  { state: { kind: "jobset" }, key: "s", text: kinds.jobset.many },
  { state: { kind: "job" }, key: "j", text: kinds.job.many },
  { state: { kind: "contentset" }, key: "c", text: kinds.contentset.many },
  { state: { kind: "dataset" }, key: "d", text: kinds.dataset.many },
  { state: { view: "changes" }, key: "l", text: t.changes },
  { state: { view: "deleted" }, key: "x", text: t.deletedSets },
  { state: { view: "import" }, key: "i", text: t.import, role: "editor" },
  { state: { view: "create" }, key: "b", text: t.createTitle, role: "editor" },
  { state: { view: "admin" }, key: "a", text: t.administration, role: "admin" },
  { state: { view: "sandbox" }, key: "t", text: t.sandbox, role: "admin", only: "sandbox" },
  { state: { view: "requests" }, key: "r", text: t.requests, role: "admin", within: "admin" },
  { state: { view: "server" }, key: "v", text: t.server, role: "admin", within: "admin" },
  { state: { view: "tokens" }, key: "k", text: t.yourTokens, within: "user" },
];

// The page names what the view in its address imports, so that it is asked for
// at once. What else one goes to often follows once that is shown, and is then there
// if the server is not.
const Overview = lazy("./overview.js", "Overview");
const List = lazy("./list.js", "List");
const Entity = lazy("./entity.js", "Entity");
const Changes = lazy("./changes.js", "Changes");
const Deleted = lazy("./deleted.js", "Deleted");
const Import = lazy("./import.js", "Import");
const often = [Overview, List, Entity, Changes, Deleted, Import];
const loadOften = () => Promise.all(often.map((view) => view.load())).catch(() => {}); // the view that needs one says so
const Admin = lazy("./admin.js", "Admin");
const Tokens = lazy("./tokens.js", "Tokens");
const Found = lazy("./search.js", "Search");
const Create = lazy("./create.js", "Create");
const Sandbox = lazy("./sandbox.js", "Sandbox");

const listed = [...sets, ...Object.values(childOf)];

function NoView({ title, children }) {
  useTitle(title);
  return html`<div class="head"><h1>${title}</h1></div>${children && html`<p class="empty">${children}</p>`}`;
}

function View({ state, who }) {
  if (state.id) return html`<${Entity} key=${state.id} state=${state} who=${who} />`;
  if (state.view === "changes") return html`<${Changes} />`;
  if (state.view === "deleted") return html`<${Deleted} state=${state} who=${who} />`;
  if (state.view === "import" && mayChange(who)) return html`<${Import} state=${state} who=${who} />`;
  if (state.view === "create" && mayChange(who)) return html`<${Create} state=${state} who=${who} />`;
  if (state.view === "tokens") return html`<${Tokens} own who=${who} />`;
  if (state.view === "search") return html`<${Found} state=${state} />`;
  if (state.view) {
    const found = destinations.find((d) => d.state.view === state.view);
    if (!found) return html`<${NoView} title=${t.noView} />`;
    if (found.role && !may(who, found.role)) return html`<${NoView} title=${t.noAccess}>${t.needsRole(found.role, who.role)}<//>`;
    if (state.view === "sandbox") return html`<${Sandbox} state=${state} who=${who} />`;
    return html`<${Admin} key=${found.within ?? state.view} state=${state} who=${who} />`;
  }
  if (!state.kind) return html`<${Overview} state=${state} who=${who} />`;
  const kind = listed.includes(state.kind) ? state.kind : "jobset";
  return html`<${List} key=${kind} kind=${kind} state=${state} who=${who} />`;
}

// A view within another is under its destination.
const viewOf = ({ view }) => destinations.find((d) => d.state.view === view)?.within ?? view ?? "";
const isHere = (state, to) => !state.id && viewOf(state) === (to.view ?? "") && (state.view || (state.kind ?? "") === (to.kind ?? ""));

function App() {
  const state = useAddress();
  const [who, setWho] = useState(); // undefined: not known yet; null: nobody
  const [ended, setEnded] = useState(false);
  const [reachable, setReachable] = useState(true);
  const ask = () => me().then((found) => {
    setWho((before) => found ?? before ?? null);
    setEnded(!found);
    return found;
  }, () => setReachable(false));
  const loggedIn = async () => {
    if (await ask()) window.dispatchEvent(new Event("platen:again"));
  };

  useEffect(() => {
    listeners.sessionEnded = () => setEnded(true);
    listeners.reachable = setReachable;
    ask();
  }, []);
  useEffect(() => document.querySelector(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" }), [who, state]);
  // Somebody may have logged in in another window, as another user, too.
  useEffect(() => {
    const check = ended ? loggedIn : ask;
    window.addEventListener("focus", check);
    return () => window.removeEventListener("focus", check);
  }, [ended]);
  useEffect(() => {
    if (reachable) return undefined;
    const timer = setInterval(ask, 3000);
    return () => {
      clearInterval(timer);
      window.dispatchEvent(new Event("platen:again")); // whichever request found the server again
    };
  }, [reachable]);
  useEffect(() => {
    if (!who) return undefined;
    const timer = setTimeout(loadOften, 1500);
    return () => clearTimeout(timer);
  }, [Boolean(who)]);
  const keys = useKeys(destinations);
  useEvents(Boolean(who) && !ended);
  useSession(Boolean(who?.user) && !ended);

  const lost = !reachable && html`<p class="banner" role="alert">${t.unreachable}</p>`;
  if (who === undefined) return html`<main class="waiting">${lost || t.loading}</main>`;
  if (who === null) return html`${lost}<${LogIn} onDone=${loggedIn} />`;
  const leave = async () => {
    await logOut();
    window.location.assign("/");
  };
  return html`
    <a class="skip" href="#main">${t.skip}</a>
    ${lost}
    <header>
      <${Link} to=${{}} class="brand">${t.title}<//>
      <nav class="views" aria-label=${t.views}>
        ${destinations.filter((d) => !d.within && (!d.only || who[d.only]) && (!d.role || may(who, d.role))).map((d) => html`<${Link} key=${d.key} to=${d.state}
          aria-current=${isHere(state, d.state) ? "page" : undefined}>${d.text}<//>`)}
      </nav>
      <${Search} state=${state} />
      <div class="about">
        <button type="button" class="plain" onClick=${keys.show} title=${t.keys} aria-label=${t.keys}>?</button>
        <${Theme} />
        ${who.user && html`<${Link} to=${{ view: "tokens" }} class="who" title=${`${t.roles[who.role]}. ${t.yourTokens}`}>${who.user} <small>${who.role}</small><//>`}
        ${who.user !== "" && html`<button type="button" class="plain" onClick=${leave}>${t.logOut}</button>`}
      </div>
    </header>
    <main id="main" tabindex="-1"><${View} state=${state} who=${who} /></main>
    <footer><a href="/serverengine/doc/">${t.apiDocument}</a></footer>
    <${Notices} />
    ${keys.dialog}
    ${ended && html`<${LogIn} again user=${who.user} onDone=${loggedIn} />`}`;
}

render(html`<${App} />`, document.getElementById("app"));
