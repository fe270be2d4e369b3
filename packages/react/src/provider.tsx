import { createFaucet, type FaucetClient, type FaucetError, type FaucetOptions } from "@modelfaucet/sdk";
import {
  type CSSProperties,
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { createFormat, type Format } from "./format.ts";
import { createStores, type Stores } from "./stores/stores.ts";
import { createText, type Messages, type Text } from "./texts/text.ts";

export type FaucetAppearance = {
  /** `auto` (the default) follows the system. */
  theme?: "light" | "dark" | "auto";
  /** For example `{"--mf-color-primary": "#0a6b6a"}`. */
  variables?: Readonly<Record<`--mf-${string}`, string>>;
};

export type FaucetProviderProps = Pick<
  FaucetOptions,
  "user" | "session" | "fetchSession" | "fetchUserToken" | "baseUrl" | "gatewayBaseUrl"
> & {
  publicAppId: string;
  localBridgeBaseUrl?: string;
  /** A client that the page made itself; identity and addresses are then its own. */
  client?: FaucetClient;
  /** BCP 47; texts are there in `en` and `zh-CN`. Default `en`. */
  locale?: string;
  /** Other words for single texts. A disclosure can be put into other words, but not taken away. */
  messages?: Messages;
  appearance?: FaucetAppearance;
  /** Hears of every failure of the client, with no token, key or prompt in it. */
  onError?: (error: FaucetError) => void;
  children?: ReactNode;
};

export type FaucetContext = {
  client: FaucetClient;
  stores: Stores;
  text: Text;
  format: Format;
  locale: string;
  /** Of the outermost element of each component. */
  root: { "data-mf-theme": "light" | "dark" | "auto"; lang: string; style: CSSProperties };
};

const Context = createContext<FaucetContext | null>(null);

// The defaults of the client, for the two reads that it has no method for.
const defaultBaseUrl = "http://127.0.0.1:3001";
const defaultGatewayBaseUrl = "http://127.0.0.1:3002/v1";

/** One user of one app. Rendering it asks the server for nothing; the components below it do, once they are on the screen. */
export function FaucetProvider(props: FaucetProviderProps) {
  const { locale = "en", messages, appearance, onError, children } = props;
  const { client, stores } = useClient(props);
  const report = useRef(onError);
  useEffect(() => {
    report.current = onError;
  });
  useEffect(() => client.on("error", (error) => report.current?.(error)), [client]);
  const text = useMemo(() => createText(locale, messages), [locale, messages]);
  const format = useMemo(() => createFormat(locale), [locale]);
  const theme = appearance?.theme ?? "auto";
  const variables = appearance?.variables;
  const value = useMemo<FaucetContext>(
    () => ({
      client,
      stores,
      text,
      format,
      locale,
      root: { "data-mf-theme": theme, lang: locale, style: { ...variables } as CSSProperties },
    }),
    [client, stores, text, format, locale, theme, variables],
  );
  return <Context.Provider value={value}>{children}</Context.Provider>;
}

/** The client of the nearest provider. @throws Error outside of one */
export function useFaucet(): FaucetClient {
  return useFaucetContext().client;
}

export function useFaucetContext(): FaucetContext {
  const context = useContext(Context);
  if (context === null) throw new Error("This needs a <FaucetProvider> around it.");
  return context;
}

type Made = { key: string; given: FaucetClient | undefined; client: FaucetClient; stores: Stores };

/** A client lives as long as who it speaks for, and to whom; a new closure in a prop is no reason for a new session. */
function useClient(props: FaucetProviderProps): Made {
  const asked = useRef(props);
  useEffect(() => {
    asked.current = props;
  });
  const key = keyOf(props);
  const [made, setMade] = useState(() => make(props, key, asked));
  if (made.key === key && made.given === props.client) return made;
  const next = make(props, key, asked);
  setMade(next);
  return next;
}

function make(props: FaucetProviderProps, key: string, asked: { current: FaucetProviderProps }): Made {
  const client = props.client ?? createFaucet(optionsOf(props, asked));
  const { baseUrl = defaultBaseUrl, gatewayBaseUrl = defaultGatewayBaseUrl } = props;
  return { key, given: props.client, client, stores: createStores(client, { baseUrl, gatewayBaseUrl }) };
}

function keyOf({
  publicAppId,
  baseUrl,
  gatewayBaseUrl,
  localBridgeBaseUrl,
  ...who
}: FaucetProviderProps): string {
  const identity = who.session
    ? ["session", who.session.session_token]
    : who.fetchSession
      ? ["fetchSession"]
      : who.fetchUserToken
        ? ["fetchUserToken"]
        : ["user", who.user?.id];
  return JSON.stringify([publicAppId, baseUrl, gatewayBaseUrl, localBridgeBaseUrl, ...identity]);
}

function optionsOf(props: FaucetProviderProps, asked: { current: FaucetProviderProps }): FaucetOptions {
  const { publicAppId, baseUrl, gatewayBaseUrl, localBridgeBaseUrl, session, user } = props;
  return {
    publicAppId,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(gatewayBaseUrl === undefined ? {} : { gatewayBaseUrl }),
    ...(localBridgeBaseUrl === undefined ? {} : { localBridgeBaseUrl }),
    ...(session === undefined ? {} : { session }),
    ...(user === undefined ? {} : { user }),
    ...(props.fetchSession
      ? { fetchSession: (ask) => (asked.current.fetchSession ?? props.fetchSession!)(ask) }
      : {}),
    ...(props.fetchUserToken
      ? { fetchUserToken: (ask) => (asked.current.fetchUserToken ?? props.fetchUserToken!)(ask) }
      : {}),
  };
}
