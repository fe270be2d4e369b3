/** Tells a value that somebody drew at random from one that a person typed or forgot to replace. */

/**
 * True for a known development value and for a value that is made of nothing but words of templates, counting digits and
 * separators. Such a word inside random text is none.
 */
export function isPlaceholder(secret: string): boolean {
  const body = secret.replace(/^(?:sk-|[srp]k_(?:live|test)_|whsec_|mf_(?:sess|dev|admin|idsec)_)/, "");
  const segments = body.split(/[^A-Za-z0-9]+/).filter((segment) => segment !== "");
  return segments.every(
    (segment) =>
      segment.length === 1 || /^\d{1,4}$/.test(segment) || segmentForm.test(segment) || isCounting(segment),
  );
}

/** True where the characters of a value promise far fewer guesses than its length. */
export function isGuessable(secret: string): boolean {
  // A pattern that is repeated is as short as the pattern.
  if (/^(.{1,16})\1+.{0,16}$/.test(secret) || /^(.+)\1+$/.test(secret)) return true;
  return new Set(secret).size < 8 || bitsOf(secret) < 60;
}

const words = `
  admin admins anthropic api app apps at bar base base32 base64 baz be bearer bytes change changed changeme char
  characters chars choose create credential database db default demo deploy dev developer development dummy empty
  encryption enter example fake faucet fill fixme foo foobar for from gemini generate generated hello here hex
  hosted in insert is it key keys least letmein litellm live local localhost long manager master me min model
  modelfaucet must my new none not nothing null of old only openai openrouter openssl or own pass passw password
  passwords paste phrase placeholder please postgres postgresql private prod production provided provider public
  put rand random real replace replaced root sample secret secrets set something staging string stripe super tbd
  temp temporary test testing text that the this to todo token tokens unknown unset update use user username value
  values very webhook welcome with world you your
`
  .trim()
  .split(/\s+/);

/** Words one after another, each perhaps followed by a short number. */
const segmentForm = new RegExp(
  `^(?:(?:${words.join("|")}|x{2,}|y{2,}|z{2,})\\d{0,10}|\\d{1,10}(?=[a-z]))+$`,
  "i",
);

const rows = [
  "01234567890123456789",
  "98765432109876543210",
  "abcdefghijklmnopqrstuvwxyz",
  "qwertyuiopasdfghjklzxcvbnm",
];

/** Digits and letters in the order of the alphabet or the keyboard, or one of them again and again. */
function isCounting(segment: string): boolean {
  const runs = segment.toLowerCase().match(/[a-z]+|\d+/g) ?? [];
  // Any two characters stand in order somewhere: short runs tell nothing.
  return runs.every(
    (run) => run.length > 2 && (/^(.)\1*$/.test(run) || rows.some((row) => row.includes(run))),
  );
}

/** Shannon's measure of its characters, times their number. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / text.length);
  return bits;
}
