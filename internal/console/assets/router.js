// The state of a view is in the query of its address.
import { html, useEffect, useState } from "./html.js";

// guards are what is asked before the page leaves a view, by who wants it asked. What
// several want is asked once, and a no stays.
export const guards = new Map();
const mayLeave = () => [...new Set(guards.values())].every((question) => window.confirm(question));

export const address = (state) => {
  const search = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== undefined && value !== null && value !== "")).toString();
  return search ? `/?${search}` : "/";
};

const current = () => Object.fromEntries(new URLSearchParams(window.location.search));

// Entries of the history of the window are numbered, which says how the one that is
// shown is reached from another.
let here = window.history.state?.at ?? 0;
window.history.replaceState({ at: here }, "");

// cameFromHere reports whether the entry before this one in the history of the
// window is a state of the console.
export const cameFromHere = () => here > 0;

// What is to be shown once it is there: how far down the window was when its entry in
// the history was left, and the link that has left it. A window that somebody has
// touched or scrolled meanwhile stays where it is: a scrollbar tells of no pointer.
let due; // {y, link, at, height}: at is where it has scrolled to, in a page of that height
const touched = () => (due = undefined);
for (const name of ["wheel", "touchstart", "pointerdown", "keydown"]) window.addEventListener(name, touched, { capture: true, passive: true });
const height = () => document.documentElement.scrollHeight;
window.addEventListener("scroll", () => {
  if (due?.at === undefined || Math.abs(window.scrollY - due.at) < 2) return;
  if (height() === due.height) touched();
  else arrived(); // the browser has scrolled, since something above has another height
}, { passive: true });

// arrived says that something that was to be shown is there.
export function arrived() {
  if (!due) return;
  window.scrollTo(0, due.y);
  const link = [...document.querySelectorAll("main a")].find((one) => one.getAttribute("href") === due.link);
  link?.focus();
  if (link) due.link = undefined;
  Object.assign(due, { at: window.scrollY, height: height() });
  if (!due.link && Math.abs(window.scrollY - due.y) < 2) due = undefined;
}

// sameView reports whether two states are of one view.
const sameView = (a, b) => ["view", "kind", "id", "hook", "request", "rule"].every((key) => (a[key] ?? "") === String(b[key] ?? ""));

// staying returns a function that says whether the view is still the one that is shown
// now: who waits for an answer may have gone elsewhere meanwhile.
export function staying() {
  const before = current();
  return () => sameView(before, current());
}

// go goes to a state. In another view the keyboard begins anew.
export function go(state, { replace = false } = {}) {
  const to = address(state);
  if (!replace && to === window.location.pathname + window.location.search) return;
  if (!replace && !mayLeave()) return;
  const stays = sameView(current(), state);
  if (replace) window.history.replaceState(window.history.state, "", to);
  else {
    window.history.replaceState({ ...window.history.state, y: window.scrollY, link: to }, "");
    window.history.pushState({ at: ++here }, "", to);
  }
  due = undefined;
  window.dispatchEvent(new Event("platen:moved"));
  if (replace) return;
  window.scrollTo(0, 0);
  if (!stays) document.getElementById("main")?.focus({ preventScroll: true });
}

// useAddress returns the state in the address.
export function useAddress() {
  const [state, setState] = useState(current);
  useEffect(() => {
    const moved = () => setState(current());
    // Who goes back or forward is heard of when the address is another one already.
    const popped = () => {
      const to = window.history.state?.at;
      if (to === undefined) return window.history.replaceState({ at: here }, ""); // a link within the page leaves no view
      if (to !== here && !mayLeave()) return window.history.go(here - to);
      const { y, link } = window.history.state;
      due = y === undefined || to === here ? undefined : { y, link }; // who stays is where they were
      here = to;
      return moved();
    };
    window.addEventListener("popstate", popped);
    window.addEventListener("platen:moved", moved);
    return () => {
      window.removeEventListener("popstate", popped);
      window.removeEventListener("platen:moved", moved);
    };
  }, []);
  return state;
}

// Link is a link to a state, which opens elsewhere as all links do.
export function Link({ to, children, ...rest }) {
  const follow = (event) => {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return html`<a href=${address(to)} onClick=${follow} ...${rest}>${children}</a>`;
}
