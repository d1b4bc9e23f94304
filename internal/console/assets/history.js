// What was changed of an entity, by whom, and the way back.
import { html, useState } from "./html.js";
import { changeOf, history, revert } from "./api.js";
import { Dialog } from "./dialog.js";
import { Link } from "./router.js";
import { Pager, Problem, useLoad } from "./load.js";
import { Text, Time, number } from "./format.js";
import { notify } from "./notices.js";
import { mayChange } from "./roles.js";
import { changeTypes, lists, t } from "./texts.js";

const pageSize = 20;
const shownNames = 8;

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
    <tbody>${(all ? names : names.slice(0, shownNames)).map((one) => html`<tr key=${one.name}>
      <th scope="row"><${Text} value=${one.name} most=${60} /></th><td class="was">${value(one.before)}</td><td>${value(one.after)}</td></tr>`)}</tbody></table>
    ${names.length > shownNames && html`<button type="button" class="link" onClick=${() => setAll(!all)}>${all ? t.less : t.allNames(number(names.length))}</button>`}`;
}

// Revert asks before a change is put back. Other lists that it has changed go
// with it, and lists that were changed since only if that is wanted.
function Revert({ change, onClose }) {
  const { data: whole, error: unread } = useLoad((signal) => changeOf(change.change, signal), [change.change]);
  const [error, setError] = useState();
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
    ${change.entries.map((entry) => html`<${Names} key=${entry.facet} names=${entry.names} />`)}
    <p>${t.revertText}</p>
    ${others > 0 && html`<p class="mark-line">${t.revertOthers(number(others), whole.more)}</p>`}
    ${later && html`<p class="mark-line">${t.revertForce}</p>`}
    ${(error ?? unread) && html`<${Problem} error=${error ?? unread} />`}
    <p class="row"><button type="button" class="primary" disabled=${busy || !whole} onClick=${run}>${later ? t.revertAnyway : t.revert}</button>
      <button type="button" onClick=${onClose}>${t.cancel}</button></p>
  <//>`;
}

const revertible = (change) => change.entries.some((entry) => entry.facet);

export function History({ entity, state, who }) {
  const { data, error, loading, again } = useLoad(
    (signal) => history(entity.id, { pageSize, pageToken: state.changes }, signal), [entity.id, state.changes]);
  const [asked, setAsked] = useState();
  const changes = data?.changes ?? [];
  return html`<section class="history below" aria-busy=${loading}>
    <div class="section-head"><h2>${t.history}</h2></div>
    ${error && (error.status === 409 ? html`<p class="empty">${t.noLog}</p>` : html`<${Problem} error=${error} again=${again} />`)}
    ${data && changes.length === 0 && html`<p class="empty">${t.noHistory}</p>`}
    <ol>${changes.map((change) => html`<li key=${change.change}>
      <div class="change-head"><b>${changeTypes[change.type] ?? change.type}</b>
        ${change.type === "delete" ? html`<${Time} value=${change.time} />` : html`<${Link} to=${{ id: entity.id, at: change.time }} aria-current=${state.at === change.time ? "true" : undefined}><${Time} value=${change.time} /><//>`} <span class="quiet"><${By} change=${change} /></span>
        ${mayChange(who) && revertible(change) && html`<button type="button" class="link" onClick=${() => setAsked(change)}>${t.revert}…</button>`}</div>
      ${change.entries.map((entry) => (entry.facet ? html`<div key=${entry.facet}><span class="quiet">${lists[entry.facet]}</span><${Names} names=${entry.names} /></div>`
        : entry.added ? html`<p key="added" class="quiet">${t.recordsAdded(number(entry.added), entry.added)}</p>` : null))}
    </li>`)}</ol>
    ${data && html`<${Pager} to=${state} name="changes" token=${state.changes} next=${data.nextPageToken} />`}
    ${asked && html`<${Revert} change=${asked} onClose=${() => setAsked(undefined)} />`}
  </section>`;
}
