// Swagger UI with one OpenAPI file at a time: that of the service chosen in the head of the page, or of `?service=`.

const choice = document.getElementById("service");
const link = document.getElementById("file");
const fileOf = (service) => `openapi/${service}.yaml`;

const asked = new URLSearchParams(location.search).get("service");
if ([...choice.options].some((option) => option.value === asked)) {
  choice.value = asked;
}
link.href = fileOf(choice.value);

// Swagger UI fills a form in with the examples of the parameters. What need not be sent stays empty instead: all filters
// of a list at the same time find nothing.
const withEmptyOptions = (file) => {
  const { paths = {}, components = {} } = file;
  const operations = Object.values(paths).flatMap((path) => [path, ...Object.values(path)]);
  const parameters = operations.flatMap((operation) => operation.parameters ?? []);
  for (const parameter of [...parameters, ...Object.values(components.parameters ?? {})]) {
    if (!parameter.required) {
      delete parameter.example;
    }
  }
  return file;
};
const emptyOptions = () => ({
  statePlugins: {
    spec: { wrapActions: { updateJsonSpec: (update) => (file) => update(withEmptyOptions(file)) } },
  },
});

const ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: fileOf(choice.value),
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  plugins: [emptyOptions],
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
