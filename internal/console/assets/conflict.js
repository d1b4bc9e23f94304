// Two changes of one list, side by side. Nothing is saved that was not chosen.
import { html, useState } from "./html.js";
import { Dialog } from "./dialog.js";
import { Text } from "./format.js";
import { t } from "./texts.js";

const find = (pairs, name) => pairs.find((pair) => pair.name === name)?.value;

// compare returns a row for each name that differs between the lists. What
// only one side has changed is chosen already.
export function compare(base, theirs, mine) {
  const names = new Set([...theirs, ...mine].map((pair) => pair.name));
  const rows = [];
  for (const name of names) {
    const row = { name, base: find(base, name), theirs: find(theirs, name), mine: find(mine, name) };
    if (row.theirs === row.mine) continue;
    row.choice = row.theirs === row.base ? "mine" : row.mine === row.base ? "theirs" : "";
    rows.push(row);
  }
  return rows;
}

// merge is the list that the choices give: in the order of theirs, with what
// is new in mine at its end.
export function merge(theirs, mine, choices) {
  const chosen = (name, value) => {
    const choice = choices.get(name);
    return choice === "mine" ? find(mine, name) : choice === "theirs" ? find(theirs, name) : value;
  };
  const names = [...theirs, ...mine.filter((pair) => find(theirs, pair.name) === undefined)];
  return names.map(({ name, value }) => ({ name, value: chosen(name, value) })).filter((pair) => pair.value !== undefined);
}

export function Conflict({ base, theirs, mine, onClose, onTheirs, onSave }) {
  const rows = compare(base, theirs, mine);
  const [choices, setChoices] = useState(() => new Map(rows.map((row) => [row.name, row.choice])));
  const open = [...choices.values()].includes("");
  const choose = (name, choice) => setChoices(new Map(choices).set(name, choice));
  const side = (row, which) => html`<td><label class="choice">
    <input type="radio" name=${`choice-${rows.indexOf(row)}`} checked=${choices.get(row.name) === which} onChange=${() => choose(row.name, which)} />
    <span>${row[which] === undefined ? html`<i class="quiet">${t.absent}</i>` : html`<${Text} value=${row[which]} />`}</span></label></td>`;
  return html`<${Dialog} title=${t.conflictTitle} onClose=${onClose} wide>
    <p>${t.conflictText}</p>
    <div class="table" tabindex="0" role="region" aria-label=${t.conflictTitle}><table class="conflict">
      <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.theirs}</th><th scope="col">${t.yours}</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${row.name}><th scope="row"><${Text} value=${row.name} most=${80} /></th>${side(row, "theirs")}${side(row, "mine")}</tr>`)}</tbody>
    </table></div>
    <p class="row">
      <button type="button" class="primary" disabled=${open} title=${open ? t.chooseAll : ""} onClick=${() => onSave(merge(theirs, mine, choices))}>${t.saveChosen}</button>
      <button type="button" onClick=${onTheirs}>${t.keepTheirs}</button>
    </p>
  <//>`;
}
