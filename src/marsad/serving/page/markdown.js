// A card as elements: headings, paragraphs, lists, tables and code, built as nodes and never as markup.

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g;

export function renderMarkdown(source) {
  const lines = source.replace(/^---\n[\s\S]*?\n---\n/, "").split("\n");
  const body = document.createDocumentFragment();
  for (let i = 0; i < lines.length; ) {
    const line = lines[i];
    const heading = /^(#{1,6}) (.*)/.exec(line);
    if (!line.trim()) {
      i += 1;
    } else if (line.startsWith("```")) {
      const end = lines.findIndex((other, j) => j > i && other.startsWith("```"));
      const last = end < 0 ? lines.length : end;
      const code = body.appendChild(document.createElement("pre"));
      code.textContent = lines.slice(i + 1, last).join("\n");
      i = last + 1;
    } else if (heading) {
      inline(body.appendChild(document.createElement(`h${Math.min(6, heading[1].length + 1)}`)), heading[2]);
      i += 1;
    } else {
      const kind = kindOf(line);
      let end = i + 1;
      while (end < lines.length && lines[end].trim() && continues(kind, lines[end])) end += 1;
      body.append(BLOCKS[kind](lines.slice(i, end)));
      i = end;
    }
  }
  return body;
}

function kindOf(line) {
  if (line.startsWith("|")) return "table";
  return /^\s*[-*] /.test(line) ? "list" : "paragraph";
}

function continues(kind, line) {
  if (/^(#{1,6} |```)/.test(line)) return false;
  return kind === "list" ? !line.startsWith("|") : kindOf(line) === kind;
}

const BLOCKS = {
  paragraph: (lines) => inline(document.createElement("p"), lines.join(" ")),
  list: (lines) => {
    const list = document.createElement("ul");
    const items = [];
    for (const line of lines) {
      const item = /^\s*[-*] (.*)/.exec(line);
      if (item) items.push(item[1]);
      else items[items.length - 1] += ` ${line.trim()}`;
    }
    list.append(...items.map((item) => inline(document.createElement("li"), item)));
    return list;
  },
  table: (lines) => {
    const rows = lines.map((line) => line.replace(/^\||\|\s*$/g, "").split(/(?<!\\)\|/));
    const headed = lines.length > 1 && /^[\s|:-]+$/.test(lines[1]);
    const table = document.createElement("table");
    rows.forEach((cells, number) => {
      if (headed && number === 1) return;
      const row = table.appendChild(document.createElement("tr"));
      for (const cell of cells) {
        const own = row.appendChild(document.createElement(headed && number === 0 ? "th" : "td"));
        own.dir = "auto";
        inline(own, cell.trim().replaceAll("\\|", "|"));
      }
    });
    const frame = document.createElement("div");
    frame.className = "scroll";
    frame.append(table);
    return frame;
  },
};

function inline(parent, text) {
  let position = 0;
  for (const match of text.matchAll(INLINE)) {
    parent.append(text.slice(position, match.index));
    const [whole, code, bold, name, address] = match;
    const element = document.createElement(code ? "code" : bold ? "strong" : "a");
    element.textContent = code ?? bold ?? name;
    if (address) Object.assign(element, { href: address, rel: "noreferrer" });
    parent.append(element);
    position = match.index + whole.length;
  }
  parent.append(text.slice(position));
  return parent;
}
