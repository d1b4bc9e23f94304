// The place in a file that an error of the server names. Only slices of the file
// are read, since it may be of any size.
import { html } from "./html.js";
import { Text, number } from "./format.js";
import { t } from "./texts.js";

const around = 300; // bytes before and after the place
const slice = 4 << 20; // bytes that are searched at once

// linesBefore counts the line breaks before a byte, in a file that is not too large
// for it.
const mostCounted = 256 << 20;
async function linesBefore(file, end) {
  if (end > mostCounted) return undefined;
  let lines = 0;
  for (let at = 0; at < end; at += slice) {
    for (const byte of new Uint8Array(await file.slice(at, Math.min(end, at + slice)).arrayBuffer())) if (byte === 10) lines++;
  }
  return lines;
}

// find returns the byte at which an identifier stands in a file, the second time
// if it does: the first one has taken it.
async function find(file, id) {
  const pattern = new RegExp(`"(?:id|contentitem|datarecord)"\\s*:\\s*${id}(?!\\d)`, "g");
  let found;
  for (let at = 0; at < Math.min(file.size, mostCounted); at += slice) {
    // The bytes of a text in Latin-1 are its characters, so places are bytes.
    const text = new TextDecoder("latin1").decode(await file.slice(at, at + slice + 64).arrayBuffer());
    for (const match of text.matchAll(pattern)) {
      if (match.index >= slice) continue;
      if (found !== undefined) return at + match.index;
      found = at + match.index;
    }
  }
  return found;
}

// placeOf returns what a file has around the place of an error, or undefined if
// the error names none.
export async function placeOf(file, error) {
  const names = /^\d+$/.test(error.parameter) && error.offset === undefined;
  const byte = names ? await find(file, error.parameter) : error.offset;
  if (byte === undefined || byte > file.size) return undefined;
  const from = Math.max(0, byte - around);
  const bytes = new Uint8Array(await file.slice(from, byte + around).arrayBuffer());
  const decode = (part) => new TextDecoder().decode(part).replace(/^\ufffd+|\ufffd+$/g, "");
  let [before, after] = [decode(bytes.slice(0, byte - from)), decode(bytes.slice(byte - from))];
  const line = await linesBefore(file, byte);
  // A few lines are enough; a file of a single line is shown as far as it goes.
  before = before.split("\n").slice(-4).join("\n");
  after = after.split("\n").slice(0, 3).join("\n");
  return { byte, line: line === undefined ? undefined : line + 1, before, after, begins: byte - before.length <= 0, ends: byte + around >= file.size };
}

// Lines shows a text line by line: its line breaks need no marks.
const Lines = ({ text }) => text.split("\n").map((line, i) => html`${i > 0 && "\n"}<${Text} value=${line} most=${4 * around} />`);

// Place shows the excerpt, with a mark where the error is.
export function Place({ place }) {
  return html`<figure class="excerpt">
    <figcaption class="quiet">${place.line === undefined ? t.atByte(number(place.byte)) : t.atLine(number(place.line), number(place.byte))}</figcaption>
    <pre tabindex="0">${!place.begins && "…"}<${Lines} text=${place.before} /><mark title=${t.hereItIs}>▲</mark><${Lines} text=${place.after} />${!place.ends && "…"}</pre>
  </figure>`;
}
