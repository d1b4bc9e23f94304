// A search over everything: by the values of all names, kind by kind.
import { html, useEffect, useState } from "./html.js";
import { childOf, entities, sets } from "./api.js";
import { Link } from "./router.js";
import { Problem, useTitle } from "./load.js";
import { Text, number, plain } from "./format.js";
import { listsOf, write } from "./filter.js";
import { namesOf } from "./names.js";
import { kinds, t } from "./texts.js";

const shown = 8; // of each kind
const mostNames = 100; // of a kind, in one filter
const mostText = 12_000; // bytes of a filter
const atOnce = 2; // requests

const order = [...sets, ...Object.keys(kinds).filter((kind) => !sets.includes(kind) && Object.values(childOf).includes(kind))];

// filterOf returns a filter that any of some names has a value that begins with
// a text, or has it inside, and how many of the names are in it.
function filterOf(kind, names, text, inside) {
  let rows = names.filter((one) => listsOf(kind).includes(one.list)).slice(0, mostNames).map(({ list, name }) => ({ of: list, name, op: inside ? "has" : "begins", value: text }));
  let filter = write(kind, { any: true, rows });
  while (filter.length > mostText && rows.length > 1) {
    rows = rows.slice(0, rows.length >> 1);
    filter = write(kind, { any: true, rows });
  }
  return { filter, names: rows.length };
}

async function find(kind, text, inside, signal) {
  const names = await namesOf(kind);
  if (names.length === 0) return { entities: [] };
  const { filter, names: used } = filterOf(kind, names, text, inside);
  const page = await entities({ kind, filter, orderBy: "id desc", fields: ["kind", "id", ...listsOf(kind).filter((list) => kind !== "contentitem" || list !== "fields")].join(","), pageSize: shown }, signal);
  return { ...page, filter, left: names.length - used };
}

function Hits({ entity, text, inside }) {
  const hits = ["properties", "metadata", "fields"].flatMap((list) => entity[list] ?? []).filter((pair) => (inside ? pair.value.includes(text) : pair.value.startsWith(text)));
  return html`${hits.slice(0, 3).map((pair) => html`<span class="pair" key=${pair.name}><b><${Text} value=${pair.name} most=${40} /></b> <${Text} value=${pair.value} most=${100} /></span> `)}`;
}

function Group({ kind, found, text, inside }) {
  if (found.error) return html`<section><h2>${kinds[kind].many}</h2><${Problem} error=${found.error} /></section>`;
  const more = Boolean(found.nextPageToken);
  return html`<section class="group">
    <div class="section-head"><h2>${kinds[kind].many} <span class="quiet count">${t.about(number(found.totalEstimate), !more)}</span></h2>
      ${more && html`<${Link} to=${{ kind, filter: found.filter }}>${t.allFound}<//>`}</div>
    ${found.entities.length === 0 && html`<p class="quiet">${t.searchGoesOn}</p>`}
    <table class="list found"><tbody>${found.entities.map((entity) => html`<tr key=${entity.id}>
      <th scope="row"><${Link} to=${{ id: entity.id }} data-row>${entity.id}<//></th><td><${Hits} entity=${entity} text=${text} inside=${inside} /></td></tr>`)}</tbody></table>
    ${found.left > 0 && html`<p class="quiet">${t.namesLeft(number(found.left))}</p>`}
  </section>`;
}

export function Search({ state }) {
  const text = state.q ?? "";
  const inside = state.inside === "1";
  const [found, setFound] = useState({}); // by kind
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
  }, [text, inside]);
  const has = (one) => one.error || one.entities.length > 0 || one.nextPageToken;
  const some = order.filter((kind) => found[kind] && has(found[kind]));
  const none = order.filter((kind) => found[kind] && !has(found[kind]));
  const busy = text !== "" && some.length + none.length < order.length;
  return html`<div class="head"><h1>${t.search}: <${Text} value=${text} most=${80} /></h1>
      <nav class="row" aria-label=${t.searchWhere}>
        <${Link} class="button" aria-current=${inside ? undefined : "true"} to=${{ ...state, inside: undefined }}>${t.beginsWith}<//>
        <${Link} class="button" aria-current=${inside ? "true" : undefined} to=${{ ...state, inside: "1" }}>${t.hasInside}<//></nav></div>
    <div class="body groups" aria-busy=${busy ? "true" : "false"}>
      ${some.map((kind) => html`<${Group} key=${kind} kind=${kind} found=${found[kind]} text=${text} inside=${inside} />`)}
      ${busy && html`<p class="quiet" role="status">${t.searching}</p>`}
      ${!busy && some.length === 0 && html`<p class="empty">${inside ? t.foundNothing : t.foundNoBegin}</p>`}
      ${!busy && some.length > 0 && none.length > 0 && html`<p class="quiet">${t.nothingAmong(none.map((kind) => kinds[kind].many.toLowerCase()).join(", "))}</p>`}
    </div>`;
}
