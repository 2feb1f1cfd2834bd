// Copies the link of a quote. A new quote is announced to screen readers and scrolled into view.
const REGION = "carvalue-announcements";

export default function (component) {
  const { data, parentElement } = component;
  let button = parentElement.querySelector("button");
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    parentElement.append(button);
  }
  button.textContent = "Copy link to this price";
  button.onclick = () => copy(new URL(data.link, location.origin + location.pathname).href, button);
  if (region().dataset.quote !== data.quote) {
    region().dataset.quote = data.quote;
    region().textContent = data.announcement;
    scrollTo(button);
  }
}

function region() {
  let element = document.getElementById(REGION);
  if (!element) {
    element = document.createElement("div");
    element.id = REGION;
    element.setAttribute("role", "status");
    element.style.cssText = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)";
    document.body.append(element);
  }
  return element;
}

function scrollTo(button) {
  const host = button.getRootNode().host ?? button;
  const card = host.closest("[class*=st-key-answer]") ?? host;
  const { top, bottom } = card.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) card.scrollIntoView({ block: "start" });
}

async function copy(link, button) {
  try {
    await navigator.clipboard.writeText(link);
    button.textContent = "Copied";
  } catch {
    button.textContent = link; // without permission, the link can be selected by hand
  }
}
