// Enter in a text field of the form prices the car; the first Tab stop of the page skips to the form.
// Each text of the class st-key-error-NAME describes the field of the class st-key-NAME to screen readers.
const LINK = "carvalue-skip-link";
const form = () => document.querySelector(".st-key-form");
const firstField = () => form()?.querySelector("input");

export default function (component) {
  const onEnter = (event) => {
    const field = event.target;
    const isText = field.matches?.("input[type=text]:not([role=combobox])") && form()?.contains(field);
    if (event.key !== "Enter" || !isText || field.closest(".st-key-vin")) return;
    // Streamlit sends the entry first
    setTimeout(() => document.querySelector(".st-key-price button")?.click(), 50);
  };
  document.addEventListener("keydown", onEnter);
  const onChange = () => {
    if (firstField()) addSkipLink();
    describeErrors();
  };
  const observer = new MutationObserver(onChange);
  observer.observe(document.body, { childList: true, subtree: true });
  onChange();
  return () => {
    observer.disconnect();
    document.removeEventListener("keydown", onEnter);
  };
}

function describeErrors() {
  const wrong = new Set();
  for (const error of form()?.querySelectorAll("[class*=st-key-error-]") ?? []) {
    const name = error.className.match(/st-key-error-([\w-]+)/)[1];
    const field = form()?.querySelector(`.st-key-${name} input`);
    if (!field) continue;
    error.id = "carvalue-error-" + name;
    field.setAttribute("aria-describedby", error.id);
    field.setAttribute("aria-invalid", "true");
    wrong.add(field);
  }
  for (const field of form()?.querySelectorAll("input[aria-describedby^=carvalue-error]") ?? []) {
    if (wrong.has(field)) continue;
    field.removeAttribute("aria-describedby");
    field.removeAttribute("aria-invalid");
  }
}

function addSkipLink() {
  if (document.getElementById(LINK)) return;
  const link = document.createElement("a");
  link.id = LINK;
  link.href = "#";
  link.textContent = "Skip to the form";
  link.style.cssText =
    "position:fixed;top:0;left:0;z-index:1000000;padding:.75rem 1rem;background:#0f5c4d;color:#fff;transform:translateY(-110%)";
  link.onfocus = () => (link.style.transform = "none");
  link.onblur = () => (link.style.transform = "translateY(-110%)");
  link.onclick = (event) => {
    event.preventDefault();
    firstField()?.focus();
  };
  document.body.prepend(link);
  // the link goes with the form, but never under the keyboard's focus: Streamlit may be drawing the form again
  const observer = new MutationObserver(() => {
    if (form() || document.activeElement === link) return;
    observer.disconnect();
    link.remove();
  });
  observer.observe(document.body, { childList: true, subtree: true });
}
