/** Finding and making parts of the page. What comes from outside goes in as text, never as markup. */

export const byId = (id) => document.getElementById(id);

/** Return a fresh copy of what the template holds. */
export const stamp = (templateId) => byId(templateId).content.firstElementChild.cloneNode(true);

/** Return a new element with this text or these children. */
export function make(tag, className, ...content) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...content);
  return node;
}

/** Show `text` in the node, or hide the node when there is none. A node that says so already is left alone. */
export function show(node, text) {
  const wanted = text ?? "";
  if (node.textContent !== wanted) node.textContent = wanted;
  node.hidden = wanted === "";
}

/** Disable a button while `work` is under way. */
export async function busy(button, work) {
  button.disabled = true;
  try {
    await work();
  } finally {
    button.disabled = false;
  }
}

/** Mark a field as wrong, with the text of its error shown, or as right again. */
export function mark(field, error, message) {
  error.hidden = !message;
  if (message) error.textContent = message;
  if (message) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}
