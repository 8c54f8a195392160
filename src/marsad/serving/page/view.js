// A record as elements. All that comes from it becomes text nodes, nothing becomes markup.

import { withheld } from "./records.js";

// Shows the document: `glosses` by name, in the page's language; `say` words; `levels` as in records.js.
export function showDocument(parent, record, points, { labels, glosses, say, levels }) {
  const at = (start, end) => points.slice(start, end).join("");
  const entities = [...record.entities].sort((a, b) => a.start - b.start);
  let position = 0;
  let next = 0;
  const sentences = record.sentences.map((sentence) => {
    const block = element("div", "sentence");
    if (at(position, sentence.start).includes("\n")) block.classList.add("new");
    const line = block.appendChild(element("p"));
    position = sentence.start;
    for (; next < entities.length && entities[next].end <= sentence.end; next += 1) {
      const own = entities[next];
      line.append(at(position, own.start), mention(own, at(own.start, own.end)));
      position = own.end;
    }
    line.append(at(position, sentence.end));
    position = sentence.end;
    if (sentence.events.length) {
      const list = block.appendChild(element("ul", "events"));
      for (const event of sentence.events) list.appendChild(element("li")).append(chip(event));
    }
    return block;
  });
  parent.replaceChildren(...sentences);

  function mention(own, surface) {
    const mark = element("mark", `hue-${labels.indexOf(own.label)}`, surface);
    mark.append(element("b", "", own.label));
    return described(mark, "entities", own, own.label, `${surface}: ${glosses[own.label]}`);
  }

  function chip(event) {
    const own = element("span", `event ${event.realis}`, glosses[event.type]);
    own.append(element("i", "", glosses[event.realis]));
    return described(own, "events", event, event.type, `${glosses[event.type]}, ${glosses[event.realis]}`);
  }

  function described(own, kind, item, name, words) {
    const away = withheld(kind, item, levels);
    const score = item.score === undefined ? "" : ` ${(100 * item.score).toFixed(0)}%`;
    own.dataset.name = name;
    own.dataset.tip = `${glosses[name]}${isSaid(name, glosses) ? "" : ` · ${name}`}${score}${away ? ` · ${say("withheld")}` : ""}`;
    own.setAttribute("role", "note");
    own.dataset.label = `${words}${score}${away ? `, ${say("withheld")}` : ""}`;
    own.tabIndex = -1;
    if (away) own.classList.add("withheld");
    return own;
  }
}

// Shows a list of names to choose from, with how often each was found.
export function showChoices(parent, names, counts, { hues, glosses, chosen, say }) {
  const found = names.filter((name) => counts[name]);
  const items = found.map((name) => {
    const item = element("li");
    const label = item.appendChild(element("label"));
    const box = label.appendChild(element("input"));
    Object.assign(box, { type: "checkbox", value: name, checked: chosen(name) });
    const text = label.appendChild(element("span", hues ? `swatch hue-${names.indexOf(name)}` : "", glosses[name]));
    text.append(element("small", "", ` ${isSaid(name, glosses) ? "" : `${name} `}${counts[name]}`));
    return item;
  });
  parent.replaceChildren(...(items.length ? items : [element("li", "", say("none"))]));
}

// Whether a label's gloss is its own name.
const isSaid = (name, glosses) => glosses[name] === name.replaceAll("_", " ");

export function element(tag, css = "", text = "") {
  const own = document.createElement(tag);
  if (css) own.className = css;
  if (text) own.textContent = text;
  return own;
}
