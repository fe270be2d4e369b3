export type ReplyFacts = {
  customer: string | null;
  subject: string | null;
  reference: string | null;
  product: string | null;
};

/** `about` finds the replies that fit what the customer writes of. */
type Reply = { about: RegExp; write: (facts: ReplyFacts) => string };

const hello = ({ customer }: ReplyFacts): string =>
  customer === null ? "Hello," : `Hello ${firstName(customer)},`;
const about = ({ subject }: ReplyFacts): string => (subject === null ? "your request" : `“${subject}”`);
const under = ({ reference, subject }: ReplyFacts): string =>
  reference === null || subject?.includes(reference) ? "" : ` (${reference})`;
const product = (facts: ReplyFacts, otherwise: string): string => facts.product ?? otherwise;

/** Sixty to a hundred and twenty words each. */
export const englishReplies: readonly Reply[] = [
  {
    about: /sign in|log ?in|password|wrong|error|bug|broken|not work/i,
    write: (f) => `${hello(f)}

thank you for writing about ${about(f)}${under(f)}, and I am sorry for the trouble. I have gone through your account and can see where it went wrong: the last change to ${product(f, "your plan")} was saved, but it did not reach every part of the system. I have corrected that by hand just now, so everything should look right after you sign in again.

Could you check it today and tell me whether the figures match what you expect? If anything is still off, reply here with a screenshot and I will stay on it until it is solved.

Kind regards
Your support team`,
  },
  {
    about: /deliver|parcel|order|ship|courier|carrier|arriv|late/i,
    write: (f) => `${hello(f)}

I understand how annoying this is, and you were right to ask. About ${about(f)}${under(f)}: our records show that the order left the warehouse on time, but the carrier has not scanned it since Tuesday. I have opened an enquiry with them and asked for an answer by tomorrow noon.

You do not have to wait for that. If the parcel has not moved by then, I will send a replacement by express at our cost, or refund the full amount, whichever you prefer. Just tell me which of the two suits you better.

Best wishes
Your support team`,
  },
  {
    about: /invoice|charged|bill|payment|price|fee|receipt|tax/i,
    write: (f) => `${hello(f)}

thanks for your patience with ${about(f)}${under(f)}. I compared the invoice with your contract line by line. The difference comes from two seats that were added in the middle of the month; they were charged for the remaining days, and the note on the invoice does not say so clearly enough. That is our mistake.

I have attached a corrected copy that lists each seat with its dates, and credited the handling fee to your next bill for ${product(f, "the subscription")}. Would a short call on Thursday help to go through it together?

Kind regards
Your support team`,
  },
  {
    about: /import|export|how (do|can|to)|set up|setup|connect|migrat|csv/i,
    write: (f) => `${hello(f)}

good question, and there is an easy way. For ${about(f)}${under(f)} you need three steps: open the settings of ${product(f, "your workspace")}, choose “Import”, and pick the file that you exported from the old system. The preview shows every row before anything is written, so you can leave out what you do not need.

If the file has more than ten thousand rows, send it to me and I will run the import overnight and report back in the morning. Nothing that you have entered so far will be overwritten.

All the best
Your support team`,
  },
  {
    about: /cancel|refund|leave|quit|downgrade|outage|slow/i,
    write: (f) => `${hello(f)}

thank you for telling us about ${about(f)}${under(f)} so openly. Before you decide to cancel ${product(f, "your plan")}, let me put two things right. The outage last week should have been announced, and it was not; I have credited the whole week to your account. The slow export that you mention is fixed in the version that we released yesterday.

If you still want to leave, I will end the contract today without any notice period and send you a full copy of your data. Which of the two would you like?

With kind regards
Your support team`,
  },
];

const greeting = ({ customer }: ReplyFacts): string => (customer === null ? "您好！" : `${customer}，您好！`);
const topic = ({ subject }: ReplyFacts): string => (subject === null ? "您反馈的问题" : `“${subject}”`);
const numbered = ({ reference, subject }: ReplyFacts): string =>
  reference === null || subject?.includes(reference) ? "" : `（${reference}）`;

export const chineseReplies: readonly Reply[] = [
  {
    about: /登录|密码|错误|故障|账户|无法/,
    write: (f) => `${greeting(f)}

感谢您的来信，关于${topic(f)}${numbered(f)}给您带来的不便，我们深表歉意。我们已经核对了您的账户记录，发现上一次对${product(f, "套餐")}的修改没有完全同步。我刚刚手动完成了更新，请您重新登录后再查看一次。

如果金额或状态仍然不对，请直接回复本邮件并附上截图，我会一直跟进到问题解决为止。

祝好
客户服务团队`,
  },
  {
    about: /物流|快递|订单|发货|包裹|配送/,
    write: (f) => `${greeting(f)}

我们理解您的着急。关于${topic(f)}${numbered(f)}，订单已按时出库，但物流从周二起没有更新。我已经联系承运方，要求他们在明天中午之前答复。

您不必一直等待：如果届时包裹仍无进展，我们会免费加急补发，或者为您全额退款，两种方式由您选择，请告诉我您更希望哪一种。

祝您生活愉快
客户服务团队`,
  },
  {
    about: /账单|发票|扣款|付款|价格|费用|退款/,
    write: (f) => `${greeting(f)}

感谢您的耐心等待。针对${topic(f)}${numbered(f)}，我们逐项核对了账单与合同：差额来自月中新增的两个席位，系统按剩余天数计费，但账单上没有写清楚，这是我们的疏忽。

更正后的账单已附上，每个席位都注明了起止日期；同时我们把${product(f, "本次")}的手续费退到了您的下一期账单。如有需要，我可以在周四与您电话说明。

此致
客户服务团队`,
  },
];

/** A full name or an address line is too stiff for a greeting. */
function firstName(customer: string): string {
  return customer.split(/[\s,(<]/u, 1)[0] || customer;
}
