import type { ComponentProps } from "react";
import { classNames } from "./class-names.ts";

type Look = "plain" | "primary" | "danger" | "quiet";

const looks: Record<Look, string> = {
  plain: "border-line-strong bg-surface text-text hover:not-disabled:border-field",
  primary:
    "border-accent bg-accent text-on-accent hover:not-disabled:border-accent-strong hover:not-disabled:bg-accent-strong",
  danger: "border-bad bg-surface text-bad hover:not-disabled:bg-bad-weak",
  quiet:
    "border-transparent bg-transparent text-muted hover:not-disabled:bg-sunken hover:not-disabled:text-text",
};

/** The classes alone, for a link that looks like a button. */
export function buttonClass(look: Look = "plain", small = false): string {
  return classNames(
    "inline-flex flex-none items-center justify-center gap-2 rounded-sm border font-medium whitespace-nowrap no-underline",
    "disabled:border-line disabled:bg-sunken disabled:text-muted",
    small ? "h-7 px-2 text-xs" : "h-8 px-3 text-base",
    looks[look],
  );
}

export function Button({
  look = "plain",
  small = false,
  className,
  ...rest
}: ComponentProps<"button"> & { look?: Look; small?: boolean }) {
  return <button type="button" {...rest} className={classNames(buttonClass(look, small), className)} />;
}
