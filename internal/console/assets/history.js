// What was changed of an entity, by whom, and the way back.
import { html, useState } from "./html.js";
import { changeOf, history, revert } from "./api.js";
import { Dialog } from "./dialog.js";
import { Link, go } from "./router.js";
import { Live } from "./live.js";
import { nameOf } from "./deleted.js";
import { Loading, Pager, Problem, useFailure, useLoad } from "./load.js";
import { Text, Time, number } from "./format.js";
import { notify } from "./notices.js";
import { mayChange } from "./roles.js";
import { changeTypes, lists, t } from "./texts.js";

const pageSize = 20;
const shownNames = 8;
const mostNames = 100; // of a list, and entries of a change

// By names who made a change, and with which token.
export function By({ change }) {
  return html`${change.user && html`<${Text} value=${change.user} most=${40} />`}${change.token && html` <span class="quiet">(<${Text} value=${change.token} most=${40} />)</span>`}`;
}

// Names shows what became of names: the value before and after.
export function Names({ names }) {
  const [all, setAll] = useState(false);
  if (names.length === 0) return html`<p class="quiet">${t.orderOnly}</p>`;
  const value = (text) => (text === undefined ? html`<i class="quiet">${t.absent}</i>` : html`<${Text} value=${text} most=${80} />`);
  return html`<table class="changed"><thead class="hidden"><tr><th scope="col">${t.name}</th><th scope="col">${t.before}</th><th scope="col">${t.after}</th></tr></thead>
    <tbody>${names.slice(0, all ? mostNames : shownNames).map((one) => html`<tr key=${one.name}>
      <th scope="row"><${Text} value=${one.name} most=${60} /></th><td class="was">${value(one.before)}</td><td>${value(one.after)}</td></tr>`)}</tbody></table>
    ${all && names.length > mostNames && html`<p class="quiet">${t.firstOf(number(mostNames), number(names.length))}</p>`}
    ${names.length > shownNames && html`<button type="button" class="link" onClick=${() => setAll(!all)}>${all ? t.less : t.allNames(number(Math.min(names.length, mostNames)))}</button>`}`;
}

// Revert asks before a change is put back. Other lists that it has changed go
// with it, and lists that were changed since only if that is wanted.
function Revert({ change, onClose }) {
  const { data: whole, error: unread } = useLoad((signal) => changeOf(change.change, signal), [change.change]);
  const [error, setError] = useFailure();
  const [busy, setBusy] = useState(false);
  const [later, setLater] = useState(false); // it was changed since
  const run = async () => {
    setBusy(true);
    try {
      await revert(change.change, later);
      notify(t.reverted);
      onClose();
      window.dispatchEvent(new Event("platen:again"));
    } catch (failure) {
      if (failure.status === 409 && !later) setLater(true);
      else setError(failure);
      setBusy(false);
    }
  };
  const others = (whole?.entries.length ?? 1) - change.entries.length;
  return html`<${Dialog} title=${t.revertTitle} onClose=${onClose} wide>
    ${change.entries.slice(0, 2).map((entry) => html`<${Names} key=${entry.facet} names=${entry.names} />`)}
    ${change.entries.length > 2 && html`<p class="quiet">${t.firstOf(number(2), change.more ? t.moreThan(number(change.entries.length)) : number(change.entries.length))}</p>`}
    <p>${t.revertText}</p>
    ${others > 0 && html`<p class="mark-line">${t.revertOthers(number(others), whole.more)}</p>`}
    ${later && html`<p class="mark-line">${t.revertForce}</p>`}
    ${(error ?? unread) && html`<${Problem} error=${error ?? unread} />`}
    <p class="row"><button type="button" class="primary" disabled=${busy || !whole} onClick=${run}>${later ? t.revertAnyway : t.revert}</button>
      <button type="button" onClick=${onClose}>${t.cancel}</button></p>
  <//>`;
}

const revertible = (change) => change.entries.some((entry) => entry.facet);

// Entries shows what a change did to lists, or to a set as a whole.
function Entries({ entries, named }) {
  return entries.map((entry) => html`<div key=${`${entry.id} ${entry.facet ?? ""}`}>
    ${named && html`<${Link} to=${{ id: entry.id }}>${nameOf(entry.kind, entry.id)}<//> `}
    ${entry.facet ? html`<span class="quiet">${lists[entry.facet]}</span><${Names} names=${entry.names} />`
      : entry.added ? html`<p class="quiet">${t.recordsAdded(number(entry.added), entry.added)}</p>` : null}</div>`);
}

// Whole shows all that one request has changed.
function Whole({ change, who, onRevert, onClose }) {
  const { data, error, loading, again } = useLoad((signal) => changeOf(change, signal), [change]);
  const entries = data?.entries ?? [];
  return html`<${Dialog} title=${t.changeTitle(change)} onClose=${onClose} wide>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && html`<div class="change-head"><b>${changeTypes[data.type] ?? data.type}</b> <${Time} value=${data.time} /> <span class="quiet"><${By} change=${data} /></span>
        ${data.requestId && html`<span class="quiet">${t.request} <code>${data.requestId}</code></span>`}</div>
      <div class="history whole"><${Entries} entries=${entries.slice(0, mostNames)} named /></div>
      ${(entries.length > mostNames || data.more) && html`<p class="quiet">${t.firstOf(number(Math.min(entries.length, mostNames)), data.more ? t.moreThan(number(entries.length)) : number(entries.length))}</p>`}
      <p class="row">${mayChange(who) && revertible(data) && html`<button type="button" onClick=${() => onRevert(data)}>${t.revert}…</button>`}
        <button type="button" onClick=${onClose}>${t.close}</button></p>`}
  <//>`;
}

// AsOf asks for a time at which the lists are to be shown.
function AsOf({ state }) {
  const submit = (event) => {
    event.preventDefault();
    const at = new Date(event.currentTarget.elements.at.value);
    if (!isNaN(at)) go({ ...state, at: at.toISOString() });
  };
  return html`<form class="row as-at" onSubmit=${submit}><label>${t.asAt} <input type="datetime-local" name="at" step="1" required /></label> <button type="submit">${t.show}</button></form>`;
}

export function History({ entity, state, who }) {
  const { data, error, loading, again } = useLoad(
    (signal) => history(entity.id, { pageSize, pageToken: state.changes }, signal), [entity.id, state.changes]);
  const [asked, setAsked] = useState();
  const changes = data?.changes ?? [];
  const whole = (change) => ({ ...state, change });
  return html`<section class="history below" aria-busy=${loading}>
    <div class="section-head"><h2>${t.history}</h2> <${Live} /></div>
    ${error && (error.status === 409 ? html`<p class="empty">${t.noLog}</p>` : html`<${Problem} error=${error} again=${again} />`)}
    <${Loading} of=${{ data, loading }} />
    ${data && changes.length === 0 && html`<p class="empty">${t.noHistory}</p>`}
    <ol class="timeline">${changes.map((change) => html`<li key=${change.change} class=${change.type}>
      <div class="change-head"><b>${changeTypes[change.type] ?? change.type}</b>
        ${change.type === "delete" ? html`<${Time} value=${change.time} />` : html`<${Link} to=${{ id: entity.id, at: change.time }} title=${t.asOf} aria-current=${state.at === change.time ? "true" : undefined}><${Time} value=${change.time} /><//>`} <span class="quiet"><${By} change=${change} /></span>
        ${revertible(change) && html`<${Link} to=${whole(change.change)}>${t.wholeChange}<//>`}
        ${change.reverts && html`<${Link} to=${whole(change.reverts)}>${t.putsBack(change.reverts)}<//>`}
        ${mayChange(who) && revertible(change) && html`<button type="button" class="link" onClick=${() => setAsked(change)}>${t.revert}…</button>`}</div>
      <${Entries} entries=${change.entries} />
    </li>`)}</ol>
    ${data && html`<${Pager} to=${state} name="changes" token=${state.changes} next=${data.nextPageToken} />`}
    ${changes.length > 0 && entity.kind && html`<${AsOf} state=${state} />`}
    ${state.change && !asked && html`<${Whole} key=${state.change} change=${state.change} who=${who} onRevert=${setAsked} onClose=${() => go({ ...state, change: undefined })} />`}
    ${asked && html`<${Revert} change=${asked} onClose=${() => { setAsked(undefined); if (state.change) go({ ...state, change: undefined }); }} />`}
  </section>`;
}
