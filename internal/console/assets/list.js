// Entities of a kind in a table: filter, order, columns and page are in the address.
import { html, useRef, useState } from "./html.js";
import { countsOf, entities, entitiesPath, sets, writable } from "./api.js";
import { Link, go } from "./router.js";
import { Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, number } from "./format.js";
import { isIn, useEvent } from "./live.js";
import { Curl, FirstMinute } from "./welcome.js";
import { facts, how, kinds, lists, t } from "./texts.js";

const pageSize = 100;
const times = ["createTime", "updateTime"];

// The columns that a kind has without a choice, and those to choose from.
const usual = {
  jobset: ["properties", "createTime", "createdBy", "counts.jobs", "counts.documents", "counts.pages"],
  job: ["parent", "properties", "createTime", "counts.documents", "counts.pages"],
  contentset: ["createTime", "createdBy", "counts.contentitems"],
  dataset: ["createTime", "createdBy", "counts.datarecords"],
};
const ofSets = ["createTime", "createdBy", "createdHow", "updateTime"];
const possible = (kind) => [
  ...(sets.includes(kind) ? [] : ["parent"]), ...(countsOf[kind] ? ofSets : []), ...(countsOf[kind] ?? []).map((count) => `counts.${count}`), ...writable[kind],
];
const columnsOf = (kind, state) => (state.columns ? splitNames(state.columns) : usual[kind] ?? writable[kind]);

// Names of properties may have anything in them: those with other characters
// than letters are quoted, in columns as in filters.
const quoted = (name) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : JSON.stringify(name));
const splitNames = (text) => text.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? [];
function nameOf(column) {
  const [, list, name] = column.match(/^(properties|metadata|fields)\.([\s\S]*)$/) ?? [];
  if (!list) return null;
  try {
    return { list, name: name.startsWith('"') ? JSON.parse(name) : name };
  } catch {
    return { list, name };
  }
}

function heading(column) {
  const named = nameOf(column);
  if (named) return html`<${Text} value=${named.name} most=${40} />`;
  return facts[column.replace(/^counts\./, "")] ?? lists[column] ?? column;
}

const sortable = (column) => !lists[column] && column !== "parent";
const isNumber = (column) => column.startsWith("counts.");

function Cell({ entity, column }) {
  const named = nameOf(column);
  if (named) {
    const pair = entity[named.list]?.find((one) => one.name === named.name);
    return pair ? html`<${Text} value=${pair.value} most=${80} />` : null;
  }
  if (column === "parent") {
    const above = entity.ancestors?.[0];
    return above ? html`<${Link} to=${{ id: above.id }}>${above.id}<//>` : null;
  }
  if (times.includes(column)) return html`<${Time} value=${entity[column]} />`;
  if (column === "createdHow") return how[entity.createdHow] ?? entity.createdHow ?? null;
  if (lists[column]) return html`<${Pairs} pairs=${entity[column] ?? []} />`;
  if (column.startsWith("counts.")) {
    const count = entity.counts?.[column.slice("counts.".length)];
    return count === undefined ? null : number(count);
  }
  return entity[column] ? html`<${Text} value=${String(entity[column])} most=${60} />` : null;
}

const shownPairs = 4;

function Pairs({ pairs }) {
  return html`<span class="pairs">${pairs.slice(0, shownPairs).map((pair) => html`<span key=${pair.name} class="pair"><b><${Text} value=${pair.name} most=${30} /></b> <${Text} value=${pair.value} most=${40} /></span>`)}
    ${pairs.length > shownPairs && html`<span class="quiet">+${number(pairs.length - shownPairs)}</span>`}</span>`;
}

function Heading({ column, state, order }) {
  const [by, direction] = order;
  const mine = by === column;
  const next = mine && direction === "asc" ? `${column} desc` : column;
  const sort = () => go({ ...state, orderBy: next, page: undefined });
  return html`<th scope="col" class=${isNumber(column) ? "number" : ""} aria-sort=${mine ? (direction === "desc" ? "descending" : "ascending") : undefined}>
    ${sortable(column) ? html`<button type="button" class="sort" onClick=${sort}>${heading(column)}<span aria-hidden="true">${mine ? (direction === "desc" ? " ↓" : " ↑") : ""}</span></button>` : heading(column)}
  </th>`;
}

// orderOf splits an order into its first name and direction.
const orderOf = (text) => {
  const [, by, direction] = (text ?? "id desc").split(",")[0].match(/^([\s\S]*?)(?:\s+(asc|desc))?$/);
  return [by.trim(), direction ?? "asc"];
};

function Filter({ state }) {
  const field = useRef();
  const apply = (event) => {
    event.preventDefault();
    go({ ...state, filter: field.current.value.trim(), page: undefined });
  };
  return html`<form class="filter" onSubmit=${apply}>
    <input ref=${field} key=${state.filter} aria-label=${t.filter} placeholder=${t.filterHint} defaultValue=${state.filter ?? ""} autocomplete="off" spellcheck=${false} />
    <button type="submit">${t.apply}</button>
    ${state.filter && html`<${Link} class="button" to=${{ ...state, filter: undefined, page: undefined }}>${t.clear}<//>`}
  </form>`;
}

function Columns({ kind, state, rows }) {
  const chosen = columnsOf(kind, state);
  const set = (columns) => go({ ...state, columns: columns.join(",") }, { replace: true });
  const [list, setList] = useState(writable[kind][0]);
  const seen = new Set(rows.flatMap((row) => (row[list] ?? []).map((pair) => pair.name)).filter((name) => name.length < 60));
  const add = (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements.name;
    if (!field.value) return;
    const column = `${list}.${quoted(field.value)}`;
    if (!chosen.includes(column)) set([...chosen, column]);
    field.value = "";
  };
  const others = possible(kind).filter((column) => !chosen.includes(column));
  return html`<details class="columns">
    <summary>${t.columns}</summary>
    <div class="menu">
      <ul>${chosen.map((column, i) => html`<li key=${column}>
        <label><input type="checkbox" checked onChange=${() => set(chosen.filter((one) => one !== column))} /> ${heading(column)}</label>
        <button type="button" class="plain" disabled=${i === 0} title=${t.shownFirst} aria-label=${t.shownFirst}
          onClick=${() => set(chosen.with(i, chosen[i - 1]).with(i - 1, column))}>↑</button>
      </li>`)}
      ${others.map((column) => html`<li key=${column}><label><input type="checkbox" checked=${false} onChange=${() => set([...chosen, column])} /> ${heading(column)}</label></li>`)}</ul>
      <form onSubmit=${add}>
        ${writable[kind].length > 1 && html`<select aria-label=${t.columns} value=${list} onChange=${(e) => setList(e.currentTarget.value)}>
          ${writable[kind].map((one) => html`<option key=${one} value=${one}>${lists[one]}</option>`)}</select>`}
        <input name="name" list="seen-names" aria-label=${list === "metadata" ? t.metadataColumn : t.propertyColumn} placeholder=${list === "metadata" ? t.metadataColumn : t.propertyColumn} />
        <datalist id="seen-names">${[...seen].slice(0, 50).map((name) => html`<option key=${name} value=${name} />`)}</datalist>
        <button type="submit">${t.addColumn}</button>
      </form>
    </div>
  </details>`;
}

function Rows({ kind, state, rows }) {
  const columns = columnsOf(kind, state);
  const order = orderOf(state.orderBy);
  return html`<div class="table" tabindex="0" role="region" aria-label=${kinds[kind].many}><table>
    <thead><tr>${["id", ...columns].map((column) => html`<${Heading} key=${column} column=${column} state=${state} order=${order} />`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.id}>
      <th scope="row" class="id"><${Link} to=${{ id: row.id }} data-row>${row.id}<//></th>
      ${columns.map((column) => html`<td key=${column} class=${isNumber(column) ? "number" : ""}><${Cell} entity=${row} column=${column} /></td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}

export function List({ kind, state, who }) {
  const fields = ["kind", "id", ...columnsOf(kind, state).map((column) => (column === "parent" ? "ancestors" : column))].join(",");
  const query = { kind, filter: state.filter, orderBy: state.orderBy ?? "id desc", fields, pageSize, pageToken: state.page };
  const { data, error, loading, again } = useLoad((signal) => entities(query, signal), [kind, state.filter, query.orderBy, fields, state.page]);
  useTitle(kinds[kind].many);
  // New rows come when they are asked for: they would move what is being read.
  const [old, setOld] = useState();
  useEvent((event) => event.kind === kind || (!event.facet && isIn(kind, event.kind)), () => setOld(data), [kind, data]);
  const rows = data?.entities ?? [];
  const isEmpty = data && rows.length === 0;
  const total = data?.totalEstimate;
  return html`
    <div class="head">
      <h1>${kinds[kind].many}${total !== undefined && html` <span class="quiet count">${t.about(number(total), total <= rows.length && !state.page)}</span>`}</h1>
      ${data && old === data && html`<button type="button" class="fresh" onClick=${again}>${t.showChanges}</button>`}
      <${Filter} state=${state} />
      <${Columns} kind=${kind} state=${state} rows=${rows} />
    </div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      ${!data && loading && html`<p class="quiet">${t.loading}</p>`}
      ${isEmpty && (state.filter ? html`<p class="empty">${data.nextPageToken ? t.noneOnPage : t.noneFound}</p>`
        : html`<p class="empty">${t.noneHere(kinds[kind].many)}</p>${kind === "jobset" && html`<${FirstMinute} who=${who} onLoaded=${again} />`}`)}
      ${rows.length > 0 && html`<${Rows} kind=${kind} state=${state} rows=${rows} />`}
      ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken}>${rows.length > 0 && t.pageRows(rows.length, number(rows.length))}<//>`}
      ${rows.length > 0 && html`<${Curl} who=${who} path=${entitiesPath(query)} />`}
    </div>`;
}
