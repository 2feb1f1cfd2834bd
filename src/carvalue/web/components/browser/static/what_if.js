// Sliders over prices that the service computed. Every stop is one of those points: nothing is interpolated.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 360, HEIGHT = 200, LEFT = 58, BOTTOM = 24, TOP = 8, RIGHT = 12;
let symbol = "$", distance = "miles", vehicle = "car", year = "model year"; // of the market, from the page
const dollars = (amount) => symbol + amount.toLocaleString("en-US");
const units = {
  odometer: { label: () => "At another mileage", show: (value) => `${value.toLocaleString("en-US")} ${distance}` },
  year: { label: () => `With another ${year}`, show: (value) => `${year} ${value}` },
};

export default function (component) {
  const { data, parentElement } = component;
  ({ symbol, distance, vehicle, year } = data.words);
  parentElement.querySelector(".sliders")?.remove();
  const root = add(parentElement, "div", { class: "sliders" });
  const dark = isDark(parentElement);
  root.style.setProperty("--cv-line", dark ? "#7db4ee" : "#1c5fa5");
  root.style.setProperty("--cv-own", dark ? "#f2a65a" : "#b3541e");
  for (const name of Object.keys(units)) {
    if (data[name].points.length > 1) panel(root, name, data[name]);
  }
}

function isDark(element) {
  const host = element.host ?? element;
  const color = getComputedStyle(host).getPropertyValue("--st-background-color").trim();
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = color || "#fff";
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return red + green + blue < 3 * 128;
}

function panel(root, name, { points, own }) {
  const { label, show } = units[name];
  const box = add(root, "div", { class: "panel" });
  const id = "what-if-" + name;
  add(box, "label", { for: id }, label());
  const start = own === null ? Math.floor(points.length / 3) : points.findIndex((point) => point.value === own);
  const slider = add(box, "input", { type: "range", id, min: 0, max: points.length - 1, step: 1 });
  slider.value = start;
  const text = add(box, "output", { for: id });
  const picture = chart(box, points, own, show);
  const update = () => {
    const point = points[Number(slider.value)];
    slider.setAttribute("aria-valuetext", show(point.value) + ", " + dollars(point.price));
    text.replaceChildren();
    add(text, "strong", {}, dollars(point.price));
    const whose = point.value === own ? ` (your ${vehicle})` : "";
    text.append(` at ${show(point.value)}${whose}. Range ${dollars(point.low)} \u2013 ${dollars(point.high)}.`);
    picture.mark(point);
  };
  slider.addEventListener("input", update);
  update();
  if (own === null) text.append(" Your mileage is not known: choose it here.");
}

function chart(box, points, own, show) {
  const first = points[0].value, last = points.at(-1).value;
  const top = Math.max(...points.map((point) => point.high));
  const x = (value) => LEFT + ((value - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (amount) => HEIGHT - BOTTOM - (amount / top) * (HEIGHT - BOTTOM - TOP);
  const svg = draw(box, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  draw(svg, "title", {}).textContent =
    `Price from ${dollars(points[0].price)} at ${show(first)} to ${dollars(points.at(-1).price)} at ${show(last)}.`;
  for (const share of [0, 0.5, 1]) {
    const amount = Math.round((top * share) / 1000) * 1000;
    draw(svg, "line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(amount), y2: y(amount) });
    draw(svg, "text", { x: LEFT - 6, y: y(amount) + 4, "text-anchor": "end" }).textContent = dollars(amount);
  }
  for (const [value, anchor] of [[first, "start"], [last, "end"]]) {
    draw(svg, "text", { x: x(value), y: HEIGHT - 6, "text-anchor": anchor }).textContent = value > 3000 || value < 1900 ? value.toLocaleString("en-US") : value;
  }
  const path = (list, amount) => list.map((point) => `${x(point.value)},${y(point[amount])}`).join(" ");
  draw(svg, "polygon", { class: "band", points: path(points, "high") + " " + path([...points].reverse(), "low") });
  draw(svg, "polyline", { class: "edge", points: path(points, "high") });
  draw(svg, "polyline", { class: "edge", points: path(points, "low") });
  draw(svg, "polyline", { class: "line", points: path(points, "price") });
  const rule = draw(svg, "line", { class: "marked", y1: TOP, y2: HEIGHT - BOTTOM });
  const dot = draw(svg, "circle", { class: "dot", r: 4.5 });
  const mine = points.find((point) => point.value === own);
  if (mine) {
    const [cx, cy] = [x(own), y(mine.price)];
    draw(svg, "polygon", { class: "own", points: `${cx},${cy - 8} ${cx + 8},${cy} ${cx},${cy + 8} ${cx - 8},${cy}` });
  }
  return {
    mark: (point) => {
      rule.setAttribute("x1", x(point.value));
      rule.setAttribute("x2", x(point.value));
      dot.setAttribute("cx", x(point.value));
      dot.setAttribute("cy", y(point.price));
    },
  };
}

function add(parent, tag, attributes, text) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

function draw(parent, tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  parent.append(element);
  return element;
}
