// One entity of any kind: where it is, its facts, its lists, and what it contains.
import { html, useState } from "./html.js";
import { childOf, countsOf, deleteSet, entityOf, entityPath, exportPath, listPathAt, partPaths, sets, writable } from "./api.js";
import { Link, go, staying } from "./router.js";
import { Curl, commandOf, curlOf } from "./welcome.js";
import { Loading, Problem, useFailure, useLoad, useTitle } from "./load.js";
import { lazy } from "./lazy.js";
import { Text, Time, number } from "./format.js";
import { Dialog } from "./dialog.js";
import { Pairs, PairsAt } from "./editor.js";
import { useEvent, useRecent } from "./live.js";
import { Happened } from "./changes.js";
import { History } from "./history.js";
import { nameOf, takeBack } from "./deleted.js";
import { notify } from "./notices.js";
import { mayChange } from "./roles.js";
import { facts, how, kinds, t } from "./texts.js";

const Tree = lazy("./tree.js", "Tree");
const Fields = lazy("./record.js", "Fields");
const Tables = lazy("./record.js", "Tables");
const Pages = lazy("./pages.js", "Pages");
const MediaOfSet = lazy("./pages.js", "MediaOfSet");
const Statistics = lazy("./pages.js", "Statistics");

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

// Contents shows the set as a tree, open where the entity is.
function Contents({ entity }) {
  const kind = childOf[entity.kind];
  return html`<section class="children">
    <div class="section-head"><h2>${t.contents}</h2>
      ${kind && entity.kind !== "datarecord" && html`<${Link} to=${{ kind, filter: `parent = ${entity.id}` }}>${t.asTable(kinds[kind].many)}<//>`}</div>
    <${Tree} entity=${entity} />
  </section>`;
}

// Within shows what has just happened to what a set contains.
function Within({ entity }) {
  const events = (useRecent() ?? []).filter((event) => event.set === entity.id && event.id !== entity.id).slice(0, 10);
  if (events.length === 0) return null;
  return html`<section class="history below"><div class="section-head"><h2>${t.happeningIn}</h2></div>
    <ol class="timeline">${events.map((event) => html`<${Happened} key=${event.key} event=${event} />`)}</ol></section>`;
}

function Delete({ entity, onClose }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useFailure();
  const name = nameOf(entity.kind, entity.id);
  const remove = async () => {
    const here = staying();
    setBusy(true);
    try {
      await deleteSet(entity.id);
      if (here()) go({ kind: entity.kind });
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

// Unread says why an entity could not be read, and where a set that is gone may be.
function Unread({ error, again }) {
  if (error.status !== 404) return html`<${Problem} error=${error} again=${again} />`;
  return html`<${Problem} error=${error} again=${again}>${t.goneText} <${Link} to=${{ view: "deleted" }}>${t.deletedSets}<//>.<//>`;
}

export function Entity({ state, who }) {
  const { data: entity, error, loading, again } = useLoad((signal) => entityOf(state.id, signal), [state.id]);
  const [deleting, setDeleting] = useState(false);
  const set = entity?.ancestors.at(-1)?.id ?? entity?.id;
  useEvent((event) => event.id === entity?.id || (!event.facet && event.set === set),
    () => window.dispatchEvent(new Event("platen:again")), [entity?.id]);
  useTitle(entity ? nameOf(entity.kind, entity.id) : state.id);
  if (error && !entity) return html`<div class="head"><h1>${state.id}</h1></div><div class="body"><${Unread} error=${error} again=${again} /></div>`;
  if (!entity) return html`<div class="body"><${Loading} of=${{ loading: true }} /></div>`;
  const gone = error?.status === 404; // what was read of it is still shown
  const mine = mayChange(who) && !gone;
  const isSet = sets.includes(entity.kind);
  const shown = ["properties", "metadata", "fields"].filter((list) => entity[list] || writable[entity.kind]?.includes(list));
  const first = writable[entity.kind]?.[0];
  const named = entity.properties?.find((pair) => pair.name === "name")?.value;
  return html`
    <div class="head entity">
      <${Path} entity=${entity} />
      <h1>${nameOf(entity.kind, entity.id)}${named && html` <span class="quiet count"><${Text} value=${named} most=${80} /></span>`}</h1>
      ${isSet && !gone && html`<span class="row actions">
        ${entity.kind === "contentset" && mine && html`<${Link} class="button" to=${{ view: "create", sets: entity.id }}>${t.createJobs}…<//>`}
        <a class="button" href=${exportPath(entity.kind, entity.id)} download=${`${entity.kind}-${entity.id}.json`}>${t.export}</a>
        ${mine && html`<button type="button" onClick=${() => setDeleting(true)}>${t.deleteSet}…</button>`}
      </span>`}
    </div>
    ${error && html`<${Unread} error=${error} again=${again} />`}
    <div class="body columns-of-entity" aria-busy=${loading}>
      <div>
        ${state.at && html`<p class="as-of" role="status">${t.asOf} <${Time} value=${state.at} /> <${Link} class="button" to=${{ ...state, at: undefined }}>${t.asNow}<//></p>`}
        ${!gone && (entity.kind === "document" || entity.kind === "contentitem") && html`<${Pages} entity=${entity} state=${state} />`}
        ${shown.map((list) => list === "fields" && !state.at ? html`<${Fields} key=${list} entity=${entity} />` : state.at ? html`<${PairsAt} key=${list} entity=${entity} list=${list} at=${state.at} />` : html`<${Pairs} key=${list} entity=${entity} list=${list} shortcut=${list === first}
          editable=${mine && writable[entity.kind]?.includes(list)} onDone=${again} />`)}
        ${!gone && entity.kind === "datarecord" && !state.at && html`<${Tables} entity=${entity} state=${state} />`}
        ${!gone && entity.kind === "jobset" && entity.counts?.documents > 0 && html`<${Statistics} entity=${entity} />`}
        ${!gone && entity.kind === "contentset" && entity.counts?.contentitems !== 0 && html`<${MediaOfSet} entity=${entity} />`}
        ${!gone && isSet && html`<${Within} entity=${entity} />`}
        ${!gone && html`<${History} entity=${entity} state=${state} who=${who} />`}
      </div>
      <div>
        <${Facts} entity=${entity} />
        ${!gone && html`<${Contents} entity=${entity} />`}
      </div>
    </div>
    <${Curl} who=${who} path=${state.at ? listPathAt(entity.id, first ?? "fields", state.at) : entityPath(entity.id)} more=${[
      ...partPaths(entity).map((path) => curlOf(who, path)), commandOf(who, `get ${entity.id}`), ...(isSet ? [commandOf(who, `export ${entity.id} --kind ${entity.kind}`)] : [])]} />
    ${deleting && html`<${Delete} entity=${entity} onClose=${() => setDeleting(false)} />`}`;
}
