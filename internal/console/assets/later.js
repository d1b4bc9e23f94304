// What is loaded when it is first shown, to keep the first load small.
import { html, useEffect, useState } from "./html.js";
import { Problem } from "./load.js";
import { t } from "./texts.js";

// later returns the component of a module, which load imports.
export function later(load, name) {
  let component;
  return function Later(props) {
    const [error, setError] = useState();
    const [, setLoaded] = useState(false);
    useEffect(() => {
      if (!component) load().then((module) => { component = module[name]; setLoaded(true); }, setError);
    }, []);
    if (error) return html`<${Problem} error=${error} />`;
    return component ? html`<${component} ...${props} />` : html`<p class="quiet">${t.loading}</p>`;
  };
}
