// Views that are saved on the server, for oneself or for all.
import { html, useState } from "./html.js";
import { addView, deleteView, replaceView, views } from "./api.js";
import { Link, go, staying } from "./router.js";
import { Menu } from "./menu.js";
import { Problem, useLoad } from "./load.js";
import { Text, plain } from "./format.js";
import { columnsFrom, fieldsOf, splitNames } from "./columns.js";
import { notify } from "./notices.js";
import { may, mayChange } from "./roles.js";
import { t } from "./texts.js";

const stateOf = (view) => ({ kind: view.kind, filter: view.filter, orderBy: view.orderBy, columns: columnsFrom(view.fields), saved: view.id });
// listingOf is what a view keeps of the state of a list.
const listingOf = (kind, state) => ({ kind, filter: state.filter ?? "", orderBy: state.orderBy ?? "", fields: state.columns ? fieldsOf(splitNames(state.columns)) : "" });
const isSame = (view, listing) => Object.entries(listing).every(([key, value]) => view[key] === value);

// useSaved returns the saved views of a kind, and the one that is shown. changed:
// what is shown is no longer what was saved.
export function useSaved(kind, state) {
  const { data, error, again } = useLoad((signal) => views(signal), [kind]);
  const all = (data ?? []).filter((view) => view.kind === kind).sort((a, b) => a.name.localeCompare(b.name));
  const current = all.find((view) => String(view.id) === String(state.saved));
  return { all, error, again, current, changed: current && !isSame(current, listingOf(kind, state)) };
}

function Saved({ view, who, current, run }) {
  const own = view.owner === who.user;
  const edit = own || may(who, "admin");
  const share = () => run(() => replaceView(view.id, { ...listingOfView(view), shared: !view.shared }, view.revision));
  return html`<li>
    <${Link} to=${stateOf(view)} aria-current=${current ? "true" : undefined}><${Text} value=${view.name} most=${60} /><//>
    ${!own && html` <span class="quiet"><${Text} value=${view.owner} most=${30} /></span>`}
    <span class="moves">
      ${edit && (view.shared || mayChange(who)) && html`<button type="button" class="link" onClick=${share}>${view.shared ? t.unshare : t.share}</button>`}
      ${edit && html`<button type="button" class="plain" aria-label=${`${t.remove}: ${plain(view.name)}`} title=${t.remove} onClick=${() => run(() => deleteView(view.id, view.revision))}>✕</button>`}
    </span>
  </li>`;
}

const listingOfView = ({ name, kind, filter, orderBy, fields }) => ({ name, kind, filter, orderBy, fields });

export function Views({ kind, state, who, saved }) {
  const [error, setError] = useState();
  const { all, current, changed, again } = saved;
  const listing = listingOf(kind, state);
  const run = async (what, text) => {
    setError(undefined);
    try {
      const done = await what();
      if (text) notify(text);
      again();
      return done;
    } catch (failure) {
      setError(failure);
      if (failure.status === 412) again(); // somebody else has changed it
      return undefined;
    }
  };
  const save = async (event, close) => {
    event.preventDefault();
    const { name, shared } = event.currentTarget.elements;
    if (!name.value.trim()) return;
    const here = staying();
    const view = await run(() => addView({ ...listing, name: name.value.trim(), shared: shared?.checked ?? false }), t.viewSaved);
    if (!view) return;
    if (!here()) return;
    close();
    go({ ...state, saved: view.id }, { replace: true });
  };
  const update = () => run(() => replaceView(current.id, { ...listing, name: current.name, shared: current.shared }, current.revision), t.viewSaved);
  const group = (title, some) => some.length > 0 && html`<h2>${title}</h2><ul>${some.map((view) => html`<${Saved} key=${view.id} view=${view} who=${who} current=${view === current} run=${run} />`)}</ul>`;
  return html`<${Menu} name="saved" title=${t.savedViews}>${(close) => html`
    ${(error ?? saved.error) && html`<${Problem} error=${error ?? saved.error} />`}
    ${all.length === 0 && html`<p class="empty">${t.noViews}</p>`}
    ${group(t.ownViews, all.filter((view) => view.owner === who.user))}
    ${group(t.sharedViews, all.filter((view) => view.owner !== who.user))}
    ${changed && (current.owner === who.user || may(who, "admin")) && html`<p><button type="button" onClick=${update}>${t.saveView}</button></p>`}
    <form onSubmit=${(event) => save(event, close)}>
      <input name="name" maxlength="100" required aria-label=${t.viewName} placeholder=${t.viewName} autocomplete="off" />
      ${mayChange(who) && html`<label><input type="checkbox" name="shared" /> ${t.shareView}</label>`}
      <button type="submit">${t.saveAs}</button>
    </form>`}<//>`;
}
