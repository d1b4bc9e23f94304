// The names that lists of a kind have, as suggestions.
import { html } from "./html.js";
import { names } from "./api.js";
import { useLoad, usePoll } from "./load.js";

const keep = 5_000; // milliseconds, for which what was read is good enough
const pageSize = 1000;
const read = new Map(); // kind: {at, page}

// firstOf returns the first page of the names of a kind, each {list, name}.
function firstOf(kind) {
  const before = read.get(kind);
  if (before && Date.now() - before.at < keep) return before.page;
  const page = names({ kind, pageSize });
  page.catch(() => read.delete(kind));
  read.set(kind, { at: Date.now(), page });
  return page;
}

// pagesOfNames yields all pages of the names of a kind.
export async function* pagesOfNames(kind, signal) {
  let page = await firstOf(kind);
  yield page;
  while (page.nextPageToken) yield (page = await names({ kind, pageSize, pageToken: page.nextPageToken }, signal));
}

// Names is a datalist of the names of one list. Those of an import come once its
// index is done.
export function Names({ id, kind, list }) {
  const load = useLoad(() => firstOf(kind), [kind]);
  usePoll(load, keep + 1000);
  const some = (load.data?.names ?? []).filter((one) => one.list === list && one.name.length < 100).slice(0, 200);
  return html`<datalist id=${id}>${some.map((one) => html`<option key=${one.name} value=${one.name} />`)}</datalist>`;
}
