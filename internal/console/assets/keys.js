// The keyboard: single keys where nobody is writing.
import { html, useEffect, useRef, useState } from "./html.js";
import { Dialog } from "./dialog.js";
import { go } from "./router.js";
import { t } from "./texts.js";

const writing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;

// move focuses the link of the row that is so many rows further.
function move(by) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

const press = (key) => document.querySelector(`main [data-key="${key}"]`)?.click();

// useKeys listens to all keys. show opens the list of them.
export function useKeys(destinations) {
  const [shown, setShown] = useState(false);
  const before = useRef("");
  useEffect(() => {
    const down = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.key === "Escape" && writing(event.target)) return event.target.blur();
      if (writing(event.target)) return undefined;
      const afterG = before.current === "g";
      before.current = event.key;
      const destination = afterG && destinations.find((d) => d.key === event.key);
      if (destination) {
        before.current = "";
        go(destination.state);
      } else if (event.key === "?") setShown(true);
      else if (event.key === "/") document.getElementById("search").focus();
      else if (event.key === "j") move(1);
      else if (event.key === "k") move(-1);
      else if (["n", "p", "u", "e"].includes(event.key)) press(event.key);
      else return undefined;
      event.preventDefault();
      return undefined;
    };
    document.addEventListener("keydown", down);
    return () => document.removeEventListener("keydown", down);
  }, []);
  const close = () => setShown(false);
  return {
    show: () => setShown(true),
    dialog: shown && html`<${Dialog} title=${t.keys} onClose=${close}>
      <dl class="keys">${t.keyList.map(([key, text]) => html`<div key=${key}><dt>${key.split(" ").filter(Boolean).map((k) => html`<kbd>${k}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
    <//>`,
  };
}

// Search opens an entity by its identifier, or filters the list that is shown.
export function Search({ state }) {
  const search = (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements.search;
    const text = field.value.trim();
    if (!text) return;
    if (/^\d+$/.test(text)) go({ id: text });
    else go({ kind: state.kind ?? "job", filter: text });
    field.value = "";
    field.blur();
  };
  return html`<form class="search" role="search" onSubmit=${search}>
    <input id="search" name="search" type="search" placeholder=${t.searchHint} aria-label=${t.search} autocomplete="off" spellcheck=${false} />
    <kbd aria-hidden="true">/</kbd>
  </form>`;
}
