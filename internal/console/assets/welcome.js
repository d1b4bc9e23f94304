import { html, useState } from "./html.js";
import { importPath, loadDemo } from "./api.js";
import { Problem } from "./load.js";
import { mayChange } from "./roles.js";
import { t } from "./texts.js";

// Copied is a line to paste somewhere, with a button that copies it.
export function CopyLine({ text }) {
  const [done, setDone] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => setDone(true), () => {});
  return html`<div class="copy"><code tabindex="0">${text}</code><button type="button" onClick=${copy}>${done ? t.copied : t.copy}</button></div>`;
}

const userOf = (who) => (who.user ? ` -u ${quote(who.user)}` : "");
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// Curl is the line by which a program sees what is shown.
export function Curl({ who, path }) {
  return html`<details class="curl"><summary>${t.asProgram}</summary>
    <${CopyLine} text=${`curl${userOf(who)} ${quote(window.location.origin + path)}`} /></details>`;
}

// FirstMinute says what to do with a server that has nothing yet.
export function FirstMinute({ who, onLoaded }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const load = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await loadDemo();
      onLoaded();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  if (!mayChange(who)) return null;
  return html`<section class="welcome">
    <h2>${t.welcome}</h2>
    <p>${t.welcomeText}</p>
    <p><button type="button" class="primary" disabled=${busy} onClick=${load}>${busy ? t.loadingDemo : t.loadDemo}</button></p>
    ${error && html`<${Problem} error=${error} />`}
    <p>${t.curlLine}</p>
    <${CopyLine} text=${`curl${userOf(who)} -H 'Content-Type: application/json' -T jobset.json -X POST ${window.location.origin}${importPath("jobset")}`} />
  </section>`;
}
