// A filter as rows, and as the text that the server reads: one and the same.
import { childOf, countsOf, sets, writable } from "./api.js";

const parentOf = Object.fromEntries(Object.entries(childOf).filter(([kind, child]) => kind !== child).map(([kind, child]) => [child, kind]));

// above returns the kinds that contain a kind, from the next on.
const above = (kind) => (parentOf[kind] ? [parentOf[kind], ...above(parentOf[kind])] : []);

// listsOf returns the lists by whose names a kind can be filtered.
export const listsOf = (kind) => [...writable[kind], ...(["datarecord", "contentitem"].includes(kind) ? ["fields"] : [])];

// factsOf returns what else a kind can be filtered by, with what its values are.
export function factsOf(kind) {
  const facts = { id: "id" };
  if (!sets.includes(kind)) Object.assign(facts, { parent: "id", set: "id" });
  for (const one of above(kind)) facts[one] = "id";
  if (!countsOf[kind]) return facts;
  Object.assign(facts, { createTime: "time", createdBy: "text", createdToken: "text", createdHow: "how", updateTime: "time" });
  for (const count of countsOf[kind]) facts[`counts.${count}`] = "number";
  return facts;
}

// comparisons are those that there are for values of a type.
const ordered = ["is", "not", "lt", "le", "gt", "ge"];
export const comparisons = {
  list: ["is", "not", "other", "has", "begins", "ends", "there", "missing", "lt", "le", "gt", "ge"],
  text: ["is", "not", "other", "has", "begins", "ends", "there", "missing"],
  time: ["gt", "ge", "lt", "le"], number: ordered, how: ["is", "not"], id: ["is", "not"],
};
export const comparisonsOf = (kind, row) => comparisons[typeOf(kind, row)].concat(row.of === "id" ? ["lt", "le", "gt", "ge"] : []);
export const typeOf = (kind, row) => (listsOf(kind).includes(row.of) ? "list" : factsOf(kind)[row.of] ?? "text");
export const needsNoValue = (op) => op === "there" || op === "missing";

const signs = { is: "=", other: "!=", has: ":", lt: "<", le: "<=", gt: ">", ge: ">=" };
const ofSign = Object.fromEntries(Object.entries(signs).map(([op, sign]) => [sign, op]));
const escapes = { n: "\n", r: "\r", t: "\t" };
const isNumber = (text) => /^[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$/.test(text);

const quote = (text) => `"${text.replace(/[\\"*]/g, "\\$&").replace(/\n/g, "\\n").replace(/\r/g, "\\r").replace(/\t/g, "\\t")}"`;
const plainWord = (text) => /^[A-Za-z0-9_][A-Za-z0-9_.:+-]*$/.test(text) && !/^(AND|OR|NOT)$/.test(text);

// quoted is a name of a list as filters, orders and columns have it.
export const quoted = (name) => (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !/^(AND|OR|NOT)$/.test(name) ? name : quote(name));

// isComplete reports whether a row says something yet.
export function isComplete(kind, row) {
  if (typeOf(kind, row) === "list") return row.name !== "";
  return needsNoValue(row.op) || row.value !== "";
}

function writeRow(kind, { of, name, op, value }) {
  const what = typeOf(kind, { of }) === "list" ? `${of}.${quoted(name)}` : of;
  const text = plainWord(value) || isNumber(value) ? value : quote(value);
  const starred = (before, after) => `"${before}${quote(value).slice(1, -1)}${after}"`;
  switch (op) {
    case "not": return `NOT ${what} = ${text}`;
    case "begins": return `${what} = ${starred("", "*")}`;
    case "ends": return `${what} = ${starred("*", "")}`;
    case "there": return `${what}:*`;
    case "missing": return `NOT ${what}:*`;
    case "has": return `${what}:${text}`;
  }
  return `${what} ${signs[op]} ${text}`;
}

// write returns the text of the rows that say something.
export const write = (kind, { any, rows }) =>
  rows.filter((row) => isComplete(kind, row)).map((row) => writeRow(kind, row)).join(any ? " OR " : " AND ");

// A Reader reads the text of a filter from at on, as the server does.
class Reader {
  constructor(text) {
    Object.assign(this, { text, at: 0 });
  }
  take(pattern) {
    const [found] = this.text.slice(this.at).match(pattern) ?? [];
    if (found !== undefined) this.at += found.length;
    return found;
  }
  // quoted returns what is in quotes, with its wildcards as null.
  quoted() {
    const found = this.take(/^(?:"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*')/);
    if (found === undefined) return undefined;
    const characters = [];
    for (let i = 1; i < found.length - 1; i++) {
      if (found[i] === "\\") characters.push(escapes[found[++i]] ?? found[i]);
      else characters.push(found[i] === "*" ? null : found[i]);
    }
    return characters;
  }
  name() {
    const segments = [];
    do {
      const characters = this.quoted();
      const segment = characters ? characters.map((c) => c ?? "*").join("") : this.take(/^[^\s.,()"':=!<>*]+/);
      if (segment === undefined || (!characters && /^(-.*|AND|OR|NOT)$/.test(segment))) return null;
      segments.push(segment);
    } while (this.take(/^\./));
    return segments;
  }
  value() {
    let characters = this.quoted();
    const inQuotes = characters !== undefined;
    if (!inQuotes) characters = Array.from(this.take(/^[^\s,()"']+/) ?? "", (c) => (c === "*" ? null : c));
    if (!inQuotes && characters.length === 0) return null;
    const prefix = characters.at(-1) === null;
    if (prefix) characters.pop();
    const suffix = characters[0] === null;
    if (suffix) characters.shift();
    if (characters.includes(null)) return null;
    return { text: characters.join(""), inQuotes, prefix, suffix };
  }
}

// segmentsOf returns the segments of a name, or null.
export function segmentsOf(text) {
  const reader = new Reader(text);
  const segments = reader.name();
  return segments && reader.at === text.length ? segments : null;
}

// rowOf returns a comparison as a row, or null for one that no row is.
function rowOf(kind, negated, segments, sign, value) {
  const [first, ...rest] = segments;
  const isList = listsOf(kind).includes(first);
  const row = isList ? { of: first, name: rest.join(".") } : { of: segments.join("."), name: "" };
  if (!isList && !factsOf(kind)[row.of]) return null;
  const wild = value.prefix || value.suffix;
  const as = (op, text = value.text) => {
    const turned = negated ? { is: "not", there: "missing" }[op] : op;
    return turned && comparisonsOf(kind, row).includes(turned) ? { ...row, op: turned, value: text } : null;
  };
  if (isList && rest.length === 0) {
    row.name = value.text;
    return sign === ":" && !wild ? as("there", "") : null;
  }
  if (wild && value.text === "") return sign === "=" || sign === ":" ? as("there", "") : null;
  if (wild) return sign === "=" ? as(value.prefix && value.suffix ? "has" : value.prefix ? "begins" : "ends") : null;
  // A number in quotes is compared as a text, which a row does not say.
  if (/[<>]/.test(sign) && isList && value.inQuotes && isNumber(value.text)) return null;
  return as(ofSign[sign]);
}

// read returns a text as {any, rows}, or null for one that rows can not show.
export function read(kind, text) {
  const reader = new Reader(text.trim());
  const rows = [];
  let any; // whether rows are joined by OR; undefined: there is one
  const space = () => reader.take(/^\s+/);
  const word = (name) => reader.take(new RegExp(`^${name}(?=[\\s(]|$)`)) !== undefined;
  while (reader.at < reader.text.length) {
    if (rows.length > 0) {
      const or = word("OR");
      if (!or) word("AND");
      space();
      if (any !== undefined && any !== or) return null;
      any = or;
    }
    const negated = reader.take(/^-/) !== undefined || word("NOT");
    space();
    const segments = reader.name();
    space();
    const sign = segments && reader.take(/^(<=|>=|!=|=|<|>|:)/);
    space();
    const value = sign && reader.value();
    const row = value && rowOf(kind, negated, segments, sign, value);
    if (!row || !/^(\s|$)/.test(reader.text.slice(reader.at))) return null;
    rows.push(row);
    space();
  }
  return { any: any ?? false, rows };
}
