// A list of an entity, to read and to change.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { listAt, readList, writeList } from "./api.js";
import { Conflict } from "./conflict.js";
import { Loading, Problem, useFailure, useLoad } from "./load.js";
import { Text, escape, needsEscapes, number, plain, unescape } from "./format.js";
import { join, parsePasted } from "./paste.js";
import { guards } from "./router.js";
import { notify } from "./notices.js";
import { lists, t } from "./texts.js";

// PairsAt shows a list as it was at a time.
export function PairsAt({ entity, list, at }) {
  const { data, error } = useLoad((signal) => listAt(entity.id, list, at, signal), [entity.id, list, at]);
  if (error) return html`<section><h2>${lists[list]}</h2><${Problem} error=${error.status === 410 ? new Error(t.tooLongAgo) : error} /></section>`;
  if (!data) return html`<section aria-busy="true"><h2>${lists[list]}</h2><${Loading} of=${{ loading: true }} /></section>`;
  return html`<${Pairs} entity=${{ ...entity, [list]: data }} list=${list} />`;
}

// How many pairs of a list are there at once, to read and to change.
const shownPairs = 150;
const shownFields = 100;

// usePart is where the part of a list begins that is shown, and what moves it. The
// list may have become shorter since.
export function usePart(size, all) {
  const [from, setFrom] = useState(0);
  return [Math.min(from, Math.floor(Math.max(0, all - 1) / size) * size), setFrom];
}

// Steps leads through a list that is too long to be shown whole.
export function Steps({ from, size, all, onMove }) {
  if (all <= size) return null;
  return html`<p class="row pager"><button type="button" disabled=${from === 0} onClick=${() => onMove(Math.max(0, from - size))}>${t.previous}</button>
    <button type="button" disabled=${from + size >= all} onClick=${() => onMove(from + size)}>${t.next}</button>
    <span class="quiet">${t.childWindow(number(from + 1), number(Math.min(from + size, all)), number(all))}</span></p>`;
}

// Pairs shows a list, and its editor once that is asked for.
export function Pairs({ entity, list, editable, shortcut, onDone }) {
  const [editing, setEditing] = useState(false);
  const section = useRef();
  const left = useRef(false); // the editor, by somebody who has not gone elsewhere since
  const edit = () => {
    left.current = false;
    setEditing(true);
  };
  const done = () => {
    left.current = document.activeElement === document.body || section.current.contains(document.activeElement);
    setEditing(false);
    onDone();
  };
  useLayoutEffect(() => {
    if (left.current && !editing) section.current.querySelector("button")?.focus();
  }, [editing]);
  const pairs = entity[list] ?? [];
  const [from, setFrom] = usePart(shownPairs, pairs.length);
  const shown = pairs.slice(from, from + shownPairs);
  return html`<section class="pairs-of" ref=${section}>
    <div class="section-head"><h2>${lists[list]}</h2>
      ${editable && !editing && html`<button type="button" data-key=${shortcut ? "e" : undefined} onClick=${edit}>${t.edit}</button>`}</div>
    ${editing ? html`<${Editor} entity=${entity} list=${list} onDone=${done} />`
      : pairs.length === 0 ? html`<p class="empty">${t.emptyList[list]}</p>`
      : html`<table class="list"><tbody>${shown.map((pair) => html`<tr key=${pair.name}>
          <th scope="row"><${Text} value=${pair.name} most=${120} /></th><td><${Text} value=${pair.value} most=${400} /></td></tr>`)}</tbody></table>
        <${Steps} from=${from} size=${shownPairs} all=${pairs.length} onMove=${setFrom} />`}
  </section>`;
}

let lastKey = 0;

// rowOf makes a pair a row of the form. What is not touched stays as it is,
// byte for byte, whatever a field would make of it.
const rowOf = ({ name, value }) => ({ key: ++lastKey, name: fieldOf(name), value: fieldOf(value) });
const fieldOf = (text) => (needsEscapes(text) ? { text: escape(text), escaped: true } : { text, escaped: false });
const textOf = (field) => (field.escaped ? unescape(field.text) : field.text);

// wrong says what is wrong with the rows, "" for nothing.
function wrong(rows) {
  const names = new Set();
  for (const row of rows) {
    const name = textOf(row.name);
    if (name === null || textOf(row.value) === null) return t.badEscape;
    if (name === "") return t.emptyName;
    if (names.has(name)) return t.doubleName(plain(name));
    names.add(name);
  }
  return "";
}

const pairsOf = (rows) => rows.map((row) => ({ name: textOf(row.name), value: textOf(row.value) }));

// same reports whether two lists are the same, order included.
export const same = (a, b) => a.length === b.length && a.every((pair, i) => pair.name === b[i].name && pair.value === b[i].value);

const mostSteps = 200; // that can be undone

const mostEditable = 20_000; // characters: browsers take seconds to lay a megabyte out

// Field edits a text. A very long one is only put into a field on request.
function Field({ field, label, onChange }) {
  const [asked, setAsked] = useState(() => field.text.length <= mostEditable);
  const long = field.text.length > 2000;
  if (!asked) {
    return html`<${Text} value=${field.text} most=${100} /> <button type="button" class="link" onClick=${() => setAsked(true)}>${t.editLong}</button>`;
  }
  return html`<textarea rows=${long ? 8 : 1} class=${long ? "long" : ""} aria-label=${label} value=${field.text} spellcheck=${false} dir="auto"
    onInput=${(e) => onChange({ ...field, text: e.currentTarget.value })}></textarea>
    ${field.escaped && html`<small class="quiet">${t.escaped}</small>`}`;
}

function Editor({ entity, list, onDone }) {
  // What is edited is read anew, with the tag that it has: what is shown may be old.
  // Of later loads the form takes nothing, and one that fails must not take it away.
  const { data: base, error, again } = useLoad((signal) => readList(entity.kind, entity.id, list, signal), []);
  if (!base) return error ? html`<${Problem} error=${error} again=${again} />` : html`<${Loading} of=${{ loading: true }} />`;
  return html`<${Form} entity=${entity} list=${list} base=${base} onDone=${onDone} />`;
}

function Form({ entity, list, base: first, onDone }) {
  const [base, setBase] = useState(first);
  const [{ rows, past, future, by }, setSteps] = useState(() => ({ rows: base.pairs.map(rowOf), past: [], future: [] }));
  const [from, setFrom] = usePart(shownFields, rows.length);
  const [error, setError] = useFailure();
  const [busy, setBusy] = useState(false);
  const [conflict, setConflict] = useState(); // what is there now
  const [pasting, setPasting] = useState(false);
  const form = useRef();
  const latest = useRef();
  latest.current = rows;
  const problem = wrong(rows);
  const changed = problem !== "" || !same(pairsOf(rows), base.pairs);

  useEffect(() => form.current.querySelector("textarea, button")?.focus(), []);
  // An effect comes some time after what is shown: who leaves at once is asked as well.
  useLayoutEffect(() => {
    if (!changed) return undefined;
    const stay = (event) => event.preventDefault();
    window.addEventListener("beforeunload", stay);
    guards.set(form, t.unsaved);
    return () => {
      window.removeEventListener("beforeunload", stay);
      guards.delete(form);
    };
  }, [changed]);

  // What is typed into one field is one step back.
  const setRows = (next, what) => setSteps({ rows: next, past: what && what === by ? past : [...past, rows].slice(-mostSteps), future: [], by: what });
  const undo = () => past.length > 0 && setSteps({ rows: past.at(-1), past: past.slice(0, -1), future: [rows, ...future] });
  const redo = () => future.length > 0 && setSteps({ rows: future[0], past: [...past, rows], future: future.slice(1) });
  const put = (i, row, what) => setRows(rows.with(i, row), `${what} ${row.key}`);
  const focus = (i) => {
    const start = i >= from && i < from + shownFields ? from : Math.floor(i / shownFields) * shownFields;
    setFrom(start);
    const at = document.activeElement;
    requestAnimationFrame(() => {
      if (![at, document.body].includes(document.activeElement)) return; // somebody is elsewhere already
      form.current?.querySelectorAll("tbody tr")[i - start]?.querySelector("textarea")?.focus();
    });
  };
  const move = (i, by) => {
    if (!rows[i + by]) return;
    setRows(rows.with(i, rows[i + by]).with(i + by, rows[i]));
    focus(i + by);
  };
  const steps = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.closest("textarea")) return; // a field has its own
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) undo();
    else if (key === "y" || key === "z") redo();
    else return;
    event.preventDefault();
  };
  const keys = (i) => (event) => {
    if (event.altKey && event.key === "ArrowUp") move(i, -1);
    else if (event.altKey && event.key === "ArrowDown") move(i, 1);
    else if ((event.ctrlKey || event.metaKey) && event.key === "Enter") form.current.requestSubmit();
    else return;
    event.preventDefault();
  };
  const write = async (written, tag) => {
    const pairs = pairsOf(written);
    setBusy(true);
    setError(undefined);
    try {
      await writeList(entity.kind, entity.id, list, pairs, tag);
      if (latest.current === written) {
        notify(t.saved);
        return onDone();
      }
      // What was changed meanwhile is still to be saved, over what is there now. With
      // the old tag, that which others have written since is not overwritten.
      notify(t.savedInPart);
      setBase({ pairs, tag });
      const now = await readList(entity.kind, entity.id, list);
      if (same(now.pairs, pairs)) setBase(now);
    } catch (failure) {
      if (failure.status === 412) {
        try {
          const now = await readList(entity.kind, entity.id, list);
          if (latest.current === written) setConflict({ ...now, mine: pairs });
          else setError(failure); // the next save is the one that asks
        } catch (second) {
          setError(second);
        }
      } else setError(failure);
    }
    return setBusy(false);
  };
  const submit = (event) => {
    event.preventDefault();
    if (busy) return undefined;
    if (problem) return setError(new Error(problem));
    return changed ? write(rows, base.tag) : onDone();
  };
  // What was chosen is what is edited from then on, over the list that was chosen from:
  // if it is not saved at once, nothing is asked again.
  const saveChosen = (pairs) => {
    const next = pairs.map(rowOf);
    setConflict(undefined);
    setBase({ pairs: conflict.pairs, tag: conflict.tag });
    setRows(next);
    write(next, conflict.tag);
  };
  const paste = (event) => {
    let added;
    try {
      added = parsePasted(event.currentTarget.closest("div").querySelector("textarea").value);
    } catch (failure) {
      return setError(new Error(t.badPaste(plain(failure.message, 200))));
    }
    const now = rows.map((row) => ({ row, name: textOf(row.name), value: textOf(row.value) }));
    const joined = join(now, added);
    setRows(joined.next.map((pair, i) => (pair === now[i] ? pair.row : pair.row ? { ...pair.row, value: fieldOf(pair.value) } : rowOf(pair))));
    setError(undefined);
    setPasting(false);
    notify(t.pasted(number(joined.added), number(joined.changed)));
    return undefined;
  };
  return html`<form ref=${form} class="editor" onSubmit=${submit} onKeyDown=${steps}>
    <table class="list"><thead><tr><th scope="col">${t.name}</th><th scope="col">${t.value}</th><th scope="col" class="hidden">${t.actions}</th></tr></thead>
    <tbody>${rows.slice(from, from + shownFields).map((row, place) => [row, from + place]).map(([row, i]) => html`<tr key=${row.key} onKeyDown=${keys(i)}>
      <th scope="row"><${Field} field=${row.name} label=${t.name} onChange=${(name) => put(i, { ...row, name }, "name")} /></th>
      <td><${Field} field=${row.value} label=${t.value} onChange=${(value) => put(i, { ...row, value }, "value")} /></td>
      <td class="tools">
        <button type="button" class="plain" title=${t.moveUp} aria-label=${t.moveUp} disabled=${i === 0} onClick=${() => move(i, -1)}>↑</button>
        <button type="button" class="plain" title=${t.moveDown} aria-label=${t.moveDown} disabled=${i === rows.length - 1} onClick=${() => move(i, 1)}>↓</button>
        <button type="button" class="plain" title=${t.remove} aria-label=${t.remove} onClick=${() => setRows(rows.filter((one) => one !== row))}>✕</button>
      </td></tr>`)}</tbody></table>
    <${Steps} from=${from} size=${shownFields} all=${rows.length} onMove=${setFrom} />
    ${rows.length === 0 && html`<p class="empty">${t.emptyList[list]}</p>`}
    ${pasting && html`<div class="paste"><textarea rows="5" aria-label=${t.pasteHint} placeholder=${t.pasteHint}></textarea>
      <button type="button" onClick=${paste}>${t.pasteAdd}</button></div>`}
    ${error && html`<${Problem} error=${error} />`}
    <p class="row">
      <button type="submit" class="primary" disabled=${busy}>${t.save}</button>
      <button type="button" disabled=${busy} onClick=${() => (!changed || window.confirm(t.unsaved)) && onDone()}>${t.cancel}</button>
      <span class="space"></span>
      <button type="button" class="plain" disabled=${past.length === 0} title=${t.undo} aria-label=${t.undo} onClick=${undo}>↶</button>
      <button type="button" class="plain" disabled=${future.length === 0} title=${t.redo} aria-label=${t.redo} onClick=${redo}>↷</button>
      <button type="button" onClick=${() => { setRows([...rows, rowOf({ name: "", value: "" })]); focus(rows.length); }}>${t.add}</button>
      <button type="button" onClick=${() => setPasting(!pasting)}>${t.paste}</button>
    </p>
    ${conflict && html`<${Conflict} base=${base.pairs} theirs=${conflict.pairs} mine=${conflict.mine}
      onClose=${() => setConflict(undefined)} onTheirs=${() => onDone()} onSave=${saveChosen} />`}
  </form>`;
}
