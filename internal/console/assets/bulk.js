// Several entities at once: what would change, the change, and the way back.
import { html, useEffect, useState } from "./html.js";
import { cancelOperation, countsOf, deleteSet, entities, operation, revert, undelete, updateMany, writable } from "./api.js";
import { Link, go, staying } from "./router.js";
import { Dialog } from "./dialog.js";
import { Problem, useFailure } from "./load.js";
import { Text, number, plain } from "./format.js";
import { quoted } from "./filter.js";
import { nameOf } from "./deleted.js";
import { Names } from "./names.js";
import { notify } from "./notices.js";
import { mayChange } from "./roles.js";
import { facts, kinds, lists, t } from "./texts.js";

const shownRows = 300; // of a preview: each is a name of an entity

const again = () => window.dispatchEvent(new Event("platen:again"));

// putBack reverts changes, the last one first.
async function putBack(changes) {
  try {
    for (const change of changes.toReversed()) await revert(change, false);
    notify(t.reverted);
  } catch (error) {
    notify(plain(error.message, 300));
  }
  again();
}

// tell says what an update has done.
function tell({ changed, changes }) {
  notify(t.changedMany(changed, number(changed)), changes.length > 0 ? { text: t.revert, run: () => putBack(changes) } : undefined);
  again();
}

const fresh = (kind) => ({ op: "set", list: writable[kind][0], name: "", value: "" });

// updateOf is what the server is asked to do.
function updateOf({ kind, filter, ids }, steps) {
  const which = ids ? { entities: ids.map((id) => ({ id })) } : filter ? { kind, filter } : { kind, all: true };
  const name = (step) => `${step.list}.${quoted(step.name)}`;
  const named = steps.filter((step) => step.name !== "");
  return {
    ...which, set: named.filter((step) => step.op === "set").map((step) => ({ name: name(step), value: step.value })),
    unset: named.filter((step) => step.op === "unset").map(name),
  };
}

function Step({ kind, step, at, set, remove }) {
  const change = (key) => (event) => set({ ...step, [key]: event.currentTarget.value });
  return html`<div class="condition" role="group" aria-label=${t.step(at + 1)}>
    <select aria-label=${t.actions} value=${step.op} onChange=${change("op")}><option value="set">${t.setName}</option><option value="unset">${t.unsetName}</option></select>
    ${writable[kind].length > 1 && html`<select aria-label=${t.list} value=${step.list} onChange=${change("list")}>${writable[kind].map((list) => html`<option key=${list} value=${list}>${t.oneOf[list]}</option>`)}</select>`}
    <input aria-label=${t.name} placeholder=${t.name} list=${`step-${at}`} value=${step.name} onInput=${change("name")} autocomplete="off" spellcheck=${false} />
    <${Names} id=${`step-${at}`} kind=${kind} list=${step.list} />
    ${step.op === "set" && html`<textarea rows="1" aria-label=${t.value} placeholder=${t.value} value=${step.value} onInput=${change("value")}></textarea>`}
    ${remove && html`<button type="button" class="plain" aria-label=${t.remove} title=${t.remove} onClick=${remove}>✕</button>`}
  </div>`;
}

// differences returns the names of a preview whose values would be others.
function differences(one) {
  return Object.keys(lists).flatMap((list) => {
    if (!one[list]) return [];
    const before = new Map(one[list].before.map((pair) => [pair.name, pair.value]));
    const after = new Map(one[list].after.map((pair) => [pair.name, pair.value]));
    return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name))
      .map((name) => ({ id: one.id, kind: one.kind, list, name, before: before.get(name), after: after.get(name) }));
  });
}

function Preview({ preview }) {
  const rows = preview.flatMap(differences);
  const value = (text) => (text === undefined ? html`<i class="quiet">${t.absent}</i>` : html`<${Text} value=${text} most=${80} />`);
  if (rows.length === 0) return null;
  return html`<div class="table preview" tabindex="0" role="region" aria-label=${t.previewTitle}><table>
    <thead><tr><th scope="col">${t.entity}</th><th scope="col">${t.name}</th><th scope="col">${t.before}</th><th scope="col">${t.after}</th></tr></thead>
    <tbody>${rows.slice(0, shownRows).map((row) => html`<tr key=${`${row.id}.${row.list}.${row.name}`}><th scope="row" class="id">${row.id}</th>
      <td><${Text} value=${row.name} most=${60} /></td><td>${value(row.before)}</td><td>${value(row.after)}</td></tr>`)}</tbody></table></div>
    ${rows.length > shownRows && html`<p class="quiet">${t.moreRows(number(rows.length - shownRows))}</p>`}`;
}

const counted = 200_000; // entities of which a preview counts all

// previewOf asks what would change: of what the filter finds all are counted, or
// of very many the first hundred tell for them.
async function previewOf(target, steps) {
  if (target.ids || target.total <= counted) return updateMany({ ...updateOf(target, steps), validateOnly: true });
  const { kind, filter } = target;
  const page = await entities({ kind, filter, fields: "id", pageSize: 100 });
  const ids = page.entities.map((one) => one.id);
  const some = ids.length > 0 ? await updateMany({ ...updateOf({ kind, ids }, steps), validateOnly: true }) : { matched: 0, changed: 0, preview: [] };
  return { ...some, about: page.totalEstimate, matched: page.totalEstimate };
}

// Change sets and removes names in the lists of what is selected.
export function Change({ target, state, onClose }) {
  const [steps, setSteps] = useState([fresh(target.kind)]);
  const [found, setFound] = useState(); // {steps, matched, changed, preview}
  const seen = found?.steps === steps ? found : undefined; // steps that are others by now were not previewed
  const [inParts, setInParts] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useFailure();
  const run = async (what) => {
    setBusy(true);
    setError(undefined);
    try {
      await what();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const preview = (event) => {
    event.preventDefault();
    run(async () => {
      const answer = await previewOf(target, steps);
      setFound({ ...answer, steps });
      setInParts(answer.matched > 100_000);
    });
  };
  const save = () => run(async () => {
    const here = staying();
    const done = await updateMany({ ...updateOf(target, steps), ...(inParts ? { inParts } : {}) });
    onClose(true);
    if (done.state) return here() && go({ ...state, operation: done.id }, { replace: true });
    return tell({ changed: done.changed, changes: done.change ? [done.change] : [] });
  });
  const named = steps.some((step) => step.name !== "");
  return html`<${Dialog} title=${t.changeManyTitle(target.count)} onClose=${() => onClose()} wide>
    <form class="steps" onSubmit=${preview}>
      ${steps.map((step, i) => html`<${Step} key=${i} kind=${target.kind} step=${step} at=${i} set=${(next) => setSteps(steps.with(i, next))}
        remove=${steps.length > 1 && (() => setSteps(steps.toSpliced(i, 1)))} />`)}
      <p class="row"><button type="button" onClick=${() => setSteps([...steps, fresh(target.kind)])}>${t.addStep}</button>
        <button type="submit" class=${seen ? "" : "primary"} disabled=${busy || !named}>${t.preview}</button></p>
    </form>
    ${busy && html`<p class="quiet" role="status">${t.working}</p>`}
    ${error && html`<${Problem} error=${error} />`}
    ${seen && html`<p role="status">${seen.about ? t.aboutToChange(number(seen.about), number(seen.changed)) : t.wouldChange(number(seen.changed), number(seen.matched))}${!seen.about && seen.changed > seen.preview.length && seen.preview.length > 0 ? ` ${t.firstShown(number(seen.preview.length))}` : ""}</p>
      <${Preview} preview=${seen.preview} />
      <p class="row"><button type="button" class="primary" disabled=${busy || (seen.changed === 0 && !seen.about)} onClick=${save}>${seen.about ? t.changeAbout(number(seen.about)) : t.changeNow(number(seen.changed))}</button>
        <button type="button" onClick=${() => onClose()}>${t.cancel}</button>
        <label title=${t.inPartsHint}><input type="checkbox" checked=${inParts} onChange=${(event) => setInParts(event.currentTarget.checked)} /> ${t.inParts}</label></p>`}
  <//>`;
}

const poll = 700; // milliseconds

// Running shows the operation that the address names until it is dismissed.
export function Running({ state, who }) {
  const [now, setNow] = useState();
  const [error, setError] = useState();
  useEffect(() => {
    const abort = new AbortController();
    let timer;
    const ask = () => operation(state.operation, abort.signal).then((found) => {
      setNow(found);
      setError(undefined);
      if (found.state === "running") timer = setTimeout(ask, poll);
      else again();
    }, (failure) => {
      if (abort.signal.aborted) return;
      setError(failure);
      if (failure.status !== 404) timer = setTimeout(ask, 3000);
    });
    ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [state.operation]);
  const dismiss = () => go({ ...state, operation: undefined }, { replace: true });
  const cancel = () => cancelOperation(state.operation).then(setNow, setError);
  const running = now?.state === "running";
  const changes = now?.result?.changes ?? [];
  return html`<section class="selection operation" aria-label=${t.operation}>
    ${error && html`<${Problem} error=${error} />`}
    ${now && html`<b role="status">${t.operationStates[now.state]}</b>
      ${running && html`<progress aria-label=${t.operation} max="100" value=${now.progress}></progress>`}
      ${now.error && html`<span>${plain(now.error, 300)}</span>`}
      ${now.result && html`<span>${t.changedMany(now.result.changed ?? 0, number(now.result.changed ?? 0))}</span>`}
      ${running && mayChange(who) && html`<button type="button" onClick=${cancel}>${t.cancel}</button>`}
      ${!running && changes.length > 0 && mayChange(who) && html`<button type="button" onClick=${() => { dismiss(); putBack(changes); }}>${t.revert}</button>`}`}
    ${(error || (now && !running)) && html`<button type="button" class="plain" aria-label=${t.close} onClick=${dismiss}>✕</button>`}
  </section>`;
}

const mostDeleted = 1000; // sets at once: each is a request of its own

const namedAtOnce = 200; // identifiers in a filter

// filtersOf returns the filters that find what is selected.
function filtersOf({ filter, ids }) {
  if (!ids) return [filter];
  const filters = [];
  for (let i = 0; i < ids.length; i += namedAtOnce) filters.push(ids.slice(i, i + namedAtOnce).map((id) => `id = ${id}`).join(" OR "));
  return filters;
}

// findSets returns the sets that are selected, with what is in them together, or
// null if they are too many.
async function findSets(target, signal) {
  const ids = [];
  const counts = {};
  if (target.ids?.length > mostDeleted) return null;
  for (const filter of filtersOf(target)) {
    let pageToken;
    do {
      const page = await entities({ kind: target.kind, filter, fields: "id,counts", pageSize: 1000, pageToken }, signal);
      for (const one of page.entities) {
        ids.push(one.id);
        for (const [name, n] of Object.entries(one.counts ?? {})) counts[name] = (counts[name] ?? 0) + n;
      }
      if (ids.length > mostDeleted) return null;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }
  return { ids, counts };
}

// takeAllBack undeletes sets and says so.
async function takeAllBack(ids) {
  let back = 0;
  try {
    for (const id of ids) {
      await undelete(id);
      back++;
    }
    notify(t.undeletedMany(back, number(back)));
  } catch (error) {
    notify(`${t.undeletedMany(back, number(back))} ${plain(error.message, 200)}`);
  }
  again();
}

// Delete deletes the sets that are selected, after it has counted them.
export function Delete({ target, onClose }) {
  const [sets, setSets] = useState(); // as findSets returns them
  const [error, setError] = useFailure();
  const [done, setDone] = useState(); // so many are deleted by now
  useEffect(() => {
    const abort = new AbortController();
    findSets(target, abort.signal).then(setSets, (failure) => !abort.signal.aborted && setError(failure));
    return () => abort.abort();
  }, []);
  const ids = sets?.ids;
  const inThem = countsOf[target.kind].filter((name) => sets?.counts[name]);
  const remove = async () => {
    const gone = [];
    setError(undefined);
    let failure;
    for (const id of ids) {
      setDone(gone.length);
      try {
        await deleteSet(id);
        gone.push(id);
      } catch (one) {
        if (one.status !== 404) { // otherwise somebody else has deleted it
          failure = one;
          break;
        }
      }
    }
    if (gone.length > 0) notify(t.deletedMany(gone.length, number(gone.length)), { text: t.undelete, run: () => takeAllBack(gone) });
    again();
    if (!failure) return onClose(true);
    setSets({ ids: ids.filter((id) => !gone.includes(id)), counts: {} });
    setDone(undefined);
    return setError(failure);
  };
  return html`<${Dialog} title=${ids ? t.deleteManyTitle(number(ids.length), ids.length, kinds[target.kind]) : t.deleteMany} onClose=${done === undefined ? () => onClose() : undefined}>
    ${sets === undefined && !error && html`<p class="quiet" role="status">${t.counting}</p>`}
    ${sets === null && html`<p>${t.tooManyToDelete(number(mostDeleted), kinds[target.kind].many.toLowerCase())}</p>`}
    ${ids && html`<p>${t.deleteManyText}</p>
      ${inThem.length > 0 && html`<p>${inThem.map((name) => `${facts[name]}: ${number(sets.counts[name])}`).join(" · ")}</p>`}
      <p class="quiet">${ids.slice(0, 20).map((id) => html`<${Link} key=${id} to=${{ id }}>${nameOf(target.kind, id)}<//> `)}${ids.length > 20 && "…"}</p>`}
    ${done !== undefined && html`<progress aria-label=${t.deleteMany} max=${ids.length} value=${done}></progress>`}
    ${error && html`<${Problem} error=${error} />`}
    <p class="row">${ids?.length > 0 && html`<button type="button" class="danger" disabled=${done !== undefined} onClick=${remove}>${t.deleteSet} ${number(ids.length)}</button>`}
      <button type="button" disabled=${done !== undefined} onClick=${() => onClose()}>${t.cancel}</button></p>
  <//>`;
}
