// Marks the words of a text that speak for tags, without changing the text: by the CSS Custom
// Highlight API. A browser without it shows the words beside the tag only.

const NAME = "reasons";
const SHORTEST_PART = 4; // shorter words would be found inside of unrelated ones

/** Return the words that speak for a tag: those of its reasons, and its own name where it is named. */
export function wordsFor(tag, reasons) {
  const words = reasons.flatMap(({ kind, text }) => {
    if (kind === "word") return [text];
    if (kind !== "mention") return [];
    return text.includes("parts in") ? tag.split("-") : [tag];
  });
  return [...new Set(words)];
}

/** Mark `words` in the text of `roots`; return how many places are marked. */
export function mark(roots, words) {
  if (!globalThis.CSS?.highlights) return 0;
  const ranges = words.flatMap((word) => rangesOf(roots, word));
  if (ranges.length) CSS.highlights.set(NAME, new Highlight(...ranges));
  else CSS.highlights.delete(NAME);
  return ranges.length;
}

function rangesOf(roots, word) {
  const source = word
    .split(/[-_\s]+/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
    .join("[-_\\s]?");
  if (!source) return [];
  const whole = new RegExp(`(?<![\\p{L}\\p{N}])${source}(?![\\p{L}\\p{N}])`, "giu");
  const found = roots.flatMap((root) => search(root, whole));
  // parts of identifiers, such as `compose` in `dockerCompose`
  if (found.length || word.length < SHORTEST_PART) return found;
  return roots.flatMap((root) => search(root, new RegExp(source, "giu")));
}

function search(root, pattern) {
  const ranges = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const match of walker.currentNode.data.matchAll(pattern)) {
      const range = new Range();
      range.setStart(walker.currentNode, match.index);
      range.setEnd(walker.currentNode, match.index + match[0].length);
      ranges.push(range);
    }
  }
  return ranges;
}
