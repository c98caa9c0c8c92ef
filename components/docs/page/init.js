// Swagger UI with one OpenAPI file at a time: that of the service chosen in the head of the page, or of `?service=`.

const choice = document.getElementById("service");
const link = document.getElementById("file");
const fileOf = (service) => `openapi/${service}.yaml`;

const asked = new URLSearchParams(location.search).get("service");
if ([...choice.options].some((option) => option.value === asked)) {
  choice.value = asked;
}
link.href = fileOf(choice.value);

const ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: fileOf(choice.value),
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  // A service of others that would judge the file.
  validatorUrl: null,
});

// Who is authorized stays so: a token that auth has given is of use in users.
choice.addEventListener("change", () => {
  const file = fileOf(choice.value);
  history.replaceState(null, "", `?service=${choice.value}`);
  link.href = file;
  ui.specActions.updateUrl(file);
  ui.specActions.download(file);
});
