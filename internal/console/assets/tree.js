// The tree of a set, as far as it is open: a window over all its rows, for which
// only the pages that it shows are asked for.
import { html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";
import { childOf, children, entityOf } from "./api.js";
import { address, go } from "./router.js";
import { Problem } from "./load.js";
import { number } from "./format.js";
import { nameOf } from "./deleted.js";
import { kinds, t } from "./texts.js";

const pageSize = 100;
const rowHeight = 28; // pixels, as in the style sheet
const beyond = 12; // rows that are there above and below the window
const mostHeight = 8_000_000; // pixels: browsers know no element of any height

// A Node is an entity of the tree that is or was open. The others are places in
// the pages of their parent.
class Node {
  constructor(kind, id, parent, position) {
    Object.assign(this, { kind, id, parent, position, level: parent ? parent.level + 1 : 1 });
    Object.assign(this, { open: false, total: undefined, pages: new Map(), nodes: [] }); // nodes: by position
  }

  // size is how many rows the entity and what is open below it take.
  get size() {
    return this.open ? this.nodes.reduce((sum, node) => sum + node.size - 1, 1 + this.total) : 1;
  }

  // at returns what is in a row of it.
  at(index) {
    if (index === 0) return this;
    let row = index - 1;
    for (const node of this.nodes) {
      if (row < node.position) break;
      if (row < node.position + node.size) return node.at(row - node.position);
      row -= node.size - 1;
    }
    return { parent: this, position: row, level: this.level + 1, kind: childOf[this.kind], id: this.child(row) };
  }

  // rowOf is the inverse of at, for a place below it.
  rowOf(position) {
    return this.nodes.reduce((row, node) => (node.position < position ? row + node.size - 1 : row), this.row + 1 + position);
  }

  get row() {
    return this.parent ? this.parent.rowOf(this.position) : 0;
  }

  child(position) {
    return this.pages.get(Math.floor(position / pageSize))?.[position % pageSize]?.id;
  }

  // node returns the node for a child, which is made if need be.
  node(position, id) {
    let node = this.nodes.find((one) => one.position === position);
    if (!node) {
      node = new Node(childOf[this.kind], id, this, position);
      this.nodes = [...this.nodes, node].toSorted((a, b) => a.position - b.position);
    }
    return node;
  }

  // load asks for a page of its children, once.
  async load(page) {
    if (this.pages.has(page)) return;
    this.pages.set(page, undefined);
    try {
      const found = await children(this.id, { pageSize, position: page * pageSize });
      this.total = found.total;
      const rows = [];
      for (const child of found.children) rows[child.position - page * pageSize] = child;
      this.pages.set(page, rows);
    } catch (error) {
      this.pages.delete(page);
      throw error;
    }
  }
}

let kept; // the tree that was shown last, which a step to another of its entities leaves as it is
let walked = false; // that step was made in the tree, so the keyboard stays there

// treeOf returns the tree in which an entity is, open down to it.
async function treeOf(entity) {
  const top = entity.ancestors.at(-1) ?? entity;
  const root = kept?.id === top.id ? kept : new Node(top.kind, top.id);
  const between = await Promise.all(entity.ancestors.slice(0, -1).map((one) => entityOf(one.id)));
  let node = root;
  for (const one of entity.ancestors.length > 0 ? [...between.toReversed(), entity] : []) {
    await node.load(Math.floor(one.position / pageSize));
    node.open = true;
    node = node.node(one.position, one.id);
  }
  if (childOf[node.kind]) {
    await node.load(0);
    node.open = node.total > 0;
  }
  kept = root;
  return { root, node };
}

// A Row of the tree is a link to its entity.
function Row({ item, current, active, onToggle, onFocus }) {
  const { parent, position, level, kind, id } = item;
  const leads = childOf[kind] !== undefined && item.total !== 0;
  const follow = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (event.target.closest(".twisty")) return onToggle(item);
    if (!id) return undefined;
    walked = true;
    return go({ id });
  };
  return html`<a role="treeitem" class=${`tree-row level-${Math.min(level, 12)}`} href=${id ? address({ id }) : undefined} data-row onClick=${follow} onFocus=${onFocus}
    tabindex=${active ? 0 : -1} aria-level=${level} aria-setsize=${parent ? parent.total : 1} aria-posinset=${parent ? position + 1 : 1}
    aria-expanded=${leads ? String(item.open === true) : undefined} aria-selected=${String(current)} aria-current=${current ? "page" : undefined}>
    <span class="twisty" aria-hidden="true">${leads ? (item.open ? "▾" : "▸") : ""}</span>${" "}<span>${id ? nameOf(kind, id) : t.loading}</span>${" "}
    ${item.open && childOf[kind] ? html`<span class="quiet">${number(item.total)} ${kinds[childOf[kind]][item.total === 1 ? "one" : "many"].toLowerCase()}</span>` : parent && html`<span class="quiet">${number(position + 1)}</span>`}</a>`;
}

// The row at the top of a window, with its fraction, and the way back. A tree that
// would be higher than mostHeight is scrolled in proportion.
const topOf = (box, rows) => {
  const most = box.scrollHeight - box.clientHeight;
  return most <= 0 ? 0 : (box.scrollTop / most) * Math.max(0, rows - box.clientHeight / rowHeight);
};
const scrollOf = (box, rows, top) => {
  const last = rows - box.clientHeight / rowHeight;
  return last <= 0 ? 0 : (Math.min(Math.max(top, 0), last) / last) * (box.scrollHeight - box.clientHeight);
};

// Window shows the rows around where the box is scrolled to.
function Window({ root, node, again }) {
  const box = useRef();
  const space = useRef();
  const block = useRef();
  const [, setRound] = useState(0);
  const [active, setActive] = useState({ parent: node.parent, position: node.position });
  const [error, setError] = useState();
  const focus = useRef(walked ? node.row : undefined); // the row that is to have the keyboard
  const here = useRef(); // the active place, for keys that come faster than the page is drawn
  here.current = active;
  const inside = useRef(); // what has the keyboard, if that is in the tree
  const mounted = useRef(true);
  const redraw = () => mounted.current && setRound((n) => n + 1);
  const rows = root.size;
  const rowAt = ({ parent, position }) => (parent ? parent.rowOf(position) : 0);
  const activeRow = rowAt(active);

  const height = box.current?.clientHeight ?? 0;
  const top = box.current ? topOf(box.current, rows) : 0;
  const first = Math.max(0, Math.floor(top) - beyond);
  const last = Math.min(rows, Math.ceil(top + height / rowHeight) + beyond);
  const shown = activeRow >= first && activeRow < last ? activeRow : Math.ceil(top); // one can always be reached
  const items = [];
  for (let row = first; row < last; row++) items.push({ row, ...placeOf(root.at(row)) });

  const reveal = (row) => {
    const all = box.current.clientHeight / rowHeight;
    const now = topOf(box.current, root.size);
    if (row < now + 0.5) box.current.scrollTop = scrollOf(box.current, root.size, row - 1);
    else if (row > now + all - 1.5) box.current.scrollTop = scrollOf(box.current, root.size, row - all + 2);
  };
  useLayoutEffect(() => {
    space.current.style.height = `${Math.min(rows * rowHeight, mostHeight)}px`;
    const at = topOf(box.current, rows);
    block.current.style.transform = `translateY(${box.current.scrollTop - (at - first) * rowHeight}px)`;
  });
  useEffect(() => {
    mounted.current = true;
    walked = false;
    const all = box.current.clientHeight / rowHeight;
    if (node.row > all - 2) box.current.scrollTop = scrollOf(box.current, root.size, node.row - all / 3);
    redraw();
    return () => { mounted.current = false; };
  }, []);
  // The keyboard follows at once: the row that had it may be gone already, and the
  // next key would go nowhere. So it does if that row was scrolled away.
  useLayoutEffect(() => {
    if (focus.current !== undefined && focus.current === activeRow && focus.current === shown) {
      focus.current = undefined;
      block.current.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
    } else if (inside.current && !inside.current.isConnected) {
      box.current.focus({ preventScroll: true });
    }
  });
  const focusIn = (event) => { inside.current = event.target; };
  const focusOut = ({ target }) => requestAnimationFrame(() => { // by then it is known whether the row is gone
    if (inside.current === target && target.isConnected && !box.current?.contains(document.activeElement)) inside.current = undefined;
  });
  // What is scrolled past quickly is not asked for.
  useEffect(() => {
    const missing = items.filter((item) => item.parent && !item.id);
    if (missing.length === 0) return undefined;
    const timer = setTimeout(() => {
      for (const { parent, position } of missing) parent.load(Math.floor(position / pageSize)).then(redraw, setError);
    }, 60);
    return () => clearTimeout(timer);
  });

  const toggle = async (item, open = !item.open) => {
    if (!item.id || !childOf[item.kind]) return;
    const one = item instanceof Node ? item : item.parent.node(item.position, item.id);
    try {
      if (open && one.total === undefined) await one.load(0);
      one.open = open && one.total > 0;
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
    redraw();
  };
  const move = (row) => {
    const to = Math.min(Math.max(row, 0), root.size - 1);
    const item = root.at(to);
    focus.current = to;
    here.current = { parent: item.parent, position: item.position };
    setActive(here.current);
    reveal(to);
    redraw();
  };
  const keys = (event) => {
    const row = rowAt(here.current);
    const item = root.at(row);
    const page = Math.max(1, Math.floor(height / rowHeight) - 2);
    const steps = {
      ArrowDown: () => move(row + 1), ArrowUp: () => move(row - 1), Home: () => move(0), End: () => move(root.size - 1),
      PageDown: () => move(row + page), PageUp: () => move(row - page),
      ArrowRight: () => (item.open ? move(row + 1) : toggle(item, true)),
      ArrowLeft: () => (item.open ? toggle(item, false) : item.parent && move(item.parent.row)),
    };
    if (!steps[event.key] || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    steps[event.key]();
  };
  return html`
    ${error && html`<${Problem} error=${error} again=${() => { setError(undefined); again(); }} />`}
    <div class="tree" ref=${box} role="tree" aria-label=${t.tree} tabindex="-1" onScroll=${redraw} onKeyDown=${keys} onfocusin=${focusIn} onfocusout=${focusOut}>
      <div ref=${space} role="presentation"><div ref=${block} role="presentation">
        ${items.map((item) => html`<${Row} key=${item.parent ? `${item.parent.id}-${item.position}` : "root"} item=${item.node ?? item} current=${item.id === node.id}
          active=${item.row === shown} onToggle=${toggle} onFocus=${() => setActive({ parent: item.parent, position: item.position })} />`)}
      </div></div></div>`;
}

// placeOf is a place of the tree, with its node if it has one.
const placeOf = (found) => ({ parent: found.parent, position: found.position, id: found.id, level: found.level, kind: found.kind, node: found instanceof Node ? found : undefined });

export function Tree({ entity }) {
  const [found, setFound] = useState();
  const [error, setError] = useState();
  const [round, setRound] = useState(0);
  const again = () => setRound((n) => n + 1);
  useEffect(() => {
    let gone = false;
    treeOf(entity).then((tree) => !gone && (setFound(tree), setError(undefined)), (failure) => !gone && setError(failure));
    return () => { gone = true; };
  }, [entity.id, round]);
  // What the set contains only changes as a whole.
  useEffect(() => {
    const top = entity.ancestors.at(-1)?.id ?? entity.id;
    const heard = ({ detail }) => {
      if (detail.facet || detail.set !== top) return;
      kept = undefined;
      again();
    };
    window.addEventListener("platen:event", heard);
    window.addEventListener("platen:again", again);
    return () => {
      window.removeEventListener("platen:event", heard);
      window.removeEventListener("platen:again", again);
    };
  }, [entity.id]);
  if (error && !found) return html`<${Problem} error=${error} again=${again} />`;
  if (!found) return html`<p class="quiet">${t.loading}</p>`;
  const kind = childOf[entity.kind];
  return html`<${Window} key=${found.root.id} root=${found.root} node=${found.node} again=${again} />
    ${kind && kind !== entity.kind && found.node.total === 0 && html`<p class="empty">${t.nothingIn(kinds[kind].many)}</p>`}`;
}
