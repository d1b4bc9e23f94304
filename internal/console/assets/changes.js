// What changed last, and what changes now.
import { html } from "./html.js";
import { entities } from "./api.js";
import { Link } from "./router.js";
import { Loading, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time } from "./format.js";
import { By, Names } from "./history.js";
import { isIn, Live, useEvent, useRecent } from "./live.js";
import { nameOf } from "./deleted.js";
import { changeTypes, kinds, lists, t } from "./texts.js";

const lastJobs = 15;

function LastJobs() {
  const query = { kind: "job", orderBy: "updateTime desc", pageSize: lastJobs, fields: "kind,id,updateTime,properties.name,properties.status" };
  const { data, error, loading, again } = useLoad((signal) => entities(query, signal), []);
  useEvent((event) => isIn(event.kind, "jobset"), again, []);
  const rows = data?.entities ?? [];
  const value = (row, name) => row.properties?.find((pair) => pair.name === name)?.value;
  return html`<section aria-busy=${loading}>
    <div class="section-head"><h2>${t.lastJobs}</h2>
      <${Link} to=${{ kind: "job", orderBy: "updateTime desc", columns: "updateTime,properties" }}>${t.allJobs}<//></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && rows.length === 0 && html`<p class="empty">${t.noneHere(kinds.job.many)}</p>`}
    ${rows.length > 0 && html`<table class="list last"><tbody>${rows.map((row) => html`<tr key=${row.id}>
      <th scope="row"><${Link} to=${{ id: row.id }} data-row>${row.id}<//></th>
      <td>${["name", "status"].map((name) => value(row, name) !== undefined && html`<span class="pair"><${Text} value=${value(row, name)} most=${60} /></span> `)}</td>
      <td class="number"><${Time} value=${row.updateTime} /></td></tr>`)}</tbody></table>`}
  </section>`;
}

export function Happened({ event, short }) {
  return html`<li>
    <div class="change-head"><b>${changeTypes[event.type] ?? event.type}</b>
      <${Link} to=${{ id: event.id }}>${nameOf(event.kind, event.id)}<//>
      ${event.others && html`<${Link} to=${{ id: event.id, change: event.change }}>${t.andOthers}<//>`}
      ${event.facet && html`<span class="quiet">${lists[event.facet]}</span>`}
      <${Time} value=${event.time} /> <span class="quiet"><${By} change=${event} /></span></div>
    ${event.facet && short && event.names?.length > 0 && html`<span class="quiet names">${event.names.slice(0, 4).map((one) => html`<${Text} key=${one.name} value=${one.name} most=${40} /> `)}${event.names.length > 4 && "…"}</span>`}
    ${event.facet && !short && html`<${Names} names=${event.names ?? []} />`}
  </li>`;
}

export function Changes() {
  const events = useRecent();
  useTitle(t.changes);
  return html`
    <div class="head"><h1>${t.changes}</h1>
      <${Live} /></div>
    <div class="body columns-of-entity">
      <div><section class="history"><div class="section-head"><h2>${t.happening}</h2></div>
        <${Loading} of=${{ data: events, loading: !events }} />
        ${events?.length === 0 && html`<p class="empty">${t.nothingYet}</p>`}
        <ol>${events?.map((event) => html`<${Happened} key=${event.key} event=${event} />`)}</ol>
      </section></div>
      <div><${LastJobs} /></div>
    </div>`;
}
