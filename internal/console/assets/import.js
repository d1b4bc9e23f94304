// Import of a file: dropped or chosen, and streamed from the disk.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { importPath, importSet, sets } from "./api.js";
import { Link, guards } from "./router.js";
import { Problem, useTitle } from "./load.js";
import { bytes, plain } from "./format.js";
import { nameOf } from "./deleted.js";
import { notify } from "./notices.js";
import { Place, placeOf } from "./place.js";
import { Curl, commandOf } from "./welcome.js";
import { kinds, t } from "./texts.js";

// guess says what kind of set a file has, by what comes first in it: "" if
// that is not clear, null if it is no JSON, undefined if it can not be read, as a folder.
async function guess(file) {
  const start = await file.slice(0, 65536).text().catch(() => undefined);
  if (start === undefined) return undefined;
  if (!/^\s*\{/.test(start)) return null;
  const [, key] = start.match(/"(jobs|contentitems|records|schema)"\s*:/) ?? [];
  return { jobs: "jobset", contentitems: "contentset", records: "dataset", schema: "dataset" }[key] ?? "";
}

export function Import({ who }) {
  const [kind, setKind] = useState("jobset");
  const [over, setOver] = useState(false);
  const [run, setRun] = useState(); // {name, sent, all, stop, error, made}
  const input = useRef();
  useTitle(t.importTitle);
  const running = run && !run.error && !run.made && !run.stopped;
  useEffect(() => {
    if (!running) return undefined;
    const { stop } = run;
    const ask = (event) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    guards.set(input, t.leaveImport);
    return () => {
      window.removeEventListener("beforeunload", ask);
      guards.delete(input);
      stop(); // what has ended stays as it is
    };
  }, [running]);

  const send = async (file) => {
    if (!file || running) return undefined;
    const guessed = await guess(file);
    const unfit = guessed === undefined ? t.notReadable : guessed === null ? t.notJSON : undefined;
    if (unfit) return setRun({ name: file.name, error: new Error(unfit(plain(file.name))) });
    const of = guessed || kind;
    setKind(of);
    const { done, stop } = importSet(of, file, (sent, all) => setRun((now) => ({ ...now, sent, all })));
    setRun({ name: file.name, sent: 0, all: file.size, stop });
    try {
      const made = await done;
      setRun((now) => ({ ...now, made: { kind: of, id: made.id } }));
      return undefined;
    } catch (error) {
      if (error.name === "AbortError") return setRun((now) => ({ ...now, stopped: true }));
      // A file that was changed or moved meanwhile can not be looked into.
      const place = await placeOf(file, error).catch(() => undefined);
      setRun((now) => ({ ...now, error, place }));
    }
    return undefined;
  };
  // A file that falls beside the box is taken as well, from the moment at which the box is
  // there: the browser would open it.
  useLayoutEffect(() => {
    const drag = (event) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      setOver(event.type === "dragover");
      if (event.type !== "drop" || document.querySelector("dialog[open]")) return;
      const { files } = event.dataTransfer;
      if (files.length > 1) notify(t.oneFile);
      else send(files[0]);
    };
    const leave = (event) => !event.relatedTarget && setOver(false); // the window
    const heard = { dragover: drag, drop: drag, dragleave: leave };
    for (const [name, hear] of Object.entries(heard)) window.addEventListener(name, hear);
    return () => {
      for (const [name, hear] of Object.entries(heard)) window.removeEventListener(name, hear);
    };
  });
  return html`
    <div class="head"><h1>${t.importTitle}</h1></div>
    <div class="body">
      <div class=${`drop ${over ? "over" : ""}`}>
        <p>${over ? t.dropHere : t.importText(importPath(kind))}</p>
        <p class="row">
          <label>${t.importKind} <select value=${kind} disabled=${running} onChange=${(e) => setKind(e.currentTarget.value)}>
            ${sets.map((one) => html`<option key=${one} value=${one}>${kinds[one].one}</option>`)}
          </select></label>
          <button type="button" class="primary" disabled=${running} onClick=${() => input.current.click()}>${t.chooseFile}</button>
          <input ref=${input} type="file" hidden accept=".json,application/json" onChange=${(e) => { send(e.currentTarget.files[0]); e.currentTarget.value = ""; }} />
        </p>
      </div>
      ${run && html`<section class="run" aria-live="polite">
        <h2>${plain(run.name)}</h2>
        ${running && html`<progress aria-label=${t.import} max=${run.all} value=${run.sent}></progress>
          <p>${run.sent >= run.all ? t.storing : html`<span aria-live="off">${t.sending(bytes(run.sent), bytes(run.all))}</span>`}
          <button type="button" onClick=${run.stop}>${t.stop}</button></p>`}
        ${run.stopped && html`<p>${t.stopped}</p>`}
        ${run.error && html`<${Problem} error=${run.error} />${run.place && html`<${Place} place=${run.place} />`}`}
        ${run.made && html`<p>${t.imported(nameOf(run.made.kind, run.made.id))} <${Link} class="button" to=${{ id: run.made.id }} data-row>${t.open}<//></p>`}
      </section>`}
      <${Curl} who=${who} path=${importPath(kind)} options="-H 'Content-Type: application/json' -X POST -T FILE" more=${[commandOf(who, `import FILE --kind ${kind}`)]} />
    </div>`;
}
