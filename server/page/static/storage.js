// What this browser keeps of the page. Where it refuses, things last as long as the page is open.

const here = new Map();

/** A text that was kept; null where there is none. */
export function read(name) {
  if (here.has(name)) return here.get(name);
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Keeps a text, or nothing any more where it is null. Says whether the browser took it. */
export function write(name, text) {
  here.set(name, text);
  try {
    if (text === null) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
    here.delete(name);
    return true;
  } catch {
    return false;
  }
}
