/** The desk's content. Companies are invented; nobody in it exists. */

export type Message = { from: "customer" | "desk"; minutesAgo: number; text: string };

export type Ticket = {
  id: string;
  company: string;
  initials: string;
  plan: string;
  subject: string;
  messages: readonly [Message, ...Message[]];
};

export const tickets: readonly [Ticket, ...Ticket[]] = [
  {
    id: "2041",
    company: "Harbour Books",
    initials: "HB",
    plan: "Team plan",
    subject: "March invoice is higher than it should be",
    messages: [
      {
        from: "customer",
        minutesAgo: 52,
        text: "Hi, we were charged $147 for March, but our contract says $98. Nobody here remembers changing anything. Could you look into it?",
      },
      {
        from: "desk",
        minutesAgo: 31,
        text: "Thank you for writing, we are on it. Which invoice is it, and who looks after your seats?",
      },
      {
        from: "customer",
        minutesAgo: 9,
        text: "It is INV-3318. The shop manager adds and removes people, so it may well have been us. We only want to understand the number.",
      },
    ],
  },
  {
    id: "2040",
    company: "Kite & Co",
    initials: "KC",
    plan: "Business plan",
    subject: "Export stops at 10,000 rows",
    messages: [
      {
        from: "customer",
        minutesAgo: 132,
        text: "The CSV ends in the middle of August although the screen shows everything up to today. Is there a limit that we overlooked?",
      },
      {
        from: "desk",
        minutesAgo: 97,
        text: "Thank you for writing. Which view did you export, and does the file end at exactly 10,000 rows?",
      },
      {
        from: "customer",
        minutesAgo: 42,
        text: "All contacts, and yes, exactly 10,000 plus the header. We need the rest for the audit on Friday.",
      },
    ],
  },
  {
    id: "2037",
    company: "蓝湖科技",
    initials: "蓝",
    plan: "商务版",
    subject: "三月账单金额与合同不一致",
    messages: [
      {
        from: "customer",
        minutesAgo: 125,
        text: "您好，三月的账单（INV-3290）比合同多了 420 元，我们没有修改过套餐。麻烦核对一下差额的来源，谢谢。",
      },
    ],
  },
  {
    id: "2032",
    company: "Atelier Nord",
    initials: "AN",
    plan: "Team plan",
    subject: "Contractors cannot sign in",
    messages: [
      {
        from: "customer",
        minutesAgo: 1_500,
        text: "Three illustrators joined yesterday and are told that their account is wrong when they sign in. Our own people are fine.",
      },
    ],
  },
  {
    id: "2029",
    company: "Solstice Energy Cooperative of the Northern Fjord Districts",
    initials: "SE",
    plan: "Enterprise plan",
    subject: "Every exported report is wrong by one hour since the clocks changed on Sunday",
    messages: [
      {
        from: "customer",
        minutesAgo: 3_100,
        text: "Since Sunday every reading is one hour behind. Our sites report in local time; we did not change anything on our side.",
      },
    ],
  },
  {
    id: "2024",
    company: "Pebble Bakery",
    initials: "PB",
    plan: "Starter plan",
    subject: "We want to cancel the second shop",
    messages: [
      {
        from: "customer",
        minutesAgo: 7_300,
        text: "We are closing the second shop at the end of the month. What happens to its data if we cancel, and do we get the rest of the year back?",
      },
    ],
  },
];

/** `9 min`, `2 h`, `5 d`: short enough for a list. */
export function shortAge(minutes: number): string {
  if (minutes < 60) return `${Math.max(1, Math.floor(minutes))} min`;
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h`;
  return `${Math.floor(minutes / 1_440)} d`;
}

/** `9 minutes ago` in words, for a conversation. */
export function longAge(minutes: number): string {
  const [value, unit] =
    minutes < 60 ? [minutes, "minute"] : minutes < 1_440 ? [minutes / 60, "hour"] : [minutes / 1_440, "day"];
  const format = new Intl.RelativeTimeFormat("en", { numeric: "always" });
  return format.format(-Math.max(1, Math.floor(value as number)), unit as Intl.RelativeTimeFormatUnit);
}
