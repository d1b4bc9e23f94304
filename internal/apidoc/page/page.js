// Shows the API document. Nothing is asked of any other server: there is no
// validator, and no document but ours can be named in the address.
"use strict";

SwaggerUIBundle({
  url: "/serverengine/doc/openapi.yaml",
  dom_id: "#api",
  layout: "BaseLayout", // without the bar at the top
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: "none",
  queryConfigEnabled: false,
  persistAuthorization: false, // credentials last as long as the page
  deepLinking: true,
  docExpansion: "none", // there are so many operations that the page would have only those in view
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
});
