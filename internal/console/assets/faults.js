// How a sandbox misbehaves: the list of its faults, and one of them as a form or as
// JSON, which are the same.
import { html, useEffect, useRef, useState } from "./html.js";
import { routePaths, sandbox } from "./api.js";
import { Link } from "./router.js";
import { Dialog } from "./dialog.js";
import { Problem } from "./load.js";
import { Text, number, plain } from "./format.js";
import { notify, useRun } from "./notices.js";
import { Form, Table } from "./forms.js";
import { t } from "./texts.js";
import { a } from "./admintexts.js";
import { members, s, said } from "./sandboxtexts.js";

const methods = ["GET", "PUT", "POST", "DELETE", "PATCH"];
const which = ["name", "methods", "route", "path", "user", "from", "to", "every", "probability", "seed"];
const what = ["status", "retryAfter", "body", "headers", "latency", "bandwidth", "cutAfter", "operationDelay", "operationError", "expireToken", "noAnswer"];
const numbers = ["from", "to", "every", "probability", "seed", "status", "bandwidth", "cutAfter"];
const flags = ["expireToken", "noAnswer"];
const long = ["body", "headers"];

const stripped = ({ matched, hits, ...fault }) => fault;
const pretty = (value) => JSON.stringify(value, null, 2);

// asText and fromText turn a member of a fault into the text of a field, and back;
// undefined: the fault does not have it.
function asText(name, value) {
  if (value === undefined) return "";
  if (name === "headers" && value && typeof value === "object") return Object.entries(value).map(([key, text]) => `${key}: ${text}`).join("\n");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function fromText(name, text) {
  if (text.trim() === "") return undefined;
  if (numbers.includes(name)) return Number(text);
  if (name !== "headers") return text;
  const lines = text.split("\n").map((line) => line.split(/:\s*(.*)/s)).filter(([key, value]) => key.trim() && value !== undefined);
  return Object.fromEntries(lines.map(([key, value]) => [key.trim(), value.trim()]));
}

function Field({ name, fault, set, routes }) {
  const id = `fault-${name}`;
  const [label, hint] = members[name];
  const about = hint && { "aria-describedby": `${id}-hint` };
  const more = hint && html`<small class="quiet" id=${`${id}-hint`}>${hint}</small>`;
  const input = (event) => set(name, fromText(name, event.target.value));
  if (name === "methods") {
    const chosen = fault.methods ?? [];
    const pick = ({ target }) => {
      const next = methods.filter((one) => (one === target.value ? target.checked : chosen.includes(one)));
      set(name, next.length > 0 ? next : undefined);
    };
    return html`<fieldset class="whole"><legend>${label}</legend><div class="row">${methods.map((one) => html`<label key=${one}><input type="checkbox" value=${one} checked=${chosen.includes(one)} onChange=${pick} /> ${one}</label>`)}</div>${more}</fieldset>`;
  }
  if (flags.includes(name)) return html`<label class="check whole"><input type="checkbox" checked=${fault[name] === true} onChange=${({ target }) => set(name, target.checked || undefined)} /> ${label}</label>`;
  const common = { id, ...about, onInput: input, autocomplete: "off", autocapitalize: "none", spellcheck: false };
  return html`<div class=${long.includes(name) || name === "route" || name === "path" ? "whole" : ""}><label for=${id}>${label}</label>
    ${long.includes(name) ? html`<textarea rows="2" defaultValue=${asText(name, fault[name])} ...${common}></textarea>`
      : html`<input type=${numbers.includes(name) ? "number" : "text"} step=${name === "probability" ? "any" : undefined} defaultValue=${asText(name, fault[name])} list=${name === "route" ? "fault-routes" : undefined} ...${common} />`}
    ${name === "route" && html`<datalist id="fault-routes">${routes.map((path) => html`<option key=${path} value=${path} />`)}</datalist>`}
    ${more}</div>`;
}

// FaultDialog asks for a fault. save gets it and returns when all is done.
function FaultDialog({ title, action, fault: before, save, onClose, children }) {
  const fault = useRef(before);
  const [text, setText] = useState(); // the JSON, while that is shown
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const [routes, setRoutes] = useState([]);
  const [, again] = useState(0);
  useEffect(() => {
    routePaths().then(setRoutes, () => {}); // they are only offered
  }, []);
  const set = (name, value) => {
    const { [name]: gone, ...rest } = fault.current;
    fault.current = value === undefined ? rest : { ...fault.current, [name]: value };
    again((n) => n + 1);
  };
  // take takes up what was written as JSON, and reports whether it is a fault.
  const take = () => {
    setError(undefined);
    if (text === undefined) return true;
    try {
      const value = JSON.parse(text);
      if (!value || typeof value !== "object" || Array.isArray(value)) throw new Error(s.notObject);
      fault.current = value;
      return true;
    } catch (failure) {
      setError({ message: failure instanceof SyntaxError ? s.notJSON(failure.message) : failure.message });
      return false;
    }
  };
  const show = (json) => take() && setText(json ? pretty(fault.current) : undefined);
  const send = async (event) => {
    event.preventDefault();
    if (!take()) return;
    setBusy(true);
    try {
      await save(fault.current);
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const part = (legend, names) => html`<fieldset class="fields"><legend>${legend}</legend>${names.map((name) => html`<${Field} key=${name} name=${name} fault=${fault.current} set=${set} routes=${routes} />`)}</fieldset>`;
  return html`<${Dialog} title=${title} onClose=${busy ? undefined : onClose} wide>
    <form class="form fault" onSubmit=${send} noValidate>
      <div class="row"><button type="button" aria-pressed=${text === undefined} onClick=${() => show(false)}>${s.asForm}</button>
        <button type="button" aria-pressed=${text !== undefined} onClick=${() => show(true)}>${s.asJSON}</button></div>
      ${children}
      ${text === undefined ? html`${part(s.which, which)}${part(s.what, what)}`
        : html`<textarea class="json" rows="16" aria-label=${s.json} value=${text} onInput=${({ target }) => setText(target.value)} spellcheck=${false}></textarea>`}
      ${error && html`<${Problem} error=${error} />`}
      <div class="row"><button type="submit" class="primary" disabled=${busy}>${action}</button>
        <button type="button" disabled=${busy} onClick=${onClose}>${t.cancel}</button></div>
    </form><//>`;
}

// AllDialog has all faults as JSON.
function AllDialog({ faults, save, onClose }) {
  const [text, setText] = useState(() => pretty({ faults: faults.map(stripped) }));
  return html`<${Form} title=${s.allTitle} action=${a.save} fields=${[]} onClose=${onClose} submit=${async () => {
    let value;
    try {
      value = JSON.parse(text);
    } catch (failure) {
      throw new Error(s.notJSON(failure.message), { cause: failure });
    }
    await save(Array.isArray(value) ? { faults: value } : value);
  }}><p class="quiet">${s.allText}</p>
    <textarea class="json" rows="18" aria-label=${s.allJSON} value=${text} onInput=${({ target }) => setText(target.value)} spellcheck=${false}></textarea><//>`;
}

const line = (fault, names) => names.filter((name) => name in fault).map((name) => said[name](fault[name]));

function Which({ fault }) {
  const address = fault.route ?? fault.path;
  const rest = line(fault, ["user", "from", "to", "every", "probability"]).join(", ");
  if (!fault.methods && !address && !rest) return s.allRequests;
  return html`${fault.methods && html`<b><${Text} value=${fault.methods.join(", ")} most=${60} /></b> `}${address && html`<code><${Text} value=${address} most=${120} /></code> `}
    ${fault.route && fault.path && html`<code><${Text} value=${fault.path} most=${120} /></code> `}${rest && html`<span class="quiet"><${Text} value=${rest} most=${160} /></span>`}`;
}

// Faults is the list. changed is called after each change of it.
export function Faults({ faults, marked, changed }) {
  const [open, setOpen] = useState(); // {what, fault}
  const [busy, run] = useRun(changed);
  const close = () => setOpen(undefined);
  // replace makes a list of the one that the server has now, and puts it in its place.
  const replace = async (make) => {
    await sandbox.replaceFaults({ faults: make(await sandbox.faults()) });
    close();
    notify(s.countsAnew);
    changed();
  };
  const move = (name, by) => run(() => replace((list) => {
    const from = list.findIndex((one) => one.name === name);
    const to = from + by;
    if (from < 0 || to < 0 || to >= list.length) return list;
    const next = [...list];
    [next[from], next[to]] = [next[to], next[from]];
    return next;
  }));
  const remove = (name) => run(() => sandbox.removeFault(name));
  const dialogs = {
    add: () => html`<${FaultDialog} title=${s.addFaultTitle} action=${a.add} fault=${{}} onClose=${close} save=${async (fault) => { await sandbox.addFault(fault); close(); changed(); }} />`,
    change: ({ fault }) => html`<${FaultDialog} title=${s.changeFaultTitle(plain(fault.name, 64))} action=${a.save} fault=${stripped(fault)} onClose=${close}
      save=${(next) => replace((list) => list.map((one) => (one.name === fault.name ? next : one)))}><p class="quiet">${s.countsAnew}</p><//>`,
    all: () => html`<${AllDialog} faults=${faults} onClose=${close} save=${async (value) => { await sandbox.replaceFaults(value); close(); changed(); }} />`,
    removeAll: () => html`<${Form} title=${s.removeAllTitle} action=${s.doRemoveAll} danger fields=${[]} onClose=${close} submit=${async () => { await sandbox.removeFaults(); close(); changed(); }}><p>${s.removeAllText}</p><//>`,
  };
  return html`<section class="boxed"><div class="section-head"><h2>${s.faults}</h2><div class="row">
      <button type="button" class="primary" onClick=${() => setOpen({ what: "add" })}>${s.addFault}</button>
      <button type="button" onClick=${() => setOpen({ what: "all" })}>${s.allAsJSON}</button>
      <button type="button" disabled=${faults.length === 0} onClick=${() => setOpen({ what: "removeAll" })}>${s.removeAll}</button></div></div>
    <p class="quiet">${faults.length === 0 ? s.noFaults : s.faultsText}</p>
    ${faults.length > 0 && html`<${Table} label=${s.faults} heads=${s.heads}>${faults.map((fault, i) => html`<tr key=${fault.name} class=${fault.name === marked ? "picked" : ""} aria-current=${fault.name === marked ? "true" : undefined}>
      <th scope="row"><button type="button" class="link" data-row onClick=${() => setOpen({ what: "change", fault })}><${Text} value=${fault.name} most=${64} /></button></th>
      <td class="wide"><${Which} fault=${fault} /></td><td class="wide"><${Text} value=${line(fault, what).join(", ")} most=${200} /></td>
      <td class="number">${number(fault.matched)}</td>
      <td class="number">${fault.hits > 0 ? html`<${Link} to=${{ view: "requests", fault: fault.name }} aria-label=${`${plain(fault.name, 64)}: ${s.showRequests(fault.hits, number(fault.hits))}`}>${number(fault.hits)}<//>` : "0"}</td>
      <td class="wide"><div class="row"><button type="button" disabled=${busy || i === 0} aria-label=${s.up(plain(fault.name, 64))} onClick=${() => move(fault.name, -1)}>↑</button>
        <button type="button" disabled=${busy || i === faults.length - 1} aria-label=${s.down(plain(fault.name, 64))} onClick=${() => move(fault.name, 1)}>↓</button>
        <button type="button" disabled=${busy} onClick=${() => remove(fault.name)}>${s.removeFault}</button></div></td></tr>`)}<//>`}
    ${open && dialogs[open.what](open)}</section>`;
}
