// What is selected of a list, over its pages, and what can be done with it.
import { html, useEffect, useRef, useState } from "./html.js";
import { sets } from "./api.js";
import { number } from "./format.js";
import { lazy } from "./lazy.js";
import { t } from "./texts.js";

const Change = lazy("./bulk.js", "Change");
const Delete = lazy("./bulk.js", "Delete");

// most is how many entities an update can name.
const most = 100_000;

// useSelection keeps what is selected until dependencies change: it stays while
// pages, order and columns do. all: whatever the filter finds.
export function useSelection(dependencies) {
  const [ids, setIDs] = useState(() => new Set());
  const [all, setAll] = useState(false);
  const last = useRef(); // the row from which shift selects
  const clear = () => {
    setIDs(new Set());
    setAll(false);
    last.current = undefined;
  };
  useEffect(clear, dependencies);
  const set = (some, on, base = ids) => {
    const next = new Set(base);
    for (const id of some) if (on && next.size < most) next.add(id); else next.delete(id);
    setIDs(next);
    setAll(false);
  };
  const toggle = (rows, id, range) => {
    const at = rows.findIndex((row) => row.id === id);
    const from = range ? rows.findIndex((row) => row.id === last.current) : -1;
    last.current = id;
    if (all) return set([id], false, rows.map((row) => row.id)); // of all, those of this page stay
    const some = from < 0 ? [id] : rows.slice(Math.min(from, at), Math.max(from, at) + 1).map((row) => row.id);
    return set(some, !ids.has(id));
  };
  return { ids, all, some: all || ids.size > 0, has: (id) => all || ids.has(id), set, toggle, clear, selectAll: () => setAll(true) };
}

export function Pick({ selection, rows, id }) {
  // The box shows what is selected, whatever the browser would do with it.
  const pick = (event) => {
    selection.toggle(rows, id, event.shiftKey);
    event.currentTarget.checked = selection.has(id);
  };
  return html`<td class="pick"><input type="checkbox" data-select aria-label=${t.select(id)} checked=${selection.has(id)} onClick=${pick} /></td>`;
}

export function PickAll({ selection, rows, disabled }) {
  const box = useRef();
  const every = rows.every((row) => selection.has(row.id));
  useEffect(() => {
    box.current.indeterminate = !every && rows.some((row) => selection.has(row.id));
  });
  return html`<th scope="col" class="pick"><input type="checkbox" ref=${box} aria-label=${t.selectPage} checked=${every} disabled=${disabled}
    onChange=${() => (every ? (selection.all ? selection.clear() : selection.set(rows.map((row) => row.id), false)) : selection.set(rows.map((row) => row.id), true))} /></th>`;
}

export function Selection({ kind, filter, total, selection, state, more }) {
  const [doing, setDoing] = useState("");
  const count = selection.all ? t.allSelected(number(total ?? 0)) : t.selected(number(selection.ids.size));
  const target = { kind, filter, total, ids: selection.all ? undefined : [...selection.ids], count };
  const close = (done) => {
    setDoing("");
    if (done === true) selection.clear();
  };
  return html`<div class="selection" role="region" aria-label=${t.selection}>
    <b role="status">${count}</b>
    ${!selection.all && more && html`<button type="button" class="link" onClick=${selection.selectAll}>${filter ? t.selectFound(number(total)) : t.selectAll(number(total))}</button>`}
    <span class="space"></span>
    <button type="button" onClick=${() => setDoing("change")}>${t.changeMany}</button>
    ${sets.includes(kind) && html`<button type="button" onClick=${() => setDoing("delete")}>${t.deleteMany}</button>`}
    <button type="button" onClick=${selection.clear}>${t.clearSelection}</button>
    ${doing === "change" && html`<${Change} target=${target} state=${state} onClose=${close} />`}
    ${doing === "delete" && html`<${Delete} target=${target} onClose=${close} />`}
  </div>`;
}
