/** The colours of names, made readable on the theme that is shown. */

import { COLOURS } from "./names.js";

const LEAST = 4.6; // WCAG 2.2 asks for a contrast of 4.5

/**
 * Set --name-0 to --name-15 for the theme in use. A name keeps its hue and saturation; its lightness moves away from
 * the background, a hundredth at a time, until it can be read on the page and on the tint behind a mention.
 */
export function paintNames() {
  const root = document.documentElement;
  const style = getComputedStyle(root);
  const grounds = ["--paper", "--side", "--tint"].map((name) => parse(style.getPropertyValue(name).trim()));
  const darker = luminance(grounds[0]) > 0.4;
  COLOURS.forEach((colour, index) => {
    let [hue, saturation, lightness] = toHsl(colour);
    let shown = colour;
    while (grounds.some((ground) => contrast(shown, ground) < LEAST) && lightness > 0 && lightness < 1) {
      lightness += darker ? -0.01 : 0.01;
      shown = toRgb(hue, saturation, lightness);
    }
    root.style.setProperty(`--name-${index}`, `rgb(${shown.join(" ")})`);
  });
}

const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function toHsl(colour) {
  const [red, green, blue] = colour.map((value) => value / 255);
  const most = Math.max(red, green, blue);
  const span = most - Math.min(red, green, blue);
  const lightness = most - span / 2;
  if (!span) return [0, 0, lightness];
  let sector = (green - blue) / span;
  if (most === green) sector = 2 + (blue - red) / span;
  else if (most === blue) sector = 4 + (red - green) / span;
  return [(sector * 60 + 360) % 360, span / (1 - Math.abs(2 * lightness - 1)), lightness];
}

function toRgb(hue, saturation, lightness) {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  return [0, 8, 4].map((turn) => {
    const at = (turn + hue / 30) % 12;
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(at - 3, 9 - at, 1))));
  });
}
