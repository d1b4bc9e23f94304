// The columns of a list: which there are, what is in them, and the menu that chooses them.
import { html, useEffect, useRef, useState } from "./html.js";
import { countsOf, sets, writable } from "./api.js";
import { Link, go } from "./router.js";
import { Text, Time, number } from "./format.js";
import { listsOf, quoted, segmentsOf } from "./filter.js";
import { Menu } from "./menu.js";
import { Names } from "./names.js";
import { facts, how, lists, t } from "./texts.js";

// The columns that a kind has without a choice.
const usual = {
  jobset: ["properties", "createTime", "createdBy", "counts.jobs", "counts.documents", "counts.pages"],
  job: ["parent", "properties", "createTime", "counts.documents", "counts.pages"],
  contentset: ["createTime", "createdBy", "counts.contentitems"],
  dataset: ["createTime", "createdBy", "counts.datarecords"],
};
const ofSets = ["createTime", "createdBy", "createdToken", "createdHow", "updateTime"];
const possible = (kind) => [
  ...(sets.includes(kind) ? [] : ["parent"]), ...(countsOf[kind] ? ofSets : []), ...(countsOf[kind] ?? []).map((count) => `counts.${count}`), ...listsOfColumns(kind),
];
// Content items have no fields of their own to show.
const listsOfColumns = (kind) => (kind === "contentitem" ? writable[kind] : listsOf(kind));

// splitNames splits at the commas that are not in quotes.
export const splitNames = (text) => (text.match(/(?:"(?:\\[\s\S]|[^"\\])*"|[^,"])+/g) ?? []).map((name) => name.trim());
export const columnsOf = (kind, state) => (state.columns ? splitNames(state.columns) : usual[kind] ?? listsOfColumns(kind));

// The server calls ancestors what the column of the next one shows.
export const fieldsOf = (columns) => columns.map((column) => (column === "parent" ? "ancestors" : column)).join(",");
export const columnsFrom = (fields) => splitNames(fields).map((field) => (field === "ancestors" ? "parent" : field)).join(",");

// nameOf returns the list and the name of a column that shows one name.
function nameOf(column) {
  const [list, ...rest] = segmentsOf(column) ?? [];
  return lists[list] && rest.length > 0 ? { list, name: rest.join(".") } : null;
}

export function heading(column) {
  const named = nameOf(column);
  if (named) return html`<${Text} value=${named.name} most=${40} />`;
  return facts[column.replace(/^counts\./, "")] ?? lists[column] ?? column;
}

export const sortable = (column) => !lists[column] && column !== "parent";
export const isNumber = (column) => column.startsWith("counts.");

export function Cell({ entity, column }) {
  const named = nameOf(column);
  if (named) {
    const pair = entity[named.list]?.find((one) => one.name === named.name);
    return pair ? html`<${Text} value=${pair.value} most=${80} />` : null;
  }
  if (column === "parent") {
    const next = entity.ancestors?.[0];
    return next ? html`<${Link} to=${{ id: next.id }}>${next.id}<//>` : null;
  }
  if (column.endsWith("Time")) return html`<${Time} value=${entity[column]} />`;
  if (column === "createdHow") return how[entity.createdHow] ?? entity.createdHow ?? null;
  if (lists[column]) return html`<${Pairs} pairs=${entity[column] ?? []} />`;
  if (isNumber(column)) {
    const count = entity.counts?.[column.slice("counts.".length)];
    return count === undefined ? null : number(count);
  }
  return entity[column] ? html`<${Text} value=${String(entity[column])} most=${60} />` : null;
}

const shownPairs = 4;

export function Pairs({ pairs }) {
  return html`<span class="pairs">${pairs.slice(0, shownPairs).map((pair) => html`<span key=${pair.name} class="pair"><b><${Text} value=${pair.name} most=${30} /></b> <${Text} value=${pair.value} most=${40} /></span>`)}
    ${pairs.length > shownPairs && html`<span class="quiet">+${number(pairs.length - shownPairs)}</span>`}</span>`;
}

export function Columns({ kind, state }) {
  const chosen = columnsOf(kind, state);
  const moved = useRef(); // the button to focus once its row has moved
  const own = useRef();
  const [list, setList] = useState(listsOfColumns(kind)[0]);
  const set = (columns) => go({ ...state, columns: columns.join(",") || "id" }, { replace: true });
  useEffect(() => {
    if (!moved.current) return;
    const { column, by } = moved.current;
    const row = [...own.current.querySelectorAll("li")].find((one) => one.dataset.column === column);
    const buttons = [...(row?.querySelectorAll("button:enabled") ?? [])];
    (buttons.find((one) => one.dataset.by === by) ?? buttons[0])?.focus();
    moved.current = undefined;
  }, [state.columns]);
  const move = (i, to, by) => {
    moved.current = { column: chosen[i], by };
    set(chosen.with(i, chosen[to]).with(to, chosen[i]));
  };
  const add = (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements.name;
    if (!field.value) return;
    const column = `${list}.${quoted(field.value)}`;
    if (!chosen.includes(column)) set([...chosen, column]);
    field.value = "";
  };
  const others = possible(kind).filter((column) => !chosen.includes(column));
  const label = list === "metadata" ? t.metadataColumn : list === "fields" ? t.fieldColumn : t.propertyColumn;
  return html`<${Menu} title=${t.columns} name="choose">${() => html`
      <ul ref=${own}>${chosen.map((column, i) => html`<li key=${column} data-column=${column}>
        <label><input type="checkbox" checked onChange=${() => set(chosen.filter((one) => one !== column))} /> ${heading(column)}</label>
        <span class="moves">
          <button type="button" class="plain" data-by="up" disabled=${i === 0} title=${t.shownFirst} aria-label=${t.shownFirst} onClick=${() => move(i, i - 1, "up")}>↑</button>
          <button type="button" class="plain" data-by="down" disabled=${i === chosen.length - 1} title=${t.shownLast} aria-label=${t.shownLast} onClick=${() => move(i, i + 1, "down")}>↓</button>
        </span>
      </li>`)}
      ${others.map((column) => html`<li key=${column}><label><input type="checkbox" checked=${false} onChange=${() => set([...chosen, column])} /> ${heading(column)}</label></li>`)}</ul>
      <form onSubmit=${add}>
        ${listsOfColumns(kind).length > 1 && html`<select aria-label=${t.columns} value=${list} onChange=${(e) => setList(e.currentTarget.value)}>
          ${listsOfColumns(kind).map((one) => html`<option key=${one} value=${one}>${lists[one]}</option>`)}</select>`}
        <input name="name" list="column-names" aria-label=${label} placeholder=${label} autocomplete="off" />
        <${Names} id="column-names" kind=${kind} list=${list} />
        <button type="submit">${t.addColumn}</button>
      </form>`}<//>`;
}
