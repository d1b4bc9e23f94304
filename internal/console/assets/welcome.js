import { html, useRef, useState } from "./html.js";
import { importPath, loadDemo } from "./api.js";
import { Problem } from "./load.js";
import { staying } from "./router.js";
import { mayChange } from "./roles.js";
import { t } from "./texts.js";

const copyKeys = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘C" : "Ctrl+C";

// CopyLine is a line to paste somewhere, with a button that copies it, or selects it
// where a page may not copy: browsers let only pages of https do that.
export function CopyLine({ text }) {
  const [done, setDone] = useState({}); // {text, said}: of another text nothing is said
  const line = useRef();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setDone({ text, said: t.copied });
    } catch {
      window.getSelection().selectAllChildren(line.current);
      setDone({ text, said: t.pressToCopy(copyKeys) });
    }
  };
  return html`<div class="copy"><code tabindex="0" ref=${line}>${text}</code><button type="button" onClick=${copy}>${done.text === text ? done.said : t.copy}</button></div>`;
}

const userOf = (who) => (who.user ? ` -u ${quote(who.user)}` : "");
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

// Curl is the line by which a program sees what is shown, with other lines that
// go with it.
export function Curl({ who, path, options, more = [] }) {
  return html`<details class="curl"><summary>${t.asProgram}</summary>
    <${CopyLine} text=${curlOf(who, path, options)} />${more.map((text) => html`<${CopyLine} key=${text} text=${text} />`)}</details>`;
}

// curlOf is the line that asks for a path; options are words of curl.
export const curlOf = (who, path, options = "") => `curl${userOf(who)}${options && ` ${options}`} ${quote(window.location.origin + path)}`;

// commandOf is a line of the command line of platen, which asks for the password.
export const commandOf = (who, words) => `platen ${words} --server ${window.location.origin} --user ${quote(who.user)}`;

// listCommand is the line that lists what a query finds.
export const listCommand = (who, { kind, filter, orderBy, fields }) => commandOf(who, [`list ${kind}s`,
  filter && `--filter ${quote(filter)}`, orderBy && `--order-by ${quote(orderBy)}`, fields && `--fields ${quote(fields)}`].filter(Boolean).join(" "));

// FirstMinute says what to do with a server that has nothing yet.
export function FirstMinute({ who, onLoaded }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState();
  const load = async () => {
    const here = staying();
    setBusy(true);
    setError(undefined);
    try {
      await loadDemo();
      if (here()) onLoaded();
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
