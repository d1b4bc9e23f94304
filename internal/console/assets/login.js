import { html, useEffect, useRef, useState } from "./html.js";
import { logIn } from "./api.js";
import { Dialog } from "./dialog.js";
import { plain } from "./format.js";
import { t } from "./texts.js";

// LogIn asks for user and password. again: over the view where the session has
// ended, so that nothing of it is lost.
export function LogIn({ again, user = "", onDone }) {
  const [error, setError] = useState();
  const [busy, setBusy] = useState(false);
  const first = useRef();
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
      setError(failure.status === 403 ? t.wrongPassword : failure.status === 0 ? t.unreachable : plain(failure.message, 300));
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
  </form>`;
  if (again) return html`<${Dialog} title=${t.logIn}>${form}<//>`;
  return html`<main class="front"><h1>${t.title}</h1>${form}</main>`;
}
