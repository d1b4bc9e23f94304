import { html, useEffect, useRef, useState } from "./html.js";
import { logIn, providerPath, waysIn } from "./api.js";
import { Dialog } from "./dialog.js";
import { plain } from "./format.js";
import { t } from "./texts.js";

// useProvider returns the name of the provider by which people can log in, too.
function useProvider() {
  const [provider, setProvider] = useState();
  useEffect(() => {
    const abort = new AbortController();
    // A password will do meanwhile.
    const ask = () => waysIn(abort.signal).then((ways) => setProvider(ways.provider && plain(ways.provider, 60)), () => !abort.signal.aborted && setTimeout(ask, 3000));
    ask();
    return () => abort.abort();
  }, []);
  return provider;
}

// LogIn asks for user and password. again: over the view where the session has
// ended, so that nothing of it is lost.
export function LogIn({ again, user = "", onDone }) {
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const first = useRef();
  const provider = useProvider();
  useEffect(() => first.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    try {
      await logIn(form.get("user"), form.get("password"));
      await onDone();
    } catch (failure) {
      setError(failure.status === 403 && !/ is disabled/.test(failure.message) ? t.wrongPassword : failure.status === 0 ? t.unreachable : plain(failure.message, 300));
      first.current?.focus();
    }
    setBusy(false);
  };
  const form = html`<form class="login" onSubmit=${submit}>
    ${again && html`<p>${t.logInAgain}</p>`}
    <label>${t.user}<input ref=${user ? undefined : first} name="user" autocomplete="username" required defaultValue=${user} autocapitalize="none" spellcheck=${false} /></label>
    <label>${t.password}<input ref=${user ? first : undefined} name="password" type="password" autocomplete="current-password" required /></label>
    ${error && html`<p class="problem" role="alert">${error}</p>`}
    <button type="submit" class="primary" disabled=${busy}>${t.logIn}</button>
    ${provider && html`<p class="or">${t.or}</p>
      ${again ? html`<a class="button" href=${providerPath("/")} target="_blank">${t.logInBy(provider)}</a><small class="quiet">${t.logInByAgain}</small>`
        : html`<a class="button" href=${providerPath(window.location.pathname + window.location.search)}>${t.logInBy(provider)}</a><small class="quiet">${t.logOutBy(provider)}</small>`}`}
  </form>`;
  if (again) return html`<${Dialog} title=${t.logIn}>${form}<//>`;
  return html`<main class="front"><h1>${t.title}</h1>${form}</main>`;
}
