/** Turns what people said into elements: words, links, `code`, marks. What they typed is shown as it stands. */

import { el } from "./dom.js";
import { key } from "./names.js";

const FENCE = /^```[^\n`]*\n([\s\S]*?)\n?```[ \t]*(?:\n|$)/m;
const INLINE = /`([^`\n]+)`|https?:\/\/[^\s<>"\u0002\u0003]+|\u0002([^\u0003]*)\u0003|[^\s,:;.!?()<>"'/\\`\u0002]+/gi;

/** Return the nodes for a text. The name of whoever reads it is marked where it is a word. */
export function nodesOf(text, ownName = "") {
  const nodes = [];
  let rest = text;
  for (let fence; (fence = FENCE.exec(rest)); rest = rest.slice(fence.index + fence[0].length)) {
    nodes.push(...inline(rest.slice(0, fence.index).replace(/\n$/, ""), ownName));
    nodes.push(el("pre", { tabIndex: 0 }, el("code", {}, fence[1].replace(/[\u0002\u0003]/g, ""))));
  }
  return [...nodes, ...inline(rest, ownName)];
}

function inline(text, ownName) {
  const own = key(ownName);
  const nodes = [];
  let plain = 0;
  INLINE.lastIndex = 0;
  for (let match; (match = INLINE.exec(text)); ) {
    const node = nodeOf(match, own);
    if (!node) continue;
    if (match.index > plain) nodes.push(text.slice(plain, match.index));
    nodes.push(node);
    plain = INLINE.lastIndex = match.index + (node.shown ?? match[0].length);
  }
  if (plain < text.length) nodes.push(text.slice(plain));
  return nodes;
}

function nodeOf([whole, code, found], own) {
  if (code !== undefined) return el("code", {}, code.replace(/[\u0002\u0003]/g, ""));
  if (found !== undefined) return el("mark", { class: "found" }, found);
  if (/^https?:\/\//i.test(whole)) return link(whole);
  return own && key(whole).replace(/^@/, "") === own ? el("mark", { class: "you" }, whole) : null;
}

/** Make a link of an address, without the punctuation of the sentence around it; null if it is none. */
function link(typed) {
  let address = typed;
  for (;;) {
    const shorter = address.replace(/[.,;:!?'*_]+$/, "");
    const closes = shorter.endsWith(")") && count(shorter, ")") > count(shorter, "(");
    address = closes ? shorter.slice(0, -1) : shorter;
    if (!closes) break;
  }
  try {
    const { protocol, host } = new URL(address);
    if (!host || (protocol !== "http:" && protocol !== "https:")) return null;
  } catch {
    return null;
  }
  const anchor = el("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, address);
  anchor.shown = address.length;
  return anchor;
}

const count = (text, char) => text.split(char).length - 1;
