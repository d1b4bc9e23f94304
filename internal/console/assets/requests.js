// The journal of requests: what programs have sent, and why it was refused.
import { html, useEffect, useRef, useState } from "./html.js";
import { followRequests, requests } from "./api.js";
import { Link, go, staying } from "./router.js";
import { Loading, Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, bytes, number } from "./format.js";
import { notify, useRun } from "./notices.js";
import { CopyLine } from "./welcome.js";
import { Form, Table } from "./forms.js";
import { Terms } from "./server.js";
import { t } from "./texts.js";
import { a } from "./admintexts.js";

const pageSize = 100;
const most = 300; // rows while requests are followed
const filters = ["method", "status", "path", "user", "reason", "fault"];
const methods = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"];

// Those of the console itself are left out unless they are wanted.
const queryOf = (state) => ({ ...Object.fromEntries(filters.map((name) => [name, state[name]])), console: state.console === "too" ? undefined : "false" });

function Status({ request }) {
  if (request.status === 0) return html`<span class="bad">${request.aborted ? a.aborted : a.notAnswered}</span>`;
  return html`<span class=${request.status >= 400 ? "bad" : ""}>${request.status}</span>${request.aborted && html` <span class="bad">${a.aborted}</span>`}`;
}

// Acted links to the fault of a sandbox that has acted on a request.
const Acted = ({ request }) => html`<${Link} to=${{ view: "sandbox", fault: request.fault }}>${a.fault}: <${Text} value=${request.fault} most=${64} /><//>`;

const Why = ({ request }) => html`${request.fault && html`<div><${Acted} request=${request} /></div>`}${request.reason && html`<${Text} value=${request.reason} most=${240} />`}${request.hints?.map((hint) => html`<div key=${hint} class="quiet"><${Text} value=${hint} most=${240} /></div>`)}`;

function Filter({ state, who }) {
  const form = useRef();
  const apply = (event) => {
    event?.preventDefault();
    const given = new FormData(form.current);
    go({ ...state, ...Object.fromEntries(filters.map((name) => [name, given.get(name)?.trim() || undefined])), console: given.has("console") ? "too" : undefined, page: undefined });
  };
  const select = (name, label, any, options) => html`<select name=${name} aria-label=${label} onChange=${apply}>
    <option value="">${any}</option>${options.map(([value, text]) => html`<option key=${value} value=${value} selected=${state[name] === value}>${text}</option>`)}</select>`;
  const field = (name, label, placeholder) => html`<input name=${name} aria-label=${label} placeholder=${placeholder} defaultValue=${state[name] ?? ""} autocomplete="off" autocapitalize="none" spellcheck=${false} />`;
  return html`<form class="filter requests" ref=${form} key=${JSON.stringify(queryOf(state))} onSubmit=${apply}>
    ${select("method", a.method, a.anyMethod, methods.map((one) => [one, one]))}
    ${select("status", a.status, a.anyStatus, a.statuses.some(([one]) => one === state.status) || !state.status ? a.statuses : [...a.statuses, [state.status, state.status]])}
    ${field("path", a.path, a.pathHint)} ${field("user", a.user, a.user)} ${field("reason", a.reason, a.reasonHint)}
    ${(who.sandbox || state.fault) && field("fault", a.fault, a.fault)}
    <label class="check"><input type="checkbox" name="console" checked=${state.console === "too"} onChange=${apply} /> ${a.showConsole}</label>
    <button type="submit">${t.apply}</button>
    ${filters.some((name) => state[name]) && html`<${Link} class="button" to=${{ view: "requests", console: state.console, live: state.live }}>${t.clear}<//>`}
  </form>`;
}

// useFollowed returns the requests that came since the page was loaded.
function useFollowed(on, state, rows) {
  const [seen, setSeen] = useState([]);
  const key = JSON.stringify(queryOf(state));
  useEffect(() => setSeen([]), [rows]);
  useEffect(() => {
    if (!on) return undefined;
    const abort = new AbortController();
    let waiting = [], timer;
    const show = () => {
      timer = undefined;
      const now = waiting;
      waiting = [];
      setSeen((before) => [...now, ...before].slice(0, most));
    };
    const heard = (request) => {
      waiting = [request, ...waiting].slice(0, most);
      timer ??= setTimeout(show, 200);
    };
    const run = async () => {
      let after; // the last request that the stream has gone past
      while (!abort.signal.aborted) {
        try {
          await followRequests(queryOf(state), after, abort.signal, (place) => (after = place), heard, () => notify(a.followLost));
        } catch (error) {
          if (error.status === 403 && !error.ended) return; // the user may no longer see them
        }
        if (!abort.signal.aborted) await new Promise((done) => setTimeout(done, 3000));
      }
    };
    run();
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [on, key]);
  return seen;
}

function Off() {
  return html`<div class="head"><h1>${a.requests}</h1></div>
    <section class="welcome"><h2>${a.journalOff}</h2><p>${a.journalOffText}</p><${CopyLine} text="platen serve --journal 1000" /></section>`;
}

function All({ state, who }) {
  const query = queryOf(state);
  const { data, error, loading, again } = useLoad((signal) => requests.all({ ...query, pageSize, pageToken: state.page }, signal), [JSON.stringify(query), state.page]);
  const [clearing, setClearing] = useState(false);
  useTitle(a.requests);
  const follows = state.live === "on" && !state.page && Boolean(data);
  const followed = useFollowed(follows, state, data);
  if (error?.status === 409 && !data) return html`<${Off} />`;
  const rows = [...followed, ...(data?.requests ?? [])].slice(0, most);
  const filtered = filters.some((name) => state[name]);
  const clear = async () => {
    const { deleted } = await requests.clear(filtered ? query : {});
    setClearing(false);
    notify(a.cleared(deleted, number(deleted)));
    again();
  };
  return html`
    <div class="head"><h1>${a.requests}</h1>
      <button type="button" aria-pressed=${state.live === "on"} onClick=${() => go({ ...state, live: state.live === "on" ? undefined : "on", page: undefined })}>${state.live === "on" ? html`<span class="live">${a.following}</span>` : a.follow}</button>
      <button type="button" disabled=${rows.length === 0} onClick=${() => setClearing(true)}>${a.clear}</button>
      <${Filter} state=${state} who=${who} /></div>
    <div class="body" aria-busy=${loading && !data}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && rows.length === 0 && html`<p class="empty">${filtered ? a.noneMatch : a.noRequests}</p>`}
      ${rows.length > 0 && html`<${Table} label=${a.requests} heads=${a.requestHeads}>${rows.map((one, i) => html`<tr key=${`${one.requestId} ${one.time} ${one.tookMicros} ${i - followed.length}`}>
        <th scope="row"><${Time} value=${one.time} /></th>
        <td class="address wide"><${Link} to=${{ ...state, request: one.requestId }} data-row><b>${one.method || "?"}</b> <${Text} value=${one.path + (one.query ? `?${one.query}` : "")} most=${160} /><//>${one.console && html` <span class="quiet">${a.fromConsole}</span>`}</td>
        <td><${Status} request=${one} /></td><td class="number">${a.took(one.tookMicros)}</td>
        <td>${one.user ? html`<${Text} value=${one.user} most=${40} />` : one.tried && html`<span class="bad"><${Text} value=${one.tried} most=${40} /></span>`}</td>
        <td class="wide"><${Why} request=${one} /></td></tr>`)}<//>`}
      ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken} />`}
    </div>
    ${clearing && html`<${Form} title=${a.clearTitle} action=${a.doRemove} danger submit=${clear} onClose=${() => setClearing(false)} fields=${[]}><p>${filtered ? a.clearSome : a.clearAll}</p><//>`}`;
}

function Part({ title, part }) {
  const body = part.body ?? part.bodyBase64 ?? "";
  return html`<section><h2>${title}</h2>
    <table class="list"><thead class="hidden"><tr><th scope="col">${t.name}</th><th scope="col">${t.value}</th></tr></thead>
      <tbody>${part.headers.map((header, i) => html`<tr key=${i}><th scope="row"><${Text} value=${header.name} most=${60} /></th><td><${Text} value=${header.value} most=${200} /></td></tr>`)}</tbody></table>
    <h3>${a.body}</h3>
    ${part.bodyBase64 !== undefined && html`<p class="quiet">${a.binary}</p>`}
    ${body ? html`<div class="recorded" tabindex="0" role="region" aria-label=${`${title}: ${a.body}`}><${Text} value=${body} most=${4000} /></div>` : part.bodySize === 0 && html`<p class="quiet">${a.noBody}</p>`}
    ${part.hidden ? html`<p class="quiet">${a.bodyHidden}</p>` : !part.whole && html`<p class="quiet">${a.bodyPart(bytes(part.bodyBase64 === undefined ? new TextEncoder().encode(body).length : Math.floor(body.length * 3 / 4)), bytes(part.bodySize))}</p>`}
  </section>`;
}

function One({ state }) {
  const id = state.request;
  const { data, error, loading, again } = useLoad(async (signal) => {
    const [request, curl] = await Promise.all([requests.one(id, signal), requests.curl(id, signal)]);
    return { request, curl };
  }, [id]);
  useTitle(`${a.requests} ${id}`);
  const home = { ...state, request: undefined };
  const [busy, run] = useRun(again);
  const remove = () => run(async () => {
    const here = staying();
    const { deleted } = await requests.remove(id);
    notify(a.cleared(deleted, number(deleted)));
    if (here()) go(home);
  });
  if (error?.status === 409 && !data) return html`<${Off} />`;
  const one = data?.request;
  return html`
    <div class="head"><nav class="path"><${Link} to=${home} data-key="u">${a.back}<//></nav></div>
    ${error && !one && html`<div class="head"><h1>${a.requests} ${id}</h1></div>`}
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${one && html`<div class="head"><h1 class="address">${one.method || "?"} <${Text} value=${one.path + (one.query ? `?${one.query}` : "")} most=${300} /></h1>
      <button type="button" class="actions" disabled=${busy} onClick=${remove}>${a.doRemove}</button></div>
    <div class="body" aria-busy=${loading}>
      ${(one.reason || one.hints || one.fault) && html`<div class="problem"><div><${Why} request=${one} /></div></div>`}
      <${Terms} title=${a.facts} rows=${[
        [a.status, html`<${Status} request=${one} />`], [facts.time, html`<${Time} value=${one.time} />`], [facts.took, a.took(one.tookMicros)],
        [a.user, one.user && html`<${Text} value=${one.user} most=${64} />`], [a.tried, one.tried && html`<${Text} value=${one.tried} most=${64} />`], [a.credentials, one.credentials],
        [a.client, html`<${Text} value=${one.client ?? ""} />`], [a.route, one.route && html`<code>${one.route}</code>`], [a.protocol, one.protocol], [a.requestId, html`<${Text} value=${one.requestId} />`],
        [t.source, one.console ? a.fromConsole : undefined],
      ]} />
      <section class="boxed"><h2>${a.curl}</h2><${CopyLine} text=${data.curl.trimEnd()} /></section>
      <div class="columns-of-entity halves"><div><${Part} title=${a.sent} part=${one.request} /></div><div><${Part} title=${a.answered} part=${one.answer} /></div></div>
    </div>`}`;
}

const facts = { time: a.requestHeads[0], took: a.requestHeads[3] };

export const Requests = ({ state, who }) => (state.request ? html`<${One} key=${state.request} state=${state} />` : html`<${All} state=${state} who=${who} />`);
