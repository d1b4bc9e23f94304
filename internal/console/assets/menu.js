// A menu opens below its button, and closes with Escape or a click elsewhere.
import { html, useEffect, useRef, useState } from "./html.js";

// Menu shows what children returns while it is open, a function that is called
// with what closes the menu.
export function Menu({ title, name, children }) {
  const own = useRef();
  const [open, setOpen] = useState(false);
  useEffect(() => {
    if (!open) return undefined;
    const close = (event) => {
      const inside = own.current.contains(event.target);
      if (event.type === "keydown" ? event.key !== "Escape" || !inside : inside) return;
      own.current.open = false;
      if (event.type === "keydown") {
        event.stopPropagation();
        own.current.querySelector("summary").focus();
      }
    };
    document.addEventListener("keydown", close, true);
    document.addEventListener("pointerdown", close);
    return () => {
      document.removeEventListener("keydown", close, true);
      document.removeEventListener("pointerdown", close);
    };
  }, [open]);
  return html`<details class=${`columns ${name}`} ref=${own} onToggle=${(event) => setOpen(event.currentTarget.open)}>
    <summary>${title}</summary>
    ${open && html`<div class="menu">${children(() => { own.current.open = false; })}</div>`}
  </details>`;
}
