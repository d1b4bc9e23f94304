import { html, useEffect, useRef } from "./html.js";
import { t } from "./texts.js";

// Dialog is modal: what is behind it can not be reached. Without onClose it
// can not be closed either.
export function Dialog({ title, onClose, children, wide }) {
  const dialog = useRef();
  useEffect(() => {
    const element = dialog.current;
    if (!element.open) element.showModal();
    return () => element.close();
  }, []);
  const cancel = (event) => {
    event.preventDefault();
    onClose?.();
  };
  return html`<dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby="dialog-title" onCancel=${cancel}>
    <div class="dialog-head">
      <h2 id="dialog-title">${title}</h2>
      ${onClose && html`<button type="button" class="plain" onClick=${onClose} aria-label=${t.close}>✕</button>`}
    </div>
    ${children}
  </dialog>`;
}
