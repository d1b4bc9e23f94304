// Dialogs of administration: forms, questions, and secrets that are shown once.
import { html, useEffect, useRef, useState } from "./html.js";
import { Dialog } from "./dialog.js";
import { Problem, useFailure } from "./load.js";
import { CopyLine } from "./welcome.js";
import { t } from "./texts.js";
import { a } from "./admintexts.js";

// Field is one field of a form. options: a choice of [value, text]; several of
// them with type "many".
function Field({ field }) {
  const { name, label, type = "text", options, value, hint, required, placeholder, max } = field;
  const id = `field-${name}`;
  const about = hint && { "aria-describedby": `${id}-hint` };
  if (type === "many") {
    return html`<fieldset><legend>${label}</legend><div class="many">${options.map(([one, text]) => html`<label key=${one}>
      <input type="checkbox" name=${name} value=${one} defaultChecked=${value?.includes(one)} /> ${text}</label>`)}</div>${hint && html`<small class="quiet">${hint}</small>`}</fieldset>`;
  }
  if (type === "check") return html`<label class="check"><input type="checkbox" name=${name} defaultChecked=${value} /> ${label}</label>`;
  return html`<label for=${id}>${label}</label>
    ${options ? html`<select id=${id} name=${name} ...${about}>${options.map(([one, text]) => html`<option key=${one} value=${one} selected=${one === value}>${text}</option>`)}</select>`
      : html`<input id=${id} name=${name} type=${type} defaultValue=${value ?? ""} required=${required} placeholder=${placeholder} maxlength=${max}
          autocomplete=${type === "password" ? "new-password" : "off"} autocapitalize="none" spellcheck=${false} min=${type === "number" ? 1 : undefined} ...${about} />`}
    ${hint && html`<small class="quiet" id=${`${id}-hint`}>${hint}</small>`}`;
}

// Form asks for values. submit gets them by name and returns when all is done; the
// server's refusal is shown and loses nothing.
export function Form({ title, fields, action, submit, onClose, children, danger }) {
  const [error, setError] = useFailure();
  const [busy, setBusy] = useState(false);
  const send = async (event) => {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const values = {};
    for (const { name, type } of fields) values[name] = type === "many" ? data.getAll(name) : type === "check" ? data.has(name) : data.get(name);
    setBusy(true);
    setError(undefined);
    try {
      await submit(values);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return html`<${Dialog} title=${title} onClose=${busy ? undefined : onClose}>
    <form class="form" onSubmit=${send}>
      ${children}
      ${fields.map((field) => html`<${Field} key=${field.name} field=${field} />`)}
      ${error && html`<${Problem} error=${error} />`}
      <div class="row"><button type="submit" class=${danger ? "danger" : "primary"} disabled=${busy}>${action}</button>
        <button type="button" disabled=${busy} onClick=${onClose}>${t.cancel}</button></div>
    </form>
  <//>`;
}

// Secret shows what is shown once.
export function Secret({ title, text, secret, onClose }) {
  return html`<${Dialog} title=${title}>
    <p>${text}</p>
    <p class="as-of">${a.once}</p>
    <${CopyLine} text=${secret} />
    <div class="row"><button type="button" class="primary" onClick=${onClose}>${a.kept}</button></div>
  <//>`;
}

// Table is a table of a list, with what is done to a row in its last column.
// On narrow screens a row becomes a block, in which each cell has its heading.
export function Table({ label, heads, children }) {
  const table = useRef();
  useEffect(() => {
    for (const row of table.current.tBodies[0].rows) for (const [i, cell] of [...row.cells].entries()) cell.dataset.label = heads[i];
  });
  return html`<div class="table stack" tabindex="0" role="region" aria-label=${label}><table ref=${table}>
    <thead><tr>${heads.map((head) => html`<th key=${head} scope="col">${head}</th>`)}</tr></thead>
    <tbody>${children}</tbody></table></div>`;
}

// localTime and fromLocal turn times into those of a field, and back.
export function localTime(text) {
  if (!text) return "";
  const time = new Date(text);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
export const fromLocal = (text) => (text ? new Date(text).toISOString() : undefined);
