/** Reading a URL's search: whatever is not well formed is as if it were not there. */

export type RawSearch = Readonly<Record<string, unknown>>;

/** Those of `names` whose text has the form. */
export function texts<Name extends string>(
  raw: RawSearch,
  form: RegExp,
  ...names: Name[]
): { [N in Name]?: string } {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = raw[name];
      return typeof value === "string" && form.test(value) ? [[name, value]] : [];
    }),
  ) as { [N in Name]?: string };
}

/** The value where it is one of those that are known. */
export function oneOf<Name extends string, Value extends string>(
  raw: RawSearch,
  name: Name,
  values: readonly Value[],
) {
  const value = values.find((each) => each === raw[name]);
  return (value === undefined ? {} : { [name]: value }) as { [N in Name]?: Value };
}
