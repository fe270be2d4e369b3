import { TranslationRefusal } from "../provider.ts";

const namesMost = 24;
const nameLengthMost = 64;

/** What one request loses on its way into another dialect, and the refusal of what it must not lose. */
export class Translation {
  #dropped = new Set<string>();

  /** Left out, and told: the answer means the same without it. */
  drop(name: string): void {
    if (this.#dropped.size < namesMost) this.#dropped.add(fitForHeader(name));
  }

  /** @throws TranslationRefusal */
  refuse(param: string, why: string): never {
    throw new TranslationRefusal(param, `${param} ${why}.`);
  }

  get dropped(): string[] {
    return [...this.#dropped];
  }
}

/** A caller chooses the names of fields that nobody knows. */
function fitForHeader(name: string): string {
  return name.slice(0, nameLengthMost).replace(/[^\w.-]/g, "_") || "_";
}
