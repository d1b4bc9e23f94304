// The sets that are deleted, and may come back.
import { html } from "./html.js";
import { deleted, undelete } from "./api.js";
import { Loading, Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, plain } from "./format.js";
import { notify, useRun } from "./notices.js";
import { mayChange } from "./roles.js";
import { kinds, t } from "./texts.js";

export const nameOf = (kind, id) => `${kinds[kind].one} ${id}`;

// takeBack undeletes a set and says so.
export async function takeBack(kind, id) {
  try {
    await undelete(id);
    notify(t.undeleted(nameOf(kind, id)));
  } catch (error) {
    notify(plain(error.message, 300));
  }
  window.dispatchEvent(new Event("platen:again"));
}

export function Deleted({ state, who }) {
  const { data, error, loading, again } = useLoad((signal) => deleted({ pageSize: 100, pageToken: state.page }, signal), [state.page]);
  const [busy, run] = useRun(again); // a set that is back is on the page until that is read again
  useTitle(t.deletedSets);
  const sets = data?.sets ?? [];
  return html`
    <div class="head"><h1>${t.deletedSets}</h1></div>
    <div class="body" aria-busy=${loading}>
      ${error && html`<${Problem} error=${error} again=${again} />`}
      <${Loading} of=${{ data, loading }} />
      ${data && sets.length === 0 && html`<p class="empty">${t.noneDeleted}</p>`}
      ${sets.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label=${t.deletedSets}><table>
        <thead><tr><th scope="col">${t.kind}</th><th scope="col">${t.deleteTime}</th><th scope="col">${t.deletedBy}</th>
          <th scope="col">${t.purgeTime}</th>${mayChange(who) && html`<th scope="col">${t.actions}</th>`}</tr></thead>
        <tbody>${sets.map((set) => html`<tr key=${set.id}>
          <th scope="row">${nameOf(set.kind, set.id)}</th>
          <td><${Time} value=${set.deleteTime} /></td>
          <td>${set.deletedBy && html`<${Text} value=${set.deletedBy} most=${40} />`}</td>
          <td>${set.final ? t.final : set.purgeTime ? html`<${Time} value=${set.purgeTime} />` : t.never}</td>
          ${mayChange(who) && html`<td><button type="button" data-row disabled=${set.final || busy || loading} onClick=${() => run(() => takeBack(set.kind, set.id))}>${t.undelete}</button></td>`}
        </tr>`)}</tbody>
      </table></div>`}
      ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken} />`}
    </div>`;
}
