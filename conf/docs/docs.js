// Swagger UI over the document next to this page.
'use strict';

if (window.SwaggerUIBundle) {
  const main = document.getElementById('docs');
  main.replaceChildren();

  SwaggerUIBundle({
    domNode: main,
    url: location.pathname.replace(/docs\/*$/, 'openapi.json'),
    validatorUrl: null,               // otherwise it would ask another host
    deepLinking: true,                // an operation has a URL
    docExpansion: 'none',
    defaultModelsExpandDepth: -1,     // schemas are shown where they are used
    displayRequestDuration: true,
    tryItOutEnabled: true,
  });
}
