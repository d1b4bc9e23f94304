// The audit trail: who logged in, was refused, and changed users, tokens, rules
// and settings.
import { html } from "./html.js";
import { lastEvents } from "./api.js";
import { Link, go } from "./router.js";
import { Loading, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time } from "./format.js";
import { By } from "./history.js";
import { Table } from "./forms.js";
import { a } from "./admintexts.js";

const rows = 100;

export function Audit({ state }) {
  const type = Object.hasOwn(a.auditTypes, state.type ?? "") ? state.type : "audit";
  const { data, error, loading, again } = useLoad((signal) => lastEvents({ last: rows, type, before: state.before }, signal), [type, state.before]);
  useTitle(a.tabs.audit);
  const events = data?.events.toReversed() ?? [];
  return html`
    <div class="head"><h1>${a.tabs.audit}</h1>
      <select aria-label=${a.auditType} value=${type} onChange=${(event) => go({ view: "admin", tab: "audit", type: event.currentTarget.value })}>
        ${Object.entries(a.auditTypes).map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && events.length === 0 && html`<p class="empty">${data.before ? a.lookedBack : a.noAudit}</p>`}
      ${events.length > 0 && html`<${Table} label=${a.tabs.audit} heads=${a.auditHeads}>${events.map(({ id, data: event }) => html`<tr key=${id}>
        <th scope="row"><${Time} value=${event.time} /></th><td class=${event.type === "audit.refusal" ? "bad" : ""}>${a.auditNames[event.type] ?? event.type}</td>
        <td><${By} change=${event} /></td>
        <td class="wide"><span class="pairs">${Object.entries(event.audit ?? {}).map(([name, value]) => html`<span key=${name} class="pair"><b><${Text} value=${name} most=${40} /></b> <${Text} value=${String(value)} most=${120} /></span>`)}</span></td>
        <td>${event.requestId && html`<${Link} to=${{ view: "requests", request: event.requestId }} data-row><${Text} value=${event.requestId} most=${40} /><//>`}</td></tr>`)}<//>`}
      ${data && (state.before || data.before) && html`<nav class="pager" aria-label=${a.tabs.audit}>
        ${state.before && html`<${Link} class="button" data-key="p" to=${{ ...state, before: undefined }}>${a.newest}<//>`}
        ${data.before && html`<${Link} class="button" data-key="n" to=${{ ...state, before: data.before }}>${a.older}<//>`}</nav>`}
    </div>`;
}
