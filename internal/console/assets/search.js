// A search over everything: by the values of all names, kind by kind.
import { html, useEffect, useLayoutEffect, useState } from "./html.js";
import { childOf, filledPage, sets } from "./api.js";
import { Link, arrived } from "./router.js";
import { Problem, useTitle } from "./load.js";
import { Text, number, plain } from "./format.js";
import { listsOf, write } from "./filter.js";
import { pagesOfNames } from "./names.js";
import { kinds, t } from "./texts.js";

const shown = 8; // of each kind
const mostNames = 100; // in one filter
const mostFilters = 2; // as one: the server takes 256 names
const mostText = 12_000; // bytes of a filter
const mostAsked = 40; // requests for a kind
const longest = 15_000; // milliseconds for a kind
const atOnce = 2; // requests

const order = [...sets, ...Object.keys(kinds).filter((kind) => !sets.includes(kind) && Object.values(childOf).includes(kind))];

const size = (text) => new TextEncoder().encode(text).length;

// filtersOf yields filters that together find whatever has a value that begins with a
// text, or has it inside. Each says what is left after it: so many names, and further
// ones that are not read yet.
async function* filtersOf(kind, text, inside, signal) {
  for await (const page of pagesOfNames(kind, signal)) {
    let rest = page.names.filter((one) => listsOf(kind).includes(one.list)).map(({ list, name }) => ({ of: list, name, op: inside ? "has" : "begins", value: text }));
    while (rest.length > 0) {
      let n = Math.min(mostNames, rest.length);
      let filter = write(kind, { any: true, rows: rest.slice(0, n) });
      while (size(filter) > mostText && n > 1) filter = write(kind, { any: true, rows: rest.slice(0, (n >>= 1)) });
      rest = rest.slice(n);
      yield { filter, left: { names: rest.length, further: Boolean(page.nextPageToken) } };
    }
  }
}

// find looks for a text among the entities of a kind until it has as many as are shown,
// or for as long as is good. goesOn: there may be more of what the filter finds.
async function find(kind, text, inside, signal) {
  const until = Date.now() + longest;
  const fields = ["kind", "id", ...listsOf(kind).filter((list) => kind !== "contentitem" || list !== "fields")].join(",");
  const hits = new Map(); // by identifier: one may have the text in names of several filters
  const filters = []; // that have found something, or are not done
  let total = 0, goesOn = false, left, asked = 0;
  for await (const part of filtersOf(kind, text, inside, signal)) {
    const page = await filledPage({ kind, filter: part.filter, orderBy: "id desc", fields, pageSize: shown }, signal);
    for (const entity of page.entities) hits.set(entity.id, entity);
    if (page.entities.length > 0 || page.nextPageToken) filters.push(part.filter);
    total += page.totalEstimate;
    goesOn ||= Boolean(page.nextPageToken);
    left = part.left;
    if (hits.size >= shown || ++asked >= mostAsked || Date.now() > until) break;
  }
  const all = filters.join(" OR ");
  const whole = filters.length <= mostFilters && size(all) <= mostText;
  const some = [...hits.values()].sort((a, b) => b.id - a.id);
  return {
    entities: some.slice(0, shown), total: Math.max(total, some.length), goesOn: goesOn || some.length > shown,
    left: left?.names > 0 || left?.further ? left : undefined, filter: whole ? all : filters[0], whole,
  };
}

function Hits({ entity, text, inside }) {
  const hits = ["properties", "metadata", "fields"].flatMap((list) => entity[list] ?? []).filter((pair) => (inside ? pair.value.includes(text) : pair.value.startsWith(text)));
  return html`${hits.slice(0, 3).map((pair) => html`<span class="pair" key=${pair.name}><b><${Text} value=${pair.name} most=${40} /></b> <${Text} value=${pair.value} most=${100} /></span> `)}`;
}

function Group({ kind, found, text, inside, again }) {
  if (found.error) return html`<section><h2>${kinds[kind].many}</h2><${Problem} error=${found.error} again=${again} /></section>`;
  const { goesOn, left } = found;
  const all = !goesOn && !left;
  return html`<section class="group">
    <div class="section-head"><h2>${kinds[kind].many} ${found.entities.length > 0 && html`<span class="quiet count">${t.about(number(all ? found.entities.length : found.total), all)}</span>`}</h2>
      ${goesOn && html`<${Link} to=${{ kind, filter: found.filter }}>${found.whole && !left ? t.allFound : t.asList}<//>`}</div>
    ${found.entities.length === 0 && html`<p class="quiet">${t.searchGoesOn}</p>`}
    <table class="list found"><tbody>${found.entities.map((entity) => html`<tr key=${entity.id}>
      <th scope="row"><${Link} to=${{ id: entity.id }} data-row>${entity.id}<//></th><td><${Hits} entity=${entity} text=${text} inside=${inside} /></td></tr>`)}</tbody></table>
    ${left && html`<p class="quiet">${t.namesLeft(number(left.names), left)}</p>`}
  </section>`;
}

export function Search({ state }) {
  const text = state.q ?? "";
  const inside = state.inside === "1";
  const [found, setFound] = useState({}); // by kind
  const [round, setRound] = useState(0);
  const again = () => setRound((n) => n + 1);
  useTitle(`${t.search}: ${plain(text)}`);
  useEffect(() => {
    const abort = new AbortController();
    setFound({});
    if (!text) return undefined;
    const waiting = [...order];
    const work = async () => {
      for (let kind = waiting.shift(); kind && !abort.signal.aborted; kind = waiting.shift()) {
        const one = await find(kind, text, inside, abort.signal).catch((error) => ({ error, entities: [] }));
        if (!abort.signal.aborted) setFound((before) => ({ ...before, [kind]: one }));
      }
    };
    for (let i = 0; i < atOnce; i++) work();
    return () => abort.abort();
  }, [text, inside, round]);
  useLayoutEffect(arrived, [found]);
  const failed = Object.values(found).some((one) => one.error);
  useEffect(() => {
    if (!failed) return undefined;
    window.addEventListener("platen:again", again); // somebody is logged in, or the server is there again
    return () => window.removeEventListener("platen:again", again);
  }, [failed]);
  const has = (one) => one.error || one.entities.length > 0 || one.goesOn || one.left;
  const some = order.filter((kind) => found[kind] && has(found[kind]));
  const none = order.filter((kind) => found[kind] && !has(found[kind]));
  const busy = text !== "" && some.length + none.length < order.length;
  return html`<div class="head"><h1>${t.search}: <${Text} value=${text} most=${80} /></h1>
      <nav class="row" aria-label=${t.searchWhere}>
        <${Link} class="button" aria-current=${inside ? undefined : "true"} to=${{ ...state, inside: undefined }}>${t.beginsWith}<//>
        <${Link} class="button" aria-current=${inside ? "true" : undefined} to=${{ ...state, inside: "1" }}>${t.hasInside}<//></nav></div>
    <div class="body groups" aria-busy=${busy ? "true" : "false"}>
      ${some.map((kind) => html`<${Group} key=${kind} kind=${kind} found=${found[kind]} text=${text} inside=${inside} again=${again} />`)}
      ${busy && html`<p class="quiet" role="status">${t.searching}</p>`}
      ${!busy && some.length === 0 && html`<p class="empty">${inside ? t.foundNothing : t.foundNoBegin}</p>`}
      ${!busy && some.length > 0 && none.length > 0 && html`<p class="quiet">${t.nothingAmong(none.map((kind) => kinds[kind].many.toLowerCase()).join(", "))}</p>`}
    </div>`;
}
