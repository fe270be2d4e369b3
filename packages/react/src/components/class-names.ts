/** The outermost element's classes: what the variables hang on, the component's own, the page's. */
export function rootClass(own: string, given: string | undefined): string {
  return given ? `mf-root ${own} ${given}` : `mf-root ${own}`;
}
