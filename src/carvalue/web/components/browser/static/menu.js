// On a phone, Streamlit leaves the menu open over the page that was chosen.
const COVERS_BELOW = 768; // pixels; Streamlit's own limit

export default function (component) {
  const onClick = (event) => {
    const chosen = event.target.closest?.("[data-testid=stSidebar] a");
    if (!chosen || innerWidth >= COVERS_BELOW) return;
    // the link is followed first
    setTimeout(() => document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click(), 0);
  };
  document.addEventListener("click", onClick);
  return () => document.removeEventListener("click", onClick);
}
