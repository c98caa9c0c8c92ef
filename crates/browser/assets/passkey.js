// Passkeys: what a form is sent with comes from the browser. Nothing else on these pages needs a script.
"use strict";

function showFault(form) {
  form.credential.value = "";
  form.querySelector("[role=alert]").hidden = false;
  form.querySelector("button").disabled = false;
}

async function answer(form) {
  const name = form.elements.namedItem("name")?.value;
  const options = await fetch(form.dataset.options, {
    method: "POST",
    body: new URLSearchParams({ form_token: form.form_token.value, ...(name && { name }) }),
  });
  const body = await options.json();
  if (body.next) {
    location.assign(body.next);
    return null;
  }
  const credential = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(body) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(body) });
  return JSON.stringify(credential.toJSON());
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential?.parseCreationOptionsFromJSON) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    form.querySelector("[role=alert]").hidden = true;
    form.querySelector("button").disabled = true;
    try {
      const credential = await answer(form);
      if (!credential) return;
      form.credential.value = credential;
      form.submit();
    } catch {
      showFault(form);
    }
  });
  // After the password was asked for, what was pressed before goes on.
  if (form.querySelector("[data-begins]")) form.requestSubmit();
}
