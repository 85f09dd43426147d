// Shows the OpenAPI document of this host; everything it needs comes from here.
const shown = document.getElementById("api");

SwaggerUIBundle({
  domNode: shown,
  url: shown.dataset.document,
  validatorUrl: null,
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  syntaxHighlight: { activated: false },
});
