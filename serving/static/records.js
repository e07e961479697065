// Questions in a file, CSV or JSON lines, and the same file with their tags.

export const MAX_QUESTIONS = 5000;
export const MAX_BYTES = 20_000_000;
const MAX_TITLE = 500;

/** A file that cannot be read; the message says where and what to do. */
export class FileError extends Error {}

/** Return the kind of a file by its name: "csv" or "jsonl". */
export function kindOf(name) {
  const ending = name.toLowerCase().split(".").pop();
  if (ending === "csv" || ending === "tsv") return "csv";
  if (ending === "jsonl" || ending === "ndjson") return "jsonl";
  throw new FileError("The file's name must end in .csv, .tsv, .jsonl or .ndjson.");
}

/** Return {columns, rows}: each row an object of its fields; `columns` is null for JSON lines. */
export function readRecords(text, kind) {
  const withoutMark = text.replace(/^\uFEFF/, "");
  const read = kind === "csv" ? readCsv(withoutMark) : readJsonLines(withoutMark);
  if (!read.rows.length) throw new FileError("The file has no questions.");
  if (read.rows.length > MAX_QUESTIONS) {
    const [count, most] = [read.rows.length, MAX_QUESTIONS].map((n) => n.toLocaleString("en"));
    throw new FileError(`The file has ${count} questions; at most ${most} are tagged at once. Split it.`);
  }
  return read;
}

/** Return what is asked for a row; a FileError says why it cannot be asked. */
export function questionOf(row, { format, maxTags }) {
  const title = String(row.title ?? "").trim();
  if (!title) throw new FileError("no title");
  if ([...title].length > MAX_TITLE) throw new FileError(`the title is longer than ${MAX_TITLE} characters`);
  const question = { title, body: String(row.body ?? ""), format, max_tags: maxTags, client: "batch" };
  const id = Number(row.question_id);
  return Number.isSafeInteger(id) && id > 0 ? { ...question, question_id: id } : question;
}

/** Return the file's text with the answers: `answers[i]` is {answer} or {error} of row i, or undefined. */
export function writeRecords({ columns, rows, delimiter }, answers) {
  return columns ? writeCsv(columns, rows, delimiter, answers) : writeJsonLines(rows, answers);
}

function readCsv(text) {
  const header = text.slice(0, text.search(/\r|\n|$/));
  const delimiter = [",", ";", "\t"].reduce((best, each) =>
    header.split(each).length > header.split(best).length ? each : best,
  );
  const lines = cells(text, delimiter);
  const columns = (lines.shift() ?? []).map((name) => name.trim());
  if (!columns.includes("title")) {
    throw new FileError("The first line must name the columns, one of them title; body is the text.");
  }
  const rows = lines.map((line, index) => {
    if (line.length !== columns.length) {
      throw new FileError(`Question ${index + 1} has ${line.length} columns, the first line ${columns.length}.`);
    }
    return Object.fromEntries(columns.map((name, column) => [name, line[column]]));
  });
  return { columns, rows, delimiter };
}

/** Return the lines of cells, as RFC 4180 has them; empty lines are left out. */
function cells(text, delimiter) {
  const lines = [];
  let line = [];
  let cell = "";
  let quoted = false;
  const endLine = () => {
    line.push(cell);
    if (line.length > 1 || line[0].trim()) lines.push(line);
    [line, cell] = [[], ""];
  };
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[i + 1] === '"') cell += text[(i += 1)];
      else quoted = false;
    } else if (sign === '"' && !cell) quoted = true;
    else if (sign === delimiter) {
      line.push(cell);
      cell = "";
    } else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[i + 1] === "\n") i += 1;
      endLine();
    } else cell += sign;
  }
  if (quoted) throw new FileError("The file ends inside quotes: it is cut or damaged.");
  endLine();
  return lines;
}

function readJsonLines(text) {
  const rows = [];
  text.split("\n").forEach((line, index) => {
    if (!line.trim()) return;
    let row;
    try {
      row = JSON.parse(line);
    } catch {
      throw new FileError(`Line ${index + 1} is not JSON.`);
    }
    if (row === null || typeof row !== "object" || Array.isArray(row)) {
      throw new FileError(`Line ${index + 1} is no object with title and body.`);
    }
    rows.push(row);
  });
  return { columns: null, rows };
}

function writeCsv(columns, rows, delimiter, answers) {
  const added = ["suggested_tags", "maybe_tags", "error"];
  const quote = (value) =>
    /["\r\n]/.test(value) || value.includes(delimiter) ? `"${value.replaceAll('"', '""')}"` : value;
  const line = (values) => values.map(quote).join(delimiter);
  const lines = rows.map((row, index) => {
    const { answer, error = "" } = answers[index] ?? { error: "not asked" };
    const suggested = answer?.suggested ?? [];
    const maybe = (answer?.tags ?? []).map(({ tag }) => tag).filter((tag) => !suggested.includes(tag));
    return line([...columns.map((name) => row[name]), suggested.join(" "), maybe.join(" "), error]);
  });
  return [line([...columns, ...added]), ...lines, ""].join("\r\n");
}

function writeJsonLines(rows, answers) {
  const lines = rows.map((row, index) => {
    const { answer, error } = answers[index] ?? { error: "not asked" };
    const result = answer
      ? { suggested_tags: answer.suggested, scored_tags: answer.tags, model_version: answer.model_version }
      : { error };
    return JSON.stringify({ ...row, ...result });
  });
  return [...lines, ""].join("\n");
}
