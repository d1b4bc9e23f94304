import { html, useLayoutEffect, useRef } from "./html.js";
import { t } from "./texts.js";

// Dialog is modal: what is behind it can not be reached. Without onClose it
// can not be closed either: closedby says so, since browsers let a page refuse only
// some times, and where they do not know it the dialog is opened again. It is opened
// while what has opened it still has the focus, which the browser gives back later.
// The focus begins in the first field of a form.
export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    const element = dialog.current;
    if (!element.open) element.showModal();
    element.querySelector(":scope form :is(input, select, textarea):enabled")?.focus();
    return () => element.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose?.();
  };
  const stay = ({ currentTarget: element }) => element.isConnected && !element.open && element.showModal();
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" closedby=${onClose ? undefined : "none"} onCancel=${cancel} onClose=${stay}>
    <div class="dialog-head">
      <h2 id="dialog-title">${title}</h2>
      ${onClose && html`<button type="button" class="plain" onClick=${onClose} aria-label=${t.close}>✕</button>`}
    </div>
    ${children}
  </dialog>`;
}
