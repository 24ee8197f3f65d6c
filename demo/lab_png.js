// Draws the Lab's charts below one another on white and offers them as one PNG; plotly is on the page already.
async () => {
  const WIDTH = 1000, SCALE = 2, GROUND = "#ffffff", INK = "#1f2937";
  const charts = [...document.querySelectorAll("#lab-results .js-plotly-plot")].filter((chart) => chart.offsetParent);
  const images = [];
  for (const chart of charts) {
    const height = (chart.layout.height || 380) + 40;
    const layout = {
      ...chart.layout, width: WIDTH, height, autosize: false, paper_bgcolor: GROUND, plot_bgcolor: GROUND,
      font: { family: "sans-serif", size: 13, color: INK },
      title: { text: chart.closest(".block").querySelector("label, [data-testid='block-label']")?.innerText.trim(), x: 0.02, xanchor: "left", font: { size: 18 } },
      margin: { l: 24, r: 24, t: 74, b: 16 },
    };
    const image = new Image();
    image.src = await window.Plotly.toImage({ data: chart.data, layout }, { format: "png", width: WIDTH, height, scale: SCALE });
    await image.decode();
    images.push(image);
  }
  if (!images.length) return;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH * SCALE;
  canvas.height = images.reduce((sum, image) => sum + image.height, 0);
  const pen = canvas.getContext("2d");
  let top = 0;
  for (const image of images) {
    pen.drawImage(image, 0, top);
    top += image.height;
  }
  const link = document.createElement("a");
  link.download = "whisker-charts.png";
  link.href = canvas.toDataURL("image/png");
  link.click();
}
