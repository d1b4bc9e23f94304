// Job creation: content sets are chosen, and an operation makes a job set of them.
import { html, useEffect, useState } from "./html.js";
import { cancelOperation, createJobs, createPath, entities, entitiesPath, operation } from "./api.js";
import { Link, go, staying } from "./router.js";
import { Loading, Pager, Problem, useLoad, useTitle } from "./load.js";
import { Text, Time, number } from "./format.js";
import { nameOf } from "./deleted.js";
import { Curl, curlOf } from "./welcome.js";
import { facts, kinds, t } from "./texts.js";

const pageSize = 50;
const mostSets = 1000; // of one job creation
const pause = 400; // milliseconds between two looks at an operation

const chosenOf = (state) => [...new Set((state.sets ?? "").match(/\d+/g) ?? [])];

function Choice({ state, who }) {
  const chosen = chosenOf(state);
  const query = { kind: "contentset", orderBy: "id desc", fields: "kind,id,createTime,createdBy,counts,properties", pageSize, pageToken: state.page };
  const { data, error, loading, again } = useLoad((signal) => entities(query, signal), [state.page]);
  const [text, setText] = useState(chosen.join(", "));
  const [failure, setFailure] = useState();
  const [busy, setBusy] = useState(false);
  useEffect(() => setText(chosen.join(", ")), [state.sets]);
  const set = (ids) => go({ ...state, sets: ids.join(",") }, { replace: true });
  const typed = [...new Set(text.match(/\d+/g) ?? [])];
  const wrong = /[^\d\s,;]/.test(text) ? t.onlyIds : typed.length > mostSets ? t.tooManySets(number(mostSets)) : "";
  const rows = data?.entities ?? [];
  const begin = async (event) => {
    event.preventDefault();
    if (wrong || typed.length === 0) return setFailure(new Error(wrong || t.chooseSets));
    const here = staying();
    setBusy(true);
    setFailure(undefined);
    try {
      const begun = await createJobs(typed.map(Number));
      if (here()) go({ view: "create", operation: begun });
    } catch (problem) {
      setFailure(problem);
      setBusy(false);
    }
    return undefined;
  };
  return html`<div class="body" aria-busy=${loading}>
    <p>${t.createText}</p>
    <form class="create" onSubmit=${begin}>
      <label>${t.contentSetIds} <input value=${text} onInput=${(e) => setText(e.currentTarget.value)} onChange=${() => set(typed)} placeholder="700, 701" autocomplete="off" /></label>
      <button type="submit" class="primary" disabled=${busy}>${t.createJobs}${typed.length > 0 && ` (${t.setCount(number(typed.length), typed.length)})`}</button>
      ${typed.length > 0 && html`<button type="button" onClick=${() => { setText(""); set([]); }}>${t.clear}</button>`}
    </form>
    ${failure && html`<${Problem} error=${failure} />`}
    ${error && html`<${Problem} error=${error} again=${again} />`}
    <${Loading} of=${{ data, loading }} />
    ${data && rows.length === 0 && html`<p class="empty">${t.noContentSets} <${Link} to=${{ view: "import" }}>${t.importTitle}<//></p>`}
    ${rows.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label=${kinds.contentset.many}><table>
      <thead><tr><th scope="col">${kinds.contentset.one}</th><th scope="col" class="number">${facts.contentitems}</th><th scope="col">${t.namedProperties}</th><th scope="col">${facts.createTime}</th><th scope="col">${facts.createdBy}</th></tr></thead>
      <tbody>${rows.map((row) => {
        const id = String(row.id);
        const on = typed.includes(id);
        return html`<tr key=${id}><th scope="row" class="id"><label><input type="checkbox" data-row checked=${on} onChange=${() => set(on ? typed.filter((one) => one !== id) : [...typed, id])} />${id}</label></th>
          <td class="number">${row.counts?.contentitems !== undefined && number(row.counts.contentitems)}</td>
          <td>${(row.properties ?? []).slice(0, 3).map((pair) => html`<span class="pair"><b><${Text} value=${pair.name} most=${30} /></b> <${Text} value=${pair.value} most=${40} /> </span>`)}${row.properties?.length > 3 && html`<span class="quiet">+${number(row.properties.length - 3)}</span>`}</td>
          <td><${Time} value=${row.createTime} /></td><td>${row.createdBy && html`<${Text} value=${row.createdBy} most=${40} />`}</td></tr>`;
      })}</tbody></table></div>`}
    ${data && html`<${Pager} to=${state} token=${state.page} next=${data.nextPageToken} />`}
    <${Curl} who=${who} path=${entitiesPath(query)} more=${typed.length > 0 && !wrong ? [curlOf(who, createPath, `-i -H 'Content-Type: application/json' -d '${JSON.stringify({ identifiers: typed.map(Number) })}'`)] : []} />
  </div>`;
}

function Progress({ id }) {
  const { data, error, again } = useLoad((signal) => operation(id, signal), [id]);
  const [failure, setFailure] = useState();
  const running = data?.state === "running";
  useEffect(() => {
    if (!running) return undefined;
    const timer = setTimeout(again, pause);
    return () => clearTimeout(timer);
  }, [running, data]);
  const stop = async () => {
    try {
      await cancelOperation(id);
    } catch (problem) {
      if (problem.status !== 404) setFailure(problem); // 404: it has ended by itself
    }
    again();
  };
  const made = data?.result?.jobset;
  return html`<div class="body"><section class="run" aria-live="polite">
    ${(failure ?? error) && html`<${Problem} error=${failure ?? error} again=${again} />`}
    ${data && html`<h2>${t.creationStates[data.state]}</h2>`}
    ${running && html`<progress aria-label=${t.createTitle} max="100" value=${data.progress}></progress>
      <p class="row"><span aria-live="off">${t.percent(data.progress / 100)}</span> <span class="quiet">${t.startedAt} <${Time} value=${data.startTime} /></span> <button type="button" onClick=${stop}>${t.stop}</button></p>`}
    ${data?.state === "done" && made && html`<p>${t.created(nameOf("jobset", made))} <${Link} class="button" to=${{ id: made }} data-row>${t.open}<//></p>`}
    ${data?.state === "cancelled" && html`<p>${t.creationCancelled}</p>`}
    ${data?.error && data.state === "failed" && html`<${Problem} error=${new Error(data.error)} />`}
    ${!running && html`<p><${Link} class="button" to=${{ view: "create" }}>${t.createMore}<//></p>`}
  </section></div>`;
}

export function Create({ state, who }) {
  useTitle(t.createTitle);
  return html`<div class="head"><h1>${t.createTitle}</h1></div>
    ${state.operation ? html`<${Progress} key=${state.operation} id=${state.operation} />` : html`<${Choice} state=${state} who=${who} />`}`;
}
