/** Polling in the tab Train: Python counts changes, and this script asks for news when a counter rises. */

/** @param {import("./dom.js").Component} component its value is [changes of live panels, other changes] */
export function mount({ props, trigger, watch }) {
  let previous = [...(props.value || [0, 0])];
  watch("value", () => {
    const current = [...(props.value || [0, 0])];
    if (current[1] !== previous[1]) trigger("update_all");
    else if (current[0] !== previous[0]) trigger("update_live");
    previous = current;
  });
}
