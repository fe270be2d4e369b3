/** A Markdown table; a bar inside a cell is escaped, a line end becomes a space. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("\n", " ").replaceAll(/(?<!\\)\|/g, "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}

export function page(title: string, source: string, parts: readonly string[]): string {
  return `${[`# ${title}`, `Written by \`pnpm generate\` from \`${source}\`; edit that, not this.`, ...parts].join("\n\n")}\n`;
}
