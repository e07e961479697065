// Calls of the service's API: JSON in and out, with the key of this tab.

const KEY_STORAGE = "tagkeeper-key";
const RETRY_S = 5; // where the service does not say when
const AGAIN = new Set([408, 429, 503]);
// By then the service has given up itself, so that no answer can come any more
const TIMEOUT_S = Number(document.body.dataset.timeout);

/** The service cannot be reached or is silent: the network or the service is down. */
export class UnreachableError extends Error {}

/** The service has refused a request; `retryAfter` is in seconds, 0 if it names none. */
export class RefusedError extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Return the seconds after which a failed call may succeed, null if it has to be changed first. */
export function retryAfter(error) {
  if (error instanceof UnreachableError) return RETRY_S;
  return AGAIN.has(error.status) ? error.retryAfter || RETRY_S : null;
}

/** Say why a call has failed, and when it is made again, in one sentence. */
export function waitingText(error, seconds) {
  const minutes = Math.ceil(seconds / 60);
  const time = seconds < 100 ? `${seconds} s` : `${minutes} minutes`;
  return `${error.message.replace(/\.$/, "")}. The next try is in ${time}.`;
}

/** Keep the field of the API key, if there is one, in step with this tab; `changed` is called. */
export function rememberKey(field, changed) {
  if (!field) return;
  field.value = sessionStorage.getItem(KEY_STORAGE) || "";
  field.addEventListener("change", () => {
    sessionStorage.setItem(KEY_STORAGE, field.value);
    changed();
  });
}

export async function call(path, payload, { signal } = {}) {
  const headers = payload ? { "Content-Type": "application/json" } : {};
  const key = document.getElementById("key")?.value;
  if (key) headers.Authorization = `Bearer ${key}`;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), TIMEOUT_S * 1000);
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method: payload ? "POST" : "GET",
      headers,
      body: payload && JSON.stringify(payload),
      signal: AbortSignal.any([late.signal, signal].filter(Boolean)),
    });
    answer = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (late.signal.aborted) throw new UnreachableError(`the service has not answered within ${TIMEOUT_S} s`);
    throw new UnreachableError("the service cannot be reached");
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) {
    const seconds = Number(response.headers.get("Retry-After")) || 0;
    throw new RefusedError(answer.detail || response.statusText, response.status, seconds);
  }
  return answer;
}
