import { call, rememberKey, RefusedError, retryAfter, waitingText } from "./api.js";
import { completeTags } from "./combobox.js";
import { mark, wordsFor } from "./reasons.js";

// One request per pause in typing, never two at once, and none for unchanged text: every answer is
// recorded, so a request per key stroke would fill the table with partial words.
const PAUSE_MS = 500;
const SLOW_MS = 1500;
const EXAMPLE = {
  title: "Container cannot write to a mounted volume",
  body: "I start it with `docker-compose up`, and the process gets *permission denied*:\n\n```yaml\nvolumes:\n  - ./data:/var/lib/data\n```\n\nHow do I give it the right owner?",
};
const SUGGESTIONS = 5;
const MAX_EXCLUDED = 25;
const TAG = /^(?=.*[\p{L}\p{N}])[\p{L}\p{M}\p{N}+.#-]{1,35}$/u;

const element = (id) => document.getElementById(id);
const title = element("title");
const body = element("body");
const status = element("status");
const tagList = element("tags");
const chosenList = element("chosen");

let timer = 0;
let pending = false;
let requestedText = ""; // of the latest request, until it fails
let notBefore = 0; // the service has asked for patience until then, in ms of performance.now()
let predictionId = null;
let hasModel = false; // by what the page's head shows
const chosen = new Set();
const typed = new Set(); // chosen, but not from the suggestions; accepted ones stay in the list
const preselected = new Set(); // chosen, because the latest answer suggests them
const removed = new Set(); // not to be preselected again
const descriptions = new Map(); // what the site says of each tag that was suggested
let words = new Map(); // that speak for each tag of the latest answer

const format = () => document.querySelector("input[name=format]:checked").value;
const questionText = () => JSON.stringify([title.value.trim(), body.value, format()]);

function showMessage(where, text, error = false) {
  where.textContent = text;
  where.classList.toggle("error", error);
}

/** Say how much too long a field is, and how long it is near its limit; return whether it fits. */
function checkLength(field) {
  const limit = Number(field.dataset.max);
  const length = [...field.value].length;
  const number = (count) => count.toLocaleString("en");
  const tooLong = length > limit;
  field.setAttribute("aria-invalid", String(tooLong));
  const text = tooLong
    ? `${number(length - limit)} characters too long: at most ${number(limit)}. Nothing is sent.`
    : `${number(length)} of ${number(limit)} characters`;
  showMessage(element(`${field.id}-length`), length > 0.9 * limit ? text : "", tooLong);
  return !tooLong;
}

function schedule(pause = PAUSE_MS) {
  clearTimeout(timer);
  timer = setTimeout(update, pause);
}

/** Take away what was said of an earlier text. */
function clear() {
  requestedText = questionText();
  predictionId = null;
  words = new Map();
  element("licence").hidden = true;
  element("again").hidden = true;
  tagList.replaceChildren();
  element("preview-box").hidden = true;
}

/** Be ready for the next question: tags that were chosen for one are not those of another. */
function startOver() {
  clear();
  for (const tags of [chosen, typed, preselected, removed]) tags.clear();
  element("add").value = "";
  showChosen();
  element("final").hidden = true;
  element("empty").hidden = false;
  showMessage(status, "Type a title to begin.");
}

/** Bring the tags up to date with the text; `now` if a person asks for them. */
function update(now = false) {
  clearTimeout(timer);
  if (pending || questionText() === requestedText) return;
  if (!title.value.trim()) {
    startOver();
    return;
  }
  element("empty").hidden = true;
  if (![title, body].map(checkLength).every(Boolean)) {
    clear();
    showMessage(status, "No tags: the text is too long.", true);
    return;
  }
  const wait = notBefore - performance.now();
  if (wait > 0 && !now) schedule(wait);
  else requestTags();
}

async function requestTags() {
  pending = true;
  const text = questionText();
  requestedText = text;
  tagList.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => showMessage(status, "Still working on it…"), SLOW_MS);
  const started = performance.now();
  let pause = null;
  try {
    const answer = await call("/predict", {
      title: title.value.trim(),
      body: body.value,
      format: format(),
      max_tags: SUGGESTIONS,
      exclude: [...typed].slice(0, MAX_EXCLUDED),
      explain: true,
      client: "page",
    });
    notBefore = 0;
    show(answer, Math.round(performance.now() - started));
  } catch (error) {
    requestedText = "";
    const seconds = retryAfter(error);
    showFailure(error, seconds);
    if (seconds !== null) pause = seconds * 1000;
    notBefore = error instanceof RefusedError ? performance.now() + pause : 0;
  } finally {
    clearTimeout(slow);
    tagList.removeAttribute("aria-busy");
    pending = false;
  }
  if (questionText() !== text) schedule();
  else if (pause !== null) schedule(pause);
}

/** Say why there are no tags, and when they are asked for again. */
function showFailure(error, seconds) {
  const none = tagList.children.length ? "No new tags" : "No tags";
  const text = seconds === null ? error.message : `${waitingText(error, seconds)} Your text stays here.`;
  showMessage(status, `${none}: ${text}`, true);
  element("again").hidden = seconds === null;
}

function show(answer, milliseconds) {
  predictionId = answer.prediction_id;
  const again = element("again");
  if (again.contains(document.activeElement)) element("suggestions").focus();
  again.hidden = true;
  if (!hasModel) showModel();
  const focused = document.activeElement?.closest(".tag")?.dataset.tag;
  const suggested = new Set(answer.suggested);
  preselect(suggested);
  tagList.replaceChildren(...answer.tags.map((each) => row(each, suggested.has(each.tag))));
  showLicence();
  describe(answer.tags.map((each) => each.tag));
  if (focused) tagList.querySelector(`[data-tag="${CSS.escape(focused)}"] button`)?.focus();
  const maybe = answer.tags.map((each) => each.tag).filter((tag) => !suggested.has(tag));
  const parts = [
    answer.suggested.length ? `suggested: ${answer.suggested.join(", ")}` : "",
    maybe.length ? `maybe: ${maybe.join(", ")}` : "",
  ];
  const hiddenText = document.createElement("span"); // for screen readers; the list is visible
  hiddenText.className = "hidden";
  hiddenText.textContent = `${parts.filter(Boolean).join("; ")}; `;
  const none = answer.reason ? `Nothing to suggest outright: ${answer.reason}; ` : "";
  showMessage(status, `${none}version ${answer.model_version}, ${milliseconds} ms`);
  status.prepend(hiddenText);
  element("final").hidden = false;
  showChosen();
  showPreview(answer);
}

function showPreview({ body_html: html, tags }) {
  const preview = element("preview");
  element("preview-title").textContent = title.value.trim();
  // Markdown comes back as HTML that the service has sanitised; the content security policy is a
  // second barrier. What was typed as HTML is shown as text.
  if (typeof html === "string") preview.innerHTML = html;
  else preview.textContent = new DOMParser().parseFromString(body.value, "text/html").body.textContent;
  words = new Map(tags.map(({ tag, reasons = [] }) => [tag, wordsFor(tag, reasons)]));
  element("preview-box").hidden = false;
  showReasons();
}

/** Mark the words that speak for one tag, or for all that are selected. */
function showReasons(tag = null) {
  const tags = tag === null ? [...words.keys()].filter((each) => chosen.has(each)) : [tag];
  const found = mark(
    [element("preview-title"), element("preview")],
    [...new Set(tags.flatMap((each) => words.get(each) || []))],
  );
  const which = tag === null ? "the selected tags" : tag;
  element("marked").textContent = found ? `Marked: words that speak for ${which}.` : "";
}

function preselect(suggested) {
  for (const tag of preselected) chosen.delete(tag);
  preselected.clear();
  for (const tag of suggested) {
    if (chosen.has(tag) || removed.has(tag)) continue;
    chosen.add(tag);
    preselected.add(tag);
  }
}

function row({ tag, score, reasons = [] }, isSuggested) {
  const item = element("tag-row").content.firstElementChild.cloneNode(true);
  const percent = Math.round(score * 100);
  item.dataset.tag = tag;
  item.classList.toggle("maybe", !isSuggested);
  item.querySelector(".kind").textContent = isSuggested ? "suggested" : "maybe";
  item.querySelector(".name").textContent = tag;
  item.querySelector(".score").textContent = `${percent}%`;
  item.querySelector(".fill").style.width = `${percent}%`;
  item.querySelector(".why").append(...why(tag, reasons));
  showDescription(item);
  const button = item.querySelector(".accept");
  button.setAttribute("aria-pressed", String(chosen.has(tag)));
  button.setAttribute("aria-label", `${tag}, ${isSuggested ? "suggested" : "maybe"}, ${percent} percent`);
  button.addEventListener("click", () => toggle(tag));
  for (const start of ["mouseenter", "focusin"]) item.addEventListener(start, () => showReasons(tag));
  for (const end of ["mouseleave", "focusout"]) item.addEventListener(end, () => showReasons());
  return item;
}

/** Show what the site says of the suggested tags; it is asked once for each. */
async function describe(tags) {
  const unknown = tags.filter((tag) => !descriptions.has(tag));
  if (unknown.length) {
    try {
      const query = new URLSearchParams(unknown.map((tag) => ["tag", tag]));
      const { tags: found } = await call(`/tags?${query}`);
      for (const { tag, description = "" } of found) descriptions.set(tag, description);
    } catch {
      return; // the suggestions stand without them; the next answer asks again
    }
  }
  for (const item of tagList.children) showDescription(item);
  showLicence();
}

function showDescription(item) {
  const text = descriptions.get(item.dataset.tag) || "";
  const place = item.querySelector(".description");
  place.textContent = text;
  place.hidden = !text;
}

function showLicence() {
  const parts = [
    tagList.querySelector(".why a") ? "similar questions" : "",
    tagList.querySelector(".description:not([hidden])") ? "descriptions of tags" : "",
  ].filter(Boolean);
  const text = parts.join(" and ");
  element("licensed").textContent = text && `${text[0].toUpperCase()}${text.slice(1)} are`;
  element("licence").hidden = !parts.length;
}

function why(tag, reasons) {
  const plain = (text) => (text.startsWith(`${tag}: `) ? text.slice(tag.length + 2) : text);
  const textsOf = (kind) => reasons.filter((each) => each.kind === kind).map((each) => plain(each.text));
  const parts = [];
  if (textsOf("word").length) parts.push(`words: ${textsOf("word").join(", ")}`);
  if (textsOf("mention").length) parts.push(mentioned(textsOf("mention")));
  const similar = reasons.filter((each) => each.kind === "question");
  if (!similar.length) return [parts.join(" · ")];
  const links = similar.flatMap((each, index) => [index ? "; " : "", similarQuestion(each)]);
  return [[...parts, "like: "].join(" · "), ...links];
}

/** Return a question's title, as a link where the site has an address. */
function similarQuestion({ text, question_id: id }) {
  const url = tagList.dataset.questionUrl;
  if (!url || !id) return text;
  const link = document.createElement("a");
  link.href = url + id;
  link.textContent = text;
  return link;
}

/** Say where a tag is named; parts of its name count only where it is named nowhere. */
function mentioned(texts) {
  const places = (how) => texts.filter((text) => text.startsWith(how)).map((text) => text.slice(how.length));
  const [whole, parts] = [places("named in "), places("parts in ")];
  if (whole.length) return `named in ${whole.join(" and ")}`;
  if (parts.length) return `part of its name in ${parts.join(" and ")}`;
  return `name: ${texts.join(", ")}`;
}

function toggle(tag) {
  if (chosen.has(tag)) remove(tag);
  else choose(tag);
  showChosen();
}

function choose(tag) {
  chosen.add(tag);
  preselected.delete(tag);
  removed.delete(tag);
}

function remove(tag) {
  for (const tags of [chosen, typed, preselected]) tags.delete(tag);
  removed.add(tag);
}

function showChosen() {
  for (const item of tagList.children) {
    item.querySelector(".accept").setAttribute("aria-pressed", String(chosen.has(item.dataset.tag)));
  }
  chosenList.replaceChildren(
    ...[...chosen].map((tag) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = tag;
      button.setAttribute("aria-label", `Remove ${tag}`);
      button.addEventListener("click", () => {
        remove(tag);
        showChosen();
        element("add").focus();
      });
      item.append(button);
      return item;
    }),
  );
  showMessage(element("sent"), "");
  if (!tagList.matches(":hover, :focus-within")) showReasons();
}

async function send() {
  if (!predictionId || pending || questionText() !== requestedText) {
    showMessage(element("sent"), "Not saved: wait for the tags of this text.", true);
    return;
  }
  try {
    const tags = [...chosen];
    await call("/feedback", { prediction_id: predictionId, final_tags: tags, source: "page" });
    showMessage(element("sent"), `Saved: ${tags.join(", ") || "no tags"}.`);
  } catch (error) {
    showMessage(element("sent"), `Not saved: ${error.message}`, true);
  }
}

function showMeaning({ metrics = {}, tested_on: month = "" } = {}) {
  const thresholds = Object.keys(metrics)
    .filter((name) => name.startsWith("answered_from_"))
    .map((name) => name.slice("answered_from_".length))
    .sort((one, other) => one - other);
  const percent = (value) => (typeof value === "number" ? `${Math.round(value * 100)}%` : "");
  element("thresholds").replaceChildren(
    ...thresholds.map((from) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = percent(Number(from));
      const cells = ["precision", "recall", "answered"].map((metric) => {
        const cell = document.createElement("td");
        cell.textContent = percent(metrics[`${metric}_from_${from}`]);
        return cell;
      });
      line.append(head, ...cells);
      return line;
    }),
  );
  element("tested-on").textContent = month;
  element("meaning").hidden = !thresholds.length;
}

async function showModel() {
  try {
    const { champion, site } = await call("/model");
    hasModel = Boolean(champion);
    showMeaning(champion?.description);
    const age = champion && Math.floor(champion.age_days);
    const ageText = age === 0 ? "today" : age === 1 ? "a day ago" : `${age} days ago`;
    showMessage(
      element("model"),
      champion
        ? `${champion.candidate}, version ${champion.version}, registered ${ageText}, ${champion.tags} tags`
        : `no model for ${site} yet`,
    );
  } catch (error) {
    showMessage(element("model"), element("key") ? "Enter the API key to see the model." : error.message);
  }
}

element("question").addEventListener("input", ({ target }) => {
  if (target.dataset.max) checkLength(target);
  schedule();
});
element("question").addEventListener("submit", (event) => {
  event.preventDefault();
  update(true);
});
element("again").addEventListener("click", () => update(true));
element("example").addEventListener("click", () => {
  title.value = EXAMPLE.title;
  body.value = EXAMPLE.body;
  document.querySelector("input[name=format][value=markdown]").checked = true;
  title.focus();
  update(true);
});

function add(tag) {
  if (![...tagList.children].some((item) => item.dataset.tag === tag)) typed.add(tag);
  choose(tag);
  showChosen();
}

completeTags(element("add"), element("add-list"), {
  find: async (text, signal) => {
    const { tags } = await call(`/tags?text=${encodeURIComponent(text)}&limit=12`, null, { signal });
    return tags.filter(({ tag }) => !chosen.has(tag)).slice(0, 8);
  },
  choose: add,
  announce: (text) => showMessage(element("add-status"), text),
});
element("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const tag = element("add").value.normalize("NFC").trim().toLowerCase().replace(/\s+/g, "-");
  if (tag && !TAG.test(tag)) {
    showMessage(element("sent"), "A tag is 1 to 35 letters and digits, + - . #", true);
    return;
  }
  element("add").value = "";
  if (tag) add(tag);
});
element("send").addEventListener("click", send);
element("next").addEventListener("click", () => {
  for (const field of [title, body]) {
    field.value = "";
    checkLength(field);
  }
  clearTimeout(timer);
  startOver();
  title.focus();
});
rememberKey(element("key"), () => {
  requestedText = "";
  showModel();
  schedule();
});
window.addEventListener("online", () => schedule(0));
// On a phone the tags come before the text that was just typed
element("preview-box").open = !matchMedia("(max-width: 46rem)").matches;
showModel();
setInterval(showModel, 30000);
// A bookmarklet hands over a question in the fragment, which no server sees. It is not sent by
// itself: any page can link here, and what is sent is recorded.
const handed = new URLSearchParams(location.hash.slice(1));
if (handed.get("title")) {
  title.value = handed.get("title");
  body.value = handed.get("body") || "";
  history.replaceState(null, "", location.pathname);
  [title, body].forEach(checkLength);
  title.focus();
  showMessage(status, "Filled in. Press Enter for tags.");
} else if (title.value) {
  schedule();
}
