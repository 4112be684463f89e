// The page's own hands: sends what is typed and pressed, and puts in what the server has drawn.
// All HTML comes from the server, which escapes what people wrote.
"use strict";

const alertBox = document.getElementById("alert");

function complain(sentence) {
  alertBox.textContent = sentence;
  alertBox.hidden = false;
  clearTimeout(complain.timer);
  complain.timer = setTimeout(() => { alertBox.hidden = true; }, 6000);
}

async function send(path, body) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (answer.ok) return true;
    const { error } = await answer.json();
    complain(error);
  } catch {
    complain("The sandbox does not answer. Is it still running?");
  }
  return false;
}

// Whoever one writes as in Slack, by number.
const writer = () => Number(document.querySelector("select[name=by]").value);

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-say]");
  if (!form) return;
  event.preventDefault();
  const { text } = form.elements;
  const said = text.value.trim();
  if (!said) return;
  text.value = "";
  const body = { text: said, by: writer(), thread: form.dataset.thread };
  if (!(await send(form.dataset.say, body)) && !text.value) {
    text.value = said;
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (!button || (button.dataset.ask && !confirm(button.dataset.ask))) return;
  const body = JSON.parse(button.dataset.body);
  if ("as" in button.dataset) body.by = writer();
  send(button.dataset.post, body);
});

// What stands in the fields of a form, by their names.
function filled(form) {
  const values = {};
  for (const field of form.querySelectorAll("[name]")) {
    values[field.name] = field.selectedOptions
      ? [...field.selectedOptions].map((one) => one.value).filter((value) => value)
      : [field.value];
  }
  return values;
}

function fill(form, send_off) {
  return send(`/api/forms/${form.dataset.form}/fill`, { values: filled(form), send: send_off });
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-form]");
  if (!form) return;
  event.preventDefault();
  fill(form, true);
});

// A form can change with what is chosen in it.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-form]");
  if (form && event.target.tagName === "SELECT") fill(form, false);
});

// What is typed above a menu is searched for; what is chosen already stays in it.
document.addEventListener("input", (event) => {
  const search = event.target.closest("input[data-search]");
  if (!search) return;
  clearTimeout(search.timer);
  search.timer = setTimeout(async () => {
    const form = search.closest("form[data-form]");
    const body = JSON.stringify({ field: search.dataset.search, text: search.value });
    const headers = { "content-type": "application/json" };
    const path = `/api/forms/${form.dataset.form}/search`;
    const answer = await fetch(path, { method: "POST", headers, body }).catch(() => null);
    if (!answer?.ok) return;
    const menu = form.elements[search.dataset.search];
    for (const one of [...menu.options]) if (one.value && !one.selected) one.remove();
    for (const [value, label] of (await answer.json()).choices) {
      if (![...menu.options].some((one) => one.value === value)) menu.add(new Option(label, value));
    }
  }, 150);
});

// Lists keep the lines that did not change, so that nothing is announced or moved twice.
function update(element, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  if (element.tagName !== "OL") {
    const focused = element.contains(document.activeElement) && document.activeElement.dataset.testid;
    element.replaceChildren(fresh.content);
    if (focused) element.querySelector(`[data-testid="${focused}"]`)?.focus();
    return;
  }
  const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 60;
  const before = new Map([...element.children].map((line) => [line.id, line]));
  const lines = [...fresh.content.children].map((line) => {
    const old = before.get(line.id);
    const drawn = line.outerHTML;
    if (old && (old.drawn ?? old.outerHTML) === drawn) return old;
    line.drawn = drawn;
    if (old) line.classList.add("known");
    return line;
  });
  const kept = new Set(lines);
  for (const line of [...element.children]) if (!kept.has(line)) line.remove();
  lines.forEach((line, at) => {
    if (element.children[at] !== line) element.insertBefore(line, element.children[at] ?? null);
  });
  if (atEnd) element.scrollTop = element.scrollHeight;
}

for (const log of document.querySelectorAll("ol.log")) log.scrollTop = log.scrollHeight;

const events = new EventSource("/events");
events.onmessage = (event) => {
  document.body.dataset.live = "true";
  for (const { id, html } of JSON.parse(event.data)) {
    const element = document.getElementById(id);
    if (element) update(element, html);
  }
};
events.onerror = () => {
  document.body.dataset.live = "false";
  const state = document.querySelector("#bridge .state");
  if (state) state.textContent = "The sandbox does not answer";
};
