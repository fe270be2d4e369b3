/**
 * What the console's pages may load: their own files, and the API's answers. No inline script, no inline style, no
 * foreign host. Whatever serves the built files should send it as `Content-Security-Policy`; `vite preview` does.
 */
export function contentSecurityPolicy(apiBaseUrl: string): string {
  const api = URL.parse(apiBaseUrl)?.origin;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    "img-src 'self'",
    `connect-src 'self'${api ? ` ${api}` : ""}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
