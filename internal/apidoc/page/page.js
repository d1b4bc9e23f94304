// Shows the API document. Nothing is asked of any other server: there is no
// validator, and no document but ours can be named in the address.
"use strict";

// Dark and light as the system has it.
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

// The filter box takes words, all of which an operation has in its method, path,
// summary, name or section. Swagger UI's own looks at the names of sections only.
const words = (phrase) => (phrase === true ? "" : String(phrase ?? "")).toLowerCase().split(/\s+/).filter(Boolean);
const filter = (sections, phrase) => {
  const wanted = words(phrase);
  const isWanted = (section, one) => {
    const text = [section, one.get("method"), one.get("path"), one.getIn(["operation", "summary"]), one.getIn(["operation", "operationId"])]
      .join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  return sections
    .map((section, name) => section.update("operations", (all) => all.filter((one) => isWanted(name, one))))
    .filter((section) => section.get("operations").size > 0);
};

// What a filter finds is shown at once. With few letters that is too much: the page
// has hundreds of operations.
const fewest = 3;
const opens = {
  statePlugins: {
    layout: {
      wrapActions: {
        updateFilter: (original, system) => (phrase) => {
          const sections = filter(system.specSelectors.taggedOperations(), phrase);
          const open = words(phrase).join(" ").length >= fewest;
          for (const name of system.specSelectors.taggedOperations().keys()) {
            system.layoutActions.show(["operations-tag", name], open && sections.has(name));
          }
          return original(phrase);
        },
      },
    },
  },
};

// The link in the head of an operation stands in a button, where no other control may
// be. The button opens the operation, and puts it into the address.
const texts = (system) => ({
  wrapComponents: { DeepLink: () => ({ text }) => system.React.createElement("span", null, text) },
});

// Swagger UI leaves these without a name that is read out.
const named = {
  ".operation-filter-input": { placeholder: "Filter: words of a path, a method, a summary", "aria-label": "Filter operations" },
  "#servers": { "aria-label": "Server" },
};
const name = () => {
  for (const [selector, attributes] of Object.entries(named)) {
    for (const found of document.querySelectorAll(selector)) {
      for (const [key, value] of Object.entries(attributes)) {
        if (found.getAttribute(key) !== value) found.setAttribute(key, value);
      }
    }
  }
};
new MutationObserver(name).observe(document.getElementById("api"), { childList: true, subtree: true });

SwaggerUIBundle({
  url: "/serverengine/doc/openapi.yaml",
  dom_id: "#api",
  layout: "BaseLayout", // without the bar at the top
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [() => ({ fn: { opsFilter: filter } }), () => opens, texts],
  filter: true,
  validatorUrl: "none",
  queryConfigEnabled: false,
  persistAuthorization: false, // credentials last as long as the page
  deepLinking: true,
  docExpansion: "none", // there are so many operations that the page would have only those in view
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
});
