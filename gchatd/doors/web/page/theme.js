/** Chooses the theme before anything is painted, so that nothing flashes. */
"use strict";

globalThis.chooseTheme = () => {
  let theme = "system";
  try {
    theme = JSON.parse(localStorage.getItem("gchat.settings"))?.theme ?? theme;
  } catch {
    // Nothing is remembered.
  }
  if (theme === "system" && matchMedia("(prefers-contrast: more)").matches) theme = "contrast";
  if (theme === "system") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
};
chooseTheme();
