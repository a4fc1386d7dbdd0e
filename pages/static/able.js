// Whether the browser can use passkeys: asked before anything is drawn, as what
// appeared later would move the rest.

{
  const { parseRequestOptionsFromJSON, prototype } = globalThis.PublicKeyCredential ?? {};

  if (parseRequestOptionsFromJSON && prototype.toJSON) {
    document.documentElement.classList.add('able');
  }
}
