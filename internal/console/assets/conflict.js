// Two changes of one list, side by side. Nothing is saved that was not chosen.
import { html, useState } from "./html.js";
import { Dialog } from "./dialog.js";
import { Text, number } from "./format.js";
import { t } from "./texts.js";

const mapOf = (pairs) => new Map(pairs.map((pair) => [pair.name, pair.value]));
const namesOf = (pairs) => pairs.map((pair) => pair.name);

// orderOf is the order of those names of a list that others have as well.
const orderOf = (pairs, ...others) => namesOf(pairs).filter((name) => others.every((other) => other.has(name)));
const sameOrder = (a, b) => a.length === b.length && a.every((name, i) => name === b[i]);

// compare returns a row for each name that differs between the lists, and one
// for their order if that does. What only one side has changed is chosen already.
export function compare(base, theirs, mine) {
  const [was, there, here] = [base, theirs, mine].map(mapOf);
  const rows = [];
  for (const name of new Set([...there.keys(), ...here.keys()])) {
    const row = { key: `name ${name}`, name, base: was.get(name), theirs: there.get(name), mine: here.get(name) };
    if (row.theirs === row.mine) continue;
    row.choice = row.theirs === row.base ? "mine" : row.mine === row.base ? "theirs" : "";
    rows.push(row);
  }
  const order = { theirs: orderOf(theirs, here), mine: orderOf(mine, there) };
  if (!sameOrder(order.theirs, order.mine)) {
    const changed = (pairs, names) => !sameOrder(orderOf(pairs, was), orderOf(base, names));
    const [byThem, byMe] = [changed(theirs, there), changed(mine, here)];
    rows.push({ key: "order", order: true, ...order, choice: byThem && byMe ? "" : byMe ? "mine" : "theirs" });
  }
  return rows;
}

// merge is the list that the choices give. Its order is that of the side that was
// chosen for it; what only the other one has stands there behind the same name.
export function merge(theirs, mine, choices) {
  const [there, here] = [theirs, mine].map(mapOf);
  const [first, second] = choices.get("order") === "mine" ? [mine, theirs] : [theirs, mine];
  const names = namesOf(first);
  const has = new Set(names);
  let place = 0;
  for (const name of namesOf(second)) {
    if (has.has(name)) place = names.indexOf(name) + 1;
    else names.splice(place++, 0, name);
  }
  const value = (name) => {
    const choice = choices.get(`name ${name}`);
    return choice === "mine" ? here.get(name) : choice === "theirs" ? there.get(name) : there.get(name) ?? here.get(name);
  };
  return names.map((name) => ({ name, value: value(name) })).filter((pair) => pair.value !== undefined);
}

const mostRows = 200; // differences that are shown one by one
const mostNames = 30; // of an order

const Names = ({ names }) => html`${names.slice(0, mostNames).map((name, i) => html`${i > 0 && " · "}<${Text} value=${name} most=${40} />`)}${names.length > mostNames && " …"}`;

export function Conflict({ base, theirs, mine, onClose, onTheirs, onSave }) {
  const rows = compare(base, theirs, mine);
  const [choices, setChoices] = useState(() => new Map(rows.map((row) => [row.key, row.choice])));
  const open = rows.filter((row) => !choices.get(row.key)).length;
  const choose = (key, choice) => setChoices(new Map(choices).set(key, choice));
  const all = (choice) => setChoices(new Map(rows.map((row) => [row.key, choice])));
  const shown = rows.toSorted((a, b) => Number(a.choice !== "") - Number(b.choice !== "")).slice(0, mostRows);
  const side = (row, which) => html`<td><label class="choice">
    <input type="radio" name=${`choice-${rows.indexOf(row)}`} checked=${choices.get(row.key) === which} onChange=${() => choose(row.key, which)} />
    <span>${row.order ? html`<${Names} names=${row[which]} />` : row[which] === undefined ? html`<i class="quiet">${t.absent}</i>` : html`<${Text} value=${row[which]} />`}</span></label></td>`;
  const before = (row) => (row.order ? null : row.base === undefined ? html`<i class="quiet">${t.absent}</i>` : html`<${Text} value=${row.base} most=${80} />`);
  return html`<${Dialog} title=${t.conflictTitle} onClose=${onClose} wide>
    <p>${t.conflictText}</p>
    ${rows.length === 0 && html`<p>${t.sameByBoth}</p>`}
    ${rows.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label=${t.conflictTitle}><table class="conflict">
      <thead><tr><th scope="col">${t.name}</th><th scope="col">${t.atFirst}</th><th scope="col">${t.theirs}</th><th scope="col">${t.yours}</th></tr></thead>
      <tbody>${shown.map((row) => html`<tr key=${row.key} class=${choices.get(row.key) ? "" : "undecided"}><th scope="row">${row.order ? html`<i>${t.order}</i>` : html`<${Text} value=${row.name} most=${80} />`}</th>
        <td class="quiet">${before(row)}</td>${side(row, "theirs")}${side(row, "mine")}</tr>`)}</tbody>
    </table></div>`}
    ${rows.length > shown.length && html`<p class="quiet">${t.firstOf(number(shown.length), number(rows.length))}</p>`}
    <p class="row">
      <button type="button" class="primary" disabled=${open > 0} title=${open > 0 ? t.chooseAll : ""} onClick=${() => onSave(merge(theirs, mine, choices))}>${t.saveChosen}</button>
      <button type="button" onClick=${onTheirs}>${t.keepTheirs}</button>
      <span class="space"></span>
      ${rows.length > 1 && html`<button type="button" class="link" onClick=${() => all("theirs")}>${t.allTheirs}</button> <button type="button" class="link" onClick=${() => all("mine")}>${t.allMine}</button>`}
      ${open > 0 && html`<span class="quiet">${t.undecided(number(open))}</span>`}
    </p>
  <//>`;
}
