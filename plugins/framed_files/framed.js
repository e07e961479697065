// Airflow frames the page. Its own page is of the same origin, and is asked for what a frame lacks.
const airflow = window.parent === window ? null : window.parent.document;

// The theme chosen in Airflow: a frame sees the system's only
const followTheme = () => {
  const dark = airflow.documentElement.classList.contains("dark");
  document.documentElement.dataset.theme = dark ? "dark" : "light";
};

// The rights to open windows and to leave the frame, which Airflow does not give to frames
const openOutside = (event) => {
  const link = event.target.closest("a[href^='http'], a[target='_parent']");
  if (!link) return;
  event.preventDefault();
  const outside = airflow.createElement("a");
  outside.href = link.href;
  outside.target = link.target === "_parent" ? "_self" : "_blank";
  outside.rel = "noopener noreferrer";
  outside.click();
};

if (airflow) {
  followTheme();
  new MutationObserver(followTheme).observe(airflow.documentElement, { attributeFilter: ["class"] });
  document.addEventListener("click", openOutside);
}
