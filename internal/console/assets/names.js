// The names that lists of a kind have, as suggestions.
import { html } from "./html.js";
import { names } from "./api.js";
import { useLoad, usePoll } from "./load.js";

const keep = 5_000; // milliseconds, for which what was read is good enough
const read = new Map(); // kind: {at, names}

// namesOf returns the names of a kind as {list, name}, up to a thousand.
export function namesOf(kind) {
  const before = read.get(kind);
  if (before && Date.now() - before.at < keep) return before.names;
  const found = names({ kind, pageSize: 1000 }).then((page) => page.names);
  found.catch(() => read.delete(kind));
  read.set(kind, { at: Date.now(), names: found });
  return found;
}

// Names is a datalist of the names of one list. Those of an import come once its
// index is done.
export function Names({ id, kind, list }) {
  const load = useLoad(() => namesOf(kind), [kind]);
  usePoll(load, keep + 1000);
  const some = (load.data ?? []).filter((one) => one.list === list && one.name.length < 100).slice(0, 200);
  return html`<datalist id=${id}>${some.map((one) => html`<option key=${one.name} value=${one.name} />`)}</datalist>`;
}
