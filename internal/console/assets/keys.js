// The keyboard: single keys where nobody is writing.
import { html, useEffect, useRef, useState } from "./html.js";
import { entityOf } from "./api.js";
import { Dialog } from "./dialog.js";
import { go, staying } from "./router.js";
import { facts, kinds, lists, t } from "./texts.js";

const writing = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;

// move focuses the link of the row that is so many rows further.
function move(by) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  const line = document.activeElement.closest("tr");
  const at = rows.findIndex((row) => row === document.activeElement || (line && row.closest("tr") === line));
  const next = at < 0 ? rows[by > 0 ? 0 : rows.length - 1] : rows[at + by];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

// pick selects the row that has the focus.
const pick = () => document.activeElement.closest("tr")?.querySelector("[data-select]")?.click();

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
      else if (event.key === "/") document.getElementById("search")?.focus();
      else if (event.key === "j") move(1);
      else if (event.key === "k") move(-1);
      else if (event.key === "x") pick();
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

// Filters begin with a name that there is, and what it is compared by.
const longest = 500; // characters that are looked for
const isFilter = new RegExp(`^[(\\s]*(NOT\\s+|-)?[(\\s]*((${Object.keys(lists).join("|")})[.:]|(set|${[...Object.keys(facts), ...Object.keys(kinds)].join("|")}|counts\\.\\w+)\\s*[=!<>])`);

// Search opens an entity by its identifier. A filter is one of the list that is
// shown; any other text is looked for everywhere.
export function Search({ state }) {
  const search = async (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements.search;
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    field.blur();
    if (isFilter.test(text)) return go({ kind: state.kind ?? "job", filter: text });
    const here = staying();
    const there = /^[1-9]\d{0,17}$/.test(text) && (await entityOf(text).then(() => true, (error) => error.status !== 404));
    return here() && go(there ? { id: text } : { view: "search", q: text.slice(0, longest) });
  };
  return html`<form class="search" role="search" onSubmit=${search}>
    <input id="search" name="search" type="search" placeholder=${t.searchHint} aria-label=${t.search} autocomplete="off" spellcheck=${false} />
    <kbd aria-hidden="true">/</kbd>
  </form>`;
}
