"use strict";

// One request per pause in typing, never two at once, and none for unchanged text: every answer is
// recorded, so a request per key stroke would fill the table with partial words.
const PAUSE_MS = 500;
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
let requestedText = "";
let predictionId = null;
const chosen = new Set();
const typed = new Set(); // chosen, but not from the suggestions; accepted ones stay in the list
const preselected = new Set(); // chosen, because the latest answer suggests them
const removed = new Set(); // not to be preselected again

const format = () => document.querySelector("input[name=format]:checked").value;
const questionText = () => JSON.stringify([title.value.trim(), body.value, format()]);

function showMessage(where, text, error = false) {
  where.textContent = text;
  where.classList.toggle("error", error);
}

async function call(path, payload) {
  const headers = payload ? { "Content-Type": "application/json" } : {};
  const key = element("key");
  if (key && key.value) headers.Authorization = `Bearer ${key.value}`;
  const response = await fetch(path, {
    method: payload ? "POST" : "GET",
    headers,
    body: payload && JSON.stringify(payload),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail || response.statusText);
  return answer;
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(requestTags, PAUSE_MS);
}

async function requestTags() {
  if (pending || questionText() === requestedText) return;
  if (!title.value.trim()) {
    requestedText = questionText();
    tagList.replaceChildren();
    showMessage(status, "Type a title to begin.");
    return;
  }
  pending = true;
  requestedText = questionText();
  const started = performance.now();
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
    show(answer, Math.round(performance.now() - started));
  } catch (error) {
    showMessage(status, `No tags: ${error.message}`, true);
  } finally {
    pending = false;
    if (questionText() !== requestedText) schedule();
  }
}

function show(answer, milliseconds) {
  predictionId = answer.prediction_id;
  const focused = document.activeElement?.closest(".tag")?.dataset.tag;
  const suggested = new Set(answer.suggested);
  preselect(suggested);
  tagList.replaceChildren(...answer.tags.map((each) => row(each, suggested.has(each.tag))));
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
  const preview = element("preview");
  element("preview-box").hidden = !answer.body_html;
  preview.innerHTML = answer.body_html || ""; // sanitised by the service; the content security policy is a second barrier
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
  item.querySelector(".why").textContent = why(tag, reasons);
  const button = item.querySelector(".accept");
  button.setAttribute("aria-pressed", String(chosen.has(tag)));
  button.setAttribute("aria-label", `${tag}, ${isSuggested ? "suggested" : "maybe"}, ${percent} percent`);
  button.addEventListener("click", () => toggle(tag));
  return item;
}

function why(tag, reasons) {
  const plain = (text) => (text.startsWith(`${tag}: `) ? text.slice(tag.length + 2) : text);
  const textsOf = (kind) => reasons.filter((each) => each.kind === kind).map((each) => plain(each.text));
  const parts = [];
  if (textsOf("word").length) parts.push(`words: ${textsOf("word").join(", ")}`);
  if (textsOf("mention").length) parts.push(`name: ${textsOf("mention").join(", ")}`);
  if (textsOf("question").length) parts.push(`like: ${textsOf("question").join("; ")}`);
  return parts.join(" · ");
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
}

async function send() {
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

element("question").addEventListener("input", schedule);
element("question").addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  requestTags();
});
element("add-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const tag = element("add").value.normalize("NFC").trim().toLowerCase().replace(/\s+/g, "-");
  if (tag && !TAG.test(tag)) {
    showMessage(element("sent"), "A tag is 1 to 35 letters and digits, + - . #", true);
    return;
  }
  if (tag) {
    if (![...tagList.children].some((item) => item.dataset.tag === tag)) typed.add(tag);
    choose(tag);
  }
  element("add").value = "";
  showChosen();
});
element("send").addEventListener("click", send);
if (element("key")) {
  const storageKey = "tagkeeper-key";
  element("key").value = sessionStorage.getItem(storageKey) || "";
  element("key").addEventListener("change", (event) => {
    sessionStorage.setItem(storageKey, event.target.value);
    requestedText = "";
    showModel();
    schedule();
  });
}
showModel();
setInterval(showModel, 30000);
if (title.value) schedule();
