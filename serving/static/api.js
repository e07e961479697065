// Calls of the service's API: JSON in and out, with the key of this tab.

const KEY_STORAGE = "tagkeeper-key";

/** The service cannot be reached: the network or the service is down. */
export class UnreachableError extends Error {}

/** The service has refused a request; `retryAfter` is in seconds, 0 if it names none. */
export class RefusedError extends Error {
  constructor(message, status, retryAfter) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
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
  let response;
  let answer;
  try {
    response = await fetch(path, {
      method: payload ? "POST" : "GET",
      headers,
      body: payload && JSON.stringify(payload),
      signal,
    });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new UnreachableError("the service cannot be reached");
  }
  if (!response.ok) {
    const retryAfter = Number(response.headers.get("Retry-After")) || 0;
    throw new RefusedError(answer.detail || response.statusText, response.status, retryAfter);
  }
  return answer;
}
