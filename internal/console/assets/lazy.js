// Views that are loaded when they are first shown.
import { html, useEffect, useState } from "./html.js";
import { me } from "./api.js";
import { Problem } from "./load.js";
import { t } from "./texts.js";

// lazy makes a view of a module, which is a file beside this one and calls it name. The
// load of the view fetches the module before it is shown.
export function lazy(file, name) {
  let failed = 0; // attempts
  // Firefox never asks again for a module that it could not get, unless by another address.
  const load = () => import(failed === 0 ? file : `${file}?${failed}`).catch((error) => {
    failed++;
    throw error;
  });
  let Loaded; // once it is there, it is shown at once
  function Lazy(props) {
    const [error, setError] = useState();
    const [, setRound] = useState(0);
    const again = () => {
      setError(undefined);
      load().then((module) => {
        Loaded = module[name];
        setRound((n) => n + 1);
      }, async () => {
        // What a browser says of it is nothing for people. A server that is there may
        // have other modules than this page, of which none can be loaded any more.
        const away = await me().then(() => false, (failure) => failure.status === 0);
        setError(away ? { status: 0, message: "" } : new Error(t.notLoaded));
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
    if (error) return html`<${Problem} error=${error} again=${error.status === 0 ? again : () => window.location.reload()} />`;
    return Loaded ? html`<${Loaded} ...${props} />` : html`<p class="quiet" aria-busy="true">${t.loading}</p>`;
  }
  Lazy.load = load;
  return Lazy;
}
