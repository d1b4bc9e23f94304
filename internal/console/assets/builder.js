// The filter of a list: rows for people, text for experts, one and the same.
import { html, useEffect, useState } from "./html.js";
import { Link, go } from "./router.js";
import { Problem } from "./load.js";
import { needsEscapes, plain } from "./format.js";
import { Names } from "./names.js";
import { comparisonsOf, factsOf, isComplete, listsOf, needsNoValue, read, typeOf, write } from "./filter.js";
import { compare, facts, how, kinds, t } from "./texts.js";

const fresh = (kind) => ({ of: listsOf(kind)[0], name: "", op: "is", value: "" });

// shown returns the rows of a text, or null if it stays a text: a field of a
// form would change what has control characters.
function shown(kind, text) {
  const model = read(kind, text);
  return model?.rows.some((row) => needsEscapes(row.name + row.value) || /[\n\t]/.test(row.name + row.value)) ? null : model;
}

const local = (time) => {
  const at = new Date(time);
  return isNaN(at) ? "" : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
};

function Value({ kind, row, set }) {
  const type = typeOf(kind, row);
  const change = (event) => set({ value: event.currentTarget.value });
  if (needsNoValue(row.op)) return null;
  if (type === "how") return html`<select aria-label=${t.value} value=${row.value} onChange=${change}>
    ${row.value === "" && html`<option value=""></option>`}${Object.entries(how).map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select>`;
  if (type === "time") return html`<input type="datetime-local" step="1" aria-label=${t.value} value=${local(row.value)}
    onChange=${(event) => set({ value: event.currentTarget.value ? new Date(event.currentTarget.value).toISOString().replace(".000", "") : "" })} />`;
  return html`<input aria-label=${t.value} placeholder=${t.value} value=${row.value} inputmode=${type === "list" || type === "text" ? undefined : "numeric"}
    onInput=${change} autocomplete="off" spellcheck=${false} />`;
}

function Row({ kind, row, at, set, remove }) {
  const others = Object.keys(factsOf(kind));
  const choose = (event) => {
    const next = { ...row, of: event.currentTarget.value, name: "" };
    if (typeOf(kind, next) !== typeOf(kind, row)) Object.assign(next, { value: "" });
    if (!comparisonsOf(kind, next).includes(next.op)) [next.op] = comparisonsOf(kind, next);
    set(next);
  };
  const isTime = typeOf(kind, row) === "time";
  return html`<div class="condition" role="group" aria-label=${t.condition(at + 1)}>
    <select aria-label=${t.comparedWhat} value=${row.of} onChange=${choose}>
      <optgroup label=${t.listsGroup}>${listsOf(kind).map((one) => html`<option key=${one} value=${one}>${t.oneOf[one]}</option>`)}</optgroup>
      <optgroup label=${t.factsTitle}>${others.map((one) => html`<option key=${one} value=${one}>${kinds[one]?.one ?? facts[one.replace(/^counts\./, "")]}</option>`)}</optgroup>
    </select>
    ${listsOf(kind).includes(row.of) && html`<input aria-label=${t.name} placeholder=${t.name} list=${`names-${at}`} value=${row.name}
      onInput=${(event) => set({ name: event.currentTarget.value })} autocomplete="off" spellcheck=${false} /><${Names} id=${`names-${at}`} kind=${kind} list=${row.of} />`}
    <select aria-label=${t.comparison} value=${row.op} onChange=${(event) => set({ op: event.currentTarget.value })}>
      ${comparisonsOf(kind, row).map((op) => html`<option key=${op} value=${op}>${(isTime && compare.time[op]) || compare[op]}</option>`)}
    </select>
    <${Value} kind=${kind} row=${row} set=${set} />
    <button type="button" class="plain" aria-label=${t.removeCondition} title=${t.removeCondition} onClick=${remove}>✕</button>
  </div>`;
}

// Place shows where in the filter its error is, as the server counts: in
// characters from 1.
function Place({ text, error }) {
  const [, number] = error.message.match(/^filter, at character (\d+)/) ?? [];
  if (!number) return null;
  const characters = Array.from(text);
  const at = Math.min(number - 1, characters.length);
  const part = (from, to) => plain(characters.slice(Math.max(from, 0), to).join(""), 200);
  return html`<code class="place" id="filter-place">${at > 40 && "…"}${part(at - 40, at)}<mark>${at < characters.length ? part(at, at + 1) : "␣"}</mark>${part(at + 1, at + 40)}</code>`;
}

export function Filter({ kind, state, error }) {
  const [text, setText] = useState(state.filter ?? "");
  const [model, setModel] = useState(() => shown(kind, text));
  useEffect(() => {
    setText(state.filter ?? "");
    setModel(shown(kind, state.filter ?? ""));
  }, [state.filter]);
  const open = state.rows === "1";
  const type = (event) => {
    setText(event.currentTarget.value);
    setModel(shown(kind, event.currentTarget.value));
  };
  const build = (next) => {
    setModel(next);
    setText(write(kind, next));
  };
  const apply = (event) => {
    event.preventDefault();
    go({ ...state, filter: text.trim(), page: undefined });
  };
  const rows = model?.rows.length ? model.rows : [fresh(kind)];
  const change = (i, part) => build({ any: model.any, rows: rows.with(i, { ...rows[i], ...part }) });
  return html`<form class="filter" onSubmit=${apply}>
    <div class="filter-line">
      <input aria-label=${t.filter} placeholder=${t.filterHint} value=${text} onInput=${type} autocomplete="off" spellcheck=${false}
        aria-invalid=${error ? "true" : undefined} aria-describedby=${error ? "filter-place" : undefined} />
      <button type="button" aria-expanded=${open ? "true" : "false"} onClick=${() => go({ ...state, rows: open ? undefined : "1" }, { replace: true })}>${t.conditions}</button>
      <button type="submit" class=${text.trim() === (state.filter ?? "") ? "" : "primary"}>${t.apply}</button>
      ${state.filter && html`<${Link} class="button" to=${{ ...state, filter: undefined, page: undefined }}>${t.clear}<//>`}
    </div>
    ${error && html`<${Problem} error=${error} /><${Place} text=${state.filter ?? ""} error=${error} />`}
    ${open && !model && html`<p class="quiet">${t.staysText}</p>`}
    ${open && model && html`<div class="conditions">
      ${rows.length > 1 && html`<label>${t.match} <select value=${model.any ? "any" : "all"} onChange=${(event) => build({ any: event.currentTarget.value === "any", rows })}>
        <option value="all">${t.allOf}</option><option value="any">${t.anyOf}</option></select></label>`}
      ${rows.map((row, i) => html`<${Row} key=${i} kind=${kind} row=${row} at=${i} set=${(part) => change(i, part)} remove=${() => build({ any: model.any, rows: rows.toSpliced(i, 1) })} />`)}
      <button type="button" disabled=${!isComplete(kind, rows.at(-1))} onClick=${() => setModel({ any: model.any, rows: [...rows, fresh(kind)] })}>${t.addCondition}</button>
    </div>`}
  </form>`;
}
