// Times, numbers and texts as the viewer reads them.
import { html, useState } from "./html.js";
import { t } from "./texts.js";

const numbers = new Intl.NumberFormat();
export const number = (n) => numbers.format(n);

const sizes = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"].map(
  (unit) => new Intl.NumberFormat(undefined, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }),
);
export function bytes(n) {
  let i = 0;
  for (; n >= 1000 && i < sizes.length - 1; i++) n /= 1000;
  return sizes[i].format(n);
}

const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

// Time shows a time in the viewer's zone, and exactly as the server has it on hover.
export function Time({ value }) {
  if (!value) return null;
  return html`<time datetime=${value} title=${value}>${isNaN(Date.parse(value)) ? plain(value, 40) : short.format(new Date(value))}</time>`;
}

// Marks that are not seen, or that change the order of what is around them.
// Those that join the parts of an emoji, or letters of scripts that are written with
// them, are seen in what they make.
const joining = ["Arab", "Syrc", "Mong", "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Khmr", "Mymr"];
const letter = `[${joining.map((script) => `\\p{scx=${script}}`).join("")}]`;
const seen = String.raw`\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?\u200d(?=\p{Extended_Pictographic})|${letter}[\u200c\u200d](?=${letter})`;
const hidden = new RegExp(String.raw`[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}](?<!${seen})`, "gu");
const names = { "\n": "↵", "\r": "CR", "\t": "⇥" };

// visible splits a text into what can be shown as it is, and marks.
function visible(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(hidden)) {
    if (match.index > from) parts.push(text.slice(from, match.index));
    const code = match[0].codePointAt(0);
    const mark = names[match[0]] || `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    parts.push(html`<span class="mark">${mark}</span>${match[0] === "\n" ? "\n" : ""}`);
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

// plain is a text for titles and messages: short, with nothing hidden in it.
export function plain(text, most = 80) {
  const all = Array.from(text.slice(0, most * 2)).slice(0, most).join("");
  return all.replace(hidden, "\ufffd") + (all.length < text.length ? "…" : "");
}

// Text shows any text safely: as one line's worth of it, with what is hidden
// made visible and its direction kept inside.
export function Text({ value, most = 200 }) {
  const [all, setAll] = useState(false);
  const long = value.length > most;
  let shown = long && !all ? value.slice(0, most) : value;
  if (/[\ud800-\udbff\u200d]$/.test(shown) && shown !== value) shown = shown.slice(0, -1); // it goes with what follows
  return html`<bdi class="text">${visible(shown)}</bdi>${long && html`${all ? " " : "… "}<button
    type="button" class="link" onClick=${(e) => { e.preventDefault(); e.stopPropagation(); setAll(!all); }}
  >${all ? t.less : `${t.more} (${t.characters(number(value.length))})`}</button>`}`;
}

// Texts that a field of a form would change, or not show, are edited with escapes.
export const needsEscapes = (text) => text.replace(/[\n\t]/g, "").search(hidden) >= 0;

export function escape(text) {
  return text.replace(/\\/g, "\\\\").replace(hidden, (c) =>
    c === "\n" ? "\\n" : c === "\r" ? "\\r" : c === "\t" ? "\\t"
      : Array.from({ length: c.length }, (_, i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""));
}

// unescape returns null for a text with an escape that is none.
export function unescape(text) {
  let good = true;
  const out = text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]?)/g, (_, what) => {
    if (what[0] === "u" && what.length === 5) return String.fromCharCode(parseInt(what.slice(1), 16));
    const found = { n: "\n", r: "\r", t: "\t", "\\": "\\" }[what];
    if (found === undefined) good = false;
    return found ?? "";
  });
  return good && out.isWellFormed() ? out : null;
}
