// A data record: its fields with their types, and the tables in it.
import { html, useState } from "./html.js";
import { children, recordsOf, schemaOf } from "./api.js";
import { Link, go } from "./router.js";
import { Problem, useLoad } from "./load.js";
import { Steps, usePart } from "./editor.js";
import { Text, Time, number } from "./format.js";
import { lists, t } from "./texts.js";

// How many rows a table shows at once, by how deep it is nested, and how many of
// them can be open: together they stay below what a page should have.
const shownRows = [50, 20, 10];
const openRows = [8, 2, 1];
const at = (sizes, level) => sizes[Math.min(level, sizes.length - 1)];

const numeric = new Set(["INTEGER", "FLOAT", "CURRENCY"]);
const classOf = (type) => (numeric.has(type) ? "number" : "");

function Value({ value, type }) {
  if (value === undefined) return null;
  if (type === "DATETIME" && value) return html`<${Time} value=${value} />`;
  return html`<${Text} value=${value} most=${200} />`;
}

const Type = ({ type }) => html`<small class="quiet">${t.fieldTypes[type ?? "STRING"] ?? type}</small>`;

// FieldsOf shows the fields of a record, each with its type.
export function Fields({ entity }) {
  const { data, error, again } = useLoad((signal) => schemaOf(entity.id, signal), [entity.id]);
  const columns = data?.columns ?? {};
  const [first, setFirst] = usePart(mostFields, entity.fields.length);
  return html`<section class="pairs-of">
    <div class="section-head"><h2>${lists.fields}</h2></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    ${entity.fields.length === 0 ? html`<p class="empty">${t.emptyList.fields}</p>`
      : html`<table class="list fields"><tbody>${entity.fields.slice(first, first + mostFields).map((field) => html`<tr key=${field.name}>
        <th scope="row"><${Text} value=${field.name} most=${120} /> <${Type} type=${columns[field.name]} /></th>
        <td><${Value} value=${field.value} type=${columns[field.name]} /></td></tr>`)}</tbody></table>
        <${Steps} from=${first} size=${mostFields} all=${entity.fields.length} onMove=${setFirst} />`}
  </section>`;
}

const mostFields = 150;
const mostColumns = 40;

// Tables shows what is nested in a record, a window at a time. In the view of the
// record itself the window is in the address.
export function Tables({ entity, state }) {
  const { data: schema } = useLoad((signal) => schemaOf(entity.id, signal), [entity.id]);
  const from = Number(state.rows) || 0;
  return html`<section class="tables below"><div class="section-head"><h2>${t.tables}</h2></div>
    <${Nested} id=${entity.id} schema=${schema} level=${0} from=${from} onMove=${(rows) => go({ ...state, rows: rows || undefined })} /></section>`;
}

function Nested({ id, schema, level, from, onMove }) {
  const size = at(shownRows, level);
  const { data, error, loading, again } = useLoad(async (signal) => {
    const found = await children(id, { pageSize: size, position: from }, signal);
    const ids = found.children.map((child) => child.id);
    return { from, total: found.total, rows: ids.length > 0 ? await recordsOf(ids, signal) : [] };
  }, [id, from]);
  const [open, setOpen] = useState([]);
  if (error) return html`<${Problem} error=${error} again=${again} />`;
  if (!data) return html`<p class="quiet">${t.loading}</p>`;
  if (data.total === 0) return html`<p class="empty">${t.noTables}</p>`;
  const groups = []; // rows of one table that follow each other
  for (const row of data.rows) {
    if (groups.at(-1)?.table !== row.table) groups.push({ table: row.table, rows: [] });
    groups.at(-1).rows.push(row);
  }
  const toggle = (row) => setOpen(open.includes(row) ? open.filter((one) => one !== row) : [...open, row].slice(-at(openRows, level)));
  return html`<div class="nested" aria-busy=${loading}>
    ${groups.map((group) => html`<${Table} key=${group.rows[0].id} group=${group} schema=${schema?.tables?.[group.table]} level=${level} open=${open} onToggle=${toggle} />`)}
    <${Steps} from=${data.from} size=${size} all=${data.total} onMove=${onMove} />
  </div>`;
}

function Table({ group, schema, level, open, onToggle }) {
  const all = [...new Set(group.rows.flatMap((row) => row.fields.map((field) => field.name)))];
  const names = all.slice(0, mostColumns);
  const types = schema?.columns ?? {};
  const deeper = Object.keys(schema?.tables ?? {}).length > 0;
  const value = (row, name) => row.fields.find((field) => field.name === name)?.value;
  return html`<div class="table" tabindex="0" role="region" aria-label=${group.table}><table>
    <caption><${Text} value=${group.table} most=${60} />${all.length > mostColumns && html` <span class="quiet">${t.moreColumns(number(all.length - mostColumns))}</span>`}</caption>
    <thead><tr><th scope="col">${t.recordColumn}</th>${names.map((name) => html`<th scope="col" key=${name} class=${classOf(types[name])}>
      <${Text} value=${name} most=${40} /> <${Type} type=${types[name]} /></th>`)}</tr></thead>
    <tbody>${group.rows.flatMap((row) => [
      html`<tr key=${row.id}><th scope="row" class="id">
        ${deeper && html`<button type="button" class="plain twisty" aria-expanded=${String(open.includes(row.id))} aria-label=${t.tablesOf(row.id)} onClick=${() => onToggle(row.id)}>${open.includes(row.id) ? "▾" : "▸"}</button>`}
        <${Link} to=${{ id: row.id }} data-row>${row.id}<//></th>
        ${names.map((name) => html`<td key=${name} class=${classOf(types[name])}><${Value} value=${value(row, name)} type=${types[name]} /></td>`)}</tr>`,
      open.includes(row.id) && html`<tr key=${`in ${row.id}`} class="inner"><td colspan=${names.length + 1}><${Inner} id=${row.id} schema=${schema} level=${level + 1} /></td></tr>`,
    ])}</tbody></table></div>`;
}

function Inner({ id, schema, level }) {
  const [from, setFrom] = useState(0);
  return html`<${Nested} id=${id} schema=${schema} level=${level} from=${from} onMove=${setFrom} />`;
}
