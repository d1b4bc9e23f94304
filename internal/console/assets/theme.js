// Light or dark: by the system, or as chosen in this browser.
import { html, useState } from "./html.js";
import { t } from "./texts.js";

const key = "platen.theme";

// Storage may be switched off; then the choice lasts as long as the page.
function stored() {
  try {
    return window.localStorage.getItem(key) ?? "system";
  } catch {
    return "system";
  }
}

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

apply(stored());

export function Theme() {
  const [theme, setTheme] = useState(stored);
  const choose = (event) => {
    const chosen = event.currentTarget.value;
    setTheme(chosen);
    apply(chosen);
    try {
      window.localStorage.setItem(key, chosen);
    } catch {
      // it lasts as long as the page
    }
  };
  return html`<select class="theme" aria-label=${t.theme} title=${t.theme} value=${theme} onChange=${choose}>
    ${Object.entries(t.themes).map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
  </select>`;
}
