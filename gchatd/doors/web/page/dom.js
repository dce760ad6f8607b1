/** Elements and icons, made without any markup: text is only ever text. */

/** Make an element. What it has no property for is set as an attribute. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false || value === null) continue;
    if (name === "class") element.className = value;
    else if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Make children be exactly these, by key, and keep those elements that are there already: focus stays where it is. */
export function reconcile(parent, wanted) {
  const present = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(wanted.map(({ key }) => key));
  for (const [key, child] of present) if (!keys.has(key)) child.remove();
  let at = parent.firstElementChild;
  for (const { key, version, make } of wanted) {
    let child = present.get(key);
    if (!child || child.dataset.version !== version) {
      const fresh = make();
      fresh.dataset.key = key;
      fresh.dataset.version = version;
      if (child) {
        if (child === at) at = child.nextElementSibling;
        const focused = child.contains(document.activeElement);
        child.remove();
        parent.insertBefore(fresh, at);
        if (focused) (fresh.matches("button") ? fresh : fresh.querySelector("button"))?.focus();
      } else parent.insertBefore(fresh, at);
    } else if (child === at) at = child.nextElementSibling;
    else parent.insertBefore(child, at);
  }
}

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  people: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 3-5 6-5s6 2 6 5M16 5.5a3 3 0 0 1 0 5.4M17.5 14.5c2 .7 3.5 2.3 3.5 4.5",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 21 21",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM9 19a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  send: "M4 12 20 4l-5 16-4-6.5zM11 13.5 20 4",
  close: "M6 6l12 12M18 6 6 18",
  plus: "M12 5v14M5 12h14",
  down: "M12 5v14M6 13l6 6 6-6",
  up: "M12 19V5M6 11l6-6 6 6",
  lock: "M6 11h12v9H6zM9 11V8a3 3 0 0 1 6 0v3",
};

/** Make an icon, which screen readers skip. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svg.namespaceURI, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
