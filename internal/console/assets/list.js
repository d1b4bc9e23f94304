// Entities of a kind in a table: filter, order, columns, page and view are in the address.
import { html, useState } from "./html.js";
import { entities, entitiesPath, filledPage, sets } from "./api.js";
import { Link, go } from "./router.js";
import { Loading, Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, number, plain } from "./format.js";
import { Filter } from "./builder.js";
import { Cell, Columns, columnsOf, fieldsOf, heading, isNumber, sortable, splitNames } from "./columns.js";
import { Views, useSaved } from "./views.js";
import { Pick, PickAll, Selection, useSelection } from "./selection.js";
import { lazy } from "./lazy.js";
import { isIn, useEvent } from "./live.js";
import { Curl, FirstMinute, listCommand } from "./welcome.js";
import { mayChange } from "./roles.js";
import { kinds, t } from "./texts.js";

const pageSize = 100;
const Running = lazy("./bulk.js", "Running");

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
  const [, by, direction] = splitNames(text ?? "id desc")[0].match(/^([\s\S]*?)(?:\s+(asc|desc))?$/);
  return [by, direction ?? "asc"];
};

function Rows({ kind, state, rows, selection, stale }) {
  const columns = columnsOf(kind, state).filter((column) => column !== "id");
  const order = orderOf(state.orderBy);
  return html`<div class="table" tabindex="0" role="region" aria-label=${kinds[kind].many}><table class=${stale ? "stale" : ""}>
    <thead><tr>${selection && html`<${PickAll} selection=${selection} rows=${rows} disabled=${stale} />`}
      ${["id", ...columns].map((column) => html`<${Heading} key=${column} column=${column} state=${state} order=${order} />`)}</tr></thead>
    <tbody inert=${stale}>${rows.map((row) => html`<tr key=${row.id} class=${selection?.has(row.id) ? "picked" : ""}>
      ${selection && html`<${Pick} selection=${selection} rows=${rows} id=${row.id} />`}
      <th scope="row" class="id"><${Link} to=${{ id: row.id }} data-row>${row.id}<//></th>
      ${columns.map((column) => html`<td key=${column} class=${isNumber(column) ? "number" : ""}><${Cell} entity=${row} column=${column} /></td>`)}
    </tr>`)}</tbody>
  </table></div>`;
}

// useNews tells of what has happened to a list since it was read: undefined, or
// how many entities are new to it, 0 for changes only. New rows come when they
// are asked for: they would move what is being read.
function useNews(kind, filter, data) {
  const [news, setNews] = useState({}); // {data, count}
  useEvent((event) => event.kind === kind || (!event.facet && isIn(kind, event.kind)), async () => {
    let count = 0;
    if (data?.top !== undefined) {
      const after = data.top > 0 ? [`id > ${data.top}`] : [];
      const query = { kind, fields: "id", filter: [...after, filter && `(${filter})`].filter(Boolean).join(" AND "), pageSize: 1000 };
      const page = await entities(query).catch(() => null);
      count = page?.nextPageToken ? page.totalEstimate : page?.entities.length ?? 0;
    }
    setNews({ data, count });
  }, [kind, filter, data]);
  return data && news.data === data ? news.count : undefined;
}

// load reads the first page that has something on it, with the greatest identifier that there is: what is beyond
// it later is new.
async function load(query, signal) {
  const { kind, filter, orderBy, pageToken } = query;
  const newest = orderBy === "id desc" && !filter && !pageToken ? undefined
    : entities({ kind, fields: "id", orderBy: "id desc", pageSize: 1 }, signal).catch(() => ({}));
  const page = await filledPage(query, signal);
  const first = (newest ? await newest : page).entities;
  return { ...page, top: first && (first[0]?.id ?? 0) };
}

function Empty({ kind, state, data, who, again }) {
  if (state.filter) return html`<p class="empty">${data.nextPageToken ? t.noneOnPage : t.noneFound}</p>`;
  return html`<p class="empty">${t.noneHere(kinds[kind].many)}</p>
    ${kind === "jobset" ? html`<${FirstMinute} who=${who} onLoaded=${again} />` : html`<p class="quiet">${t.comesFrom(sets.find((set) => isIn(kind, set)))}</p>`}`;
}

export function List({ kind, state, who }) {
  const fields = ["kind", "id", fieldsOf(columnsOf(kind, state))].join(",");
  const query = { kind, filter: state.filter, orderBy: state.orderBy ?? "id desc", fields, pageSize, pageToken: state.page };
  const { data, error, loading, stale, again } = useLoad((signal) => load(query, signal), [kind, state.filter, query.orderBy, fields, state.page]);
  const saved = useSaved(kind, state);
  const name = saved.current && plain(saved.current.name);
  useTitle(name ? `${name} · ${kinds[kind].many}` : kinds[kind].many);
  const news = useNews(kind, state.filter, data);
  const selection = useSelection([kind, state.filter]);
  const show = () => {
    if (news > 0 && state.page) go({ ...state, page: undefined });
    again();
  };
  const rows = data?.entities ?? [];
  const total = data && Math.max(data.totalEstimate, rows.length); // the estimate is of an index that may not know them yet
  const exact = !data?.nextPageToken && !state.page;
  const next = stale ? state.page : data?.nextPageToken; // while another page is read, it is the next one
  const wrong = error?.parameter === "filter" ? error : undefined;
  const target = { kind, filter: state.filter, total, selection };
  const [by, direction] = orderOf(state.orderBy);
  const unseen = by !== "id" && !columnsOf(kind, state).includes(by);
  return html`
    <div class="head">
      <h1>${kinds[kind].many}${name && html` <span class="view-name"><${Text} value=${saved.current.name} most=${60} />${saved.changed && html` <small class="quiet">${t.viewChanged}</small>`}</span>`}${total !== undefined && html` <span class=${`quiet count ${stale ? "stale" : ""}`}>${t.about(number(exact ? rows.length : total), exact)}</span>`}</h1>
      ${unseen && html`<span class="quiet">${t.orderedBy(plain(by, 60), direction === "desc")} <${Link} to=${{ ...state, orderBy: undefined, page: undefined }}>${t.usualOrder}<//></span>`}
      <span role="status">${news !== undefined && html`<button type="button" class="fresh" onClick=${show}>${news > 0 ? t.newOnes(news, number(news)) : t.showChanges}</button>`}</span>
      <span class="row menus"><${Views} kind=${kind} state=${state} who=${who} saved=${saved} /><${Columns} kind=${kind} state=${state} /></span>
      <${Filter} kind=${kind} state=${state} error=${wrong} />
    </div>
    ${state.operation && html`<${Running} key=${state.operation} state=${state} who=${who} />`}
    <div class="body" aria-busy=${loading}>
      ${error && !wrong && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ loading, data: stale && rows.length === 0 ? undefined : data }} />
      ${data && !stale && rows.length === 0 && html`<${Empty} kind=${kind} state=${state} data=${data} who=${who} again=${again} />`}
      ${mayChange(who) && selection.some && html`<${Selection} ...${target} state=${state} more=${Boolean(data?.nextPageToken || state.page)} />`}
      ${rows.length > 0 && html`<${Rows} kind=${kind} state=${state} rows=${rows} selection=${mayChange(who) ? selection : undefined} stale=${stale} />`}
      ${data && html`<${Pager} to=${state} token=${state.page} next=${next}>${rows.length > 0 && t.pageRows(rows.length, number(rows.length))}<//>`}
      ${rows.length > 0 && html`<${Curl} who=${who} path=${entitiesPath(query)} more=${[listCommand(who, query)]} />`}
    </div>`;
}
