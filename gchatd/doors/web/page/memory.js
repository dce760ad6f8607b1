/** What the browser remembers: for good (name, rooms, settings), or for this tab (private words, the session). */

function read(storage, name, otherwise) {
  try {
    return JSON.parse(storage.getItem(`gchat.${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(storage, name, value) {
  try {
    if (value === null) storage.removeItem(`gchat.${name}`);
    else storage.setItem(`gchat.${name}`, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: then nothing is remembered, and everything else goes on.
  }
}

export const recall = (name, otherwise) => read(localStorage, name, otherwise);
export const remember = (name, value) => write(localStorage, name, value);
export const recallInTab = (name, otherwise) => read(sessionStorage, name, otherwise);
export const rememberInTab = (name, value) => write(sessionStorage, name, value);
