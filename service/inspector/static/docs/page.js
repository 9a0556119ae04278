// The page of the API: Swagger UI with this server's routes. The API key is in memory only.

const form = document.querySelector("#key-form");
const field = document.querySelector("#key");
const message = document.querySelector("#message");

let key = null;

function withKey(request) {
  if (key !== null) request.headers.Authorization = `Bearer ${key}`;
  return request;
}

/** Load the document of the API and show it; request a key if the server needs one. */
async function load() {
  const { headers } = withKey({ headers: {} });
  const response = await fetch("openapi.json", { headers, cache: "no-store", credentials: "omit" });
  const document = await response.json();
  if (response.ok) show(document);
  else requestKey(document.error);
}

function show(document) {
  form.hidden = true;
  globalThis.SwaggerUIBundle({
    spec: { ...document, servers: [{ url: new URL(".", location.href).href }] },
    dom_id: "#operations",
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    validatorUrl: null, // it would send the document to another server
    syntaxHighlight: false,
    requestInterceptor: withKey,
  });
}

function requestKey(error) {
  message.textContent = key === null ? "This server needs a key with the scope predict." : error;
  form.hidden = false;
  field.focus();
}

function fail() {
  message.textContent = "The server does not respond.";
  form.hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  key = field.value.trim() || null;
  load().catch(fail);
});

load().catch(fail);
