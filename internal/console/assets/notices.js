import { html, useEffect, useState } from "./html.js";
import { plain } from "./format.js";
import { t } from "./texts.js";

// notify shows a short text, which goes by itself unless it has an action.
export const notify = (text, action) => window.dispatchEvent(new CustomEvent("platen:notice", { detail: { text, action } }));

// useRun returns whether something is being done, and what does it: it tells what goes
// wrong, and calls after in any case.
export function useRun(after) {
  const [busy, setBusy] = useState(false);
  const run = async (work) => {
    setBusy(true);
    try {
      await work();
    } catch (failure) {
      notify(plain(failure.message, 300));
    }
    setBusy(false);
    after();
  };
  return [busy, run];
}

const shownFor = 8000; // milliseconds

export function Notices() {
  const [notice, setNotice] = useState();
  useEffect(() => {
    const show = (event) => setNotice(event.detail);
    window.addEventListener("platen:notice", show);
    return () => window.removeEventListener("platen:notice", show);
  }, []);
  useEffect(() => {
    if (!notice || notice.action) return undefined;
    const timer = setTimeout(() => setNotice(undefined), shownFor);
    return () => clearTimeout(timer);
  }, [notice]);
  return html`<div class="notices" role="status">${notice && html`<div class="notice">
    <span>${notice.text}</span>
    ${notice.action && html`<button type="button" onClick=${() => { setNotice(undefined); notice.action.run(); }}>${notice.action.text}</button>`}
    <button type="button" class="plain" aria-label=${t.close} onClick=${() => setNotice(undefined)}>✕</button>
  </div>`}</div>`;
}
