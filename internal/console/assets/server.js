// What the server is, for those who run it.
import { html } from "./html.js";
import { serverFacts } from "./api.js";
import { Loading, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, bytes, number } from "./format.js";
import { kinds, t } from "./texts.js";
import { a } from "./admintexts.js";

export function Terms({ title, rows, children }) {
  return html`<section class="facts"><h2>${title}</h2>${children}
    <dl>${rows.filter(([, value]) => value).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></section>`;
}

const time = (value) => value && html`<${Time} value=${value} />`;
const size = (n) => (n === undefined ? undefined : bytes(n));

export function Server() {
  const { data, error, loading, again } = useLoad((signal) => serverFacts(signal), []);
  useTitle(t.server);
  const { database, counts } = data ?? {};
  return html`
    <div class="head"><h1>${t.server}</h1></div>
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && html`<div class="body columns-of-entity" aria-busy=${loading}>
      <div><section class="below"><h2>${t.settings}</h2>
        <div class="table plain" tabindex="0" role="region" aria-label=${t.settings}><table>
          <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.value}</th><th scope="col">${t.source}</th></tr></thead>
          <tbody>${data.settings.map((one) => html`<tr key=${one.name}><th scope="row"><code>${one.name}</code></th>
            <td><${Text} value=${one.value} /></td><td class="quiet">${one.source}</td></tr>`)}</tbody></table></div></section></div>
      <div>
        <${Terms} title=${t.program} rows=${[[t.version, data.version], [t.apiVersion, data.apiVersion], [t.started, time(data.startTime)]]} />
        <${Terms} title=${t.database} rows=${[[t.location, html`<${Text} value=${database.location} />`], [a.problem, database.problem && html`<span class="bad"><${Text} value=${database.problem} /></span>`], [t.schema, database.schema], [t.onDisk, size(database.bytes)],
          [t.freeBytes, size(database.freeBytes)], [t.lastBackup, time(database.lastBackupTime) ?? t.noBackup]]} />
        ${data.disks.map((disk) => html`<${Terms} key=${disk.path} title=${a.disk} rows=${[[t.location, html`<${Text} value=${disk.path} />`], [a.diskFree, size(disk.freeBytes)], [a.diskNeeded, size(disk.neededBytes)]]} />`)}
        ${data.cleanup.oldestDeleteTime && html`<${Terms} title=${a.cleanup} rows=${[[a.oldestDeleted, time(data.cleanup.oldestDeleteTime)], [a.purge, time(data.cleanup.purgeTime) ?? t.never]]} />`}
        ${counts && html`<${Terms} title=${t.entities} rows=${[...Object.keys(kinds).filter((kind) => kind in counts).map((kind) => [kinds[kind].many, number(counts[kind])]),
          [t.deletedSets, number(counts.deletedSets)]]}><p class="quiet">${t.counted} ${time(counts.countTime)}</p><//>`}
      </div></div>`}`;
}
