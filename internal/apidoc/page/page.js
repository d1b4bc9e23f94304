// Shows the API document. Nothing is asked of any other server: there is no
// validator, and no document but ours can be named in the address.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const wear = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", wear);
wear();

const ui = SwaggerUIBundle({
  url: "/serverengine/doc/openapi.yaml",
  dom_id: "#api",
  layout: "BaseLayout", // without the bar at the top
  presets: [SwaggerUIBundle.presets.apis],
  // A link in a button can not be reached by all; the button sets the address as well.
  plugins: [() => ({ components: { DeepLink: ({ text }) => text } })],
  validatorUrl: "none",
  queryConfigEnabled: false,
  persistAuthorization: false, // credentials last as long as the page
  deepLinking: true,
  filter: true,
  docExpansion: "none", // there are so many operations that the page would have only those in view
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  onComplete: () => {
    const field = document.querySelector(".operation-filter-input");
    field.placeholder = "Filter by path, summary or group";
    field.setAttribute("aria-label", field.placeholder);
    document.querySelector("#servers")?.setAttribute("aria-label", "Server");
    // What is found is shown, not only the groups that it is in.
    field.addEventListener("input", () => {
      for (const tag of ui.specSelectors.tags()) {
        ui.layoutActions.show(["operations-tag", tag.get("name")], field.value !== "");
      }
    });
  },
});
