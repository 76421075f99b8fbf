"use strict";
// Draws openapi.json. Text is set as text: nothing of it is read as HTML.
const element = (name, text, ...children) => {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
};
const resolve = (document_, node) =>
  node && node.$ref ? node.$ref.slice(2).split("/").reduce((at, part) => at[part], document_) : node;
const table = (rows) => {
  const made = element("table");
  for (const [name, text] of rows) {
    made.append(element("tr", "", element("th", name), element("td", text)));
  }
  return made;
};
const operation = (described, path, method, what, shared) => {
  const section = element("section", "", element("h2", `${method.toUpperCase()} ${path}`), element("p", what.summary));
  if (what.description) section.append(element("p", what.description));
  const parameters = [...(shared || []), ...(what.parameters || [])].map((one) => resolve(described, one));
  if (parameters.length) {
    section.append(element("h3", "Parameters"), table(parameters.map((one) =>
      [one.name, `${one.in}${one.required ? ", required" : ""}. ${one.description || ""}`])));
  }
  const body = what.requestBody && what.requestBody.content["application/json"];
  if (body) {
    const schema = resolve(described, body.schema);
    section.append(element("h3", "Body"), element("pre", JSON.stringify(schema, null, 2)));
  }
  section.append(element("h3", "Answers"), table(Object.entries(what.responses).map(([status, answer]) =>
    [status, resolve(described, answer).description])));
  return section;
};
fetch("/openapi.json").then((answer) => answer.json()).then((described) => {
  const place = document.getElementById("operations");
  place.textContent = "";
  for (const [path, methods] of Object.entries(described.paths)) {
    for (const method of ["get", "post", "delete"]) {
      if (methods[method]) place.append(operation(described, path, method, methods[method], methods.parameters));
    }
  }
  place.append(element("h2", "Artifact"),
    element("pre", JSON.stringify(described.components.schemas.Artifact, null, 2)));
});
