import { call, rememberKey, retryAfter, waitingText } from "./api.js";
import { FileError, kindOf, MAX_BYTES, questionOf, readRecords, writeRecords } from "./records.js";

const MAX_AT_ONCE = 20; // questions of a request
const MAX_REQUEST_LENGTH = 300_000; // characters: a request of the largest allowed body is refused
const SHOWN = 10;

const element = (id) => document.getElementById(id);
const file = element("file");
const status = element("status");
const progress = element("progress");

let records = null;
let kind = "";
let running = null; // the AbortController of a run

function showMessage(text, error = false) {
  status.textContent = text;
  status.classList.toggle("error", error);
}

async function readFile() {
  records = null;
  element("start").disabled = true;
  element("result").hidden = true;
  const [chosen] = file.files;
  if (!chosen) return;
  try {
    kind = kindOf(chosen.name);
    if (chosen.size > MAX_BYTES) throw new FileError(`The file is larger than ${MAX_BYTES / 1e6} MB. Split it.`);
    records = readRecords(await chosen.text(), kind);
    element("start").disabled = false;
    showMessage(`${count(records.rows.length)} in ${chosen.name}.`);
  } catch (error) {
    showMessage(error instanceof FileError ? error.message : "The file cannot be read.", true);
  }
}

const count = (number) => (number === 1 ? "1 question" : `${number.toLocaleString("en")} questions`);

/** Yield the positions of questions that go into one request, with what is asked. */
function* requests(questions) {
  let together = [];
  let length = 0;
  for (const [position, question] of questions) {
    const size = question.title.length + question.body.length;
    if (together.length === MAX_AT_ONCE || (together.length && length + size > MAX_REQUEST_LENGTH)) {
      yield together;
      [together, length] = [[], 0];
    }
    together.push([position, question]);
    length += size;
  }
  if (together.length) yield together;
}

/** Ask until the service answers or refuses; an AbortError ends the run. */
async function ask(questions, signal) {
  for (;;) {
    try {
      return await call("/predict", questions, { signal });
    } catch (error) {
      const seconds = retryAfter(error);
      if (seconds === null) throw error;
      showMessage(`Waiting: ${waitingText(error, seconds)}`, true);
      await pause(seconds * 1000, signal);
    }
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** Ask together; if that is refused, one by one, so that one bad question costs no other. */
async function answer(together, answers, signal) {
  try {
    const found = await ask(together.map(([, question]) => question), signal);
    together.forEach(([position], index) => (answers[position] = { answer: found[index] }));
  } catch (error) {
    if (error.name === "AbortError" || error.status === 401) throw error;
    if (together.length === 1) answers[together[0][0]] = { error: error.message };
    else for (const one of together) await answer([one], answers, signal);
  }
}

async function run() {
  running = new AbortController();
  const { signal } = running;
  const options = { format: element("format").value, maxTags: Number(element("max-tags").value) };
  const answers = new Array(records.rows.length);
  const questions = [];
  records.rows.forEach((row, position) => {
    try {
      questions.push([position, questionOf(row, options)]);
    } catch (error) {
      answers[position] = { error: error.message };
    }
  });
  setRunning(true);
  progress.max = records.rows.length;
  progress.value = 0;
  let problem = "";
  try {
    for (const together of requests(questions)) {
      showMessage(`${progress.value} of ${count(progress.max)} done…`);
      await answer(together, answers, signal);
      progress.value = answers.filter(Boolean).length;
    }
  } catch (error) {
    problem = error.name === "AbortError" ? "Stopped. " : `Stopped: ${error.message}. `;
  }
  setRunning(false);
  showResult(answers, problem);
}

function setRunning(isRunning) {
  if (!isRunning) running = null;
  progress.hidden = !isRunning;
  element("stop").hidden = !isRunning;
  for (const id of ["file", "format", "max-tags", "start"]) element(id).disabled = isRunning;
  element("result").hidden = true;
  if (isRunning) element("stop").focus();
}

function showResult(answers, problem) {
  const done = answers.filter((each) => each?.answer);
  const suggested = done.filter(({ answer: each }) => each.suggested.length).length;
  const failed = records.rows.length - done.length;
  showMessage(
    `${problem}${count(suggested)} with suggested tags, ${done.length - suggested} without, ${failed} not answered.`,
    Boolean(problem) || failed > 0,
  );
  element("rows").replaceChildren(
    ...records.rows.slice(0, SHOWN).map((row, position) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = String(row.title ?? "").trim() || "(no title)";
      const cell = document.createElement("td");
      const { answer: found, error } = answers[position] ?? { error: "not asked" };
      cell.textContent = found ? found.suggested.join(", ") || found.reason : error;
      line.append(head, cell);
      return line;
    }),
  );
  const blob = new Blob([writeRecords(records, answers)], {
    type: kind === "csv" ? "text/csv;charset=utf-8" : "application/x-ndjson",
  });
  const link = element("download");
  URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = file.files[0].name.replace(/(\.[^.]+)$/, "-tagged$1");
  element("result").hidden = false;
  link.focus();
}

file.addEventListener("change", readFile);
element("batch").addEventListener("submit", (event) => {
  event.preventDefault();
  if (records && !running) run();
});
element("stop").addEventListener("click", () => running?.abort());
rememberKey(element("key"), () => {});
window.addEventListener("beforeunload", (event) => {
  if (running) event.preventDefault();
});
