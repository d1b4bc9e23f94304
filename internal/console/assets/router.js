// The state of a view is in the query of its address.
import { html, useEffect, useState } from "./html.js";

// guards are asked before the page leaves a view: one that returns false stays.
export const guards = new Set();

export const address = (state) => {
  const search = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== undefined && value !== null && value !== "")).toString();
  return search ? `/?${search}` : "/";
};

const current = () => Object.fromEntries(new URLSearchParams(window.location.search));

// cameFromHere reports whether the entry before this one in the history of the
// window is a state of the console.
export const cameFromHere = () => window.history.state?.inside === true;

// sameView reports whether two states are of one view.
const sameView = (a, b) => ["view", "kind", "id"].every((key) => (a[key] ?? "") === String(b[key] ?? ""));

// go goes to a state. In another view the keyboard begins anew.
export function go(state, { replace = false } = {}) {
  const to = address(state);
  if (!replace && to === window.location.pathname + window.location.search) return;
  if (!replace) for (const may of guards) if (!may()) return;
  const stays = sameView(current(), state);
  if (replace) window.history.replaceState(window.history.state, "", to);
  else window.history.pushState({ inside: true }, "", to);
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
    window.addEventListener("popstate", moved);
    window.addEventListener("platen:moved", moved);
    return () => {
      window.removeEventListener("popstate", moved);
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
