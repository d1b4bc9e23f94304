import { Link, arrived, cameFromHere, go } from "./router.js";
import { html, useCallback, useEffect, useLayoutEffect, useState } from "./html.js";
import { t } from "./texts.js";
import { plain } from "./format.js";

// useLoad calls load when what it depends on changes, and keeps what is shown
// until the next is there. A view that has gone on hears nothing of the answer.
// What could not be loaded again stays beside the error. stale: what is shown is not
// what was asked for last.
export function useLoad(load, dependencies) {
  const [state, setState] = useState({ loading: true });
  const [round, setRound] = useState(0);
  const key = JSON.stringify(dependencies);
  useEffect(() => {
    const abort = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    load(abort.signal).then(
      (data) => !abort.signal.aborted && setState({ data, key, loading: false }),
      (error) => !abort.signal.aborted && setState((before) => ({ ...(before.key === key ? before : {}), error, loading: false })),
    );
    return () => abort.abort();
  }, [...dependencies, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  useEffect(() => {
    window.addEventListener("platen:again", again);
    return () => window.removeEventListener("platen:again", again);
  }, []);
  useLayoutEffect(() => {
    if (state.data !== undefined) arrived();
  }, [state.data]);
  const stale = state.data !== undefined && state.key !== key;
  return { ...state, loading: state.loading || stale, stale, again };
}

// useFailure keeps why something failed that somebody has asked for. That nobody was
// logged in, or the server away, is no longer so once views are to be read again.
export function useFailure() {
  const [error, setError] = useState();
  useEffect(() => {
    const clear = () => setError((before) => (before?.ended || before?.status === 0 ? undefined : before));
    window.addEventListener("platen:again", clear);
    return () => window.removeEventListener("platen:again", clear);
  }, []);
  return [error, setError];
}

// Loading says that what useLoad reads is not there yet.
export const Loading = ({ of }) => of.loading && of.data === undefined && html`<p class="quiet">${t.loading}</p>`;

// useTitle names the view in the title of the window.
export function useTitle(text) {
  useEffect(() => {
    document.title = `${text} · ${t.title}`;
  }, [text]);
}

// Problem shows why something failed.
export function Problem({ error, again, children }) {
  const text = error.status === 0 ? t.unreachable : plain(error.message, 600);
  return html`<div class="problem" role="alert"><p>${text}${children && html`. ${children}`}</p>${again && html`<button type="button" onClick=${again}>${t.retry}</button>`}</div>`;
}

// Pager goes to other pages of a list, whose token is so named in the address. The
// page before is where the browser was, since a token only leads on; who came by
// a link begins at the first. Only the pager of a whole view has keys.
export function Pager({ to, name = "page", token, next, children }) {
  const at = (page) => ({ ...to, [name]: page });
  const back = () => (cameFromHere() ? window.history.back() : go(at(undefined)));
  const key = (one) => (name === "page" ? one : undefined);
  if (!token && !next && !children) return null;
  return html`<nav class="pager" aria-label=${t.pages[name]}>
    ${token && html`<${Link} to=${at(undefined)} class="button">${t.first}<//>`}
    ${token && html`<button type="button" data-key=${key("p")} onClick=${back}>${t.previous}</button>`}
    ${next && html`<${Link} to=${at(next)} class="button" data-key=${key("n")}>${t.next}<//>`}
    <span class="quiet">${children}</span>
  </nav>`;
}

// usePoll loads again what useLoad has loaded, so many milliseconds after each answer,
// while somebody looks. A load that is under way goes on: answers may take longer.
export function usePoll({ loading, again }, every) {
  useEffect(() => {
    if (loading) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && again(), every);
    return () => clearInterval(timer);
  }, [loading, again, every]);
}
