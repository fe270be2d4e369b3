import interUrl from "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url";
import monoUrl from "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2?url";

const fonts = [
  new FontFace("Inter Variable", `url(${interUrl})`, { weight: "100 900" }),
  new FontFace("JetBrains Mono Variable", `url(${monoUrl})`, { weight: "100 800" }),
];

/** Waits a moment for the page's fonts. One that comes later is left out: no text changes its shape while it is read. */
export async function loadFonts(withinMs: number): Promise<void> {
  const loading = fonts.map((font) => font.load().catch(() => {}));
  await Promise.race([Promise.all(loading), new Promise((resolve) => setTimeout(resolve, withinMs))]);
  for (const font of fonts) if (font.status === "loaded") document.fonts.add(font);
}
