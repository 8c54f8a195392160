// What the server answered: what of it is withheld, and how it is written into files.

// Levels are probabilities, of entities and of events.
export const withheld = (kind, item, levels) => item.score !== undefined && item.score < levels[kind];

// The record as `marsad predict --abstain` gives it.
export function reported(record, levels) {
  const keep = (kind, items) => items.filter((item) => !withheld(kind, item, levels));
  const entities = keep("entities", record.entities);
  const sentences = record.sentences.map((own) => ({ ...own, events: keep("events", own.events) }));
  const count = (items) => items.reduce((sum, own) => sum + own.events.length, 0);
  const left = {
    entities: record.entities.length - entities.length,
    events: count(record.sentences) - count(sentences),
  };
  const warnings = Object.keys(left)
    .filter((kind) => left[kind])
    .map((kind) => `${kind} withheld below ${levels[kind]}: ${left[kind]}`);
  return { ...record, sentences, entities, warnings: [...record.warnings, ...warnings] };
}

export const jsonLine = (record) => `${JSON.stringify(record)}\n`;

const COLUMNS = ["document", "kind", "start", "end", "text", "label", "family", "realis", "score"];

// A line for each mention and event, for spreadsheets: with a byte order mark, all cells quoted.
export function csv(record, points) {
  const text = (span) => points.slice(span.start, span.end).join("");
  const rows = [
    ...record.entities.map((own) => ["entity", own.start, own.end, text(own), own.label, "", "", own.score]),
    ...record.sentences.flatMap((own) =>
      own.events.map((e) => ["event", own.start, own.end, text(own), e.type, e.family, e.realis, e.score])),
  ];
  const lines = [COLUMNS, ...rows.map((row) => [record.id, ...row])];
  return `\ufeff${lines.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

// A cell that a spreadsheet would take for a formula begins with an apostrophe.
const cell = (value) => `"${String(value ?? "").replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;
