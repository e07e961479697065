// A text field that completes tags: the editable combobox with list autocompletion of the ARIA
// Authoring Practices Guide, https://www.w3.org/WAI/ARIA/apg/patterns/combobox/

const PAUSE_MS = 120;

/**
 * Complete tags in `input`, with options in the listbox `list`.
 *
 * `find(text, signal)` resolves to tags, best first: {tag, uses, synonym, description}. `choose(tag)` is called
 * when one is taken; `announce(text)` tells screen readers how many there are.
 */
export function completeTags(input, list, { find, choose, announce }) {
  let timer = 0;
  let request = null;
  let active = -1;

  const options = () => [...list.children];
  const isOpen = () => !list.hidden;

  function close() {
    clearTimeout(timer);
    request?.abort();
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    activate(-1);
  }

  function activate(position) {
    active = position;
    options().forEach((option, index) =>
      option.setAttribute("aria-selected", String(index === position)),
    );
    if (position < 0) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    input.setAttribute("aria-activedescendant", options()[position].id);
    options()[position].scrollIntoView({ block: "nearest" });
  }

  function open(tags) {
    list.replaceChildren(...tags.map(optionOf));
    list.hidden = !tags.length;
    input.setAttribute("aria-expanded", String(tags.length > 0));
    activate(-1);
    const found = tags.length === 1 ? "1 tag" : `${tags.length} tags`;
    announce(tags.length ? `${found}, use the arrow keys` : "");
  }

  function optionOf({ tag, uses = 0, synonym, description }, index) {
    const option = document.createElement("li");
    option.id = `${list.id}-${index}`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    option.dataset.tag = tag;
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = synonym ? `${tag} (${synonym})` : tag;
    const count = document.createElement("span");
    count.className = "count";
    count.textContent = uses ? `${uses.toLocaleString("en")} question${uses === 1 ? "" : "s"}` : "";
    option.append(name, " ", count);
    if (description) {
      const about = document.createElement("span");
      about.className = "about";
      about.textContent = description;
      option.append(" ", about);
    }
    // before the field loses its focus, which closes the list
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => take(tag));
    return option;
  }

  function take(tag) {
    input.value = "";
    close();
    announce("");
    choose(tag);
  }

  async function lookUp() {
    request?.abort();
    request = new AbortController();
    const { signal } = request;
    try {
      const tags = await find(input.value, signal);
      if (!signal.aborted && document.activeElement === input) open(tags);
    } catch (error) {
      // typing goes on without completion; what is wrong is said when something is sent
      if (error.name !== "AbortError") close();
    }
  }

  function step(by) {
    const count = options().length;
    activate(active < 0 && by < 0 ? count - 1 : (active + by + count) % count);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    if (input.value.trim()) timer = setTimeout(lookUp, PAUSE_MS);
    else close();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen()) close();
    else if (event.key === "ArrowDown" && !isOpen()) lookUp();
    else if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp" && isOpen()) step(-1);
    else if (event.key === "Enter" && isOpen() && active >= 0) take(options()[active].dataset.tag);
    else return;
    event.preventDefault();
  });
}
