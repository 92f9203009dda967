// Runs once for polling in the tab Train: where one of two counters moves, there is something new to ask for.
let heard = [...(props.value || [0, 0])];
watch("value", () => {
  const now = [...(props.value || [0, 0])];
  if (now[1] !== heard[1]) trigger("seldom");
  else if (now[0] !== heard[0]) trigger("often");
  heard = now;
});
