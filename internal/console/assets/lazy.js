// Views that are loaded when they are opened.
import { html, useEffect, useState } from "./html.js";
import { Problem } from "./load.js";
import { t } from "./texts.js";

export function Lazy({ load, ...rest }) {
  const [view, setView] = useState({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    load().then((Loaded) => setView({ Loaded }), (error) => setView({ error }));
  }, [round]);
  if (view.error) return html`<${Problem} error=${view.error} again=${() => setRound(round + 1)} />`;
  return view.Loaded ? html`<${view.Loaded} ...${rest} />` : html`<p class="quiet" aria-busy="true">${t.loading}</p>`;
}
