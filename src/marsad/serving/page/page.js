// The page: a text goes to /v1/predict, the record comes back and is shown.

import { renderMarkdown } from "./markdown.js";
import { EXAMPLE, KINDS, MESSAGES } from "./messages.js";
import { csv, jsonLine, reported } from "./records.js";
import { showChoices, showDocument } from "./view.js";

const by = (id) => document.getElementById(id);
const LANGUAGE = "marsad-language";
const MANY = new Intl.NumberFormat("en");

const state = {
  language: remembered() === "en" ? "en" : "ar",
  name: "text",
  file: undefined,
  record: null,
  points: [],
  labels: null,
  model: null,
  levels: { entities: 0, events: 0 },
  hidden: new Set(),
};

// Where a browser keeps nothing, the page begins anew each time.
function remembered() {
  try {
    return localStorage.getItem(LANGUAGE);
  } catch {
    return null;
  }
}

function remember(language) {
  try {
    localStorage.setItem(LANGUAGE, language);
  } catch {
    // then not
  }
}

const say = (key, values = {}) =>
  MESSAGES[state.language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);

class Problem extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

async function ask(path, body, parse = (answer) => answer.json()) {
  if (!/^[\x21-\x7e]*$/.test(by("token").value)) throw new Problem(say("token-letters"));
  const headers = by("token").value ? { Authorization: `Bearer ${by("token").value}` } : {};
  const given = body && { method: "POST", body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, { ...given, headers: { ...headers, ...(body && { "Content-Type": "application/json" }) } });
  } catch {
    throw new Problem(say("unreachable"));
  }
  if (answer.ok) {
    return parse(answer).catch(() => {
      throw new Problem(say("unreachable")); // it broke off
    });
  }
  if (answer.status === 401) {
    by("token-row").hidden = false;
    throw new Problem(say("unauthorized"));
  }
  const problem = await answer.json().catch(() => ({}));
  throw new Problem(problem.detail ?? `${answer.status} ${answer.statusText}`, answer.status);
}

async function learnLabels() {
  if (state.labels) return;
  const [labels, model] = await Promise.all(["v1/labels", "v1/model"].map(async (path) => ask(path)));
  Object.assign(state, { labels, model, levels: { ...model.abstain } });
  showModel();
}

function glosses() {
  const { entities, events, realis } = state.labels;
  const all = [...entities, ...events, ...realis];
  const english = (name) => KINDS[name] ?? name.replaceAll("_", " ");
  return Object.fromEntries(all.map((own) => [own.name, state.language === "ar" ? own.gloss : english(own.name)]));
}

function showModel() {
  if (state.model) by("model").textContent = `${state.model.name} ${state.model.version} · ${state.model.digest}`;
}

function showProblem(text = "") {
  by("problem").textContent = text;
  by("problem").hidden = !text;
}

// Runs what may fail with a problem, and shows the problem.
async function tried(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    showProblem(error.message);
  }
}

async function read() {
  const buttons = [by("form").querySelector("[type=submit]"), by("example")];
  const text = by("text").value === shownOf(state.file) ? state.file : by("text").value;
  showProblem();
  for (const button of buttons) button.disabled = true;
  by("busy").textContent = say("reading");
  by("result").setAttribute("aria-busy", "true");
  try {
    await learnLabels();
    const answer = await ask("v1/predict", { id: state.name, text, abstain: 0 });
    [state.record] = answer.documents;
    state.points = Array.from(text);
    state.hidden.clear();
    show();
    by("result").hidden = false;
    by("result").focus();
  } finally {
    for (const button of buttons) button.disabled = false;
    by("busy").textContent = "";
    by("result").removeAttribute("aria-busy");
  }
}

// What a text area makes of a text: it knows one kind of line end alone.
const shownOf = (text) => text?.replace(/\r\n?/g, "\n");

function show() {
  const { record, labels, levels } = state;
  if (!record) return;
  const own = reported(record, levels);
  const names = glosses();
  const events = own.sentences.flatMap((sentence) => sentence.events);
  by("found").textContent = own.sentences.length
    ? say("found", {
        sentences: MANY.format(own.sentences.length),
        entities: MANY.format(own.entities.length),
        events: MANY.format(events.length),
      })
    : say("empty");
  by("warnings").replaceChildren(
    ...own.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  const chosen = (name) => !state.hidden.has(name);
  const counted = (items) => {
    const counts = {};
    for (const name of items) counts[name] = (counts[name] ?? 0) + 1;
    return counts;
  };
  const options = { glosses: names, chosen, say };
  showChoices(by("labels"), labels.entities.map((l) => l.name), counted(record.entities.map((e) => e.label)), { ...options, hues: true });
  showChoices(by("types"), labels.events.map((l) => l.name), counted(record.sentences.flatMap((s) => s.events.map((e) => e.type))), options);
  const level = Math.max(levels.entities, levels.events);
  by("sure").value = level;
  by("sure-value").textContent =
    levels.entities === levels.events ? level.toFixed(2) : `${levels.entities.toFixed(2)} / ${levels.events.toFixed(2)}`;
  showDocument(by("document"), record, state.points, { labels: labels.entities.map((l) => l.name), glosses: names, say, levels });
  filter();
}

function filter() {
  by("document").classList.toggle("without-withheld", !by("withheld").checked);
  for (const own of by("document").querySelectorAll("[data-name]")) {
    own.classList.toggle("unchosen", state.hidden.has(own.dataset.name));
    own.tabIndex = -1;
    if (isShown(own)) own.setAttribute("aria-label", own.dataset.label);
    else own.removeAttribute("aria-label");
  }
  const first = marks()[0];
  if (first) first.tabIndex = 0;
}

const isShown = (own) =>
  !own.classList.contains("unchosen") && (by("withheld").checked || !own.classList.contains("withheld"));

// What is marked and not left out, in the order of the text.
const marks = () => [...by("document").querySelectorAll("[data-name]")].filter(isShown);

function download(ending, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement("a"), { href: address, download: `${state.record.id}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

async function open(file) {
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Problem(say("unreadable", { name: file.name }));
  }
  showProblem();
  Object.assign(state, { name: file.name.replace(/\.[^.]*$/, ""), file: text });
  by("text").value = text;
  by("text").focus();
}

async function showCard() {
  const answer = await ask("v1/card", undefined, (given) => given.text()).catch((error) => {
    throw error.status === 404 ? new Problem(say("no-card")) : error;
  });
  by("card-body").replaceChildren(renderMarkdown(answer));
  by("card").showModal();
}

function translate() {
  document.documentElement.lang = state.language;
  document.documentElement.dir = state.language === "ar" ? "rtl" : "ltr";
  document.title = say("title");
  for (const own of document.querySelectorAll("[data-t]")) own.textContent = say(own.dataset.t);
  by("text").placeholder = say("paste");
  by("language").lang = state.language === "ar" ? "en" : "ar";
  showModel();
  show();
}

// Arrow keys, Home and End go through what is marked; left goes on, as the text runs.
function move(event) {
  const all = marks();
  const here = all.indexOf(document.activeElement);
  const steps = { ArrowLeft: here + 1, ArrowDown: here + 1, ArrowRight: here - 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 };
  const target = all[steps[event.key]];
  if (here < 0 || !target || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  document.activeElement.tabIndex = -1;
  target.tabIndex = 0;
  target.focus();
}

function showTip(event) {
  const found = event.target.closest?.("[data-tip]");
  const own = found && isShown(found) ? found : null;
  const tip = by("tip");
  tip.hidden = !own;
  if (!own) return;
  tip.textContent = own.dataset.tip;
  const box = own.getBoundingClientRect();
  const left = Math.min(Math.max(4, box.left + (box.width - tip.offsetWidth) / 2), document.documentElement.clientWidth - tip.offsetWidth - 4);
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${box.top + scrollY - tip.offsetHeight - 4}px`;
}

const hideTip = () => {
  by("tip").hidden = true;
};

by("form").addEventListener("submit", (event) => {
  event.preventDefault();
  tried(read);
});
by("text").addEventListener("input", () => {
  state.name = "text";
});
by("file").addEventListener("change", () => {
  const [file] = by("file").files;
  if (file) tried(() => open(file));
  by("file").value = "";
});
by("example").addEventListener("click", () => {
  state.name = "example";
  by("text").value = EXAMPLE;
  tried(read);
});
by("language").addEventListener("click", () => {
  state.language = state.language === "ar" ? "en" : "ar";
  remember(state.language);
  translate();
});
by("card-open").addEventListener("click", () => tried(showCard));
by("card-close").addEventListener("click", () => by("card").close());
by("filters").addEventListener("change", (event) => {
  const box = event.target;
  if (box.closest("fieldset")) state.hidden[box.checked ? "delete" : "add"](box.value);
  filter();
});
by("sure").addEventListener("input", () => {
  const level = Number(by("sure").value);
  state.levels = { entities: level, events: level };
  show();
});
by("jsonl").addEventListener("click", () =>
  download("jsonl", "application/x-ndjson", jsonLine(reported(state.record, state.levels))));
by("csv").addEventListener("click", () =>
  download("csv", "text/csv;charset=utf-8", csv(reported(state.record, state.levels), state.points)));
by("document").addEventListener("keydown", move);
for (const kind of ["mouseover", "focusin"]) by("document").addEventListener(kind, showTip);
for (const kind of ["mouseleave", "focusout"]) by("document").addEventListener(kind, hideTip);
addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
addEventListener("drop", (event) => {
  const [file] = event.dataTransfer.files;
  if (!file) return; // a piece of text goes where it is dropped
  event.preventDefault();
  tried(() => open(file));
});
translate();
learnLabels().catch(() => {}); // the token may be needed first; reading says so
