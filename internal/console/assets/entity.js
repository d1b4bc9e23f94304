// One entity of any kind: where it is, its facts, its lists, and what it contains.
import { html, useState } from "./html.js";
import { childOf, children, countsOf, deleteSet, entityOf, entityPath, exportPath, sets, writable } from "./api.js";
import { Link, go } from "./router.js";
import { Curl } from "./welcome.js";
import { Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, number } from "./format.js";
import { Dialog } from "./dialog.js";
import { Pairs, PairsAt } from "./editor.js";
import { useEvent } from "./live.js";
import { History } from "./history.js";
import { nameOf, takeBack } from "./deleted.js";
import { notify } from "./notices.js";
import { mayChange } from "./roles.js";
import { facts, how, kinds, t } from "./texts.js";

const pageSize = 100;

function Path({ entity }) {
  const above = entity.ancestors.toReversed();
  return html`<nav class="path" aria-label=${t.path}><ol>
    ${sets.includes(entity.kind) && html`<li><${Link} to=${{ kind: entity.kind }} data-key="u">${kinds[entity.kind].many}<//></li>`}
    ${above.map((one, i) => html`<li key=${one.id}><${Link} to=${{ id: one.id }} data-key=${i === above.length - 1 ? "u" : undefined}>${nameOf(one.kind, one.id)}<//></li>`)}
    <li aria-current="page">${nameOf(entity.kind, entity.id)}</li>
  </ol></nav>`;
}

function Facts({ entity }) {
  const rows = [];
  const add = (name, value) => value !== undefined && value !== null && value !== "" && rows.push([name, value]);
  add("createTime", entity.createTime && html`<${Time} value=${entity.createTime} />`);
  add("createdBy", entity.createdBy && html`<${Text} value=${entity.createdBy} />`);
  add("createdToken", entity.createdToken && html`<${Text} value=${entity.createdToken} />`);
  add("createdHow", how[entity.createdHow] ?? entity.createdHow);
  add("updateTime", entity.updateTime && html`<${Time} value=${entity.updateTime} />`);
  add("position", entity.position === undefined ? undefined : number(entity.position + 1));
  add("datarecord", entity.datarecord && html`<${Link} to=${{ id: entity.datarecord }}>${entity.datarecord}<//>`);
  for (const name of countsOf[entity.kind] ?? []) {
    if (entity.counts?.[name] !== undefined) add(name, number(entity.counts[name]));
  }
  if (rows.length === 0) return null;
  return html`<section class="facts"><h2>${t.factsTitle}</h2>
    <dl>${rows.map(([name, value]) => html`<div key=${name}><dt>${facts[name]}</dt><dd>${value}</dd></div>`)}</dl>
  </section>`;
}

function Children({ entity, state }) {
  const kind = childOf[entity.kind];
  const { data, error, loading, again } = useLoad(
    (signal) => children(entity.id, { pageSize, pageToken: state.page }, signal), [entity.id, state.page]);
  const rows = data?.children ?? [];
  const all = entity.counts?.[`${kind}s`];
  const shown = rows.length > 0 && (state.page || data.nextPageToken)
    && t.childWindow(number(rows[0].position + 1), number(rows.at(-1).position + 1), all && number(all));
  if (kind === entity.kind && rows.length === 0 && !state.page) return null; // a data record mostly has none
  return html`<section class="children" aria-busy=${loading}>
    <div class="section-head"><h2>${t.childrenTitle(kinds[kind].many)}</h2>
      ${rows.length > 0 && html`<${Link} to=${{ kind, filter: `parent = ${entity.id}` }}>${t.asTable}<//>`}</div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    ${data && rows.length === 0 && html`<p class="empty">${t.noChildren(kinds[kind].many)}</p>`}
    ${rows.length > 0 && html`<ol class="grid">${rows.map((row) => html`<li key=${row.id}>
      <${Link} to=${{ id: row.id }} data-row><span class="quiet">${number(row.position + 1)}</span> ${row.id}<//></li>`)}</ol>`}
    ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken}>${shown}<//>`}
  </section>`;
}

function Delete({ entity, onClose }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const name = nameOf(entity.kind, entity.id);
  const remove = async () => {
    setBusy(true);
    try {
      await deleteSet(entity.id);
      go({ kind: entity.kind });
      notify(t.deleted(name), { text: t.undelete, run: () => takeBack(entity.kind, entity.id) });
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const counts = (countsOf[entity.kind] ?? []).filter((one) => entity.counts?.[one]);
  return html`<${Dialog} title=${t.deleteTitle(name)} onClose=${onClose}>
    <p>${t.deleteText}</p>
    ${counts.length > 0 && html`<p>${counts.map((one) => `${facts[one]}: ${number(entity.counts[one])}`).join(" · ")}</p>`}
    ${error && html`<${Problem} error=${error} />`}
    <p class="row"><button type="button" class="danger" disabled=${busy} onClick=${remove}>${t.deleteSet}</button>
      <button type="button" onClick=${onClose}>${t.cancel}</button></p>
  <//>`;
}

export function Entity({ state, who }) {
  const { data: entity, error, loading, again } = useLoad((signal) => entityOf(state.id, signal), [state.id]);
  const [deleting, setDeleting] = useState(false);
  const set = entity?.ancestors.at(-1)?.id ?? entity?.id;
  useEvent((event) => event.id === entity?.id || (!event.facet && event.set === set),
    () => window.dispatchEvent(new Event("platen:again")), [entity?.id]);
  useTitle(entity ? nameOf(entity.kind, entity.id) : state.id);
  if (error && !entity) return html`<div class="head"><h1>${state.id}</h1></div><div class="body"><${Problem} error=${error} again=${again} /></div>`;
  if (!entity) return html`<div class="body"><p class="quiet">${t.loading}</p></div>`;
  const isSet = sets.includes(entity.kind);
  const shown = ["properties", "metadata", "fields"].filter((list) => entity[list] || writable[entity.kind]?.includes(list));
  const first = writable[entity.kind]?.[0];
  const named = entity.properties?.find((pair) => pair.name === "name")?.value;
  return html`
    <div class="head entity">
      <${Path} entity=${entity} />
      <h1>${nameOf(entity.kind, entity.id)}${named && html` <span class="quiet count"><${Text} value=${named} most=${80} /></span>`}</h1>
      ${isSet && html`<span class="row actions">
        <a class="button" href=${exportPath(entity.kind, entity.id)} download=${`${entity.kind}-${entity.id}.json`}>${t.export}</a>
        ${mayChange(who) && html`<button type="button" onClick=${() => setDeleting(true)}>${t.deleteSet}…</button>`}
      </span>`}
    </div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <div class="body columns-of-entity" aria-busy=${loading}>
      <div>
        ${state.at && html`<p class="as-of" role="status">${t.asOf} <${Time} value=${state.at} /> <${Link} class="button" to=${{ ...state, at: undefined }}>${t.asNow}<//></p>`}
        ${shown.map((list) => state.at ? html`<${PairsAt} key=${list} entity=${entity} list=${list} at=${state.at} />` : html`<${Pairs} key=${list} entity=${entity} list=${list} shortcut=${list === first}
          editable=${mayChange(who) && writable[entity.kind]?.includes(list)} onSaved=${again} />`)}
        <${History} entity=${entity} state=${state} who=${who} />
      </div>
      <div>
        <${Facts} entity=${entity} />
        ${childOf[entity.kind] && html`<${Children} entity=${entity} state=${state} />`}
      </div>
    </div>
    <${Curl} who=${who} path=${entityPath(entity.id)} />
    ${deleting && html`<${Delete} entity=${entity} onClose=${() => setDeleting(false)} />`}`;
}
