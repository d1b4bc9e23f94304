// Views that are loaded when they are first shown.
import { html, useEffect, useState } from "./html.js";
import { listeners } from "./api.js";
import { Problem } from "./load.js";
import { t } from "./texts.js";

// lazy makes a view of a module that load imports, and that calls it name. The load of
// the view fetches the module before it is shown.
export function lazy(load, name) {
  let Loaded; // once it is there, it is shown at once
  function Lazy(props) {
    const [error, setError] = useState();
    const [, setRound] = useState(0);
    const again = () => {
      setError(undefined);
      load().then((module) => {
        Loaded = module[name];
        setRound((n) => n + 1);
      }, () => {
        // What a browser says of it is nothing for people. The frame looks when the
        // server is there again.
        listeners.reachable(false);
        setError({ status: 0, message: "" });
      });
    };
    useEffect(() => {
      if (!Loaded) again();
    }, []);
    useEffect(() => {
      if (!error) return undefined;
      window.addEventListener("platen:again", again); // the server is there again
      return () => window.removeEventListener("platen:again", again);
    }, [error]);
    if (error) return html`<${Problem} error=${error} again=${again} />`;
    return Loaded ? html`<${Loaded} ...${props} />` : html`<p class="quiet" aria-busy="true">${t.loading}</p>`;
  }
  Lazy.load = load;
  return Lazy;
}
