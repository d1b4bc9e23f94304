// Lists that are pasted: lines of name=value, two columns of a table, or JSON.

// valueOf is what a value of JSON is in a list, which has only texts.
function valueOf(value) {
  if (value === null) return "";
  if (typeof value === "object") throw new TypeError("a value is a list or an object");
  return String(value);
}

// fromJSON reads a list of names and values, an object of them, or what the API
// answers with: an object that has such a list.
function fromJSON(data) {
  if (Array.isArray(data)) {
    return data.map((one) => {
      if (one === null || typeof one !== "object" || typeof one.name !== "string") throw new TypeError("an entry has no name");
      return { name: one.name, value: valueOf(one.value ?? "") };
    });
  }
  const inside = ["properties", "metadata", "fields"].find((list) => Array.isArray(data[list]));
  if (inside) return fromJSON(data[inside]);
  return Object.entries(data).map(([name, value]) => ({ name, value: valueOf(value) }));
}

// A cell that a spreadsheet has quoted, since it has lines or quotes in it.
const unquoted = (text) => (/^"(?:[^"]|"")*"$/.test(text) ? text.slice(1, -1).replaceAll('""', '"') : text);

// linesOf splits a table into lines; a line break in quotes is none.
const linesOf = (text) => (text.includes("\t") ? text.match(/(?:\t"(?:[^"]|"")*"(?=[\t\r\n]|$)|[^\r\n])+/g) ?? [] : text.split(/\r\n|\r|\n/));

// parsePasted returns the pairs of a pasted text. It throws what is wrong with it.
export function parsePasted(text) {
  if (/^\s*[[{]/.test(text)) {
    let data;
    try {
      data = JSON.parse(text);
    } catch (error) {
      if (/^\s*\{|^\s*\[\s*[{\]]/.test(text)) throw error; // it was meant to be JSON
    }
    if (data) return fromJSON(data);
  }
  return linesOf(text).filter((line) => line.trim()).map((line) => {
    const at = line.search(line.includes("\t") ? /\t/ : /=/);
    return at < 0 ? { name: line.trim(), value: "" } : { name: unquoted(line.slice(0, at).trim()), value: unquoted(line.slice(at + 1).replace(/\t+$/, "").trim()) };
  });
}

// join puts pairs into a list: those whose names are there change in place, the
// others are added. It says how many of each.
export function join(pairs, added) {
  const next = [...pairs];
  const places = new Map(next.map((pair, i) => [pair.name, i]));
  const counts = { added: 0, changed: 0 };
  for (const pair of added) {
    const at = places.get(pair.name);
    if (at === undefined) {
      places.set(pair.name, next.push(pair) - 1);
      counts.added++;
    } else if (next[at].value !== pair.value) {
      next[at] = { ...next[at], value: pair.value };
      counts.changed++;
    }
  }
  return { next, ...counts };
}
